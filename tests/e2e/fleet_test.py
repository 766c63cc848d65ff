# SPDX-License-Identifier: Apache-2.0
"""Two edges share a store in etcd: changes are live on both, and neither needs
etcd to go on forwarding."""

import copy
import json
import os
import shutil
import signal
import time
import unittest

import e2e
import edge_lab
import netlab
from edge_lab import CORE, EDGE
from netlab import wait_for

OTHER = {4: "192.0.3.1", 6: "2001:db8:3::1"}  # the second edge
OTHER_CORE = {4: "192.0.3.254", 6: "2001:db8:3::fe"}
SITES = (edge_lab.Site("acme", 1, "none"), edge_lab.Site("acme", 2, "gre"),
         edge_lab.Site("acme", 4, "gre", outer=6),
         edge_lab.Site("acme", 5, "none", outer=6))
# (from, to) through each edge.
PAIRS = {"a": ("acme-1", "acme-2"), "b": ("acme-4", "acme-5")}
DENY = [{"name": "none", "match": {"vnet": "main"}, "action": "deny"}]
SLOW = 60.0  # a condition on a busy computer


class FleetLab(edge_lab.EdgeLab):
    """etcd on core, reached over IPv4 by one edge and IPv6 by the other."""

    def build(self):
        self.other_name = f"{self.edge_name}b"
        self.etcd = self.other = self.other_rampartd = None
        super().build()
        self.other = self.host("edge2")
        self.link(self.core, "edge2", self.other, "eth0")
        self.faces_xdp(self.core, "edge2")
        for host, device, ends in ((self.core, "edge2", OTHER_CORE),
                                   (self.other, "eth0", OTHER)):
            host.ip(f"addr add {ends[4]}/24 dev {device}",
                    f"addr add {ends[6]}/64 dev {device} nodad")
        self.other.ip(f"route add default via {OTHER_CORE[4]}",
                      f"route add default via {OTHER_CORE[6]}")
        self.start_etcd()

    def edge_of(self, site):
        return OTHER if site.number >= 4 else EDGE

    # --- etcd ---

    def start_etcd(self):
        argv = ["etcd", "--data-dir", f"{self.dir}/etcd",
                "--listen-client-urls", "http://[::]:2379",
                "--advertise-client-urls", "http://127.0.0.1:2379",
                "--listen-peer-urls", "http://127.0.0.1:2380"]
        self.etcd = self.core.start(*argv, log="etcd.log")
        wait_for(lambda: "ready to serve client requests" in
                 self.etcd.output(), "etcd answers", SLOW)

    def kill_etcd(self):
        self.etcd.stop(signal.SIGKILL)

    def etcdctl(self, *args):
        return self.core.run("env", "ETCDCTL_API=3", "etcdctl", *args,
                             timeout=SLOW)

    # --- the edges ---

    def edge_config(self):
        return self._config(super().edge_config(), CORE[4], "a")

    def other_config(self):
        text = super().edge_config()
        for old, new in ((f"edge: {self.edge_name}",
                          f"edge: {self.other_name}"),
                         (EDGE[4], OTHER[4]), (f'"{EDGE[6]}"',
                                               f'"{OTHER[6]}"'),
                         (self.api, f"{self.dir}/other.sock")):
            text = text.replace(old, new)
        return self._config(text, f"[{OTHER_CORE[6]}]", "b")

    def _config(self, text, host, name):
        return text.replace(
            f"state: sqlite://{self.dir}/state.db",
            f"state: \"etcd://{host}:2379/fleet\"\n"
            f"etcd: {{copy: {self.dir}/{name}.db}}")

    def start_other(self):
        config = self.write("other.yaml", self.other_config())
        self.other_rampartd = self.other.start(
            f"{self.bin}/rampartd", "--config", config,
            log="other-rampartd.log")
        wait_for(lambda: not self.other_rampartd.running() or
                 self.ask("b", "status", check=False).returncode in (0, 5),
                 "the other rampartd answers", SLOW)
        if not self.other_rampartd.running():
            raise netlab.LabError(self.other_rampartd.output())

    def ask(self, edge, *args, check=True):
        """xdpctl on edge a or b."""
        host = self.edge if edge == "a" else self.other
        socket = self.api if edge == "a" else f"{self.dir}/other.sock"
        return host.run(f"{self.bin}/xdpctl", "--socket", socket, *args,
                        timeout=SLOW, check=check)

    def status(self, edge):
        return json.loads(self.ask(edge, "status", "-o", "json",
                                   check=False).stdout)

    def remove(self):
        if self.other is not None:
            netlab.run(self.other.enter(
                [f"{self.bin}/rampartd", "--config", f"{self.dir}/other.yaml",
                 "--detach"]), timeout=30, check=False)
        shutil.rmtree(f"{edge_lab.BPFFS}/rampart/{self.other_name}",
                      ignore_errors=True)
        super().remove()


