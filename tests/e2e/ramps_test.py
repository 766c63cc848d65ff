# SPDX-License-Identifier: Apache-2.0
"""Every kind of tunnel carries IPv4 and IPv6, over IPv4 and over IPv6."""

import socket

import e2e
from edge_lab import Site

PROFILES = ("none", "variant1", "gre-key", "cookie", "mac", "gre",
            "keyed-gre")


def _sites():
    yield Site("acme", 1, "interface")
    for number, (profile, outer) in enumerate(
            ((p, o) for p in PROFILES for o in (4, 6)), 2):
        yield Site("acme", number, profile, outer)


class RampsTest(e2e.EdgeTest):
    """Site 1 is the interface; it talks to a site of each profile, and each
    of them to the next one."""

    SITES = tuple(_sites())

    def pairs(self):
        sites = list(self.lab.sites.values())
        hub = sites[0]
        for site, after in zip(sites[1:], sites[2:] + sites[1:2]):
            for a, b in ((hub, site), (site, hub), (site, after)):
                yield a, b, 4
                yield a, b, 6

    def sub_test(self, a, b, version):
        return self.subTest(a=f"{a.profile}/{a.outer}",
                            b=f"{b.profile}/{b.outer}", version=version)

    def test_ping(self):
        for a, b, version in self.pairs():
            with self.sub_test(a, b, version):
                out = a.host.run("ping", "-c", 1, "-W", 20, b.address(version),
                                 check=False).stdout
                self.assertIn("1 received", out)

    def test_udp_of_all_sizes_that_fit(self):
        for site in self.lab.sites.values():
            for version in (4, 6):
                self.echo(site.name, version, 7000, "echo")
        for a, b, version in self.pairs():
            with self.sub_test(a, b, version):
                client = self.socket(a.name, version, port=0)
                for size in (0, 1, 2, 511, 1200):
                    question = bytes(size)
                    self.assertEqual(
                        self.ask(client, (b.address(version), 7000), question),
                        b"echo: " + question)

    def test_tcp_bulk(self):
        for site in self.lab.sites.values():
            for version in (4, 6):
                self.tcp_server(site.name, version, 7001, e2e.count_bytes)
        size = 1_000_000
        for a, b, version in self.pairs():
            with self.sub_test(a, b, version):
                client = self.socket(a.name, version, socket.SOCK_STREAM,
                                     timeout=60)
                client.connect((b.address(version), 7001))
                self.assertEqual(e2e.transfer(client, size), size)
                self.assertEqual(self.checksum_errors(a.name), 0)
                self.assertEqual(self.checksum_errors(b.name), 0)


class GenericRampsTest(RampsTest):
    """The same where the driver has no XDP of its own."""

    SITES = (Site("acme", 1, "interface"), Site("acme", 2, "none"),
             Site("acme", 3, "mac", outer=6), Site("acme", 4, "gre"))
    MODE = "generic"

    def test_the_mode_is_shown(self):
        devices = self.lab.show("dev", "list")["devices"]
        self.assertEqual([d["mode"] for d in devices], ["generic"] * 2)


if __name__ == "__main__":
    e2e.main()
