# SPDX-License-Identifier: Apache-2.0
"""Metrics of a live edge: names and types, limits of the endpoint, and that
the dashboard asks for what is there."""

import http.client
import json
import re
import socket
import tempfile
import time

import e2e
import edge_lab
import netlab

PORT = 9464
DASHBOARD = f"{edge_lab.ROOT}/packaging/grafana/rampart.json"
# What Grafana puts in place of its variables.
VARIABLES = {"$__rate_interval": "1m", "$instance": ".*"}
# Labels that Prometheus adds to what it scrapes.
OWN_LABELS = {"instance", "job"}


class MetricsLab(edge_lab.EdgeLab):
    """An edge that serves metrics on 127.0.0.1 or [::1] of its namespace."""

    address = "127.0.0.1"

    def edge_config(self):
        host = f"[{self.address}]" if ":" in self.address else self.address
        return (super().edge_config() +
                f'metrics: {{listen: "{host}:{PORT}"}}\n')


def samples(text):
    """(metric, labels, value) of the text format."""
    for line in text.splitlines():
        match = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
        if match:
            name, labels, value = match.groups()
            pairs = re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels or "")
            yield name, dict(pairs), float(value)


class MetricsTest(e2e.EdgeTest):

    @classmethod
    def make_lab(cls):
        return MetricsLab(cls.SITES, cls.MODE)

    def connect(self):
        connection = http.client.HTTPConnection(self.lab.address, PORT,
                                                timeout=60)
        with self.lab.edge.inside():
            connection.connect()
        self.addCleanup(connection.close)
        return connection

    def scrape(self):
        connection = self.connect()
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        self.assertEqual(answer.status, 200)
        self.assertIn("version=0.0.4", answer.getheader("Content-Type"))
        return answer.read().decode()

    def value(self, name, **labels):
        return sum(value for metric, have, value in samples(self.scrape())
                   if metric == name and labels.items() <= have.items())

    def talk(self):
        """A flow of each tenant and family."""
        for version in (4, 6):
            for tenant in e2e.TENANTS:
                self.echo(f"{tenant}-2", version, 7000 + version, tenant)
                sock = self.socket(f"{tenant}-1", version)
                self.ask(sock, (self.address_of(f"{tenant}-2", version),
                                7000 + version))

    def test_promtool_finds_nothing_wrong(self):
        self.talk()
        done = netlab.run(["promtool", "check", "metrics"],
                          stdin=self.scrape(), check=False)
        self.assertEqual((done.returncode, done.stdout + done.stderr),
                         (0, ""))

    def test_counters_follow_the_traffic(self):
        started = self.value("rampart_flows_started_total", tenant="globex")
        forwarded = self.value("rampart_tenant_packets_total",
                               tenant="globex", outcome="forwarded")
        self.talk()
        self.assertEqual(
            self.value("rampart_flows_started_total", tenant="globex"),
            started + 2)
        self.assertGreaterEqual(
            self.value("rampart_tenant_packets_total", tenant="globex",
                       outcome="forwarded"), forwarded + 4)
        self.assertGreaterEqual(self.value("rampart_flows", tenant="globex"), 2)

    def test_labels_do_not_grow_with_traffic(self):
        def series():
            return {(name, *sorted(labels.items()))
                    for name, labels, _ in samples(self.scrape())}
        before = series()
        self.talk()
        self.assertEqual(series(), before)

    def test_only_get_metrics_is_served(self):
        for method, path, status in (("POST", "/metrics", 405),
                                     ("DELETE", "/v1/apply", 405),
                                     ("GET", "/", 404),
                                     ("GET", "/v1/status", 404)):
            connection = self.connect()
            connection.request(method, path)
            self.assertEqual(connection.getresponse().status, status, path)

    def test_silent_and_endless_clients_are_shut_out(self):
        idle = [self.connect() for _ in range(8)]  # all there may be
        begin = time.monotonic()
        self.scrape()  # waits until the first of them has timed out
        self.assertLess(time.monotonic() - begin, 30)
        for connection in idle:
            self.assertEqual(connection.sock.recv(1), b"")
        endless = self.connect()
        endless.sock.settimeout(20)
        with self.assertRaises((ConnectionError, socket.timeout)):
            while True:
                endless.sock.sendall(b"X-Filler: " + b"x" * 4096 + b"\r\n")

    # --- the dashboard ---

    def expressions(self):
        with open(DASHBOARD, encoding="utf-8") as f:
            dashboard = json.load(f)
        self.assertEqual(dashboard["templating"]["list"][0]["type"],
                         "datasource")
        for panel in dashboard["panels"]:
            for target in panel.get("targets", []):
                self.assertEqual(target["datasource"]["uid"], "${datasource}")
                expression = target["expr"]
                for name, value in VARIABLES.items():
                    expression = expression.replace(name, value)
                yield panel["title"], expression

    def test_every_query_of_the_dashboard_parses(self):
        rules = [{"record": f"panel:{i}", "expr": expression}
                 for i, (_, expression) in enumerate(self.expressions())]
        self.assertGreater(len(rules), 20)
        with tempfile.NamedTemporaryFile("w", suffix=".json") as f:
            json.dump({"groups": [{"name": "dashboard", "rules": rules}]}, f)
            f.flush()
            netlab.run(["promtool", "check", "rules", f.name])

    def test_the_dashboard_asks_for_what_is_there(self):
        self.talk()
        labels = {}
        for name, have, _ in samples(self.scrape()):
            labels.setdefault(name, set(OWN_LABELS)).update(have)
        used = set()
        for title, expression in self.expressions():
            metrics = set(re.findall(r"rampart_\w+", expression))
            self.assertTrue(metrics, title)
            self.assertLessEqual(metrics, set(labels), title)
            used |= metrics
            asked = set(re.findall(r"(\w+)=~?\"", expression))
            for group in re.findall(r"by \(([^)]*)\)", expression):
                asked |= set(group.replace(" ", "").split(","))
            for metric in metrics:
                self.assertLessEqual(asked, labels[metric], title)
        unused = set(labels) - used - {"rampart_build_info"}
        self.assertEqual(unused, set())


class MetricsOverIpv6Test(MetricsTest):

    @classmethod
    def make_lab(cls):
        lab = super().make_lab()
        lab.address = "::1"
        return lab


if __name__ == "__main__":
    e2e.main()
