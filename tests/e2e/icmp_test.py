# SPDX-License-Identifier: Apache-2.0
"""What the edge tells senders: too big, time exceeded; and errors that come
back to clients from behind it."""

import errno
import select
import socket
import struct

import e2e
from edge_lab import INET, POOL, ROUTER
from netlab import wait_for

TUNNEL_MTU = 1500 - 20 - 8 - 4  # GUE variant 0 over IPv4
IP_HEADER = {4: 20, 6: 40}
TCP_HEADER = 20 + 12  # with time stamps


class IcmpTest(e2e.EdgeTest):

    def ping_big(self, version, size):
        """acme-3 has a wire of 1500 bytes, acme-1's tunnel takes less."""
        payload = size - IP_HEADER[version] - 8
        return self.host("acme-3").run(
            "ping", "-M", "do", "-c", 1, "-W", 20, "-s", payload,
            self.address_of("acme-1", version), check=False).stdout

    def test_a_packet_too_big_for_the_tunnel_is_answered_with_its_mtu(self):
        router = {v: self.site("acme-3").gateway(v) for v in (4, 6)}
        says = {4: f"From {router[4]} icmp_seq=1 Frag needed and DF set "
                   f"(mtu = {TUNNEL_MTU})",
                6: f"From {router[6]} icmp_seq=1 Packet too big: "
                   f"mtu={TUNNEL_MTU}"}
        for version in (4, 6):
            with self.subTest(version=version):
                self.assertIn(says[version],
                              self.ping_big(version, TUNNEL_MTU + 1))
                self.assertIn("1 received", self.ping_big(version, TUNNEL_MTU))

    def test_a_server_on_the_internet_learns_the_tunnels_mtu(self):
        for version in (4, 6):
            with self.subTest(version=version):
                server = self.socket("inet", version, port=7000)
                client = self.socket("acme-1", version, port=7100)
                client.sendto(b"give me much", (INET[version], 7000))
                _, mapped = server.recvfrom(100)
                self.assertEqual(mapped[0], POOL[version])
                _force_df(server, version)
                server.sendto(bytes(1400), mapped)
                self.assertEqual(len(client.recv(2000)), 1400)
                server.sendto(bytes(1500 - IP_HEADER[version] - 8), mapped)

                def learned(to=POOL[version]):
                    out = self.host("inet").run("ip", "route", "get", to)
                    return f"mtu {TUNNEL_MTU}" in out.stdout
                wait_for(learned, "the server's route has the MTU")

    def test_tcp_segments_fit_both_ways_from_the_start(self):
        # The tunnel's device has an MTU of 1500 on purpose: without clamping,
        # full segments would not fit.
        for version in (4, 6):
            want = TUNNEL_MTU - IP_HEADER[version] - TCP_HEADER
            for client, server in (("acme-3", "acme-1"), ("acme-1", "acme-3"),
                                   ("acme-1", "inet")):
                with self.subTest(version=version, client=client,
                                  server=server):
                    self.tcp_server(server, version, 7001, e2e.count_bytes)
                    sock = self.socket(client, version, socket.SOCK_STREAM)
                    with self.assert_drops():
                        sock.connect((self.address_of(server, version), 7001))
                        self.assertEqual(e2e.tcp_info(sock)["snd_mss"], want)
                        self.assertEqual(e2e.transfer(sock, 3_000_000),
                                         3_000_000)

    def test_traceroute_shows_the_vnets_router(self):
        for version in (4, 6):
            for server in ("acme-2", "acme-3", "inet"):
                with self.subTest(version=version, server=server):
                    to = self.address_of(server, version)
                    out = self.host("acme-1").run(
                        "traceroute", f"-{version}", "-n", "-q", 1, "-w", 2,
                        "-m", 6, to, timeout=60).stdout.splitlines()
                    hops = [line.split()[1] for line in out[1:]]
                    self.assertEqual(hops[0], ROUTER[version])
                    self.assertEqual(hops[-1], to)

    def test_the_router_answers_pings(self):
        for version in (4, 6):
            for client in ("acme-1", "globex-3"):
                with self.subTest(version=version, client=client):
                    out = self.host(client).run("ping", "-c", 1, "-W", 20,
                                                ROUTER[version],
                                                check=False).stdout
                    self.assertIn("1 received", out)

    def test_port_unreachable_comes_back_to_a_udp_client(self):
        for version in (4, 6):
            for server in ("inet", "acme-2"):
                with self.subTest(version=version, server=server):
                    client = self.socket("acme-1", version, port=0)
                    client.connect((self.address_of(server, version), 9))
                    client.send(b"anybody?")
                    with self.assertRaises(ConnectionRefusedError):
                        client.recv(100)

    def test_a_refused_tcp_connection_is_refused_at_once(self):
        for version in (4, 6):
            with self.subTest(version=version):
                client = self.socket("acme-1", version, socket.SOCK_STREAM)
                with self.assertRaises(ConnectionRefusedError):
                    client.connect((INET[version], 9))

    def test_time_exceeded_from_beyond_the_nat_names_the_clients_own_packet(
            self):
        for version, option in ((4, (socket.IPPROTO_IP, socket.IP_TTL)),
                                (6, (socket.IPPROTO_IPV6,
                                     socket.IPV6_UNICAST_HOPS))):
            with self.subTest(version=version):
                client = self.socket("acme-1", version, port=7200)
                level, receive_errors = ((socket.IPPROTO_IP, 11)
                                         if version == 4 else
                                         (socket.IPPROTO_IPV6, 25))
                client.setsockopt(level, receive_errors, 1)  # IP_RECVERR
                client.setsockopt(*option, 2)  # ends at core
                client.sendto(b"far", (INET[version], 7002))
                poll = select.poll()
                poll.register(client, 0)
                self.assertTrue(poll.poll(5000), "an ICMP error")
                _, ancillary, _, to = client.recvmsg(
                    100, 1000, socket.MSG_ERRQUEUE)
                # The kernel found the socket by the quoted packet, which so
                # must have been translated back.
                self.assertEqual(to[:2], (INET[version], 7002))
                number = struct.unpack_from("I", ancillary[0][2])[0]
                self.assertEqual(number, errno.EHOSTUNREACH)


def _force_df(sock, version):
    if version == 4:
        sock.setsockopt(socket.IPPROTO_IP, 10, 3)  # IP_MTU_DISCOVER: PROBE
    else:
        sock.setsockopt(socket.IPPROTO_IPV6, 23, 3)


if __name__ == "__main__":
    e2e.main()
