# SPDX-License-Identifier: Apache-2.0
"""The kernel's own stack as the device under test: routes, VXLAN devices,
nftables. Set up so that it has no reason to be slow: tunnels' outer packets
are not tracked, tables are large enough, nothing times out."""

import contextlib
import os

from harness.wire import DEVICE_MAC, PEER_MAC

# As in perf/traffic/frames.h and load_options.cc.
VXLAN_DEVICE_MAC = "02:00:00:00:ed:e1"
VXLAN_PEER_MAC = "02:00:00:00:0e:e2"
OWN, PEER, NEXT = "192.0.2.1", "192.0.2.10", "192.0.2.20"
INTERNET = "198.51.100.10"
POOL, POOL_SIZE = "198.18.1.0", 256
VNI, VXLAN_PORT = 1001, 4789
_CONNTRACK = "/proc/sys/net/netfilter"


@contextlib.contextmanager
def conntrack_room(entries):
    """Tables of all namespaces have room for that many entries meanwhile; the
    limit is one of the whole machine and is put back."""
    names = ("nf_conntrack_max", "nf_conntrack_buckets")
    before = {}
    for name in names:
        with open(f"{_CONNTRACK}/{name}", encoding="ascii") as f:
            before[name] = int(f.read())
    try:
        _write({name: max(entries, value) for name, value in before.items()})
        yield
    finally:
        _write(before)


def _write(values):
    for name, value in values.items():
        with open(f"{_CONNTRACK}/{name}", "w", encoding="ascii") as f:
            f.write(str(value))


def route(wire):
    """mid forwards between its wires; both neighbours are known."""
    mid = wire.mid
    mid.forward()
    mid.ip(f"addr add {OWN}/32 dev b",
           f"route add {PEER}/32 dev b", f"route add {NEXT}/32 dev c",
           f"neigh add {PEER} lladdr {PEER_MAC} nud permanent dev b",
           f"neigh add {NEXT} lladdr {PEER_MAC} nud permanent dev c")


def vxlan(wire):
    """A device that takes packets out of VXLAN and puts them into it."""
    wire.mid.ip(f"link add name vx address {VXLAN_DEVICE_MAC} type vxlan id "
                f"{VNI} local {OWN} dstport {VXLAN_PORT} nolearning "
                "noudpcsum",
                "link set dev vx addrgenmode none up")


def out(wire, through_vxlan):
    """The way to the Internet: over c, inside VXLAN or as it is. Returns the
    device that packets leave by."""
    if not through_vxlan:
        wire.mid.ip(f"route add {INTERNET}/32 via {NEXT} dev c onlink")
        return "c"
    gateway = "169.254.1.1"
    wire.mid.ip(f"neigh add {gateway} lladdr {VXLAN_PEER_MAC} nud permanent "
                "dev vx",
                f"route add {INTERNET}/32 via {gateway} dev vx onlink")
    wire.mid.run("bridge", "fdb", "add", VXLAN_PEER_MAC, "dev", "vx", "dst",
                 NEXT)
    return "vx"


def snat(wire, device):
    """nftables translates what leaves by `device`."""
    last = POOL.rsplit(".", 1)[0] + f".{POOL_SIZE - 1}"
    wire.mid.run("nft", "-f", "-", stdin=f"""
table ip raw {{
  chain in {{
    type filter hook prerouting priority raw;
    iifname {{ "b", "c" }} udp dport {VXLAN_PORT} notrack
  }}
  chain out {{
    type filter hook output priority raw;
    udp dport {VXLAN_PORT} notrack
  }}
}}
table ip nat {{
  chain out {{
    type nat hook postrouting priority srcnat;
    oifname "{device}" snat to {POOL}-{last}
  }}
}}
""")
    wire.mid.sysctl({f"net/netfilter/nf_conntrack_udp_timeout{kind}": 36000
                     for kind in ("", "_stream")})
