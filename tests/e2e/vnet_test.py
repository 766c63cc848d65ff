# SPDX-License-Identifier: Apache-2.0
"""A client is moved from one virtual network to another that has the same
addresses: what it had goes on, what it begins is in the new one."""

import e2e
import edge_lab
from edge_lab import Site

# Two places with the same addresses, and a client.
SITES = (Site("acme", 1), Site("acme", 2), Site("globex", 2))
CIDRS = ("10.2.0.0/16", "fd00:2::/48")
PLACES = {"frankfurt": "acme-2", "sydney": "globex-2"}


class VnetTest(e2e.EdgeTest):

    @classmethod
    def setUpClass(cls):
        cls.lab = edge_lab.EdgeLab(SITES)
        cls.enterClassContext(cls.lab)
        cls.lab.start_edge()

    def setUp(self):
        self.lab.xdpctl("tenant", "add", "acme")
        for vnet, site in PLACES.items():
            self.lab.xdpctl("vnet", "add", vnet)
            self.make_tunnel(site, vnet)
            for cidr in CIDRS:
                self.lab.xdpctl("route", "add", cidr, "via", site, "vnet",
                                vnet)
            for version in (4, 6):
                self.echo(site, version, 7000, vnet)
        self.make_tunnel("acme-1", "frankfurt")
        self.route_client("add", "frankfurt")
        path = self.lab.write("rules.yaml", self.lab.xdpctl(
            "config", "export").stdout.replace(
                "name: acme\n",
                "name: acme\n    policies: [{name: all, action: allow}]\n"))
        self.lab.xdpctl("apply", "-f", path)

    def tearDown(self):
        self.lab.xdpctl("tenant", "delete", "acme")

    def make_tunnel(self, site, vnet):
        remote = self.site(site).underlay(4)
        self.lab.xdpctl("tunnel", "create", site, "--vnet", vnet, "--peer",
                        f"remote={remote},auth=none")

    def route_client(self, verb, vnet):
        for cidr in self.site("acme-1").prefixes():
            via = ("via", "acme-1") if verb == "add" else ()
            self.lab.xdpctl("route", verb, cidr, *via, "vnet", vnet)

    def client(self, version, port):
        return self.socket("acme-1", version, port=port)

    def word(self, sock, version):
        to = (self.address_of("acme-2", version), 7000)
        return self.ask(sock, to).decode().split(":")[0]

    def test_what_a_client_had_goes_on_in_the_vnet_it_has_left(self):
        old = {version: self.client(version, 7001) for version in (4, 6)}
        for version, sock in old.items():
            self.assertEqual(self.word(sock, version), "frankfurt")
        self.route_client("del", "frankfurt")
        self.lab.xdpctl("tunnel", "set", "acme-1", "--vnet", "sydney")
        self.route_client("add", "sydney")
        for version, sock in old.items():
            self.assertEqual(self.word(sock, version), "frankfurt")
            self.assertEqual(self.word(self.client(version, 7002), version),
                             "sydney")
            self.assertEqual(self.word(sock, version), "frankfurt")
        self.lab.rampartd.stop(9)  # the edge knows it after a crash, too
        self.lab.start_edge()
        for version, sock in old.items():
            self.assertEqual(self.word(sock, version), "frankfurt")
        vnets = {row["vnet"] for row in self.lab.show("flow", "list")["flows"]
                 if row["sport"] == 7001}
        self.assertEqual(vnets, {"frankfurt"})


if __name__ == "__main__":
    e2e.main()
