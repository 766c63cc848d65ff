# SPDX-License-Identifier: Apache-2.0
"""What comes to NAT addresses: from tenants (hairpin), from the Internet by
mappings that somebody configured or asked for, and uninvited."""

import socket
import struct

import e2e
import nat_lab
from edge_lab import EDGE, INET, ROUTER, Site
from nat_lab import INET2, cases
from netlab import wait_for

EIF = "endpoint-independent"
OUTSIDE = {4: "203.0.113.16", 6: "2001:db8:203:1::1"}  # of pool "open"
STRICT = {4: "203.0.113.32", 6: "2001:db8:203:2::1"}
WEB, GAME = 8080, 27015  # static mappings to acme-2
SITES = (Site("acme", 1), Site("acme", 2, "gre"), Site("globex", 1, "mac"),
         Site("initech", 1, "interface"))


def endpoint(address, port):
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def static(protocol, outside_port, inside_port, version):
    return {"tenant": "acme", "vnet": "main", "protocol": protocol,
            "inside": endpoint(SITES[1].address(version), inside_port),
            "outside": endpoint(OUTSIDE[version], outside_port)}


class NatInboundTest(nat_lab.NatTest):

    SITES = SITES
    POOLS = {
        "open": {"filtering": EIF, "pcp": True, "static": [
            static(*entry, version) for version in (4, 6)
            for entry in (("tcp", WEB, 80), ("udp", GAME, GAME))]},
        "strict": {"pcp": True,
                   "exclude": [f"{INET2[4]}/32", f"{INET2[6]}/128"]},
    }
    BY_TENANT = {"initech": "strict"}
    UNTRANSLATED = INET2.values()

    # --- hairpin: RFC 4787 REQ-9, RFC 5382 REQ-8, RFC 5508 REQ-7 ---

    def mapped(self, host, version, port=None):
        """A UDP socket and its external endpoint."""
        sock = self.socket(host, version, port=port)
        return sock, self.outside_of(sock, self.server(version))

    @cases(version=(4, 6), pair=(("acme-1", "acme-2"), ("acme-1", "globex-1"),
                                 ("initech-1", "globex-1")))
    def test_udp_hairpins_show_the_external_source(self, version, pair):
        caller, outside = self.mapped(pair[0], version)
        called, to = self.mapped(pair[1], version)
        caller.sendto(b"over the roof", to)
        word, source = called.recvfrom(100)
        self.assertEqual((word, source[:2]), (b"over the roof", outside))
        called.sendto(b"and back", source)
        word, source = caller.recvfrom(100)
        self.assertEqual((word, source[:2]), (b"and back", to))

    @cases(version=(4, 6))
    def test_what_an_endpoint_sends_to_itself_is_refused(self, version):
        """Both directions of such a flow would be one."""
        sock, outside = self.mapped("acme-1", version)
        with self.assert_drops(HAIRPIN=1):
            sock.sendto(b"me", outside)
            # In line behind it: comes out when that one is done with.
            self.assertEqual(self.outside_of(sock, self.server(version)),
                             outside)

    @cases(version=(4, 6), client=("acme-1", "globex-1", "acme-2"))
    def test_tcp_hairpins_show_the_external_source(self, version, client):
        seen = self.tcp_server("acme-2", version, 80, e2e.count_bytes)
        sock = self.socket(client, version, socket.SOCK_STREAM)
        sock.connect((OUTSIDE[version], WEB))
        self.assertEqual(e2e.transfer(sock, 300_000), 300_000)
        self.assertEqual(seen[0][0], OUTSIDE[version])

    @cases(version=(4, 6))
    def test_errors_about_hairpinned_packets_come_back(self, version):
        called, to = self.mapped("globex-1", version)
        called.close()
        caller, _ = self.mapped("acme-1", version)
        caller.connect(to)
        self.want_errors(caller, version)
        caller.send(b"anybody?")
        error, sender = self.icmp_error(caller)
        self.assertEqual(error, {4: (3, 3), 6: (1, 4)}[version])
        self.assertEqual(sender, to[0])  # REQ-7a: the external one

    # --- static mappings ---

    @cases(version=(4, 6))
    def test_a_static_tcp_mapping_is_open_to_all(self, version):
        seen = self.tcp_server("acme-2", version, 80, e2e.count_bytes)
        for source in (INET, INET2):
            sock = self.host("inet").socket(e2e.FAMILY[version],
                                            socket.SOCK_STREAM)
            self.addCleanup(sock.close)
            sock.settimeout(20)
            sock.bind((source[version], 0))
            sock.connect((OUTSIDE[version], WEB))
            self.assertEqual(e2e.transfer(sock, 100_000), 100_000)
            self.assertEqual(seen[-1], sock.getsockname()[:2])

    @cases(version=(4, 6))
    def test_a_static_udp_mapping_works_both_ways(self, version):
        self.echo("acme-2", version, GAME, "game")
        player = self.server(version)
        self.assertEqual(self.ask(player, (OUTSIDE[version], GAME)),
                         b"game: ?")
        # What its host sends from there leaves from there.
        inside = self.socket("acme-2", version, port=GAME)
        self.assertEqual(self.outside_of(inside, self.server(version)),
                         (OUTSIDE[version], GAME))

    # --- mappings that a subscriber asks for: RFC 6888 REQ-9 ---

    def natpmpc(self, *options):
        return self.host("initech-1").run(
            "timeout", 10, "natpmpc", "-g", ROUTER[4], *options, timeout=15,
            check=False).stdout

    def test_natpmpc_opens_a_port_that_outlives_the_controller(self):
        self.echo("initech-1", 4, 6881, "peer")
        said = self.natpmpc("-a", "6881", "6881", "udp", "600")
        self.assertIn(f"Public IP address : {STRICT[4]}", said)
        self.assertIn("to local port 6881", said)
        port = int(said.split("Mapped public port ")[1].split()[0])
        asker = self.server(4)
        self.assertEqual(self.ask(asker, (STRICT[4], port)), b"peer: ?")
        self.lab.rampartd.stop(9)  # the mapping outlives the controller
        self.lab.start_edge()
        self.assertEqual(self.ask(self.server(4), (STRICT[4], port)),
                         b"peer: ?")
        self.natpmpc("-a", "6881", "6881", "udp", "0")
        with self.assertRaises(TimeoutError):
            late = self.server(4)
            late.settimeout(0.3)
            self.ask(late, (STRICT[4], port))

    @cases(version=(4, 6))
    def test_pcp_opens_a_port(self, version):  # RFC 6887 section 11
        self.echo("acme-1", version, 6882, "peer")
        sock = self.socket("acme-1", version, port=5350)
        own = socket.inet_pton(e2e.FAMILY[version],
                               self.address_of("acme-1", version))
        if version == 4:
            own = bytes(10) + b"\xff\xff" + own
        suggested = bytes(16) if version == 6 else own[:12] + bytes(4)
        sock.sendto(struct.pack("!BBHI16s12sB3xHH16s", 2, 1, 0, 600, own,
                                b"nonce-of-12b", socket.IPPROTO_UDP, 6882, 0,
                                suggested), (ROUTER[version], 5351))
        answer = sock.recv(1100)
        head, result, lifetime = struct.unpack_from("!HxBI", answer)
        self.assertEqual((head, result), (0x0281, 0))
        self.assertGreater(lifetime, 0)
        port, address = struct.unpack_from("!H16s", answer, 42)
        to = socket.inet_ntop(e2e.FAMILY[version],
                              address[12:] if version == 4 else address)
        self.assertEqual(to, OUTSIDE[version])
        self.assertEqual(self.ask(self.server(version), (to, port)),
                         b"peer: ?")

    # --- uninvited ---

    def test_an_unsolicited_syn_meets_silence_for_6_seconds(self):
        """RFC 5382 REQ-4; both pools and families at the same time."""
        callers = []
        for version, address in ((v, a) for a in (OUTSIDE, STRICT)
                                 for v in (4, 6)):
            sock = self.host("inet").socket(e2e.FAMILY[version],
                                            socket.SOCK_STREAM)
            self.addCleanup(sock.close)
            self.want_errors(sock, version)
            sock.setblocking(False)
            sock.connect_ex((address[version], 50000))
            callers.append(sock)
        for i, sock in enumerate(callers):
            self.assertEqual(self.icmp_error(sock, timeout=0 if i else 6),
                             (None, None))

    @cases(version=(4, 6))
    def test_tcp_opens_from_both_sides_at_once(self, version):
        """RFC 5382 REQ-2a, REQ-4: the inbound SYN is dropped in silence and
        the connection comes about by the outbound one."""
        server = self.server(version, kind=socket.SOCK_STREAM)
        first = self.socket("initech-1", version, socket.SOCK_STREAM,
                            port=5600)
        mapping, _ = self.tcp_outside_of(first, server)
        both = self.host("inet").socket(e2e.FAMILY[version],
                                        socket.SOCK_STREAM)
        self.addCleanup(both.close)
        both.bind((INET[version], 7600))
        before = sum(self.drops().values())
        both.setblocking(False)
        both.connect_ex(mapping)
        wait_for(lambda: sum(self.drops().values()) > before,
                 "the inbound SYN is dropped")
        client = self.socket("initech-1", version, socket.SOCK_STREAM,
                             port=5600)
        client.connect((INET[version], 7600))
        both.settimeout(20)
        both.send(b"both")
        self.assertEqual(client.recv(10), b"both")
        self.assertEqual(client.getpeername()[:2], (INET[version], 7600))

    @cases(version=(4, 6))
    def test_icmp_errors_end_no_mapping(self, version):
        """RFC 4787 REQ-12, RFC 5382 REQ-10."""
        server = self.server(version)
        client = self.socket("initech-1", version)
        mapping = self.outside_of(client, server)
        to = server.getsockname()
        server.close()
        self.want_errors(client, version)
        for _ in range(3):
            client.sendto(b"gone?", to)
            error, _ = self.icmp_error(client)
            self.assertEqual(error, {4: (3, 3), 6: (1, 4)}[version])
        again = self.server(version, port=to[1])
        again.sendto(b"still here", mapping)
        self.assertEqual(client.recv(100), b"still here")

    # --- destinations that are not translated: RFC 6888 REQ-6 ---

    @cases(version=(4, 6))
    def test_excluded_destinations_see_the_private_source(self, version):
        prefix = SITES[3].prefixes()[version // 6]
        via = {4: "198.51.100.1", 6: "2001:db8:100::1"}[version]
        self.host("inet").ip(f"route replace {prefix} via {via}")
        self.host("core").ip(f"route replace {prefix} via {EDGE[version]}")
        server = self.server(version, INET2)
        client = self.socket("initech-1", version, port=5700)
        seen = self.outside_of(client, server)
        self.assertEqual(seen, (SITES[3].address(version), 5700))
        server.sendto(b"reply", seen)
        self.assertEqual(client.recv(100), b"reply")
        self.assertEqual(self.outside_of(client, self.server(version))[0],
                         STRICT[version])


if __name__ == "__main__":
    e2e.main()
