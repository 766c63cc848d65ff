# SPDX-License-Identifier: Apache-2.0
"""A live edge with the traffic that it has: what a packet that comes on
through one device takes."""

import time

from harness.pinned_edge import PinnedEdge, RunTimes, softirq_seconds
from harness.profile import Contender, MeasurementError, Profile, Sample


class _Cost(Contender):
    """In the program, as the kernel takes the time; and all CPU time spent in
    soft interrupts, which other devices and the host have their part in."""

    def __init__(self, options):
        super().__init__("program")
        self._options = options
        self._edge = None
        self._times = None

    def set_up(self):
        self._edge = PinnedEdge(self._options.device, self._options.edge)
        self._times = RunTimes()
        self._times.__enter__()

    def measure(self):
        before, softirq = self._edge.run_time(), softirq_seconds()
        time.sleep(self._options.seconds)
        after, used = self._edge.run_time(), softirq_seconds() - softirq
        nanoseconds, runs = (b - a for a, b in zip(before, after))
        if not runs:
            raise MeasurementError(f"{self._options.device}: the program did "
                                   "not run")
        return Sample(nanoseconds / runs, {"packets": runs},
                      {"all soft interrupts": used / runs * 1e9})

    def tear_down(self):
        times, self._times = self._times, None
        if times:
            times.__exit__()


class DeviceCost(Profile):
    """Includes the clock reads around the program."""
    name = "device_cost"
    help = "a live edge: CPU time of packets that come on"
    unit = "ns/packet"
    higher_is_better = False
    needs_device = True

    def contenders(self, options):
        return [_Cost(options)]


PROFILE = DeviceCost()
