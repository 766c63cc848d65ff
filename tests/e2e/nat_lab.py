# SPDX-License-Identifier: Apache-2.0
"""What the NAT tests share: pools of all kinds, an Internet host with two
addresses, and a watch that sees every packet that leaves the edge."""

import contextlib
import functools
import ipaddress
import itertools
import select
import socket
import struct
import threading

import e2e
from e2e import FAMILY, edge_lab
from edge_lab import EDGE, INET

INET2 = {4: "198.51.100.11", 6: "2001:db8:100::11"}
PRIVATE = [ipaddress.ip_network(n) for n in ("10.0.0.0/8", "fd00::/8")]
PACKET_OUTGOING = 4  # linux/if_packet.h
ETH_P_ALL = 3
# Level and number of IP_RECVERR and IPV6_RECVERR.
RECEIVE_ERRORS = {4: (socket.IPPROTO_IP, 11), 6: (socket.IPPROTO_IPV6, 25)}
UNREACHABLE = {4: (3, 1), 6: (1, 3)}  # what exhaustion is told by
SITES = (edge_lab.Site("acme", 1), edge_lab.Site("globex", 1))


def cases(**values):
    """Decorator: runs a test once for each combination of values."""
    def decorate(test):
        @functools.wraps(test)
        def each(self):
            for chosen in itertools.product(*values.values()):
                arguments = dict(zip(values, chosen))
                with self.subTest(**arguments):
                    test(self, **arguments)
                self.doCleanups()  # sockets of one are not in the next's way
        return each
    return decorate


def pool_addresses(number, count=1):
    """The addresses of pool `number`, both families."""
    first = 16 * number
    return [f"203.0.113.{first + i}" for i in range(count)] + [
        f"2001:db8:203:{number:x}::{i:x}" for i in range(1, count + 1)]


class NatLab(edge_lab.EdgeLab):
    """pools: options by name; `count` addresses of each family, by default
    one. by_tenant: name of the pool; the others use the first."""

    def __init__(self, sites, pools, by_tenant=None, timeouts=None):
        super().__init__(sites)
        self._pools = {}
        for number, (name, options) in enumerate(pools.items(), 1):
            options = dict(options)
            listed = pool_addresses(number, options.pop("count", 1))
            self._pools[name] = {"name": name, "addresses": listed} | options
        self._by_tenant = by_tenant or {}
        self._timeouts = timeouts or {}

    def build(self):
        super().build()
        self.core.ip(f"route add 203.0.113.0/24 via {EDGE[4]}",
                     f"route add 2001:db8:203::/48 via {EDGE[6]}")
        self.inet.ip(f"addr add {INET2[4]}/24 dev eth0",
                     f"addr add {INET2[6]}/64 dev eth0 nodad")

    def pools(self):
        return list(self._pools.values())

    def pool_of(self, tenant):
        return self._by_tenant.get(tenant, next(iter(self._pools)))

    def timeouts(self):
        return self._timeouts

    def outside(self, pool, version):
        """The pool's addresses of a family."""
        return [a for a in self._pools[pool]["addresses"]
                if (":" in a) == (version == 6)]


