# SPDX-License-Identifier: Apache-2.0
"""What xdpctl tells when the controller is gone: the same as before."""

import json
import signal

import e2e

OFFLINE = 6


class OfflineTest(e2e.EdgeTest):

    def offline(self, *args):
        """The document, which must say where it comes from."""
        done = self.lab.xdpctl("--state", f"{self.lab.dir}/state.db", *args,
                               "-o", "json", check=False)
        self.assertEqual(done.returncode, OFFLINE, done)
        self.assertIn("the controller is down: this is from the pins of edge "
                      f"{self.lab.edge_name}", done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 1)
        return json.loads(done.stdout)

    @staticmethod
    def flows(document):
        """Rows without what time or only the controller changes."""
        volatile = ("idle_s", "expires_in_s", "rule")
        return sorted(json.dumps({k: v for k, v in row.items()
                                  if k not in volatile})
                      for row in document["flows"])

    @staticmethod
    def mappings(document):
        keys = ("tenant", "vnet", "proto", "inside", "inside_port",
                "outside", "outside_port", "flows")
        return sorted(json.dumps([row[k] for k in keys])
                      for row in document["sessions"])

    @staticmethod
    def configured(document):
        """Without what only a controller knows: who answers its probes."""
        for row in document.get("tunnels", ()):
            row.pop("state", None)
            for peer in row["peers"]:
                for key in ("state", "rtt_ms", "since"):
                    peer.pop(key, None)
        return document

    def talk(self):
        for version in (4, 6):
            self.echo("inet", version, 7001, "inet")
            client = self.socket("acme-1", version, port=7001)
            self.ask(client, (self.address_of("inet", version), 7001))
            self.echo("globex-2", version, 7002, "peer")
            client = self.socket("globex-1", version, port=7002)
            self.ask(client, (self.address_of("globex-2", version), 7002))

    def test_answers_stay_the_same(self):
        self.talk()
        lists = [(kind, "list") for kind in
                 ("tenant", "vnet", "tunnel", "route", "policy")]
        lists.append(("route", "get", "--vnet", "acme/main", "8.8.8.8"))
        before = [self.configured(self.lab.show(*words)) for words in lists]
        flows = self.lab.show("flow", "list")
        mappings = self.lab.show("nat", "session", "list")
        devices = self.lab.show("dev", "list")["devices"]
        self.assertGreaterEqual(len(flows["flows"]), 4)
        self.lab.rampartd.stop(signal.SIGKILL)
        self.assertEqual([self.configured(self.offline(*words))
                          for words in lists], before)
        self.assertEqual(self.flows(self.offline("flow", "list")),
                         self.flows(flows))
        self.assertEqual(
            self.mappings(self.offline("nat", "session", "list")),
            self.mappings(mappings))
        now = self.offline("dev", "list")["devices"]
        self.assertEqual(
            {(d["name"], d["role"], d["mode"], d["tunnel"]) for d in now},
            {(d["name"], d["role"], d["mode"], d["tunnel"])
             for d in devices})
        status = self.offline("status")
        self.assertEqual(status["flows"]["now"], len(flows["flows"]))
        self.assertIn("no controller", status["degraded"][0])
        self.offline("drop", "list")
        self.offline("map", "list")
        done = self.lab.xdpctl("nat", "pool", "list", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("only the controller can tell", done.stderr)


if __name__ == "__main__":
    e2e.main()
