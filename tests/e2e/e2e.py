# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end tests share: a lab per test class, clients, servers."""

import contextlib
import os
import socket
import struct
import sys
import threading
import unittest

_HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, f"{_HERE}/../../tools/lab")

# pylint: disable=wrong-import-position
import edge_lab
from edge_lab import INET

FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
TENANTS = ("acme", "globex")
SKIPPED = 77  # exit status that CTest shows as "Skipped"


class EdgeTest(unittest.TestCase):
    """Test cases of one class share a lab whose edge runs."""

    SITES = edge_lab.STANDARD
    POLICIES = None  # as for EdgeLab.resources()
    MODE = "auto"

    @classmethod
    def setUpClass(cls):
        cls.lab = cls.make_lab()
        cls.enterClassContext(cls.lab)
        cls.lab.start_edge()
        cls.lab.apply(cls.lab.resources(cls.POLICIES))

    @classmethod
    def make_lab(cls):
        return edge_lab.EdgeLab(cls.SITES, cls.MODE)

    def run(self, result=None):
        """After a failure, tells what the edge saw."""
        before = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > before:
            print(f"--- {self.id()}", file=sys.stderr)
            for command in (["drop", "list"], ["flow", "list"]):
                done = self.lab.xdpctl(*command, check=False)
                print(done.stdout, done.stderr, file=sys.stderr)
            print(self.lab.rampartd.output()[-4000:], file=sys.stderr)

    # --- hosts ---

    def site(self, name):
        return self.lab.sites[name]

    def host(self, name):
        return self.lab.hosts[name]

    def address_of(self, name, version):
        return (INET[version] if name == "inet"
                else self.site(name).address(version))

    # --- sockets ---

    def socket(self, host, version, kind=socket.SOCK_DGRAM, port=None,
               timeout=20.0):
        """A socket on `host`; with a port, bound to its own address."""
        sock = self.host(host).socket(FAMILY[version], kind)
        self.addCleanup(sock.close)
        sock.settimeout(timeout)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if port is not None:
            sock.bind((self.address_of(host, version), port))
        return sock

    def echo(self, host, version, port, word):
        """A UDP server that answers "<word>: <question>". Returns the list of
        the clients' addresses, which grows."""
        sock = self.socket(host, version, port=port)
        return Server(self, sock, lambda s, seen: _answer(s, seen, word)).seen

    def ask(self, sock, destination, question=b"?"):
        """One question, one answer, no second try."""
        sock.sendto(question, destination)
        return sock.recv(65536)

    def tcp_server(self, host, version, port, handle):
        """Calls handle(connection) for each connection, in threads."""
        sock = self.socket(host, version, socket.SOCK_STREAM, port)
        sock.listen(16)

        def accept(listener, seen):
            connection, peer = listener.accept()
            seen.append(peer[:2])

            def serve():
                with connection, contextlib.suppress(OSError):
                    connection.settimeout(60)
                    handle(connection)
            threading.Thread(target=serve, daemon=True).start()
        return Server(self, sock, accept).seen

    # --- what the edge counts ---

    def drops(self):
        """Packets by reason."""
        counts = {}
        for row in self.lab.show("drop", "list")["drops"]:
            counts[row["reason"]] = (counts.get(row["reason"], 0) +
                                     row["packets"])
        return counts

    @contextlib.contextmanager
    def assert_drops(self, **expected):
        """The block makes exactly these drops (reason=packets)."""
        before = self.drops()
        yield
        after = self.drops()
        new = {reason: after[reason] - before.get(reason, 0)
               for reason in after
               if after[reason] != before.get(reason, 0)}
        self.assertEqual(new, expected)

    def checksum_errors(self, host):
        """Packets that this host's stack found corrupt."""
        def read(path):
            return self.host(host).run("cat", path).stdout.splitlines()
        total = sum(int(line.split()[1]) for line in read("/proc/net/snmp6")
                    if "InCsumErrors" in line)
        lines = read("/proc/net/snmp")  # pairs: names, values
        for names, values in zip(lines[::2], lines[1::2]):
            row = dict(zip(names.split(), values.split()))
            total += int(row.get("InCsumErrors", 0))
        return total


class Server:
    """Calls step(socket, seen) in a thread until the socket closes."""

    def __init__(self, test, sock, step):
        self.seen = []
        self._sock = sock
        self._step = step
        self._stop = False
        sock.settimeout(0.1)
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self._thread.start()
        test.addCleanup(self._end)

    def _loop(self):
        while not self._stop:
            with contextlib.suppress(OSError):
                self._step(self._sock, self.seen)

    def _end(self):
        self._stop = True
        self._thread.join()


def _answer(sock, seen, word):
    question, client = sock.recvfrom(65536)
    seen.append(client[:2])
    sock.sendto(word.encode() + b": " + question, client)


def tcp_info(sock):
    """Some of struct tcp_info (linux/tcp.h)."""
    data = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    return {"snd_mss": struct.unpack_from("I", data, 16)[0],
            "retransmits": struct.unpack_from("I", data, 100)[0]}


def transfer(sock, size):
    """Sends `size` bytes and half-closes; returns how many the other side
    says it got (8 bytes)."""
    block = bytes(range(256)) * 256
    left = size
    while left > 0:
        left -= sock.send(block[:min(left, len(block))])
    sock.shutdown(socket.SHUT_WR)
    return struct.unpack("!Q", sock.recv(8, socket.MSG_WAITALL))[0]


def count_bytes(connection):
    """The server for transfer()."""
    total = 0
    while data := connection.recv(1 << 16):
        total += len(data)
    connection.sendall(struct.pack("!Q", total))


def main():
    if os.geteuid() != 0:
        print("SKIPPED: needs root, for network namespaces and BPF",
              file=sys.stderr)
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