class NatTest(e2e.EdgeTest):
    """Cases on a NatLab; none may let a private address out."""

    SITES = SITES
    POOLS = {"default": {}}
    BY_TENANT = {}
    TIMEOUTS = {}
    UNTRANSLATED = ()  # destinations that are not translated

    @classmethod
    def make_lab(cls):
        return NatLab(cls.SITES, cls.POOLS, cls.BY_TENANT, cls.TIMEOUTS)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.watch = Watch(cls.lab.core, "edge", cls.UNTRANSLATED)
        cls.addClassCleanup(cls.watch.close)

    def tearDown(self):
        self.assertEqual(self.watch.leaks, [], "private addresses outside")

    # --- seen from the Internet ---

    def server(self, version, address=INET, port=0, kind=socket.SOCK_DGRAM):
        """A socket of the Internet host, which tells where packets come
        from."""
        sock = self.host("inet").socket(FAMILY[version], kind)
        self.addCleanup(sock.close)
        sock.settimeout(20)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address[version], port))
        if kind == socket.SOCK_STREAM:
            sock.listen(64)
        return sock

    def outside_of(self, client, server, word=b"?"):
        """Sends from a UDP socket to another; returns the source that the
        other one sees."""
        client.sendto(word, server.getsockname())
        while True:
            got, source = server.recvfrom(65536)
            if got == word:
                return source[:2]

    def tcp_outside_of(self, client, server):
        """The same by a TCP connection, which stays. Returns the source and
        the server's end of it."""
        client.connect(server.getsockname())
        accepted, source = server.accept()
        self.addCleanup(accepted.close)
        return source[:2], accepted

    # --- errors ---

    @staticmethod
    def want_errors(sock, version):
        sock.setsockopt(*RECEIVE_ERRORS[version], 1)

    @staticmethod
    def icmp_error(sock, timeout=20.0):
        """Type, code of the ICMP error that this socket is told; its sender.
        Twice None if none comes."""
        poll = select.poll()
        poll.register(sock, 0)
        if not poll.poll(timeout * 1000):
            return None, None
        _, ancillary, _, _ = sock.recvmsg(0, 1000, socket.MSG_ERRQUEUE)
        data = ancillary[0][2]  # struct sock_extended_err, then the offender
        kind, code = struct.unpack_from("BB", data, 5)
        family = struct.unpack_from("H", data, 16)[0]
        sender = (socket.inet_ntop(family, data[20:24])
                  if family == socket.AF_INET
                  else socket.inet_ntop(family, data[24:40]))
        return (kind, code), sender


class Watch:
    """Sees what comes out of the edge's uplink and notes private sources."""

    def __init__(self, host, device, untranslated=()):
        self.packets = 0
        self.leaks = []
        self._untranslated = {ipaddress.ip_address(a) for a in untranslated}
        with host.inside():
            self._sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM,
                                       socket.htons(ETH_P_ALL))
        self._sock.bind((device, ETH_P_ALL))
        self._sock.settimeout(0.1)
        self._stop = False
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self._thread.start()

    def _loop(self):
        while not self._stop:
            with contextlib.suppress(TimeoutError):
                packet, link = self._sock.recvfrom(2048)
                if link[2] != PACKET_OUTGOING:
                    self._look(packet)

    def _look(self, packet):
        if packet[0] >> 4 == 4:
            ends = packet[12:16], packet[16:20]
        elif packet[0] >> 4 == 6:
            ends = packet[8:24], packet[24:40]
        else:
            return  # ARP
        self.packets += 1
        source, to = map(ipaddress.ip_address, ends)
        if to not in self._untranslated and any(source in n for n in PRIVATE):
            self.leaks.append(f"{source} to {to}")

    def close(self):
        self._stop = True
        self._thread.join()
        self._sock.close()
        assert self.packets, "the watch has seen nothing"


class Echoes:
    """Notes the sources and identifiers of the pings that a host gets."""

    def __init__(self, host, version):
        self._version = version
        kind = (socket.IPPROTO_ICMP if version == 4
                else socket.IPPROTO_ICMPV6)
        self._sock = host.socket(FAMILY[version], socket.SOCK_RAW, kind)
        self._sock.settimeout(20)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._sock.close()

    def identifiers(self):
        """Waits for a ping; {(source, identifier)}, with all that came."""
        seen = set()
        while True:
            try:
                packet, source = self._sock.recvfrom(2048)
            except TimeoutError:
                return seen
            icmp = packet[20:] if self._version == 4 else packet
            if icmp[0] == (8 if self._version == 4 else 128):
                seen.add((source[0], struct.unpack_from("!H", icmp, 4)[0]))
                self._sock.settimeout(0.01)
