# SPDX-License-Identifier: Apache-2.0
"""Fragments through NAT and tunnels, in every order, and packets that the edge
must cut itself."""

import itertools
import socket
import struct

import e2e
import nat_lab
from edge_lab import INET, Site
from nat_lab import cases
from netlab import wait_for

DATA = bytes(range(1, 252)) * 14  # 3514 bytes; with its header in 3 fragments
CUTS = (0, 1200, 2400)
TUNNEL_MTU = 1500 - 20 - 8 - 4  # GUE variant 0 over IPv4
IP_HEADER = {4: 20, 6: 40}
FRAGMENT_HEADER = 44
CLIENTS = ("acme-1", "acme-2", "acme-3")


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def udp(version, source, destination, data):
    """A UDP datagram without its IP header. source, destination: address,
    port."""
    ends = [socket.inet_pton(e2e.FAMILY[version], a)
            for a, _ in (source, destination)]
    length = 8 + len(data)
    head = struct.pack("!HHH", source[1], destination[1], length)
    pseudo = b"".join(ends) + struct.pack("!IHBB", length, 0, 0, 17)
    padded = data + bytes(len(data) % 2)
    check = checksum(pseudo + head + b"\0\0" + padded) or 0xffff
    return head + struct.pack("!H", check) + data


def fragments(version, source, destination, whole, identification, cuts=CUTS):
    """IP packets with the pieces of `whole` that begin at `cuts`."""
    ends = b"".join(socket.inet_pton(e2e.FAMILY[version], a)
                    for a in (source, destination))
    packets = []
    for begin, end in zip(cuts, (*cuts[1:], len(whole))):
        piece, more = whole[begin:end], end < len(whole)
        if version == 4:
            head = struct.pack("!BxHHHBBH", 0x45, 20 + len(piece),
                               identification, more << 13 | begin // 8, 64,
                               17, 0) + ends
        else:
            head = struct.pack("!IHBB", 6 << 28, 8 + len(piece),
                               FRAGMENT_HEADER, 64) + ends
            head += struct.pack("!BxHI", 17, begin | more, identification)
        packets.append(head + piece)
    return packets


