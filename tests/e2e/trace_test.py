# SPDX-License-Identifier: Apache-2.0
"""trace and capture see the packets they are asked for, and no others."""

import itertools
import json
import shutil
import subprocess
import unittest

import e2e
from netlab import wait_for


class TraceTest(e2e.EdgeTest):

    def background(self, *args):
        """xdpctl, running; its output is read when it ends."""
        argv = self.lab.edge.enter(
            [f"{self.lab.bin}/xdpctl", "--socket", self.lab.api, "--edge",
             self.lab.edge_name, *args])
        process = subprocess.Popen(argv, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def send_until_done(self, process, send):
        """Calls send(), which sends packets, until xdpctl has seen enough."""
        def is_done():
            if process.poll() is None:
                send()
            return process.poll() is not None
        wait_for(is_done, "it has seen enough", timeout=60)
        out, err = process.communicate()
        self.assertEqual(process.returncode, 0, err)
        return out

    def ask_until_done(self, process, *questions):
        return self.send_until_done(
            process, lambda: [self.ask(*each) for each in questions])

    def two_flows(self, version, base):
        """One to be seen and one beside it, of the same hosts."""
        flows = []
        to = self.address_of("acme-2", version)
        for port in (base, base + 1):
            self.echo("acme-2", version, port, "here")
            flows.append((self.socket("acme-1", version, port=port),
                          (to, port)))
            self.ask(*flows[-1])
        return flows

    def test_one_flow_among_others_both_ways(self):
        for version in (4, 6):
            with self.subTest(version=version):
                flows = self.two_flows(version, 7100)
                process = self.background(
                    "trace", "-o", "jsonl", "-c", "6", "proto", "udp",
                    "src", self.address_of("acme-1", version),
                    "dport", "7100")
                packets = [json.loads(line) for line in
                           self.ask_until_done(process, *flows).splitlines()]
                self.assertEqual(len(packets), 6)
                there, back = 0, 0
                for packet in packets:
                    text = packet["steps"][-1]["text"]
                    self.assertNotIn(":7101", text)
                    self.assertEqual(packet["verdict"], "forwarded")
                    self.assertEqual(packet["steps"][0]["stage"], "arrive")
                    stages = [s["stage"] for s in packet["steps"]]
                    self.assertIn("rewrite", stages)
                    source = self.address_of("acme-1", version)
                    there += f"{source}" in text.split(" > ")[-2]
                    back += f"{source}" in text.split(" > ")[-1]
                self.assertGreater(there, 0)
                self.assertGreater(back, 0)

    def test_answers_of_a_translated_flow_are_seen(self):
        for version in (4, 6):
            with self.subTest(version=version):
                self.echo("inet", version, 7200, "there")
                client = self.socket("acme-1", version, port=7200)
                to = (self.address_of("inet", version), 7200)
                self.ask(client, to)
                process = self.background(
                    "trace", "-o", "jsonl", "-c", "8", "proto", "udp", "src",
                    self.address_of("acme-1", version), "dport", "7200")
                out = self.ask_until_done(process, (client, to))
                starts = [json.loads(line)["steps"][0]["text"]
                          for line in out.splitlines()]
                outside = [s for s in starts if " | " not in s]
                self.assertTrue(outside, "no answer from outside was seen")
                self.assertLess(len(outside), len(starts))

    def test_people_read_a_timeline(self):
        flows = self.two_flows(4, 7300)
        process = self.background("trace", "-c", "1", "proto", "udp",
                                  "dport", "7300")
        out = self.ask_until_done(process, *flows)
        self.assertRegex(out, r"acme/main \(VNI \d+\)  forwarded")
        self.assertRegex(out, r"\+0\.000 us  arrive")
        self.assertRegex(out, r"leave")

    @unittest.skipUnless(shutil.which("tshark"), "tshark is not installed")
    def test_captures_are_read_by_tshark(self):
        cases = [("rx", []), ("tx", []), ("rx", ["--inner"]),
                 ("rx", ["--after"]), ("tx", ["--before"])]
        for version in (4, 6):
            flows = self.two_flows(version, 7400)
            for at, options in cases:
                with self.subTest(version=version, at=at, options=options):
                    path = f"{self.lab.dir}/{at}.pcapng"
                    process = self.background(
                        "capture", "eth0", "--at", at, *options, "-c", "3",
                        "-w", path, "proto", "udp", "dport", "7400")
                    self.ask_until_done(process, *flows)
                    self.check_capture(path, version, "--inner" in options)

    @unittest.skipUnless(shutil.which("tshark"), "tshark is not installed")
    def test_first_packets_are_captured_on_their_way_to_the_controller(self):
        for version in (4, 6):
            with self.subTest(version=version):
                path = f"{self.lab.dir}/punt{version}.pcapng"
                sock = self.socket("acme-1", version)
                to = self.address_of("acme-2", version)
                ports = itertools.count(20000)  # each a flow of its own
                process = self.background(
                    "capture", "eth0", "--at", "punt", "-c", "3", "-w", path,
                    "proto", "udp", "src", self.address_of("acme-1", version))
                self.send_until_done(
                    process, lambda: sock.sendto(b"?", (to, next(ports))))
                self.check_capture(path, version, inner=True)

    def refuse_discard(self):
        """From now on nobody in acme talks to UDP port 9. Returns sockets of
        acme-1 and where they send to, by family."""
        deny = {"name": "no", "match": {"protocol": "udp",
                                        "destination_ports": [9]},
                "action": "deny"}
        self.lab.apply(self.lab.resources(
            [deny, {"name": "all", "match": {}, "action": "allow"}]))
        self.addCleanup(lambda: self.lab.apply(self.lab.resources()))
        return {version: (self.socket("acme-1", version),
                          (self.address_of("acme-2", version), 9))
                for version in (4, 6)}

    @unittest.skipUnless(shutil.which("tshark"), "tshark is not installed")
    def test_dropped_packets_are_captured(self):
        for version, (sock, to) in self.refuse_discard().items():
            with self.subTest(version=version):
                path = f"{self.lab.dir}/drop{version}.pcapng"
                process = self.background(
                    "capture", "eth0", "--at", "drop", "-c", "3", "-w", path,
                    "proto", "udp", "dport", "9")
                self.send_until_done(process, lambda s=sock, t=to:
                                     s.sendto(b"?", t))
                comments = self.check_capture(path, version, inner=False)
                self.assertIn("RP-POL-001", comments[-1])

    def test_drops_are_watched_as_they_come(self):
        for version, (sock, to) in self.refuse_discard().items():
            with self.subTest(version=version):
                process = self.background("drop", "watch", "-c", "2")
                out = self.send_until_done(process, lambda s=sock, t=to:
                                           s.sendto(b"?", t))
                self.assertIn("RP-POL-001", out)
                self.assertIn(to[0], out)

    def check_capture(self, path, version, inner):
        """Three packets that hold the flow's addresses, and no other port.
        Returns their comments."""
        proto = "ip" if version == 4 else "ipv6"
        done = subprocess.run(
            ["tshark", "-r", path, "-T", "fields", "-e", "frame.len",
             "-e", f"{proto}.addr", "-e", "frame.comment"],
            capture_output=True, text=True, check=True)
        lines = done.stdout.splitlines()
        self.assertEqual(len(lines), 3, done.stderr)
        if inner:
            source = self.address_of("acme-1", version)
            for line in lines:
                self.assertIn(source, line)
        return [line.split("\t")[-1] for line in lines]

    def test_a_filter_of_tcpdump_is_applied_to_the_inner_packet(self):
        flows = self.two_flows(4, 7500)
        process = self.background("capture", "eth0", "--inner", "-c", "2",
                                  "dst", "host", "10.2.0.9", "and", "udp",
                                  "dst", "port", "7501")
        out = self.ask_until_done(process, *flows)
        self.assertEqual(len(out.splitlines()), 2)
        for line in out.splitlines():
            self.assertIn(" > 10.2.0.9:7501 udp", line)

    def test_a_tunnel_by_its_name(self):
        flows = self.two_flows(4, 7600)
        process = self.background("capture", "acme/site1", "-c", "2")
        out = self.ask_until_done(process, *flows)
        for line in out.splitlines():
            self.assertIn(" gue ", line)

    def test_bad_input_is_one_line(self):
        for code, words in ((2, ["trace", "prot", "udp"]),
                            (2, ["trace", "src", "10.1"]),
                            (3, ["capture", "nowhere0"]),
                            (2, ["capture", "eth0", "--at", "tx", "--before",
                                 "--after"]),
                            (2, ["capture", "eth0", "no", "such", "filter"])):
            done = self.lab.xdpctl(*words, check=False)
            self.assertEqual(done.returncode, code, done.stderr)
            self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)


if __name__ == "__main__":
    e2e.main()
