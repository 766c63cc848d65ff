# SPDX-License-Identifier: Apache-2.0
"""The targets of `bench floors`, as data. A ratio is taken round by round
between two lines of one profile, which take turns."""

import dataclasses

from harness import table


@dataclasses.dataclass(frozen=True)
class Target:
    """work: for the reader. line: of the profile; to: the line it is divided
    by, or None. floor must be reached, goal is what we are after. unit:
    "share", "x" (times), or the profile's."""
    work: str
    profile: str
    line: str
    to: str | None
    unit: str
    floor: float
    goal: float

    def reaches(self, value, bound):
        """More is better of ratios, less of everything else."""
        return value >= bound if self.to else value <= bound

    def show(self, value):
        """A number as its unit wants it."""
        if self.unit == "share":
            return f"{value * 100:.0f}%"
        return f"{table.number(value)} {self.unit}"


def _established():
    redirect = "XDP redirect"
    for flows, floor, goal in (("1 k", .65, .80), ("100 k", .42, .57),
                               ("1 M", .26, .40)):
        yield Target(f"{flows} flows, GUE none -> SNAT, of a bare redirect",
                     "established", f"none, {flows}", redirect, "share",
                     floor, goal)
    yield Target("1 k flows, GUE mac, of GUE none", "established",
                 "mac, 1 k", "none, 1 k", "share", .75, .90)


def _kernel_stack():
    for flows, floor, goal in (("1 k", 12, 15), ("100 k", 9, 12),
                               ("1 M", 5, 8)):
        yield Target(f"{flows} flows, VXLAN's job, times the kernel's",
                     "kernel_stack", f"Rampart, {flows}", f"Linux, {flows}",
                     "x", floor, goal)


TARGETS = (
    *_established(),
    *_kernel_stack(),
    Target("pipeline above an empty program, GUE none", "pipeline",
           "none, IPv4, in", None, "ns", 110, 80),
    Target("pipeline above an empty program, GUE mac", "pipeline",
           "mac, IPv4, in", None, "ns", 165, 120),
    Target("new flows/s with SNAT, 1 core, times the kernel's", "new_flows",
           "Rampart, 1 core, per CPU second",
           "Linux, 1 core, per CPU second", "x", 1.0, 3.0),
    Target("new flows/s with SNAT, 2 cores, times the kernel's", "new_flows",
           "Rampart, 2 cores", "Linux, 2 cores", "x", 1.0, 3.0),
    Target("first packet's added latency, p50", "first_packet",
           "IPv4", None, "us", 60, 30),
    Target("first packet's added latency, p99", "first_packet",
           "IPv4, p99", None, "us", 200, 80),
    Target("kernel memory of a NATed flow", "memory",
           "IPv4", None, "B", 320, 220),
    # Nobody put a number to "explained": a tenth is what is left for noise.
    Target("cost at 1 M flows that cache lines explain", "misses",
           "IPv4, 1 M, predicted", "IPv4, 1 M, measured", "share", .90, .95),
    Target("sweep of 1 M idle flows", "sweep",
           "1 M flows", None, "%", 2.0, 0.5),
    Target("one change among 100 k routes and 100 k rules", "scale",
           "1000 tenants", None, "ms", 100, 30),
)
