# SPDX-License-Identifier: Apache-2.0
"""Quotas, full pools, a thousand tenants at once, a controller that is killed:
no endpoint ever serves two subscribers, and nothing leaves untranslated."""

import collections
import signal
import socket
import struct
import threading

import e2e
import nat_lab
from edge_lab import ALLOW_ALL, EDGE, INET, Site
from nat_fragments_test import checksum, udp
from nat_lab import UNREACHABLE, cases
from netlab import wait_for

TENANTS = 1000
SO_RCVBUFFORCE = 33  # socket(7)
FIRST_VNI = 100_000
PRIVATE = {4: "10.1.0.5", 6: "fd00:1::5"}  # what all tenants have
SITES = (Site("acme", 1), Site("globex", 1, "mac"), Site("acme", 2, "gre"),
         Site("globex", 2, "gre-key"), Site("acme", 3, "interface"),
         Site("initech", 1), Site("hooli", 1))


class NatLimitsTest(nat_lab.NatTest):

    SITES = SITES
    POOLS = {
        # Two blocks of 32: the third subscriber finds none.
        "tiny": {"ports": "20000-20063", "block_size": 32,
                 "blocks_per_subscriber": 1},
        "large": {"count": 3, "block_size": 64, "blocks_per_subscriber": 64},
        "slow": {"mappings_per_second": 1},
    }
    BY_TENANT = {"initech": "slow", "globex": "large", "hooli": "large"}

    # --- refusals: RFC 6888 REQ-4, REQ-11; RFC 5508 REQ-8 ---

    def assert_refused(self, host, version, reason):
        before = self.drops().get(reason, 0)
        sock = self.socket(host, version)
        self.want_errors(sock, version)
        error = None
        for _ in range(20):  # none is sent to a host whose MAC is not known yet
            if error is None:
                sock.sendto(b"one too many", (INET[version], 7900))
                error, _ = self.icmp_error(sock, timeout=1)
        self.assertEqual(error, UNREACHABLE[version])
        wait_for(lambda: self.drops().get(reason, 0) > before,
                 "the refusal is counted")

    def fill(self, host, version, server, count):
        """Makes mappings; returns sockets by what the server sees."""
        socks = [self.socket(host, version) for _ in range(count)]
        return {self.outside_of(sock, server, f"{host} {i}".encode()): sock
                for i, sock in enumerate(socks)}

    def assert_alive(self, mappings, server):
        for outside, sock in mappings.items():
            server.sendto(b"%d" % outside[1], outside)
            self.assertEqual(sock.recv(100), b"%d" % outside[1])

    @cases(version=(4, 6))
    def test_quota_and_pool_end_with_an_error_and_cost_no_mapping(
            self, version):
        server = self.server(version)
        first = self.fill("acme-1", version, server, 32)
        self.assertEqual(len(first), 32)  # all of a block can be used
        self.assert_refused("acme-1", version, "NAT_QUOTA")
        second = self.fill("acme-2", version, server, 32)
        self.assertEqual(len(second), 32)
        self.assertEqual(first.keys() & second.keys(), set())
        self.assert_refused("acme-3", version, "NAT_EXHAUSTED")
        self.assert_alive(first | second, server)
        pool = {p["name"]: p for p in self.lab.show(
            "nat", "pool", "list")["pools"]}["tiny"]
        self.assertGreater(pool["refused"]["quota"], 0)
        self.assertGreater(pool["refused"]["no_block"], 0)
        # Another number space of the same block.
        tcp = self.server(version, kind=socket.SOCK_STREAM)
        client = self.socket("acme-1", version, socket.SOCK_STREAM)
        outside, _ = self.tcp_outside_of(client, tcp)
        self.assertIn(outside, first)

    @cases(version=(4, 6))
    def test_mappings_are_made_at_the_pools_rate(self, version):
        """RFC 6888 REQ-4c: a burst of 32, then one a second."""
        server = self.server(version)
        before = self.drops().get("NAT_RATE", 0)
        errors = []
        while UNREACHABLE[version] not in errors and len(errors) < 100:
            sock = self.socket("initech-1", version)
            self.want_errors(sock, version)
            sock.sendto(b"one more", server.getsockname())
            errors.append(self.icmp_error(sock, 0 if len(errors) < 32
                                          else 0.05)[0])
        self.assertIn(UNREACHABLE[version], errors)
        self.assertGreaterEqual(len(errors), 32)
        wait_for(lambda: self.drops().get("NAT_RATE", 0) > before,
                 "the refusal is counted")

    # --- a thousand tenants ---

    def many(self):
        """Resources of the lab with tenants more, who come by keyed GRE from
        the first site's host and have the same addresses."""
        resources = self.lab.resources()
        remote = self.site("hooli-1").underlay(4)
        for number in range(TENANTS):
            resources["tenants"].append({
                "name": f"t{number}",
                "vnets": [{"name": "main", "vni": FIRST_VNI + number,
                           "default": True, "router": []}],
                "tunnels": [{"name": "site", "vnet": "main", "type": "gre",
                             "peers": [{"remote": remote,
                                        "key": FIRST_VNI + number}]}],
                "routes": [{"vnet": "main", "cidr": cidr, "via": via} |
                           ({"pool": "large"} if via == "internet" else {})
                           for cidr, via in (("10.1.0.0/16", "site"),
                                             ("fd00:1::/48", "site"),
                                             ("0.0.0.0/0", "internet"),
                                             ("::/0", "internet"))],
                "policies": ALLOW_ALL})
        return resources

    @staticmethod
    def packet(version, number):
        """What the host of tenant t<number> sends, in its GRE."""
        to = INET[version]
        datagram = udp(version, (PRIVATE[version], 4000), (to, 7901),
                       b"%d" % number)
        ends = b"".join(socket.inet_pton(e2e.FAMILY[version], a)
                        for a in (PRIVATE[version], to))
        if version == 4:
            head = struct.pack("!BxHHHBBH", 0x45, 20 + len(datagram), 0,
                               0x4000, 64, 17, 0)
            head = head[:10] + struct.pack("!H", checksum(head + ends))
        else:
            head = struct.pack("!IHBB", 6 << 28, len(datagram), 17, 64)
        gre = struct.pack("!HHI", 0x2000, 0x0800 if version == 4 else 0x86dd,
                          FIRST_VNI + number)
        return gre + head + ends + datagram

    def test_thousand_tenants_with_one_address_and_port_are_told_apart(self):
        self.lab.xdpctl("apply", "-f", self.lab.write(
            "many.yaml", nat_lab.edge_lab.to_yaml(self.many())), timeout=60)
        self.addCleanup(self.lab.apply)
        gre = self.host("hooli-1").socket(socket.AF_INET, socket.SOCK_RAW,
                                          socket.IPPROTO_GRE)
        self.addCleanup(gre.close)
        gre.settimeout(20)
        gre.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 24)
        for version in (4, 6):
            with self.subTest(version=version):
                self.tell_apart(version, gre)

    def tell_apart(self, version, gre):
        server = self.server(version, port=7901)
        seen = {}
        for number in range(TENANTS):
            gre.sendto(self.packet(version, number), (EDGE[4], 0))
            word, outside = server.recvfrom(100)
            self.assertEqual(int(word), number)
            seen[outside[:2]] = number
        self.assertEqual(len(seen), TENANTS)
        for outside, number in seen.items():
            server.sendto(b"%d" % number, outside)
        answers = {}
        while len(answers) < TENANTS:
            packet = gre.recv(2048)[20:]
            key = struct.unpack_from("!I", packet, 4)[0]
            answers[key - FIRST_VNI] = int(
                packet[8 + (28 if version == 4 else 48):])
        self.assertTrue(all(k == v for k, v in answers.items()))

    # --- kill -9 ---

    def test_after_kill_9_no_port_serves_two_subscribers(self):
        clients = ("globex-1", "globex-2", "hooli-1")
        server = self.server(4)
        seen = collections.defaultdict(set)  # subscribers by outside
        stop = threading.Event()
        made = collections.Counter()

        def listen():
            server.settimeout(0.1)
            while not stop.is_set():
                try:
                    word, outside = server.recvfrom(100)
                except TimeoutError:
                    continue
                seen[outside].add(word.split()[0].decode())

        def make(client):
            while not stop.is_set():
                sock = self.host(client).socket(socket.AF_INET,
                                                socket.SOCK_DGRAM)
                with sock:
                    sock.sendto(f"{client} {made[client]}".encode(),
                                server.getsockname())
                made[client] += 1
                stop.wait(0.002)  # bounds the load
        threads = [threading.Thread(target=listen, daemon=True)] + [
            threading.Thread(target=make, args=[c], daemon=True)
            for c in clients]
        for thread in threads:
            thread.start()
        try:
            for _ in range(3):
                before = len(seen)
                wait_for(lambda n=before: len(seen) >= n + 60,
                         "mappings are made")
                self.lab.rampartd.stop(signal.SIGKILL)
                self.lab.start_edge()
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        shared = {o: who for o, who in seen.items() if len(who) > 1}
        self.assertEqual(shared, {})
        self.assert_blocks_have_one_owner(seen)
        self.assert_log_knows(dict(list(seen.items())[::20]))

    def assert_log_knows(self, seen):
        """RFC 6888 section 4: who had an external port."""
        for (address, port), (client,) in seen.items():
            owners = self.lab.show("nat", "whois", address,
                                   str(port))["owners"]
            self.assertEqual([(o["tenant"], o["inside"]) for o in owners],
                             [(self.site(client).tenant,
                               self.site(client).address(4))])

    def assert_blocks_have_one_owner(self, seen):
        """Blocks of 64 from port 1024 on, as the log has to tell them."""
        owners = collections.defaultdict(set)
        for (address, port), who in seen.items():
            owners[address, (port - 1024) // 64] |= who
        self.assertEqual({b: w for b, w in owners.items() if len(w) > 1}, {})


if __name__ == "__main__":
    e2e.main()
