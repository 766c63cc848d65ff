# SPDX-License-Identifier: Apache-2.0
"""The books of an edge balance, also when packets are lost where none of our
programs sees them."""

import contextlib
import os
import signal
import socket
import struct

import e2e
import edge_lab
from netlab import wait_for

PACKETS = 1_000_000
RATE = 200_000  # a second, at most
SITE = "acme-3"  # behind an interface of the edge
PORT = 7777


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


class LedgerTest(e2e.EdgeTest):

    def status(self):
        return self.lab.show("status")

    def book(self, device):
        return next(row for row in self.status()["devices"]
                    if row["name"] == device)

    def lost(self, loss, device):
        return sum(row["packets"] for row in self.status()["losses"]
                   if (row["id"], row["device"]) == (loss, device))

    @property
    def device(self):
        return self.site(SITE).edge_device

    def assert_balanced(self):
        """What is being handled is in no book yet, so not at once."""
        wait_for(lambda: all(row["gap"] == 0
                             for row in self.status()["devices"]),
                 "every device's books balance")
        for row in self.status()["devices"]:
            self.assertEqual(
                row["rx"], row["forwarded"] + row["passed"] + row["punted"] +
                row["dropped"], row["name"])
        wait_for(lambda: self.status()["punts"]["in_rings"] == 0,
                 "punts are taken")
        punts = self.status()["punts"]
        self.assertEqual(punts["sent"], punts["total"] + punts["lost"])
        self.assertEqual(punts["total"], sum(
            punts[what] for what in ("injected", "dropped", "answered",
                                     "waiting")))

    @contextlib.contextmanager
    def controller_stopped(self):
        """The data plane goes on with what it knows."""
        pid = self.lab.rampartd.pid
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def flow_to_the_site(self, version):
        """A socket of acme-1 that SITE has answered."""
        self.echo(SITE, version, PORT + version, "site")
        sock = self.socket("acme-1", version)
        sock.connect((self.address_of(SITE, version), PORT + version))
        sock.send(b"?")
        sock.recv(100)
        return sock

    def frame(self):
        """An IPv4 UDP packet of SITE to the Internet."""
        site = self.site(SITE)
        to = bytes.fromhex(self.lab.edge.mac(self.device).replace(":", ""))
        of = bytes.fromhex(site.host.mac("eth0").replace(":", ""))
        source = bytes(map(int, site.address(4).split(".")))
        destination = bytes(map(int, edge_lab.INET[4].split(".")))
        head = struct.pack("!BBHHHBBH", 0x45, 0, 92, 1, 0x4000, 64, 17, 0)
        head = head[:10] + struct.pack(
            "!H", checksum(head + source + destination))
        udp = struct.pack("!HHHH", 4000, 53, 72, 0) + bytes(64)
        return to + of + b"\x08\x00" + head + source + destination + udp

    def test_a_million_packets_leave_no_gap(self):
        self.assert_balanced()
        before = self.book(self.device)
        self.site(SITE).host.run(
            f"{edge_lab.build_dir()}/tests/blast", "send", "eth0", PACKETS,
            RATE, 1, f"{self.frame().hex()}:14", timeout=120)
        wait_for(lambda: self.book(self.device)["rx"] >=
                 before["rx"] + PACKETS * 99 // 100, "they are received", 60)
        self.assert_balanced()
        after = self.book(self.device)
        self.assertGreater(after["dropped"], before["dropped"])
        self.assertGreater(after["forwarded"], before["forwarded"])

    def test_a_restart_does_not_lose_the_books(self):
        socks = [self.flow_to_the_site(version) for version in (4, 6)]
        self.assert_balanced()
        before = self.book("eth0")
        self.lab.rampartd.stop()
        for sock in socks:
            for _ in range(100):
                sock.send(b"?")
                sock.recv(100)
        self.lab.start_edge()
        self.assert_balanced()
        after = self.book("eth0")
        self.assertGreaterEqual(after["rx"], before["rx"] + 200)
        self.assertGreaterEqual(after["forwarded"], before["forwarded"] + 200)

    def test_redirects_to_a_device_that_is_down_are_counted(self):
        socks = [self.flow_to_the_site(version) for version in (4, 6)]
        before = self.lost("RP-KRN-001", "eth0")
        with self.controller_stopped():
            self.lab.edge.ip(f"link set {self.device} down")
            for sock in socks:
                for _ in range(10):
                    sock.send(b"?")
            # Somebody else's packets, sent behind them, have come through.
            self.pass_by()
            self.lab.edge.ip(f"link set {self.device} up")
        self.lab.edge.ip(
            f"addr replace {self.site(SITE).gateway(6)}/48 dev {self.device} "
            "nodad")
        wait_for(lambda: self.lost("RP-KRN-001", "eth0") == before + 20,
                 "20 redirects have failed")
        self.assert_balanced()

    def pass_by(self):
        """A question and its answer through the uplink, without controller."""
        with self.lab.core.socket(e2e.FAMILY[4], socket.SOCK_DGRAM) as s:
            s.settimeout(20)
            s.connect((edge_lab.EDGE[4], 9))
            s.send(b"?")
            with contextlib.suppress(ConnectionRefusedError):
                s.recv(1)

    def test_redirects_of_frames_that_are_too_long_are_counted(self):
        socks = [self.flow_to_the_site(version) for version in (4, 6)]
        before = self.lost("RP-KRN-002", "eth0")
        with self.controller_stopped():
            self.lab.edge.ip(f"link set {self.device} mtu 1280")
            for sock in socks:
                sock.send(bytes(1300))
            self.pass_by()
            self.lab.edge.ip(f"link set {self.device} mtu 1500")
        wait_for(lambda: self.lost("RP-KRN-002", "eth0") == before + 2,
                 "two redirects have failed")
        self.assert_balanced()

    def test_punts_that_find_the_ring_full_are_counted(self):
        def lost():
            return (self.lost("RP-KRN-007", self.device) +
                    self.lost("RP-KRN-008", self.device))
        self.assert_balanced()
        before = lost()
        destination = edge_lab.INET[4]
        sock = self.socket(SITE, 4)
        with self.controller_stopped():
            for port in range(20000, 50000):
                sock.sendto(b"?", (destination, port))
        wait_for(lambda: lost() > before, "punts were lost")
        self.assert_balanced()


if __name__ == "__main__":
    e2e.main()
