# SPDX-License-Identifier: Apache-2.0
"""One to one: networks that overlap inside have one prefix each outside
(NETMAP for IPv4, RFC 6296 for IPv6)."""

import ipaddress
import socket

import e2e
import nat_lab
from edge_lab import Site
from nat_lab import cases

TENANTS = ("acme", "globex")
OUTSIDE = {"acme": {4: "203.0.113.64/26", 6: "2001:db8:203:a::/64"},
           "globex": {4: "203.0.113.128/26", 6: "2001:db8:203:b::/64"}}
INSIDE = {4: "10.1.0.0/26", 6: "fd00:1::/64"}


def v6_word_sum(network, words):
    """Ones' complement sum of an address's first `words` 16-bit words."""
    data = ipaddress.ip_address(network).packed[:2 * words]
    total = sum(data[i] << 8 | data[i + 1] for i in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


class NatPrefixTest(nat_lab.NatTest):

    SITES = tuple(Site(tenant, 1) for tenant in TENANTS)
    POOLS = {"whole": {"filtering": "endpoint-independent", "prefixes": [
        {"tenant": tenant, "vnet": "main", "inside": INSIDE[version],
         "outside": OUTSIDE[tenant][version]}
        for tenant in TENANTS for version in (4, 6)]}}

    def outside_address(self, tenant, version):
        sock = self.socket(f"{tenant}-1", version, port=5900)
        outside = self.outside_of(sock, self.server(version))
        self.assertEqual(outside[1], 5900)  # ports stay
        return outside[0]

    def test_netmap_keeps_the_host_part(self):
        for tenant, address in (("acme", "203.0.113.69"),
                                ("globex", "203.0.113.133")):
            self.assertEqual(self.outside_address(tenant, 4), address)

    @cases(tenant=TENANTS)
    def test_nptv6_is_neutral_to_checksums(self, tenant):
        """RFC 6296 section 3.5: /64 adjusts a word of the host part."""
        outside = self.outside_address(tenant, 6)
        self.assertIn(ipaddress.ip_address(outside),
                      ipaddress.ip_network(OUTSIDE[tenant][6]))
        inside = self.address_of(f"{tenant}-1", 6)
        self.assertEqual(v6_word_sum(outside, 8) % 0xffff,
                         v6_word_sum(inside, 8) % 0xffff)

    @cases(version=(4, 6), tenant=TENANTS)
    def test_the_internet_opens_connections_to_hosts_inside(self, version,
                                                            tenant):
        address = self.outside_address(tenant, version)
        self.echo(f"{tenant}-1", version, 5901, tenant)
        self.assertEqual(self.ask(self.server(version), (address, 5901)),
                         f"{tenant}: ?".encode())
        seen = self.tcp_server(f"{tenant}-1", version, 5902, e2e.count_bytes)
        sock = self.host("inet").socket(e2e.FAMILY[version],
                                        socket.SOCK_STREAM)
        self.addCleanup(sock.close)
        sock.settimeout(20)
        sock.connect((address, 5902))
        self.assertEqual(e2e.transfer(sock, 200_000), 200_000)
        self.assertEqual(seen[0], sock.getsockname()[:2])
        out = self.host("inet").run("ping", "-c", 1, "-W", 20, address,
                                    check=False).stdout
        self.assertIn("1 received", out)

    @cases(version=(4, 6))
    def test_tenants_reach_each_other_by_their_outside_prefixes(self,
                                                                version):
        address = self.outside_address("globex", version)
        self.echo("globex-1", version, 5903, "globex")
        sock = self.socket("acme-1", version)
        self.assertEqual(self.ask(sock, (address, 5903)), b"globex: ?")

    @cases(version=(4, 6))
    def test_tenants_ping_each_other_by_their_outside_prefixes(self, version):
        address = self.outside_address("globex", version)  # RFC 5508 REQ-7
        out = self.host("acme-1").run("ping", "-c", 1, "-W", 20, address,
                                      check=False).stdout
        self.assertIn("1 received", out)

    @cases(version=(4, 6))
    def test_an_address_outside_that_nobody_has_is_not_answered(self, version):
        free = {4: "203.0.113.200", 6: "2001:db8:203:b::77"}[version]
        sock = self.server(version)
        sock.settimeout(0.3)
        with self.assertRaises(TimeoutError):
            self.ask(sock, (free, 5901))


if __name__ == "__main__":
    e2e.main()
