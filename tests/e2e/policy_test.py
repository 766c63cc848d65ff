# SPDX-License-Identifier: Apache-2.0
"""What clients see of policy."""

import socket
import time

import e2e
from netlab import wait_for

PING = {"name": "ping", "match": {"protocol": "icmp"}, "action": "allow"}
WEB = {"name": "web", "match": {"vnet": "main", "protocol": "tcp",
                                "destination_ports": [80]}, "action": "allow"}
RULES = [
    PING, WEB,
    {"name": "no-smtp", "match": {"protocol": "tcp",
                                  "destination_ports": [25]},
     "action": "reject"},
    {"name": "no-dns", "match": {"protocol": "udp",
                                 "destination_ports": [53]},
     "action": "reject"},
    {"name": "no-telnet", "match": {"protocol": "tcp",
                                    "destination_ports": [23]},
     "action": "deny"},
]


class PolicyTest(e2e.EdgeTest):
    POLICIES = {"acme": RULES, "globex": [PING]}

    def connect(self, host, version, port, timeout=20.0):
        client = self.socket(host, version, socket.SOCK_STREAM,
                             timeout=timeout)
        client.connect((self.address_of("acme-2", version), port))
        return client

    def await_drops(self, reason, before):
        wait_for(lambda: self.drops().get(reason, 0) > before,
                 f"more of {reason}")

    def test_allowed_traffic_passes(self):
        for version in (4, 6):
            self.tcp_server("acme-2", version, 80, e2e.count_bytes)
            self.assertEqual(
                e2e.transfer(self.connect("acme-1", version, 80), 10000),
                10000)
            out = self.host("acme-1").run(
                "ping", "-c", 1, self.address_of("acme-2", version)).stdout
            self.assertIn("1 received", out)

    def test_a_rejected_connection_fails_at_once(self):
        for version in (4, 6):
            with self.subTest(version=version):
                begin = time.monotonic()
                with self.assertRaises(OSError) as refused:
                    self.connect("acme-1", version, 25)
                self.assertNotIsInstance(refused.exception, TimeoutError)
                self.assertLess(time.monotonic() - begin, 15)
                self.assertGreater(self.drops().get("POLICY_REJECT", 0), 0)

    def test_a_rejected_udp_question_fails_at_once(self):
        for version in (4, 6):
            with self.subTest(version=version):
                client = self.socket("acme-1", version)
                client.connect((self.address_of("acme-2", version), 53))
                client.send(b"?")
                with self.assertRaises(OSError) as refused:
                    client.recv(100)
                self.assertNotIsInstance(refused.exception, TimeoutError)

    def test_a_denied_connection_is_silent_and_counted(self):
        for version in (4, 6):
            with self.subTest(version=version):
                before = self.drops().get("POLICY_DENY", 0)
                with self.assertRaises(TimeoutError):
                    self.connect("acme-1", version, 23, timeout=0.5)
                self.await_drops("POLICY_DENY", before)

    def test_what_no_rule_allows_is_denied_by_default(self):
        before = self.drops().get("POLICY_DEFAULT", 0)
        with self.assertRaises(TimeoutError):
            self.connect("acme-1", 4, 8080, timeout=0.5)
        self.await_drops("POLICY_DEFAULT", before)

    def test_rules_of_one_tenant_do_not_open_anything_to_another(self):
        self.tcp_server("globex-2", 4, 80, e2e.count_bytes)
        with self.assertRaises(TimeoutError):
            self.connect("globex-1", 4, 80, timeout=0.5)

    def test_a_stricter_policy_ends_flows_that_it_no_longer_allows(self):
        seen = self.echo("acme-2", 4, 7000, "here")
        open_rule = {"name": "echo", "match": {"protocol": "udp"},
                     "action": "allow"}
        self.lab.apply(self.lab.resources(
            {"acme": [open_rule, *RULES], "globex": [PING]}))
        client = self.socket("acme-1", 4, port=7001)
        to = (self.address_of("acme-2", 4), 7000)
        self.assertEqual(self.ask(client, to), b"here: ?")
        self.lab.apply(self.lab.resources(self.POLICIES))
        client.settimeout(0.3)

        def is_shut():
            try:
                self.ask(client, to)
            except TimeoutError:
                return True
            return False
        wait_for(is_shut, "the sweep has shut the flow")
        self.assertTrue(seen)


if __name__ == "__main__":
    e2e.main()
