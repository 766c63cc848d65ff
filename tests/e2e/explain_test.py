# SPDX-License-Identifier: Apache-2.0
"""explain says what the same packet then meets, and changes nothing."""

import glob
import hashlib
import json
import random
import signal
import subprocess

import e2e
from netlab import wait_for

PING = {"name": "ping", "match": {"protocol": "icmp"}, "action": "allow"}
SSH = {"name": "ssh", "match": {"protocol": "tcp", "destination_ports": [22]},
       "action": "allow"}
ODD = {"name": "odd", "match": {"protocol": "udp", "destination_ports":
                                ["7001-7001", "7003-7003", "7005-7005"]},
       "action": "allow"}

# What packets of the hosts themselves (neighbour discovery) and time change.
LIVELY = {"rp_outcomes", "rp_tallies", "rp_drop_samples", "rp_tenant_drops",
          "rp_ledger_bases", "rp_losses", "rp_slow_drops", "rp_slow_tenants",
          "rp_slow_samples", "rp_config", "rp_addrs_seen", "rp_peers4_seen",
          "rp_peers6_seen", "rp_verified", "rp_tenants"}


class ExplainTest(e2e.EdgeTest):
    POLICIES = {"acme": [PING, SSH, ODD], "globex": [PING]}

    def explain(self, *words, code=None):
        done = self.lab.xdpctl("-j", "explain", *words, check=False)
        if code is not None:
            self.assertEqual(done.returncode, code, done.stderr)
        return json.loads(done.stdout)

    def packet(self, version, *more, tunnel="acme/site1"):
        return ["src", self.address_of("acme-1", version),
                "dst", self.address_of("acme-2", version),
                "from", "tunnel", tunnel, *more]

    def map_hashes(self):
        """Of every pinned map that only the controller and explain write."""
        hashes = {}
        pins = f"/sys/fs/bpf/rampart/{self.lab.edge_name}/maps/*"
        for pin in glob.glob(pins):
            name = pin.rsplit("/", 1)[1]
            if name in LIVELY or "ring" in name or "watch" in name:
                continue
            shown = subprocess.run(["bpftool", "-j", "map", "show", "pinned",
                                    pin], capture_output=True, check=True)
            if json.loads(shown.stdout)["max_entries"] > 4096:
                continue
            dump = subprocess.run(["bpftool", "map", "dump", "pinned", pin],
                                  capture_output=True, check=False).stdout
            hashes[name] = hashlib.sha256(dump).hexdigest()
        for name in ("rp_flows4", "rp_flows6"):  # a million, few in use
            rows = self.lab.show("map", "dump", name)["entries"]
            hashes[name] = [{k: v for k, v in row.items() if k != "idle_s"}
                            for row in rows]
        return hashes

    def explain_changing_nothing(self, *words):
        """What expires meanwhile changes maps as well, but not each time."""
        for _ in range(4):
            before = self.map_hashes()
            answer = self.explain(*words)
            after = self.map_hashes()
            if after == before:
                return answer
        self.fail([n for n in after if after[n] != before[n]])

    def line_of(self, rule):
        with open(f"{self.lab.dir}/resources.yaml", encoding="utf-8") as f:
            for number, line in enumerate(f, 1):
                if f'"name": "{rule}"' in line:
                    return number
        raise AssertionError(f"no rule {rule}")

    def test_a_denial_names_rule_line_and_difference(self):
        for version in (4, 6):
            with self.subTest(version=version):
                answer = self.explain(*self.packet(version, "proto", "tcp",
                                                   "dport", "80"), code=4)
                self.assertEqual(answer["verdict"], "deny")
                self.assertEqual(answer["id"], "RP-POL-002")
                near = answer["policy"]["nearest"][0]
                self.assertEqual(near["name"], "ssh")
                self.assertEqual(near["differs"], ["dport 80 != 22"])
                self.assertEqual(near["line"], self.line_of("ssh"))
                self.assertEqual(answer["would_pass_if"][0], "dport = 22")
                self.explain(*self.packet(version, "proto", "tcp", "dport",
                                          "22"), code=0)

    def test_people_read_a_page(self):
        done = self.lab.xdpctl(
            "explain", *self.packet(4, "proto", "tcp", "dport", "80"),
            check=False)
        self.assertEqual(done.returncode, 4)
        self.assertRegex(done.stdout, r"(?m)^DENY  RP-POL-002 ")
        self.assertRegex(done.stdout, r"nearest allow: \"ssh\" .*:\d+ - "
                                      r"differs only in: dport 80 != 22")
        self.assertRegex(done.stdout, r"would pass if: dport = 22")

    def test_a_live_flow_is_found_with_its_entries(self):
        for version in (4, 6):
            with self.subTest(version=version):
                self.echo("acme-2", version, 7001, "here")
                client = self.socket("acme-1", version, port=7999)
                to = (self.address_of("acme-2", version), 7001)
                self.ask(client, to)
                answer = self.explain(
                    *self.packet(version, "proto", "udp", "sport", "7999",
                                 "dport", "7001"), code=0)
                maps = [step.get("map") for step in answer["steps"]]
                self.assertIn("rp_next_hops", maps)
                flow = next(s for s in answer["steps"]
                            if s["stage"] == "flow")
                self.assertEqual(flow["value"]["dport"], 7001)

    def test_random_flows_meet_what_was_explained(self):
        rng = random.Random(5)
        for version in (4, 6):
            client = self.socket("acme-1", version)
            client.bind((self.address_of("acme-1", version), 0))
            sport = client.getsockname()[1]
            to = self.address_of("acme-2", version)
            for dport in rng.sample(range(7001, 7009), 6):
                answer = self.explain(
                    *self.packet(version, "proto", "udp", "sport", str(sport),
                                 "dport", str(dport)))
                if answer["verdict"] == "allow":
                    self.echo("acme-2", version, dport, "here")
                    self.assertEqual(self.ask(client, (to, dport)), b"here: ?")
                else:
                    count = self.drops().get(answer["reason"], 0)
                    client.sendto(b"?", (to, dport))
                    wait_for(lambda r=answer["reason"], n=count + 1:
                             self.drops().get(r) == n, "it is dropped")

    def test_explaining_changes_no_map(self):
        for version in (4, 6):
            self.explain_changing_nothing(
                *self.packet(version, "proto", "udp", "dport", "7001"))

    def test_spoofed_and_foreign_packets(self):
        spoofed = self.explain("src", "10.9.9.9", "dst", "10.2.0.9",
                               "from", "tunnel", "acme/site1", code=4)
        self.assertEqual(spoofed["reason"], "SPOOFED")
        foreign = self.explain(
            "src", "10.1.0.5", "dst", "10.2.0.9", "from", "tunnel",
            "globex/site1", "vnet", "acme/main", code=4)
        self.assertEqual(foreign["reason"], "VNI_REFUSED")

    def test_an_uplink_frame_is_the_hosts_own(self):
        answer = self.explain("src", "198.51.100.77", "dst", "198.51.100.78",
                              "from", "device", "eth0", code=0)
        self.assertEqual(answer["verdict"], "pass")

    def test_bad_input_is_one_line_and_exit_2(self):
        path = self.lab.write("no.pcap", "this is no capture file")
        for words in (["src", "10.1.0.5"], ["src", "10.1.0.5", "dst", "x"],
                      ["prot", "tcp"], ["--pcap", path, "from", "device",
                                        "eth0"]):
            done = self.lab.xdpctl("explain", *words, check=False)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)

    def test_drops_are_kept_explained_and_written(self):
        client = self.socket("acme-1", 4)
        client.sendto(b"?", (self.address_of("acme-2", 4), 7008))
        wait_for(lambda: "10.2.0.9:7008" in self.lab.xdpctl(
            "-j", "drop", "last", "RP-POL-002").stdout, "it is kept")
        said = self.lab.xdpctl("drop", "explain", "RP-POL-002").stdout
        self.assertIn("policy", said)
        path = f"{self.lab.dir}/drops.pcapng"
        self.lab.xdpctl("drop", "pcap", "RP-POL-002", "-w", path)
        again = json.loads(self.lab.xdpctl(
            "-j", "explain", "--pcap", path, "-c", "1", "from", "tunnel",
            "acme/site1", check=False).stdout)
        self.assertEqual(again["reason"], "POLICY_DEFAULT")
        missing = self.lab.xdpctl("drop", "explain", "RP-XYZ-1", check=False)
        self.assertEqual(missing.returncode, 3)

    def test_zz_without_a_controller_the_data_plane_answers(self):
        tunnel = next(t["id"] for t in self.lab.show("tunnel", "list")
                      ["tunnels"] if t["tenant"] == "acme" and
                      t["name"] == "site3")
        device = self.site("acme-3").edge_device
        self.lab.rampartd.stop(signal.SIGKILL)
        done = self.lab.xdpctl("-j", "explain", "src",
                               self.address_of("acme-3", 4), "dst",
                               self.address_of("acme-2", 4), "from", "device",
                               device, check=False)
        self.assertEqual(done.returncode, 6, done.stderr)
        answer = json.loads(done.stdout)
        self.assertIn(answer["verdict"], ("deny", "wait"))
        self.assertFalse(answer["controller"])
        self.assertGreater(tunnel, 0)


if __name__ == "__main__":
    e2e.main()
