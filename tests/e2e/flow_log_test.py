# SPDX-License-Identifier: Apache-2.0
"""The flow log of a real edge: what it says is what was sent, to the byte."""

import json
import signal
import sqlite3

import e2e
import edge_lab
from netlab import wait_for

COOKIE = 37  # bytes that a stream of iperf3 begins with
IP = {4: 20, 6: 40}
SEGMENT = 20 + 12  # TCP with time stamps
SYN = 20 + 20  # with MSS, window scale, SACK permitted, time stamp


class LogLab(edge_lab.EdgeLab):
    def edge_config(self):
        timeouts = {"tcp_closing": "1s", "icmp": "1s", "udp_unreplied": "1s"}
        return super().edge_config().replace(
            "nat:\n", f"nat:\n  timeouts: {json.dumps(timeouts)}\n") + (
            f"flow_log: {{path: {self.log_path()}, update_interval: 1s}}\n")

    def log_path(self):
        return f"{self.dir}/flows.jsonl"


class FlowLogTest(e2e.EdgeTest):
    @classmethod
    def make_lab(cls):
        return LogLab(cls.SITES, cls.MODE)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lab.start_servers()

    def records(self):
        with open(self.lab.log_path(), encoding="utf-8") as f:
            return [json.loads(line) for line in f if line.endswith("\n")]

    def await_record(self, timeout=60, **fields):
        """The last record with these fields."""
        return wait_for(
            lambda: [r for r in self.records()
                     if all(r.get(k) == v for k, v in fields.items())],
            f"a record with {fields}", timeout, interval=0.05)[-1]

    def await_history(self, sequence):
        wait_for(lambda: self.lab.show(
            "flow", "history", "select max(seq) as m from records"
        )["rows"][0]["m"] >= sequence, f"record {sequence} is in the history",
            timeout=60, interval=0.05)

    def counted(self, host):
        """What the kernel of a site has sent into its tunnel, and received:
        IP packets and bytes."""
        links = json.loads(self.host(host).run(
            "ip", "-j", "-s", "link", "show", "type", "tun").stdout)
        count = links[0]["stats64"]
        return [count[way][what] for way in ("tx", "rx")
                for what in ("packets", "bytes")]

    def ends_of(self, version, since):
        """The connections to iperf3 that ended, when all have."""
        def ended():
            mine = [r for r in self.records() if r["seq"] > since and
                    r.get("dport") == 5201 and r.get("proto") == "tcp"]
            flows = {r["flow"] for r in mine}
            ends = [r for r in mine if r["event"] == "END"]
            return ends if flows == {r["flow"] for r in ends} else []
        return wait_for(lambda: len(ended()) >= 2 and ended(),
                        "both connections have ended", timeout=60)

    def test_iperf3_is_logged_with_its_bytes_and_headers(self):
        for version in (4, 6):
            with self.subTest(version=version):
                since = max((r["seq"] for r in self.records()), default=0)
                before = self.counted("acme-1")
                done = self.host("acme-1").run(
                    "iperf3", "-J", "-c", self.address_of("acme-2", version),
                    "-n", "100M", "-b", "150M", timeout=120)
                ends = self.ends_of(version, since)
                after = self.counted("acme-1")
                self.assertEqual(
                    [sum(r[key] for r in ends) for key in (
                        "packets", "bytes", "reverse_packets",
                        "reverse_bytes")],
                    [b - a for a, b in zip(before, after)])
                self.check_payload(version, json.loads(done.stdout)["end"],
                                   max(ends, key=lambda r: r["bytes"]))

    def check_payload(self, version, told, end):
        """iperf3 says what it gave to its kernel and what came out at the
        other end; closing, it leaves the rest where it is."""
        headers = (end["packets"] * (IP[version] + SEGMENT) + SYN - SEGMENT)
        payload = end["bytes"] - headers - COOKIE
        self.assertGreaterEqual(payload, told["sum_received"]["bytes"])
        if told["sum_sent"]["retransmits"] == 0:
            self.assertLessEqual(payload, told["sum_sent"]["bytes"])
        self.assertEqual((end["tenant"], end["on_ramp"], end["off_ramp"]),
                         ("acme", "site1", "site2"))
        records = [r for r in self.records() if r["flow"] == end["flow"]]
        events = [r["event"] for r in records]
        self.assertEqual((events[0], events[-1]), ("START", "END"))
        self.assertIn("UPDATE", events)
        self.assertLessEqual(records[-2]["bytes"], end["bytes"])

    def test_nat_is_in_the_record(self):
        for version in (4, 6):
            self.host("acme-1").run(
                "ping", "-c", 1, self.address_of("inet", version))
            start = self.await_record(
                event="START", dst=self.address_of("inet", version),
                proto="icmp" if version == 4 else "icmpv6")
            self.assertEqual(start["to_src"], edge_lab.POOL[version])
            self.assertEqual(start["nat"], "source")
            self.assertEqual(start["off_ramp"], "internet")

    def test_a_refusal_is_logged_once(self):
        deny = {"name": "no", "match": {"protocol": "udp",
                                        "destination_ports": [9]},
                "action": "deny"}
        allow = {"name": "all", "match": {}, "action": "allow"}
        self.lab.apply(self.lab.resources([deny, allow]))
        self.addCleanup(lambda: self.lab.apply(self.lab.resources()))
        for version in (4, 6):
            sock = self.socket("acme-1", version)
            to = (self.address_of("acme-2", version), 9)
            for _ in range(3):
                sock.sendto(b"?", to)
            found = self.await_record(event="DENY", dst=to[0], dport=9)
            self.assertEqual(found["reason"], "RP-POL-001")
        self.assertEqual(
            len([r for r in self.records() if r["event"] == "DENY"]), 2)

    def reconcile(self):
        done = self.lab.xdpctl("flow", "reconcile", "-o", "json", check=False)
        return done.returncode, json.loads(done.stdout)

    def test_flows_and_devices_count_the_same_also_after_a_kill(self):
        sockets = {}
        for version in (4, 6):
            self.echo("acme-2", version, 7100, "here")
            sockets[version] = self.socket("acme-1", version)
        self.ask_all(sockets)
        for sock in sockets.values():
            self.await_record(event="START", sport=sock.getsockname()[1])
        self.lab.rampartd.stop(signal.SIGKILL)
        before = self.records()[-1]["seq"]
        self.ask_all(sockets)  # nobody but the data plane counts these
        self.lab.start_edge()
        self.ask_all(sockets)
        for version in (4, 6):  # new flows, which end
            self.host("acme-1").run(
                "ping", "-c", 3, self.address_of("inet", version))
            self.await_record(event="END",
                              dst=self.address_of("inet", version))
        code, account = self.reconcile()
        self.assertEqual(account["accounts"]["difference"], 0, account)
        self.assertEqual(code, 0, account)
        records = self.records()
        self.assertGreater(records[-1]["seq"], before)
        for one, other in zip(records, records[1:]):
            self.assertEqual(other.get("first") or other["seq"],
                             one["seq"] + 1)

    def ask_all(self, sockets):
        for version, sock in sockets.items():
            to = (self.address_of("acme-2", version), 7100)
            for _ in range(5):
                self.assertEqual(self.ask(sock, to), b"here: ?")

    def test_history_is_asked_and_an_edit_is_found(self):
        self.host("acme-1").run("ping", "-c", 1, self.address_of("acme-2", 6))
        start = self.await_record(event="START",
                                  dst=self.address_of("acme-2", 6))
        self.await_history(start["seq"])
        rows = self.lab.show("flow", "history", "proto", "icmpv6", "tenant",
                             "acme", "--last", "1h")["records"]
        self.assertIn(start["seq"], [r["seq"] for r in rows])
        details = self.lab.show("flow", "get", start["flow"])
        self.assertEqual(details["records"][0]["flow"], start["flow"])
        lines = self.lab.xdpctl("flow", "export").stdout.splitlines()
        self.assertIn(start["seq"], [json.loads(x)["seq"] for x in lines])
        self.edit(start["seq"])
        code, account = self.reconcile()
        self.assertEqual(code, 4)
        self.assertEqual(
            account["history"]["findings"],
            [f"record {start['seq']}: changed after it was written"])

    def test_history_is_there_without_the_controller(self):
        self.host("acme-1").run("ping", "-c", 1, self.address_of("acme-2", 6))
        start = self.await_record(event="START", proto="icmpv6")
        self.await_history(start["seq"])
        self.lab.rampartd.stop()
        done = self.lab.xdpctl("--state", f"{self.lab.dir}/state.db", "flow",
                               "history", "proto", "icmpv6", "-o", "json",
                               check=False)
        self.lab.start_edge()
        self.assertEqual(done.returncode, 6, done.stderr)
        self.assertIn(start["seq"], [
            r["seq"] for r in json.loads(done.stdout)["records"]])

    def edit(self, sequence):
        path = f"{self.lab.dir}/state.flows.db"
        with sqlite3.connect(path, timeout=10) as history:
            history.execute("UPDATE records SET src = 'fd00::bad' "
                            "WHERE seq = ?", (sequence,))
        history.close()

        def restore():
            with sqlite3.connect(path, timeout=10) as again:
                again.execute("UPDATE records SET src = ? WHERE seq = ?",
                              (self.address_of("acme-1", 6), sequence))
            again.close()
        self.addCleanup(restore)


if __name__ == "__main__":
    e2e.main()
