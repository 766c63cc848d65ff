# SPDX-License-Identifier: Apache-2.0
"""Each kind of pool, classified from outside: by coturn's and by vovida's
tools, and by sockets of our own for IPv6 and TCP, which those cannot do."""

import contextlib
import socket

import e2e
import nat_lab
from edge_lab import INET, Site
from nat_lab import INET2, cases
from netlab import wait_for

EIM, APDM = "endpoint-independent", "address-and-port-dependent"
EIF, ADF, APDF = EIM, "address-dependent", APDM
PORTS = (7001, 7002)

POOLS = {
    "strict": {"count": 4},
    "open": {"filtering": EIF},
    "half": {"filtering": ADF, "port_choice": "parity"},
    "symmetric": {"mapping": APDM},
    "keeping": {"port_choice": "preserve"},
}
TENANT = {"strict": "acme", "open": "initech", "half": "hooli",
          "symmetric": "umbrella", "keeping": "globex"}
MAPPING = {"strict": EIM, "open": EIM, "half": EIM, "symmetric": APDM,
           "keeping": EIM}
FILTERING = {"strict": APDF, "open": EIF, "half": ADF, "symmetric": APDF,
             "keeping": APDF}
# What `stun` calls them. It asks for hairpins by sending to itself.
CLASS = {
    "strict": "Independent Mapping, Port Dependent Filter, random port, "
              "no hairpin",
    "open": "Independent Mapping, Independent Filter, random port, "
            "no hairpin",
    "half": "Independent Mapping, Address Dependent Filter, random port, "
            "no hairpin",
    "symmetric": "Dependent Mapping, random port, no hairpin",
    "keeping": "Independent Mapping, Port Dependent Filter, preserves ports, "
               "no hairpin",
}


def site(pool):
    return f"{TENANT[pool]}-1"


