# SPDX-License-Identifier: Apache-2.0
"""Networks made, changed and removed one command at a time, while clients use
them: nothing here comes from a file."""

import http.client
import json
import socket

import e2e
import edge_lab
from edge_lab import Site

# Two places with the same addresses, and a client of each.
SITES = (Site("acme", 1), Site("globex", 1), Site("acme", 2), Site("globex", 2))
CIDRS = ("10.2.0.0/16", "fd00:2::/48")
ALLOW = {"name": "all", "action": "allow"}


class UnixConnection(http.client.HTTPConnection):
    """HTTP over the socket of the API."""

    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(self.path)


class WritesTest(e2e.EdgeTest):
    """One test: each step stands on the one before."""

    @classmethod
    def setUpClass(cls):
        cls.lab = edge_lab.EdgeLab(SITES)
        cls.enterClassContext(cls.lab)
        cls.lab.start_edge()

    def xdpctl(self, *words, code=0):
        """Runs a command. Returns what it said, on either output."""
        done = self.lab.xdpctl(*words, check=False)
        self.assertEqual(done.returncode, code,
                         f"{words}: {done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def http(self, method, path, body=None, **headers):
        """Status, ETag and document of a request."""
        connection = UnixConnection(self.lab.api)
        connection.request(method, path, json.dumps(body) if body else None,
                           {k.replace("_", "-"): v
                            for k, v in headers.items()})
        answer = connection.getresponse()
        document = json.loads(answer.read())
        connection.close()
        return answer.status, answer.getheader("ETag"), document

    def peer(self, site):
        return f"remote={self.site(site).underlay(4)},auth=none"

    def word_of(self, client, version, port):
        """What the host at the address that both places have answers."""
        sock = self.socket(client, version, port=port, timeout=5)
        to = (self.address_of("acme-2", version), 7000)
        return self.ask(sock, to).decode().split(":")[0]

    def make_networks(self):
        self.assertIn("with ID 1: epoch 1", self.xdpctl("tenant", "add", "acme"))
        said = self.xdpctl(
            "cloudflared", "tunnel", "vnet", "add", "\u2014-default",
            "vnet-frankfurt", "For London and Munich employees primarily")
        self.assertRegex(
            said, "Successfully added virtual network vnet-frankfurt with ID: "
            r"\d+ \(as the new default for this account\)")
        self.assertIn("read '\u2014-default' as '--default'", said)
        self.assertRegex(self.xdpctl("vnet", "add", "vnet-sydney"),
                         r"vnet acme/vnet-sydney added with VNI \d+: epoch 3")
        for name in ("tunnel-fra", "tunnel-syd"):
            self.assertRegex(
                self.xdpctl("cloudflared", "tunnel", "create", name),
                rf"Created tunnel {name} with id \d+")
        self.assertIn("there is one of this name",
                      self.xdpctl("tunnel", "create", "tunnel-fra", code=2))

    def make_routes(self):
        for cidr in CIDRS:
            route = ("cloudflared", "tunnel", "route", "ip", "add", "--vnet",
                     "vnet-frankfurt", cidr, "tunnel-fra")
            self.assertIn(f"Successfully added route for {cidr} over tunnel "
                          "tunnel-fra", self.xdpctl(*route))
            self.assertIn(
                "API error: Failed to add route: code: 1014, reason: You "
                "already have a route defined for this exact IP subnet",
                self.xdpctl(*route, code=2))
            again = self.xdpctl("route", "add", cidr, "via", "tunnel-syd",
                                code=2)
            self.assertIn("You already have a route defined for this exact IP "
                          "subnet (code 1014): tenant acme, vnet "
                          "vnet-frankfurt, via tunnel-fra", again)
            self.xdpctl("route", "add", cidr, "via", "tunnel-syd", "vnet",
                        "vnet-sydney")

    def make_clients(self):
        for client, vnet in (("acme-1", "vnet-frankfurt"),
                             ("globex-1", "vnet-sydney")):
            self.xdpctl("tunnel", "create", client, "--vnet", vnet, "--peer",
                        self.peer(client))
            for cidr in self.site(client).prefixes():
                self.xdpctl("route", "add", cidr, "via", client, "vnet", vnet)
        status, etag, answer = self.http(
            "POST", "/v1/tenants/acme/policies", ALLOW)
        self.assertEqual(status, 200, answer)
        self.assertEqual(etag, f'"{answer["epoch"]}"')

    def add_peers(self):
        """Until now the tunnels of the places are down."""
        self.assertIn("PEER", self.xdpctl("tunnel", "list").upper())
        with self.assertRaises(TimeoutError):
            sock = self.socket("acme-1", 4, port=6999, timeout=0.5)
            self.ask(sock, (self.address_of("acme-2", 4), 7000))
        self.xdpctl("tunnel", "set", "tunnel-fra", "--vnet", "vnet-frankfurt",
                    "--peer", self.peer("acme-2"))
        self.xdpctl("tunnel", "set", "tunnel-syd", "--vnet", "vnet-sydney",
                    "--peer", self.peer("globex-2"))

    def check_conflicts(self):
        path = "/v1/tenants/acme/vnets/vnet-sydney"
        _, etag, _ = self.http("GET", path)
        status, *_ = self.http("PATCH", path, {"comment": "a"}, If_Match=etag)
        self.assertEqual(status, 200)
        status, _, answer = self.http("PATCH", path, {"comment": "b"},
                                      If_Match=etag)
        self.assertEqual(status, 412, answer)
        self.assertIn("was to be changed", self.xdpctl(
            "vnet", "set", "vnet-sydney", "--comment", "c", "--if-epoch",
            etag.strip('"'), code=2))
        _, _, answer = self.http("GET", path)
        self.assertEqual(answer["object"]["comment"], "a")

    def check_default(self):
        """Reassigned live: it is where new objects go that name no vnet."""
        self.xdpctl("vnet", "set", "vnet-sydney", "--default")
        self.assertEqual(self.lab.show("tenant", "list")["tenants"][0][
            "default_vnet"], "vnet-sydney")
        self.assertIn("in vnet vnet-sydney", self.xdpctl(
            "route", "add", "10.9.0.0/16", "via", "blackhole"))

    def check_deletes(self):
        self.assertIn("name it; delete or change those first",
                      self.xdpctl("tunnel", "delete", "tunnel-fra", code=2))
        for cidr in CIDRS:
            words = ("route", "del", cidr, "vnet", "vnet-frankfurt")
            self.assertIn("1 flow use", self.xdpctl(*words, "--dry-run"))
            self.assertIn("1 flow used it", self.xdpctl(*words))
            self.xdpctl(*words, code=3)
        self.assertIn("tunnel acme/tunnel-fra deleted",
                      self.xdpctl("tunnel", "delete", "tunnel-fra"))
        self.assertIn("flows used it", self.xdpctl("tenant", "delete", "acme"))
        self.assertEqual(self.lab.show("tenant", "list")["tenants"], [])

    def test_networks_are_made_used_and_removed_live(self):
        self.make_networks()
        self.make_routes()
        self.make_clients()
        self.add_peers()
        for version in (4, 6):
            self.echo("acme-2", version, 7000, "frankfurt")
            self.echo("globex-2", version, 7000, "sydney")
            self.assertEqual(self.word_of("acme-1", version, 7001),
                             "frankfurt")
            self.assertEqual(self.word_of("globex-1", version, 7001),
                             "sydney")
        self.check_conflicts()
        self.check_default()
        for version in (4, 6):
            self.assertEqual(self.word_of("acme-1", version, 7001),
                             "frankfurt")
        self.assertIn("flows:", self.xdpctl("tenant", "usage", "acme"))
        self.check_deletes()


if __name__ == "__main__":
    e2e.main()
