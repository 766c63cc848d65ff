# SPDX-License-Identifier: Apache-2.0
"""A tunnel with two peers: its flows are shared by weight, and go on through
the other peer when one is killed."""

import json
import signal
import time

import e2e
from e2e import edge_lab
from edge_lab import EDGE, VNIS
from netlab import wait_for

SITES = (edge_lab.Site("acme", 1, "none"), edge_lab.Site("acme", 2, "none"))
WEIGHTS = (90, 10)
FLOWS = 1000


class PeersLab(edge_lab.EdgeLab):
    """Site 2 has two ends of its tunnel, each a gue_tun of its own: tun0, and
    tun1 for the time without it."""

    def _second(self, site):
        address = site.underlay(site.outer)
        return f"{address[:-1]}2"

    def remotes(self):
        site = self.sites["acme-2"]
        return [site.underlay(site.outer), self._second(site)]

    def start_tunnel(self, site):
        if site.number != 2:
            return super().start_tunnel(site)
        length = 24 if site.outer == 4 else 64
        site.host.ip(f"addr add {self._second(site)}/{length} dev eth0"
                     f"{'' if site.outer == 4 else ' nodad'}",
                     f"addr add {site.address(4)}/32 dev lo",
                     f"addr add {site.address(6)}/128 dev lo")
        self.ends = [self.start_end(i) for i in range(2)]
        return self.ends[0]

    def start_end(self, number):
        site = self.sites["acme-2"]
        device = f"tun{number}"
        end = site.host.start(
            f"{edge_lab.build_dir()}/lab/gue_tun", "--local",
            self.remotes()[number], "--remote", EDGE[site.outer],
            "--profile", "none", f"{device}={VNIS[site.tenant]}",
            log=f"end{number}-{time.monotonic_ns()}.log")
        wait_for(lambda: "ready" in end.output() or not end.running(),
                 f"end {number} is ready")
        metric = 10 * (number + 1)
        site.host.ip(f"link set {device} txqueuelen 1000 up",
                     f"route add default dev {device} metric {metric}",
                     f"route add ::/0 dev {device} metric {metric}")
        return end

    def _tunnel(self, site):
        tunnel = super()._tunnel(site)
        if site.number != 2:
            return tunnel
        tunnel["peers"] = [
            {"remote": remote, "auth": "none", "weight": weight,
             "labels": {"release": release}}
            for remote, weight, release in
            zip(self.remotes(), WEIGHTS, ("stable", "canary"))]
        tunnel["probe"] = {"targets": [site.address(4), site.address(6)]}
        return tunnel


class PeersTest(e2e.EdgeTest):
    OUTER = 4

    @classmethod
    def make_lab(cls):
        return PeersLab([edge_lab.Site(s.tenant, s.number, s.profile,
                                       outer=cls.OUTER) for s in SITES])

    def setUp(self):
        self.wait_for_peers("up", "up")

    def tunnel(self):
        rows = self.lab.show("tunnel", "list")["tunnels"]
        return [row for row in rows if row["name"] == "site2"][0]

    def wait_for_peers(self, *states):
        wait_for(lambda: [p["state"] for p in self.tunnel()["peers"]] ==
                 list(states), f"peers are {states}", timeout=60)

    def received(self, device):
        """Packets that came out of one end of the tunnel."""
        out = self.host("acme-2").run("ip", "-j", "-s", "link", "show",
                                      device).stdout
        return json.loads(out)[0]["stats64"]["rx"]["packets"]

    def kill(self, number):
        self.lab.ends[number].stop(signal.SIGKILL)

    def revive(self, number):
        self.lab.ends[number] = self.lab.start_end(number)

    def started(self):
        return self.lab.show("status")["flows"]["started"]

    def test_flows_are_shared_by_weight(self):
        for version in (4, 6):
            with self.subTest(version=version):
                self.echo("acme-2", version, 7, "two")
                destination = (self.address_of("acme-2", version), 7)
                before = [self.received(f"tun{i}") for i in range(2)]
                for _ in range(FLOWS):
                    sock = self.socket("acme-1", version)
                    self.ask(sock, destination)
                    sock.close()
                got = [self.received(f"tun{i}") - before[i] for i in range(2)]
                # Probes go through both alike, as many as there was time for.
                share = (got[0] - got[1]) / FLOWS
                print(f"IPv{version}: {got} of {FLOWS} flows", flush=True)
                self.assertAlmostEqual(share, 0.8, delta=0.07)

    def test_a_killed_peer_loses_no_flow(self):
        for version in (4, 6):
            with self.subTest(version=version):
                self.fail_over(version)

    def fail_over(self, version):
        """Twenty conversations and iperf3 while one end is killed."""
        self.echo("acme-2", version, 8, "two")
        destination = (self.address_of("acme-2", version), 8)
        talks = [self.socket("acme-1", version, timeout=0.05)
                 for _ in range(20)]
        for sock in talks:
            self.ask_until(sock, destination)
        self.lab.start_iperf3(self.host("acme-2"), 5300 + version)
        iperf3 = self.start_iperf3_client(destination[0], 5300 + version)
        started = self.started()
        self.kill(0)
        killed = time.monotonic()
        gaps = []
        for sock in talks:
            self.ask_until(sock, destination)
            gaps.append(time.monotonic() - killed)
        print(f"IPv{version}: all answered {max(gaps):.2f} s after the kill",
              flush=True)
        # Half of it on a computer that does nothing else.
        self.assertLess(max(gaps), 5)
        self.wait_for_peers("down", "up")
        self.assertEqual(self.tunnel()["state"], "degraded")
        route = self.lab.xdpctl("route", "get", destination[0]).stdout
        self.assertIn("degraded 1 of 2 peers", route)
        self.assertIn(f"peer {self.lab.remotes()[0]} is down",
                      self.lab.rampartd.output())
        # The same entries: no conversation has begun anew.
        self.assertEqual(self.started(), started)
        result = iperf3()
        self.assertGreater(result["intervals"][-2]["sum"]["bytes"], 0)
        self.revive(0)
        self.wait_for_peers("up", "up")
        for sock in talks:
            self.ask_until(sock, destination)

    def ask_until(self, sock, destination, timeout=30):
        """Asks until there is an answer."""
        def answered():
            try:
                return self.ask(sock, destination)
            except TimeoutError:
                return None
        wait_for(answered, "an answer", timeout, interval=0)

    def start_iperf3_client(self, address, port):
        """Runs one, and returns what waits for its result once it sends."""
        client = self.host("acme-1").start(
            "iperf3", "-c", address, "-p", port, "-t", 12, "-J", "-b", "20M",
            log=f"iperf3-{port}.log")
        before = self.received("tun0") + self.received("tun1")
        wait_for(lambda: self.received("tun0") + self.received("tun1") >
                 before + 500, "iperf3 sends")

        def result():
            self.assertEqual(client.wait(90), 0, client.output())
            return json.loads(client.output())
        return result


class PeersOverIpv6Test(PeersTest):
    OUTER = 6


if __name__ == "__main__":
    e2e.main()