class NatModesTest(nat_lab.NatTest):

    SITES = tuple(Site(tenant, 1) for tenant in TENANT.values())
    POOLS = POOLS
    BY_TENANT = {tenant: pool for pool, tenant in TENANT.items()}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        inet = cls.lab.inet
        inet.start("turnserver", "-n", "-c", "/dev/null", "--log-file=stdout",
                   "-L", INET[4], "-L", INET2[4], "-L", INET[6],
                   "-L", INET2[6], "-p", 3478, "--alt-listening-port=3479",
                   "--no-tls", "--no-dtls", "--no-cli",
                   f"--pidfile={cls.lab.dir}/turn.pid",
                   f"--db={cls.lab.dir}/turn.db")
        wait_for(lambda: len(inet.run("ss", "-Hlun", "sport = :3479 or "
                                      "sport = :3478").stdout.splitlines())
                 >= 8, "turnserver listens")
        cls.take_block_of(5250)
        cls.start_tools()

    @classmethod
    def take_block_of(cls, port):
        """Ports are kept inside a subscriber's blocks; the first port that it
        uses says which block it gets."""
        keeper = cls.lab.sites[site("keeping")]
        for version in (4, 6):
            with keeper.host.socket(e2e.FAMILY[version],
                                    socket.SOCK_DGRAM) as sock:
                sock.bind((keeper.address(version), port))
                sock.sendto(b"first", (INET[version], 9))
        wait_for(lambda: len(cls.lab.show("nat", "session", "list")
                             ["sessions"]) == 2, "the first mappings")

    # --- by coturn and vovida, which take seconds: all run at once ---

    @classmethod
    def start_tools(cls):
        cls.tools = {
            (pool, name): cls.lab.hosts[site(pool)].start(
                "timeout", 60, *command, log=f"{pool}-{name}.log")
            for pool in POOLS for name, command in {
                "mapping": ("turnutils_natdiscovery", "-m", INET[4]),
                "filtering": ("turnutils_natdiscovery", "-f", INET[4]),
                "hairpin": ("turnutils_natdiscovery", "-H", "-L",
                            "10.1.0.5", "-l", 5312, INET[4]),
                "stun": ("stun", INET[4], "-p", 5301)}.items()}

    def said(self, pool, name):
        self.tools[pool, name].wait(70)
        return self.tools[pool, name].output()

    @cases(pool=POOLS)
    def test_natdiscovery_finds_the_mapping_of_each_pool(self, pool):
        says = {EIM: "NAT with Endpoint Independent Mapping!",
                APDM: "NAT with Address and Port Dependent Mapping!"}
        self.assertIn(says[MAPPING[pool]], self.said(pool, "mapping"))

    @cases(pool=POOLS)
    def test_natdiscovery_finds_the_filtering_of_each_pool(self, pool):
        says = {EIF: "NAT with Endpoint Independent Filtering!",
                ADF: "NAT with Address Dependent Filtering!",
                APDF: "NAT with Address and Port Dependent Filtering!"}
        self.assertIn(says[FILTERING[pool]], self.said(pool, "filtering"))

    @cases(pool=POOLS)
    def test_natdiscovery_finds_hairpins_that_the_filtering_lets_in(
            self, pool):
        """The question comes from another port than the mapping talks to."""
        self.assertEqual("successful hairpinning" in self.said(
            pool, "hairpin"), FILTERING[pool] == EIF)

    @cases(pool=POOLS)
    def test_stun_finds_the_class_of_each_pool(self, pool):
        self.assertIn(CLASS[pool], self.said(pool, "stun"))

    # --- by sockets, both families and transports ---

    @cases(pool=POOLS, version=(4, 6))
    def test_udp_mappings_are_as_configured(self, pool, version):
        # RFC 4787 REQ-1, REQ-3
        client = self.socket(site(pool), version, port=5000)
        seen = [self.outside_of(client, self.server(version, a, p))
                for a in (INET, INET2) for p in PORTS]
        self.assertEqual(len(set(seen)), 1 if MAPPING[pool] == EIM else 4)
        self.assertEqual({a for a, _ in seen} - set(
            self.lab.outside(pool, version)), set())

    @cases(pool=POOLS, version=(4, 6))
    def test_tcp_mappings_are_as_configured(self, pool, version):
        # RFC 5382 REQ-1, REQ-7
        seen = []
        for address in (INET, INET2):
            server = self.server(version, address, PORTS[0],
                                 socket.SOCK_STREAM)
            client = self.socket(site(pool), version, socket.SOCK_STREAM,
                                 port=5001)
            seen.append(self.tcp_outside_of(client, server)[0])
        self.assertEqual(len(set(seen)), 1 if MAPPING[pool] == EIM else 2)

    def passed(self, client, senders, mapping):
        """Which of the senders reach the client by its mapping; the first
        one does in any case, as the last one to send."""
        before = sum(self.drops().values())
        for name in reversed(senders):
            senders[name].sendto(name.encode(), mapping)
        got = set()

        def all_accounted_for():
            with contextlib.suppress(TimeoutError):
                while True:
                    got.add(client.recv(100).decode())
            refused = sum(self.drops().values()) - before
            return len(got) + refused >= len(senders)
        client.settimeout(0.05)
        wait_for(all_accounted_for, "each packet passes or is counted")
        return got

    @cases(pool=POOLS, version=(4, 6))
    def test_udp_filtering_is_as_configured(self, pool, version):
        # RFC 4787 REQ-8
        want = {EIF: {"same", "port", "address"}, ADF: {"same", "port"},
                APDF: {"same"}}
        client = self.socket(site(pool), version, port=5002)
        senders = {"same": self.server(version, INET, PORTS[0]),
                   "port": self.server(version, INET, PORTS[1]),
                   "address": self.server(version, INET2, PORTS[0])}
        mapping = self.outside_of(client, senders["same"])
        self.assertEqual(self.passed(client, senders, mapping),
                         want[FILTERING[pool]])

    @cases(pool=POOLS, version=(4, 6))
    def test_tcp_filtering_is_as_configured(self, pool, version):
        # RFC 5382 REQ-3
        server = self.server(version, INET, PORTS[0], socket.SOCK_STREAM)
        client = self.socket(site(pool), version, socket.SOCK_STREAM,
                             port=5003)
        mapping, _ = self.tcp_outside_of(client, server)
        listener = self.socket(site(pool), version, socket.SOCK_STREAM,
                               port=5003)
        listener.listen()
        for address, opens in (
                (INET, FILTERING[pool] in (EIF, ADF)),
                (INET2, FILTERING[pool] == EIF)):
            caller = self.host("inet").socket(e2e.FAMILY[version],
                                              socket.SOCK_STREAM)
            self.addCleanup(caller.close)
            caller.bind((address[version], 0))
            # RFC 5382 REQ-4: silence; a refusal would come at once.
            caller.settimeout(20 if opens else 0.3)
            if opens:
                caller.connect(mapping)
                listener.accept()[0].close()
            else:
                with self.assertRaises(TimeoutError):
                    caller.connect(mapping)

    @cases(version=(4, 6))
    def test_a_mapping_is_of_its_protocol_only(self, version):
        # RFC 7857 section 5
        client = self.socket(site("open"), version, port=5004)
        mapping = self.outside_of(client, self.server(version))
        caller = self.host("inet").socket(e2e.FAMILY[version],
                                          socket.SOCK_STREAM)
        self.addCleanup(caller.close)
        caller.settimeout(0.3)
        with self.assertRaises(TimeoutError):
            caller.connect(mapping)

    # --- ports and addresses ---

    def ping_id(self, pool, version, address):
        """A ping's identifier outside."""
        with nat_lab.Echoes(self.host("inet"), version) as echoes:
            self.host(site(pool)).run("ping", "-c", 1, "-W", 20, "-e", 77,
                                      address[version])
            return echoes.identifiers()

    @cases(version=(4, 6))
    def test_a_subscriber_has_one_address_for_all(self, version):
        # RFC 6888 REQ-2
        server = self.server(version)
        seen = {self.outside_of(self.socket(site("strict"), version),
                                server)[0] for _ in range(60)}
        tcp = self.server(version, kind=socket.SOCK_STREAM)
        client = self.socket(site("strict"), version,
                             socket.SOCK_STREAM)
        seen.add(self.tcp_outside_of(client, tcp)[0][0])
        seen |= {a for a, _ in self.ping_id("strict", version, INET)}
        self.assertEqual(len(seen), 1, seen)

    @cases(version=(4, 6))
    def test_pings_keep_their_identifier_for_all_hosts(self, version):
        # RFC 5508 REQ-1
        seen = (self.ping_id("open", version, INET) |
                self.ping_id("open", version, INET2))
        self.assertEqual(len(seen), 1, seen)

    def test_ports_are_hard_to_guess(self):
        # RFC 6056, RFC 7857 section 9
        server = self.server(4)
        ports = [self.outside_of(self.socket(site("strict"), 4), server)[1]
                 for _ in range(60)]
        steps = {b - a for a, b in zip(ports, ports[1:])}
        self.assertGreater(len(steps), 50, ports)
        self.assertGreaterEqual(min(ports), 1024)

    def test_parity_is_kept_where_asked_for(self):
        # RFC 4787 REQ-4
        for version in (4, 6):
            server = self.server(version)
            for port in range(5100, 5116):
                client = self.socket(site("half"), version, port=port)
                outside = self.outside_of(client, server)[1]
                self.assertEqual(outside % 2, port % 2)

    def test_free_ports_are_kept_where_asked_for(self):
        for version in (4, 6):
            server = self.server(version)
            taken = {row["outside_port"] for row in  # by the tests before
                     self.lab.show("nat", "session", "list")["sessions"]}
            free = [port for port in range(5200, 5300) if port not in taken]
            for port in free[:8]:
                client = self.socket(site("keeping"), version, port=port)
                self.assertEqual(self.outside_of(client, server)[1], port)


if __name__ == "__main__":
    e2e.main()