@unittest.skipUnless(os.path.exists("/usr/bin/etcd"), "no etcd-server here")
class FleetTest(e2e.EdgeTest):

    @classmethod
    def setUpClass(cls):
        cls.lab = FleetLab(SITES)
        cls.enterClassContext(cls.lab)
        cls.lab.start_edge(timeout=SLOW)
        cls.lab.start_other()
        cls.lab.apply(cls.lab.resources())

    def setUp(self):
        self.both_have(self.lab.status("a")["epoch"])

    def both_have(self, epoch):
        """Returns after how many seconds."""
        began = time.monotonic()
        for edge in "ab":
            wait_for(lambda e=edge: self.lab.status(e)["epoch"] == epoch,
                     f"edge {edge} has epoch {epoch}", SLOW)
        return time.monotonic() - began

    def apply(self, edge, resources, check=True):
        path = self.lab.write("fleet.yaml", edge_lab.to_yaml(resources))
        return self.lab.ask(edge, "apply", "-f", path, check=check)

    def passes(self, edge, version):
        source, target = PAIRS[edge]
        return self.host(source).run(
            "ping", f"-{version}", "-c", 1, "-W", 2,
            self.site(target).address(version), check=False).returncode == 0

    def assert_all_pass(self):
        for edge in "ab":
            for version in (4, 6):
                wait_for(lambda e=edge, v=version: self.passes(e, v),
                         f"edge {edge} forwards IPv{version}", SLOW)

    def assert_all_refused(self):
        for edge in "ab":
            for version in (4, 6):
                self.assertFalse(self.passes(edge, version), (edge, version))

    def tunnel_ids(self, edge):
        rows = json.loads(self.lab.ask(edge, "tunnel", "list", "-o",
                                       "json").stdout)["tunnels"]
        return {row["name"]: row["id"] for row in rows}

    def test_a_change_through_any_edge_is_live_on_both(self):
        self.assert_all_pass()
        self.assertEqual(self.tunnel_ids("a"), self.tunnel_ids("b"))
        for edge in "ab":
            self.apply(edge, self.lab.resources(DENY))
            seconds = self.both_have(self.lab.status(edge)["epoch"])
            print(f"live on both {seconds:.2f} s after apply returned")
            self.assert_all_refused()
            self.apply(edge, self.lab.resources())
            self.both_have(self.lab.status(edge)["epoch"])
            self.assert_all_pass()

    def test_edges_know_each_other(self):
        def rows():
            return json.loads(self.lab.ask("a", "edge", "list", "-o",
                                           "json").stdout)["edges"]
        epoch = self.lab.status("a")["epoch"]
        wait_for(lambda: [(r["edge"], r["epoch"]) for r in rows()] ==
                 [(self.lab.edge_name, epoch), (self.lab.other_name, epoch)],
                 "both edges are listed with their epoch", SLOW)
        same = self.lab.ask("a", "config", "diff", "--peer",
                            self.lab.other_name)
        self.assertIn("the same", same.stdout)

    def test_what_is_exported_can_be_imported(self):
        before = self.lab.ask("a", "config", "export").stdout
        path = self.lab.write("export.yaml", before)
        self.apply("b", self.lab.resources(DENY))
        self.both_have(self.lab.status("b")["epoch"])
        self.lab.ask("a", "config", "import", "-f", path)
        self.both_have(self.lab.status("a")["epoch"])
        after = self.lab.ask("b", "config", "export").stdout
        self.assertEqual(before.splitlines()[1:], after.splitlines()[1:])
        self.assert_all_pass()

    def test_without_etcd_edges_forward_restart_and_say_how_stale_they_are(
            self):
        self.assert_all_pass()
        epoch = self.lab.status("a")["epoch"]
        self.lab.kill_etcd()
        for edge in "ab":
            wait_for(lambda e=edge: not
                     self.lab.status(e)["fleet"]["reached"],
                     f"edge {edge} knows", SLOW)
            done = self.lab.ask(edge, "status", check=False)
            self.assertEqual(done.returncode, 5, done)
            self.assertIn("the fleet's store is not reached for", done.stdout)
        self.assert_all_pass()
        refused = self.apply("a", self.lab.resources(DENY), check=False)
        self.assertEqual(refused.returncode, 1, refused)
        self.assertRegex(refused.stderr,
                         r"^xdpctl: .*state store etcd://.*: nothing was "
                         r"changed, the edge goes on with epoch \d+\n$|"
                         r"^xdpctl: .*etcd.*nothing was changed.*\n$")
        self.lab.other_rampartd.stop(signal.SIGKILL)
        self.lab.start_other()
        self.assertEqual(self.lab.status("b")["epoch"], epoch)
        self.assertEqual(self.lab.status("b")["fleet"]["as_of"], None)
        self.assert_all_pass()
        self.lab.start_etcd()
        for edge in "ab":
            wait_for(lambda e=edge: self.lab.status(e)["fleet"]["reached"],
                     f"edge {edge} has etcd back", SLOW)
        self.apply("b", self.lab.resources(DENY))
        self.both_have(epoch + 1)
        self.assert_all_refused()
        self.apply("a", self.lab.resources())
        self.both_have(epoch + 2)
        self.assert_all_pass()

    def test_an_edge_that_was_away_catches_up_over_a_compaction(self):
        self.lab.other_rampartd.stop(signal.SIGKILL)
        resources = copy.deepcopy(self.lab.resources())
        for comment in ("one", "two", "three"):
            resources["tenants"][0]["vnets"][0]["comment"] = comment
            self.apply("a", resources)
        status = json.loads(self.lab.etcdctl("endpoint", "status", "-w",
                                             "json").stdout)
        revision = status[0]["Status"]["header"]["revision"]
        self.lab.etcdctl("compact", "--physical", revision)
        self.lab.start_other()
        self.both_have(self.lab.status("a")["epoch"])
        rows = json.loads(self.lab.ask("b", "vnet", "list", "-o",
                                       "json").stdout)["vnets"]
        self.assertEqual(rows[0]["comment"], "three")
        self.assert_all_pass()


if __name__ == "__main__":
    e2e.main()
