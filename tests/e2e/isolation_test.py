# SPDX-License-Identifier: Apache-2.0
"""Nothing crosses tenants, whatever is sent."""

import os
import socket
import struct

import e2e
from e2e import edge_lab
from edge_lab import EDGE, INET, KEYS, VNIS
from netlab import wait_for

# pylint: disable=wrong-import-order
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Raw

WORDS = {"acme": b"packet-from-acme", "globex": b"packetfromglobex"}
PACKETS = 1_000_000
RATE = 75_000  # a second and sender; what this runs on has few processors


def gre_key_header(vni, inner):
    ether_type = 0x86dd if inner.version == 6 else 0x0800
    return struct.pack("!BBHHHI", 0, 47, 0, 0x2000, ether_type, vni)


def plain_header(_, inner):
    return struct.pack("!BBH", 0, 41 if inner.version == 6 else 4, 0)


class IsolationTest(e2e.EdgeTest):

    # --- forged ---

    def forge(self, site, header, inner):
        """Sends one tunnel packet from a site's endpoint."""
        site = self.site(site)
        sock = self.socket(site.name, site.outer)
        sock.sendto(header + bytes(inner), (EDGE[site.outer], 6080))

    def inner_packet(self, version, source, destination):
        ip = IP if version == 4 else IPv6
        return (ip(src=self.site(source).address(version),
                   dst=self.site(destination).address(version)) /
                UDP(sport=1, dport=7) / Raw(b"forged packet"))

    def assert_dropped(self, reason, send):
        before = self.drops().get(reason, 0)
        send()
        wait_for(lambda: self.drops().get(reason, 0) == before + 1,
                 f"one more {reason}, exactly")

    def test_a_peer_that_forges_another_tenants_vni_is_refused_and_named(self):
        for version in (4, 6):
            with self.subTest(version=version):
                inner = self.inner_packet(version, "acme-2", "acme-1")
                header = gre_key_header(VNIS["acme"], inner)
                self.assert_dropped(
                    "VNI_REFUSED",
                    lambda h=header, i=inner: self.forge("globex-2", h, i))
        rows = self.lab.show("drop", "list")["drops"]
        row = [r for r in rows if r["reason"] == "VNI_REFUSED"][0]
        self.assertEqual(row["id"], "RP-TEN-002")
        self.assertEqual(row["device"], "eth0")

    def test_an_unknown_vni_is_refused(self):
        inner = self.inner_packet(4, "globex-2", "globex-1")
        self.assert_dropped("VNI_REFUSED", lambda: self.forge(
            "globex-2", gre_key_header(31337, inner), inner))

    def test_a_packet_without_the_peers_authentication_is_refused(self):
        inner = self.inner_packet(4, "globex-1", "globex-2")
        self.assert_dropped("GUE_SEC", lambda: self.forge(
            "globex-1", plain_header(0, inner), inner))

    def test_a_wrong_key_is_refused(self):
        site = self.site("globex-1")
        gue_tun = [p for p in self.lab.processes
                   if p.log.endswith("globex-1-gue_tun.log")][0]
        gue_tun.stop()
        good = KEYS["mac"]
        try:
            KEYS["mac"] = good[::-1]
            bad = self.lab.start_tunnel(site)
            before = self.drops().get("GUE_MAC", 0)
            out = site.host.run("ping", "-c", 1, "-W", 1, "10.2.0.9",
                                check=False).stdout
            self.assertIn("0 received", out)
            wait_for(lambda: self.drops().get("GUE_MAC", 0) > before,
                     "the forgery is counted")
            bad.stop()
        finally:
            KEYS["mac"] = good
        self.lab.start_tunnel(site)
        out = site.host.run("ping", "-c", 1, "-W", 20, "10.2.0.9").stdout
        self.assertIn("1 received", out)

    def test_a_source_that_is_not_behind_the_tunnel_is_refused(self):
        for version in (4, 6):
            with self.subTest(version=version):
                inner = self.inner_packet(version, "acme-3", "acme-2")
                self.assert_dropped("SPOOFED", lambda i=inner: self.forge(
                    "acme-1", plain_header(0, i), i))

    # --- a million broken packets ---

    def templates(self, site, headers):
        """Frames that `site` might send, for blast: hex:inner."""
        site = self.site(site)
        port = f"site{site.index}"
        outer_ip = (IP(src=site.underlay(4), dst=EDGE[4], flags="DF")
                    if site.outer == 4 else
                    IPv6(src=site.underlay(6), dst=EDGE[6]))
        outer = (Ether(dst=self.lab.core.mac(port),
                       src=site.host.mac("eth0")) / outer_ip /
                 UDP(sport=50000, dport=6080))
        for inner in self.inner_templates(site):
            for header in headers:
                head = header(inner)
                frame = bytes(outer / Raw(head + bytes(inner)))
                at = len(frame) - len(inner)
                yield f"{frame.hex()}:{at}"

    def inner_templates(self, site):
        word = Raw(WORDS[site.tenant])
        for version in (4, 6):
            ip = IP if version == 4 else IPv6
            ping = ICMP if version == 4 else ICMPv6EchoRequest
            others = [s.address(version) for s in self.lab.sites.values()
                      if s.tenant == site.tenant and s is not site]
            for destination in (*others, INET[version]):
                head = ip(src=site.address(version), dst=destination)
                yield head / UDP(sport=1024, dport=7) / word
                yield head / TCP(sport=1024, dport=80) / word
                yield head / ping(id=7) / word

    def start_counters(self, blast):
        counters = {}
        for site in self.lab.sites.values():
            device = "eth0" if site.profile == "interface" else "tun0"
            counters[site.name] = site.host.start(
                blast, "count", device, *[w.decode() for w in WORDS.values()],
                log=f"{site.name}-count.log")
        for name, counter in counters.items():
            wait_for(lambda c=counter: "ready" in c.output(), f"{name} counts")
        return counters

    def test_of_a_million_broken_packets_none_crosses(self):
        blast = f"{edge_lab.build_dir()}/tests/blast"
        counters = self.start_counters(blast)
        senders = {
            "acme-1": [lambda i: plain_header(0, i)],
            "globex-2": [lambda i, v=v: gre_key_header(v, i)
                         for v in (VNIS["globex"], VNIS["globex"],
                                   VNIS["acme"])],
        }
        seed = int.from_bytes(os.urandom(3), "big")
        print(f"seed {seed}", flush=True)
        running = [
            self.host(name).start(
                blast, "send", "eth0", PACKETS // len(senders), RATE,
                seed + n, *self.templates(name, headers))
            for n, (name, headers) in enumerate(senders.items())]
        for sender in running:
            self.assertEqual(sender.wait(240), 0, sender.output())
        delivered = dict.fromkeys(WORDS, 0)
        for name, counter in counters.items():
            self.assertEqual(counter.stop(timeout=30), 0, name)
            counts = dict(line.split() for line in
                          counter.output().splitlines()[1:])
            self.assertEqual(counts["missed"], "0", name)
            for tenant, word in WORDS.items():
                packets = int(counts[word.decode()])
                if tenant == self.site(name).tenant:
                    delivered[tenant] += packets
                else:
                    self.assertEqual(packets, 0, f"{tenant} reached {name}")
        print(f"of {PACKETS} packets arrived: {delivered}", flush=True)
        for tenant, packets in delivered.items():
            self.assertGreater(packets, PACKETS / 100, tenant)
        self.edge_is_well()

    def edge_is_well(self):
        """Site to site; the pool's blocks are all taken by now, as each of
        the many source addresses in 10.1.0.0/16 had a right to one."""
        self.assertTrue(self.lab.rampartd.running())
        for name in ("acme-3", "globex-3"):
            for to in ("10.2.0.9", "fd00:2::9"):
                wait_for(lambda h=self.host(name), t=to: "1 received" in h.run(
                    "ping", "-c", 1, "-W", 1, t, check=False).stdout,
                         f"{name} reaches {to}")


if __name__ == "__main__":
    e2e.main()
