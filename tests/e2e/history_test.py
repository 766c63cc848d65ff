# SPDX-License-Identifier: Apache-2.0
"""Changes of the configuration: what becomes of live flows, the way back by
hand and by itself, and a controller that is killed amid a change."""

import contextlib
import os
import signal
import time

import e2e
import edge_lab
import netlab
from netlab import wait_for

OPEN = [{"name": "all", "match": {"vnet": "main"}, "action": "allow"}]
OTHER = [{"name": "other", "match": {"vnet": "main"}, "action": "allow"}]
SHUT = [{"name": "ping", "match": {"protocol": "icmp"}, "action": "allow"}]


class HistoryTest(e2e.EdgeTest):
    POLICIES = {"acme": OPEN, "globex": OPEN}

    def setUp(self):
        os.environ.pop("RAMPART_FAULT", None)
        if not self.lab.rampartd.running():
            self.lab.start_edge()
        self.change(OPEN)

    def change(self, rules, *options):
        """Gives acme these rules. Returns the document of the apply."""
        path = self.lab.write(
            "resources.yaml", self.lab_yaml({"acme": rules, "globex": OPEN}))
        return self.lab.show("apply", "-f", path, *options)

    def lab_yaml(self, policies):
        return edge_lab.to_yaml(self.lab.resources(policies))

    def rules(self):
        """Names of the rules of acme that are in force."""
        return [row["name"] for row in self.lab.show("policy", "list")
                ["policies"] if row["tenant"] == "acme"]

    def epoch(self):
        return self.lab.show("status")["epoch"]

    def conversations(self, port):
        """A socket per IP version whose flow lives, and whom it asks."""
        pairs = []
        for version in (4, 6):
            self.echo("acme-2", version, port, "here")
            client = self.socket("acme-1", version, port=port)
            to = (self.address_of("acme-2", version), port)
            self.assertEqual(self.ask(client, to), b"here: ?")
            pairs.append((client, to))
        return pairs

    def flows(self, port):
        return self.lab.show("flow", "list", "dport", str(port), "proto",
                             "udp", "state", "REPLIED")["flows"]

    def test_keep_recheck_and_cut_end_what_the_dry_run_says(self):
        self.conversations(7100)
        dry = self.change(SHUT, "--dry-run")
        self.assertGreaterEqual(dry["flows"]["ends"]["recheck"], 2)
        self.assertEqual(dry["flows"]["ends"]["keep"], 0)
        self.assertEqual(self.rules(), ["all"])
        self.change(SHUT, "--on-change", "keep")
        self.assertEqual(len(self.flows(7100)), 2)
        self.change(OTHER, "--on-change", "recheck")
        self.assertEqual(len(self.flows(7100)), 2)
        self.change(OPEN, "--on-change", "keep")
        path = self.lab.write("next.yaml",
                              self.lab_yaml({"acme": OTHER, "globex": OPEN}))
        diff = self.lab.show("policy", "diff", "-f", path)
        rows = [row for row in diff["changes"] if row["dport"] == 7100]
        self.assertEqual(len(rows), 2)
        self.assertEqual({row["rule_then"] for row in rows}, {"other"})
        self.assertEqual({row["fate"] for row in rows}, {"differs"})
        self.change(OTHER, "--on-change", "cut")
        wait_for(lambda: not self.flows(7100), "both flows are cut")

    def test_the_history_says_who_and_goes_back(self):
        first = self.epoch()
        self.change(SHUT, "--comment", "too open")
        newest = self.lab.show("config", "history")["epochs"][0]
        self.assertEqual(newest["epoch"], first + 1)
        self.assertEqual(newest["comment"], "too open")
        self.assertEqual(newest["tenants"], ["acme"])
        self.assertIn("uid 0", newest["who"])
        self.assertIn("apply -f", newest["what"])
        self.lab.xdpctl("policy", "rollback", str(first))
        self.assertEqual(self.rules(), ["all"])
        self.assertEqual(self.epoch(), first + 2)

    def test_a_change_that_nobody_confirms_is_taken_back(self):
        pairs = self.conversations(7200)
        self.change(SHUT, "--confirm", "3s")
        wait_for(lambda: not self.flows(7200), "the flows are refused")
        path = self.lab.write("next.yaml",
                              self.lab_yaml({"acme": OTHER, "globex": OPEN}))
        other = self.lab.xdpctl("apply", "-f", path, check=False)
        if "on probation" not in other.stderr:  # it was over already
            self.assertEqual(other.returncode, 0)
        wait_for(lambda: self.rules() == ["all"] or other.returncode == 0,
                 "the edge has gone back")

        def answered():
            with contextlib.suppress(TimeoutError):
                for client, to in pairs:
                    client.settimeout(0.5)
                    client.sendto(b"!", to)
                    client.recv(100)
                return True
            return False
        wait_for(answered, "the clients have their way again")

    def test_a_confirmed_change_stays(self):
        self.change(OTHER, "--confirm", "2s")
        self.lab.xdpctl("config", "confirm")
        epoch = self.epoch()
        begin = time.monotonic()
        wait_for(lambda: time.monotonic() - begin > 3, "the deadline is over")
        self.assertEqual(self.epoch(), epoch)
        self.assertEqual(self.rules(), ["other"])

    def test_a_killed_controller_goes_back_when_it_starts(self):
        self.change(SHUT, "--confirm", "1s")
        self.lab.rampartd.stop(signal.SIGKILL)
        begin = time.monotonic()
        wait_for(lambda: time.monotonic() - begin > 1.5, "the deadline is over")
        self.lab.start_edge()
        self.assertEqual(self.rules(), ["all"])
        self.assertIn("nobody confirmed", self.lab.rampartd.output())

    def test_rules_of_flows_are_known_after_a_restart(self):
        self.conversations(7300)
        self.change(OTHER, "--on-change", "keep")
        self.lab.rampartd.stop(signal.SIGKILL)
        self.lab.start_edge()
        wait_for(lambda: {row["rule"] for row in self.flows(7300)} == {"all"},
                 "the flows have their rule")

    def test_kill_9_between_any_two_steps_leaves_one_whole_epoch(self):
        """Each round dies one point later, until none is left."""
        old, new = OPEN, SHUT
        for point in range(1, 40):
            before = self.epoch()
            self.lab.rampartd.stop(signal.SIGKILL)
            os.environ["RAMPART_FAULT"] = f"apply:{point}"
            died = True
            with contextlib.suppress(netlab.LabError):
                self.lab.start_edge()
                path = self.lab.write(
                    "resources.yaml",
                    self.lab_yaml({"acme": new, "globex": OPEN}))
                done = self.lab.xdpctl("apply", "-f", path, check=False)
                died = done.returncode != 0
            if died:
                wait_for(lambda: not self.lab.rampartd.running(),
                         "the controller has died")
            os.environ.pop("RAMPART_FAULT")
            if not self.lab.rampartd.running():
                self.lab.start_edge()
            names = [rule["name"] for rule in
                     (new if self.epoch() > before else old)]
            self.assertEqual(self.rules(), names, f"after point {point}")
            for version in (4, 6):
                out = self.host("acme-1").run(
                    "ping", "-c", 1, "-W", 20,
                    self.address_of("acme-2", version)).stdout
                self.assertIn("1 received", out)
            if self.epoch() > before:
                old, new = new, old
            if not died:
                self.assertGreater(point, 4)
                self.lab.rampartd.stop(signal.SIGKILL)  # it still counts
                self.lab.start_edge()
                return
        self.fail("the points have no end")


if __name__ == "__main__":
    e2e.main()
