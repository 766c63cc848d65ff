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
from harness.profile import Contender, MeasurementError, Sample

sys.path.insert(0, f"{tools.ROOT}/tools/lab")
import netlab  # noqa: E402  pylint: disable=wrong-import-position

# As in perf/traffic/frames.h.
DEVICE_MAC = "02:00:00:00:ed:9e"
PEER_MAC = "02:00:00:00:0e:01"
QUEUES = max(2, os.cpu_count() or 1)
ATTEMPTS = 3

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
            host.ethtool(device, "tx off", "rx off", "gro off")
            # Without an address of its own it says nothing by itself.
            host.ip(f"link set dev {device} addrgenmode none",
                    f"link set dev {device} txqueuelen 1000 up")
            # What starts NAPI is a change of a device that is up.
            host.ethtool(device, "gro on")

    def load(self, options, *arguments, source=True, sink=None, idle=False):
        """What perf_load measures on the way from a to d, or to `sink`, a
        host and a device. arguments: more flags. source=False: frames end
        where they are made."""
        host, device = sink or (self.snk, "d")
        argv = [tools.binary("perf_load"), "--seconds", options.seconds,
                "--warm-up", options.warm_up]
        if source:
            argv += ["--source-netns", self.gen.netns, "--source-dev", "a",
                     "--sink-netns", host.netns, "--sink-dev", device]
        if "--cpus" not in arguments:
            argv += ["--cpus", options.cpu]
        return tools.run_json([*argv, *arguments],
                              330 + options.seconds + options.warm_up, idle)

    def redirect(self, how="redirect"):
        """Flags: a bare redirect from b to c, the least a gateway can do;
        "touch": the least that one with a flow table can."""
        return ["--middle", how, "--middle-netns", self.mid.netns,
                "--middle-in", "b", "--middle-out", "c", "--same"]


class WireContender(Contender):
    """A line measured on a wire of its own."""
    lost_share = 0.001  # of the packets sent; more is no measurement

    def __init__(self, name, options, arguments=(), group="", reference=None):
        super().__init__(name, group, reference)
        self.options = options
        self.arguments = list(arguments)
        self.wire = None

    def set_up(self):
        self.wire = Wire()
        self.wire.__enter__()  # pylint: disable=unnecessary-dunder-call
        self.prepare()

    def prepare(self):
        """For subclasses: makes the device under test of `mid`."""

    def traffic(self):
        """For subclasses: what perf_load says."""
        return self.wire.load(self.options, *self.arguments)

    def measure(self):
        """Million packets a second of CPU time, times the CPUs that traffic
        was made on: on a machine with nothing else to do the same as packets
        a second, and on a busy one still that. Measures again, a few times at
        most, what lost packets: their cost is in it, but not they."""
        for _ in range(ATTEMPTS):
            result = self.traffic()
            missing = max(result.get("lost", 0), result.get("others", 0))
            if missing <= self.lost_share * result["sent"] + 64 * QUEUES:
                return Sample(result["pps_cpu"] / 1e6, result)
        raise MeasurementError(
            f"{self.name}: again and again packets were lost: {result}")

    def tear_down(self):
        wire, self.wire = self.wire, None
        if wire:
            wire.__exit__(None, None, None)


class BareRedirect(WireContender):
    """The ceiling of any gateway: XDP redirect of the same frames."""
    how = "redirect"

    def traffic(self):
        return self.wire.load(self.options, *self.wire.redirect(self.how),
                              *self.arguments)


class LineRedirect(BareRedirect):
    """The ceiling of any gateway with a flow table: a redirect that one cache
    line, which the packet names, decides about."""
    how = "touch"
