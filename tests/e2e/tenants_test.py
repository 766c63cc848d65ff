# SPDX-License-Identifier: Apache-2.0
"""Two tenants with the same addresses, at the same time."""

import concurrent.futures
import json
import socket

import e2e
from e2e import TENANTS
from edge_lab import INET, POOL
from netlab import wait_for

PRIVATE = {4: "10.2.0.9", 6: "fd00:2::9"}


def at_once(function):
    with concurrent.futures.ThreadPoolExecutor(len(TENANTS)) as pool:
        return dict(zip(TENANTS, pool.map(function, TENANTS)))


def bracketed(address):
    return f"[{address}]" if ":" in address else address


class TenantsTest(e2e.EdgeTest):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lab.start_servers()

    def client(self, tenant):
        return self.host(f"{tenant}-1")

    def curl(self, tenant, address, port):
        return self.client(tenant).run(
            "curl", "-sS", "--max-time", 5, "--local-port", port, "-A", tenant,
            f"http://{bracketed(address)}/").stdout.strip()

    def test_identical_http_requests_reach_each_tenants_own_server(self):
        for version in (4, 6):
            with self.subTest(version=version):
                pages = at_once(
                    lambda t: self.curl(t, PRIVATE[version], 40000 + version))
                for tenant in TENANTS:
                    self.assertEqual(pages[tenant],
                                     f"private page of {tenant}")
                    lines = self.lab.web_log(self.host(f"{tenant}-2"))
                    other = [x for x in TENANTS if x != tenant][0]
                    self.assertFalse([x for x in lines if f'"{other}"' in x])
                    # The server sees the client itself, nothing translated.
                    client = self.site(f"{tenant}-1").address(version)
                    self.assertIn(f"{client} {40000 + version} ", lines[-1])

    def test_identical_requests_to_the_internet_get_a_port_each(self):
        for version in (4, 6):
            with self.subTest(version=version):
                pages = at_once(
                    lambda t: self.curl(t, INET[version], 40010 + version))
                self.assertEqual(set(pages.values()), {"the Internet"})
                lines = self.lab.web_log(self.host("inet"))[-2:]
                self.assertEqual({x.split()[0] for x in lines},
                                 {POOL[version]})
                self.assertEqual(len({x.split()[1] for x in lines}), 2)
                self.assertEqual(sorted(x.split('"')[-2] for x in lines),
                                 sorted(TENANTS))

    def test_identical_pings_are_all_answered(self):
        for destination in (*PRIVATE.values(), *INET.values()):
            with self.subTest(destination=destination):
                def ping(tenant, to=destination):
                    return self.client(tenant).run(
                        "ping", "-e", 77, "-c", 10, "-i", "0.2", to,
                        check=False).stdout
                for out in at_once(ping).values():
                    self.assertIn("10 received, 0% packet loss", out)

    def test_iperf3_over_tcp_with_identical_five_tuples(self):
        for version in (4, 6):
            with self.subTest(version=version):
                def bulk(tenant, to=PRIVATE[version]):
                    out = self.client(tenant).run(
                        "iperf3", "-J", "-c", to, "--cport", 45001, "-t", 2,
                        timeout=60).stdout
                    return json.loads(out)["end"]["sum_received"]["bytes"]
                for received in at_once(bulk).values():
                    self.assertGreater(received, 1_000_000)
                self.assert_no_corruption()

    def test_iperf3_over_udp_with_identical_five_tuples_loses_nothing(self):
        for version in (4, 6):
            with self.subTest(version=version):
                # Slow enough for a server that shares its processor.
                def stream(tenant, to=PRIVATE[version]):
                    out = self.client(tenant).run(
                        "iperf3", "-J", "-u", "-b", "5M", "-l", 1200, "-c",
                        to, "--cport", 45002, "-t", 2, timeout=60).stdout
                    return json.loads(out)["end"]["sum"]
                for total in at_once(stream).values():
                    self.assertGreater(total["packets"], 900)
                    self.assertEqual(total["lost_packets"], 0)
                self.assert_no_corruption()

    def assert_no_corruption(self):
        for name in self.lab.sites:
            self.assertEqual(self.checksum_errors(name), 0, name)

    def test_the_first_udp_question_gets_its_answer(self):
        for version in (4, 6):
            for server, port in (("acme-2", 53), ("inet", 53)):
                with self.subTest(version=version, server=server):
                    self.echo(server, version, port, "answer")
                    client = self.socket("acme-1", version, port=5353)
                    to = (self.address_of(server, version), port)
                    self.assertEqual(self.ask(client, to), b"answer: ?")

    def test_the_first_ping_is_answered(self):
        for name in ("acme-3", "globex-3"):
            for destination in ("10.1.0.5", "fd00:1::5", *INET.values()):
                with self.subTest(client=name, destination=destination):
                    out = self.host(name).run("ping", "-c", 1, "-W", 20, "-e",
                                              31000, destination).stdout
                    self.assertIn("1 received", out)

    def test_no_syn_is_sent_twice(self):
        for version in (4, 6):
            for server in ("acme-2", "inet", "acme-3"):
                with self.subTest(version=version, server=server):
                    self.tcp_server(server, version, 7001, e2e.count_bytes)
                    client = self.socket("acme-1", version, socket.SOCK_STREAM,
                                         port=46001)
                    client.connect((self.address_of(server, version), 7001))
                    self.assertEqual(e2e.tcp_info(client)["retransmits"], 0)
                    self.assertEqual(e2e.transfer(client, 100_000), 100_000)

    def test_xdpctl_shows_the_flows_and_nat_sessions_of_both(self):
        echo_port = 7002
        self.echo("inet", 4, echo_port, "hello")
        for tenant in TENANTS:
            client = self.socket(f"{tenant}-1", 4, port=5002)
            self.ask(client, (INET[4], echo_port))
        flows = [f for f in self.lab.show("flow", "list")["flows"]
                 if f["dport"] == echo_port]
        self.assertEqual(sorted(f["tenant"] for f in flows), sorted(TENANTS))
        for flow in flows:
            self.assertEqual((flow["src"], flow["sport"]), ("10.1.0.5", 5002))
            self.assertEqual(flow["to_src"], POOL[4])
            self.assertEqual(flow["off_ramp"], "internet")
            self.assertEqual(flow["packets"], [1, 1])
        sessions = [s for s in
                    self.lab.show("nat", "session", "list")["sessions"]
                    if s["inside_port"] == 5002]
        self.assertEqual(sorted(s["tenant"] for s in sessions),
                         sorted(TENANTS))
        self.assertEqual(len({s["outside_port"] for s in sessions}), 2)

    def test_a_closed_tcp_flow_goes(self):
        self.tcp_server("acme-2", 4, 7003, e2e.count_bytes)
        client = self.socket("acme-1", 4, socket.SOCK_STREAM, port=46003)
        client.connect(("10.2.0.9", 7003))
        e2e.transfer(client, 1000)
        client.close()

        def state():
            flows = self.lab.show("flow", "list")["flows"]
            return [f["state"] for f in flows if f["dport"] == 7003]
        wait_for(lambda: state() in ([], ["CLOSED"]),
                 "the flow is closed or gone")


if __name__ == "__main__":
    e2e.main()