class NatFragmentsTest(nat_lab.NatTest):

    SITES = (Site("acme", 1), Site("acme", 2, "gre"),
             Site("acme", 3, "interface"), Site("globex", 1, "mac"))
    POOLS = {"default": {}}
    next_id = 100

    def identification(self):
        NatFragmentsTest.next_id += 1
        return self.next_id

    def raw(self, host, version):
        sock = self.host(host).socket(e2e.FAMILY[version], socket.SOCK_RAW,
                                      socket.IPPROTO_RAW)
        self.addCleanup(sock.close)
        return lambda packet, to: sock.sendto(packet, (to, 0))

    def talk(self, client, version, data=b"?"):
        """Client, server, and the client's mapping towards it."""
        inside = self.socket(client, version, port=5800)
        server = self.server(version, port=7800)
        return inside, server, self.outside_of(inside, server, data)

    # --- RFC 4787 REQ-14 ---

    @cases(version=(4, 6), client=CLIENTS)
    def test_fragments_arrive_in_every_order_both_ways(self, version, client):
        inside, server, mapping = self.talk(client, version)
        inner = (self.address_of(client, version), 5800)
        outer = (INET[version], 7800)
        for sender, source, to, receiver, seen in (
                (client, inner, outer, server, mapping),
                ("inet", outer, mapping, inside, outer)):
            send = self.raw(sender, version)
            whole = udp(version, source, to, DATA)
            for order in itertools.permutations(range(3)):
                packets = fragments(version, source[0], to[0], whole,
                                    self.identification())
                for i in order:
                    send(packets[i], to[0])
                data, came_from = receiver.recvfrom(65536)
                self.assertEqual(data, DATA, order)
                self.assertEqual(came_from[:2], seen)

    @cases(version=(4, 6))
    def test_the_first_packet_of_a_flow_may_be_fragments(self, version):
        server = self.server(version, port=7801)
        send = self.raw("acme-1", version)
        source = (self.address_of("acme-1", version), 5801)
        whole = udp(version, source, (INET[version], 7801), DATA)
        for packet in reversed(fragments(version, source[0], INET[version],
                                         whole, self.identification())):
            send(packet, INET[version])
        self.assertEqual(server.recv(65536), DATA)

    @cases(version=(4, 6))
    def test_fragments_of_pings_arrive(self, version):
        out = self.host("acme-3").run("ping", "-c", 2, "-i", 0.2, "-W", 20,
                                      "-s", 4000, INET[version], check=False)
        self.assertIn("2 received", out.stdout)

    @cases(version=(4, 6))
    def test_equal_identifications_of_two_tenants_do_not_mix(self, version):
        """RFC 6864 section 5.3.1, RFC 7857 section 10."""
        server = self.server(version, port=7802)
        queues = []
        for client in ("acme-1", "globex-1"):
            source = (self.address_of(client, version), 5802)
            data = client.encode() * 400
            whole = udp(version, source, (INET[version], 7802), data)
            packets = fragments(version, source[0], INET[version], whole, 42)
            queues.append((self.raw(client, version), packets))
        for step in range(3):
            for send, packets in queues:
                send(packets[step], INET[version])
        self.assertEqual({server.recv(65536), server.recv(65536)},
                         {b"acme-1" * 400, b"globex-1" * 400})

    # --- REQ-14a ---

    @cases(version=(4, 6))
    def test_overlaps_are_refused_and_counted(self, version):
        _, server, _ = self.talk("acme-1", version)
        send = self.raw("acme-1", version)
        source = (self.address_of("acme-1", version), 5800)
        whole = udp(version, source, (INET[version], 7800), DATA)
        packets = fragments(version, source[0], INET[version], whole,
                            self.identification())
        other = bytearray(packets[1])
        other[-1] ^= 1
        before = self.drops().get("FRAG_OVERLAP", 0)
        for packet in (packets[1], bytes(other), packets[0], packets[2]):
            send(packet, INET[version])
        wait_for(lambda: self.drops().get("FRAG_OVERLAP", 0) == before + 4,
                 "all four are counted")
        server.settimeout(0)
        with self.assertRaises(BlockingIOError):
            server.recv(100)

    @cases(version=(4, 6))
    def test_a_flood_of_fragments_hurts_no_other_tenant(self, version):
        send = self.raw("globex-1", version)
        address = self.address_of("globex-1", version)
        for i in range(600):
            for packet in fragments(version, address, INET[version],
                                    bytes(3000), 1000 + i)[1:]:
                send(packet, INET[version])
        _, server, _ = self.talk("acme-1", version)
        send = self.raw("acme-1", version)
        source = (self.address_of("acme-1", version), 5800)
        whole = udp(version, source, (INET[version], 7800), DATA)
        for packet in fragments(version, source[0], INET[version], whole,
                                self.identification()):
            send(packet, INET[version])
        self.assertEqual(server.recv(65536), DATA)
        wait_for(lambda: self.drops().get("FRAG_MEMORY", 0) > 0,
                 "the flood's own fragments are given up")

    # --- RFC 4787 REQ-13: too big ---

    def test_what_may_be_fragmented_is(self):
        """IPv4 without DF, into a tunnel: from the Internet, and from a site
        on a wire."""
        inside, server, mapping = self.talk("acme-1", 4)
        for size in (TUNNEL_MTU - 28 + 1, 1472):
            data = DATA[:size]
            server.setsockopt(socket.IPPROTO_IP, 10, 0)  # IP_MTU_DISCOVER: no
            server.sendto(data, mapping)
            self.assertEqual(inside.recv(65536), data)
            wire = self.socket("acme-3", 4)
            wire.setsockopt(socket.IPPROTO_IP, 10, 0)
            wire.sendto(data, (self.address_of("acme-1", 4), 5800))
            self.assertEqual(inside.recv(65536), data)

    def test_what_must_not_be_fragmented_is_answered(self):
        out = self.host("acme-3").run(
            "ping", "-M", "do", "-c", 1, "-W", 20, "-s", TUNNEL_MTU - 27,
            self.address_of("acme-1", 4), check=False).stdout
        self.assertIn(f"mtu = {TUNNEL_MTU}", out)


if __name__ == "__main__":
    e2e.main()
