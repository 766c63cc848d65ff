# SPDX-License-Identifier: Apache-2.0
"""Networks that traffic is measured on, in namespaces:

    gen (a) ------ (b) mid (c) ------ (d) snk

`mid` is the device under test. MAC addresses and neighbours are fixed, so
nothing but what perf_load sends is on these wires.
"""

import itertools
import os
import sys

from harness import tools
from harness.profile import MeasurementError

sys.path.insert(0, f"{tools.ROOT}/tools/lab")
import netlab  # noqa: E402  pylint: disable=wrong-import-position

# As in perf/traffic/frames.h.
DEVICE_MAC = "02:00:00:00:ed:9e"
PEER_MAC = "02:00:00:00:0e:01"
QUEUES = 2

_numbers = itertools.count(1)


class Wire(netlab.Lab):
    """gen, mid and snk. Many of them may exist at the same time."""

    def __init__(self):
        super().__init__()
        name = f"{os.getpid()}-{next(_numbers)}"
        self.prefix = f"rp{name}-"
        self.dir = f"{netlab.LAB_DIRS}/{name}"
        self.gen = self.mid = self.snk = None

    def build(self):
        self.gen, self.mid, self.snk = map(self.host, ("gen", "mid", "snk"))
        self._join(self.gen, "a", self.mid, "b")
        self._join(self.snk, "d", self.mid, "c")

    @staticmethod
    def _join(outside, outer, inside, inner):
        """A veth pair that behaves like a NIC with a queue for each CPU. GRO
        makes an end receive frames by NAPI, without which it drops those that
        are redirected to it."""
        queues = f"numtxqueues {QUEUES} numrxqueues {QUEUES}".split()
        netlab.run(["ip", "link", "add", "name", outer, "address", PEER_MAC,
                    "netns", outside.netns, *queues, "type", "veth", "peer",
                    "name", inner, "address", DEVICE_MAC, "netns",
                    inside.netns, *queues])
        for host, device in ((outside, outer), (inside, inner)):
            host.ethtool(device, "tx off", "rx off", "gro on")
            # Without an address of its own it says nothing by itself.
            host.ip(f"link set dev {device} addrgenmode none",
                    f"link set dev {device} txqueuelen 1000 up")

    def load(self, *arguments, seconds, warm_up=0.3, timeout=None):
        """What perf_load measures between a and d. arguments: its flags."""
        argv = [tools.binary("perf_load"),
                "--source-netns", self.gen.netns, "--source-dev", "a",
                "--sink-netns", self.snk.netns, "--sink-dev", "d",
                "--seconds", seconds, "--warm-up", warm_up, *arguments]
        return tools.run_json(argv, timeout or 90 + seconds + warm_up)


def checked(result, lost_share=0.001, others_share=0.001):
    """`result` of perf_load, if few packets were lost on the way."""
    sent = max(1, result["sent"])
    for what, share in (("lost", lost_share), ("others", others_share)):
        if result[what] > share * sent + 64 * QUEUES:
            raise MeasurementError(
                f"{result[what]} of {sent} packets: {what}")
    return result
