# SPDX-License-Identifier: Apache-2.0
"""The life of an edge: crash, restart, removal, changes around it."""

import contextlib
import os
import signal
import socket
import threading
import time

import e2e
import edge_lab
from edge_lab import CORE, EDGE, INET
from netlab import wait_for

PROBES = (("acme-1", "inet", 4), ("acme-1", "inet", 6),
          ("globex-1", "globex-2", 4), ("globex-1", "globex-2", 6))


class Probe:
    """A UDP flow of 250 numbered questions a second; knows which came back."""

    def __init__(self, test, client, server, version, port):
        test.echo(server, version, port, "probe")
        self._to = (test.address_of(server, version), port)
        self._sock = test.socket(client, version, port=port, timeout=0.2)
        self.name = f"{client} to {server}, IPv{version}"
        self.sent = 0
        self.answered = set()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=f, daemon=True)
                         for f in (self._send, self._receive)]
        for thread in self._threads:
            thread.start()
        test.addCleanup(self._stop.set)

    def _send(self):
        with contextlib.suppress(OSError):  # closed: the test is over
            while not self._stop.wait(0.004):
                self._sock.sendto(b"%d" % self.sent, self._to)
                self.sent += 1

    def _receive(self):
        while not (self._stop.is_set() and len(self.answered) == self.sent):
            try:
                answer = self._sock.recv(100)
                self.answered.add(int(answer.split()[-1]))
            except TimeoutError:
                if self._stop.is_set():
                    return
            except OSError:  # closed: the test is over
                return

    def advance(self, count=250):
        """Waits until this many more questions were asked."""
        target = self.sent + count
        wait_for(lambda: self.sent >= target, f"{self.name} goes on")

    def finish(self):
        """Returns the numbers that were lost."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        return sorted(set(range(self.sent)) - self.answered)


class LifeTest(e2e.EdgeTest):

    def setUp(self):
        if not self.lab.rampartd.running():  # a test before this one failed
            self.lab.start_edge()

    def start_probes(self):
        probes = [Probe(self, *probe, port=8000 + i)
                  for i, probe in enumerate(PROBES)]
        for probe in probes:
            wait_for(lambda p=probe: p.answered, f"{probe.name} is answered")
        return probes

    def mappings(self):
        rows = self.lab.show("nat", "session", "list")["sessions"]
        return {(r["tenant"], r["proto"], r["inside"], r["inside_port"]):
                (r["outside"], r["outside_port"]) for r in rows}

    def start_load(self, seconds):
        self.lab.start_iperf3(self.host("acme-2"))
        self.addCleanup(self.lab.processes[-1].stop)
        return self.host("acme-1").start(
            "iperf3", "-c", "10.2.0.9", "-b", "100M", "-t", seconds)

    def restart_loses_nothing(self, stop):
        probes = self.start_probes()
        load = self.start_load(4)
        before = self.mappings()
        self.assertTrue(before)
        stop()
        probes[0].advance()
        offline = self.lab.xdpctl("drop", "list", check=False)
        self.assertEqual(offline.returncode, 6, offline)
        self.lab.start_edge()
        probes[0].advance()
        for probe in probes:
            self.assertEqual(probe.finish(), [], probe.name)
        self.assertEqual(load.wait(60), 0, load.output())
        status = self.lab.show("status")
        self.assertTrue(status["adopted"])
        self.assertGreaterEqual(status["flows"]["adopted"], len(PROBES))
        after = self.mappings()
        for key, outside in before.items():
            self.assertEqual(after.get(key), outside, key)
        self.new_flows_work()

    def new_flows_work(self):
        for version in (4, 6):
            out = self.host("globex-1").run(
                "ping", "-c", 1, "-W", 20, INET[version]).stdout
            self.assertIn("1 received", out)

    def test_kill_9_under_load_loses_no_packet_of_a_live_flow(self):
        def kill():
            self.lab.rampartd.stop(signal.SIGKILL)
        self.restart_loses_nothing(kill)

    def test_a_restart_loses_no_packet_of_a_live_flow(self):
        def stop():
            self.assertEqual(self.lab.rampartd.stop(), 0)
        self.restart_loses_nothing(stop)

    def test_the_hosts_own_traffic_is_untouched(self):
        for version in (4, 6):
            with self.subTest(version=version):
                out = self.host("inet").run("ping", "-c", 3, "-i", "0.2",
                                            EDGE[version]).stdout
                self.assertIn("3 received", out)
                out = self.lab.edge.run("ping", "-c", 3, "-i", "0.2",
                                        INET[version]).stdout
                self.assertIn("3 received", out)
                self.tcp_server("edge", version, 22, e2e.count_bytes)
                client = self.socket("inet", version, socket.SOCK_STREAM)
                client.connect((EDGE[version], 22))
                self.assertEqual(e2e.transfer(client, 1_000_000), 1_000_000)
                self.tcp_server("inet", version, 2222, e2e.count_bytes)
                client = self.lab.edge.socket(e2e.FAMILY[version],
                                              socket.SOCK_STREAM)
                self.addCleanup(client.close)
                client.settimeout(20)
                client.connect((INET[version], 2222))
                self.assertEqual(e2e.transfer(client, 1_000_000), 1_000_000)

    def address_of(self, name, version):
        return (EDGE[version] if name == "edge"
                else super().address_of(name, version))

    def test_a_neighbour_may_change_its_mac(self):
        probes = self.start_probes()
        core = self.lab.core
        old = core.mac("edge")
        core.sysctl({"net/ipv4/conf/edge/arp_notify": 1,
                     "net/ipv6/conf/edge/ndisc_notify": 1})
        core.ip("link set edge address 02:00:00:00:0c:01")
        self.addCleanup(core.ip, f"link set edge address {old}")
        self.all_recover(probes)

    def all_recover(self, probes):
        for probe in probes:
            asked = probe.sent
            wait_for(lambda p=probe, n=asked: max(p.answered) > n,
                     f"{probe.name} is answered again")
            probe.finish()

    def test_the_default_gateway_may_change(self):
        probes = self.start_probes()
        core, edge = self.lab.core, self.lab.edge
        core.sysctl({"net/ipv4/conf/all/arp_ignore": 1})  # each its own MAC
        core.ip("link add link edge name edge2 type macvlan mode bridge",
                "link set edge2 up",
                "addr add 192.0.2.253/32 dev edge2",
                "addr add 2001:db8::fd/128 dev edge2 nodad")
        self.addCleanup(core.ip, "link del edge2")
        sniffer = core.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self.addCleanup(sniffer.close)
        sniffer.bind(("edge2", 3))  # ETH_P_ALL
        sniffer.settimeout(20)
        edge.ip("route replace default via 192.0.2.253",
                "route replace ::/0 via 2001:db8::fd")
        self.addCleanup(edge.ip, f"route replace default via {CORE[4]}",
                        f"route replace ::/0 via {CORE[6]}")
        mac = bytes.fromhex(core.mac("edge2").replace(":", ""))
        seen = set()

        def both_families_arrive():
            frame = sniffer.recv(2000)
            if frame[:6] == mac and frame[12:14] in (b"\x08\x00", b"\x86\xdd"):
                if frame[23 if frame[12] == 8 else 20] == socket.IPPROTO_UDP:
                    seen.add(frame[12:14])
            return len(seen) == 2
        wait_for(both_families_arrive, "packets go to the new gateway",
                 interval=0)
        self.all_recover(probes)


class DetachTest(e2e.EdgeTest):

    def links(self):
        out = self.lab.edge.run("ip", "-d", "link", "show").stdout
        names = {line.split()[1].split("@")[0].rstrip(":")
                 for line in out.splitlines() if not line.startswith(" ")}
        return names, "xdp" in out

    def test_detach_removes_everything(self):
        pins = f"{edge_lab.BPFFS}/rampart/{self.lab.edge_name}"
        names, xdp = self.links()
        self.assertTrue(xdp)
        self.assertTrue(os.path.isdir(pins))
        self.lab.rampartd.stop(signal.SIGKILL)
        self.lab.detach()
        after, xdp = self.links()
        self.assertFalse(xdp)
        self.assertFalse(os.path.exists(pins))
        self.assertEqual(after, {"lo", "eth0"} | {
            s.edge_device for s in self.lab.sites.values()
            if s.profile == "interface"}, f"before: {names}")
        out = self.host("inet").run("ping", "-c", 1, EDGE[4]).stdout
        self.assertIn("1 received", out)
        self.lab.detach()  # nothing to do is no mistake
        self.lab.start_edge()  # and the edge can begin again
        begin = time.monotonic()
        out = self.host("acme-1").run("ping", "-c", 1, "-W", 20,
                                      "10.2.0.9").stdout
        self.assertIn("1 received", out)
        self.assertLess(time.monotonic() - begin, 20)


if __name__ == "__main__":
    e2e.main()
