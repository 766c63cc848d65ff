# SPDX-License-Identifier: Apache-2.0
"""A live edge with the traffic that it has: what becomes of the packets that
come on through one device."""

import time

from harness.pinned_edge import PinnedEdge
from harness.profile import Contender, MeasurementError, Profile, Sample

ENDS = ("forwarded", "passed", "punted", "dropped")


class _Window:
    """Rates in one window, of which each contender takes its line."""

    def __init__(self, options):
        self._options = options
        self._edge = None
        self._left = {}
        self._details = {}

    def take(self, end):
        """Million packets a second; begins a window if it was taken."""
        if end not in self._left:
            self._measure()
        return Sample(self._left.pop(end), self._details)

    def _measure(self):
        self._edge = self._edge or PinnedEdge(self._options.device,
                                              self._options.edge)
        before = self._edge.outcomes()
        start = time.monotonic()
        time.sleep(self._options.seconds)
        after = self._edge.outcomes()
        seconds = time.monotonic() - start
        rates = {name: (packets - before.get(name, 0)) / seconds / 1e6
                 for name, packets in after.items()}
        if not any(rates.values()):
            raise MeasurementError(f"{self._options.device}: no packet came "
                                   f"on in {seconds:.1f} s")
        self._left = dict.fromkeys(ENDS, 0.0)
        for name, rate in rates.items():
            end = name.lower() if name.lower() in ENDS else "dropped"
            self._left[end] += rate
        self._details = {name: rate for name, rate in rates.items() if rate}


class _End(Contender):

    def __init__(self, name, window):
        super().__init__(name)
        self._window = window

    def measure(self):
        return self._window.take(self.name)


class Device(Profile):
    """The traffic comes from outside, so nobody knows what should arrive:
    outcomes are told instead, drops by reason in the details."""
    name = "device"
    help = "a live edge: what becomes of the packets that come on"
    unit = "Mpps"
    needs_device = True

    def contenders(self, options):
        window = _Window(options)
        return [_End(end, window) for end in ENDS]


PROFILE = Device()
