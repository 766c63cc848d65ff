# SPDX-License-Identifier: Apache-2.0
"""What looking after idle flows costs: CPU time of rampartd with nothing to do
but its sweep. All edges idle in the same windows; with as many windows as
rounds, each as long as two passes of the sweep, at most."""

import time

from harness import live_edge
from harness.profile import Contender, MeasurementError, Profile, Sample

WINDOW = 20.0  # seconds; a pass takes at most 10
MILLION = 1000000
ROOM = 1.25  # of the tables
ENOUGH = 0.99
SIZES = {"no flows": 0, "1 M flows": MILLION, "4 M flows": 4 * MILLION}


class _Windows:
    """Edges by name, and what they used in the current window."""

    def __init__(self):
        self.edges = {}
        self._left = {}

    def take(self, name):
        """Share of a core in this window; begins one if it was taken."""
        if name not in self._left:
            before = self._cpu()
            start = time.monotonic()
            time.sleep(WINDOW)
            seconds = time.monotonic() - start
            self._left = {key: (value - before[key]) / seconds
                          for key, value in self._cpu().items()}
        return self._left.pop(name)

    def _cpu(self):
        return {name: edge.cpu_seconds() for name, edge in self.edges.items()}


class _Idle(Contender):

    def __init__(self, name, windows, options):
        super().__init__(name)
        self._windows = windows
        self._options = options
        self._count = SIZES[name]
        self._edge = None

    def set_up(self):
        capacity = max(1 << 16, int(self._count * 2 * ROOM))
        self._edge = live_edge.LiveEdge(live_edge.Settings(capacity))
        self._edge.__enter__()  # pylint: disable=unnecessary-dunder-call
        self._edge.start_edge()
        self._edge.fill(self._options, self._count)
        self._check()
        self._windows.edges[self.name] = self._edge

    def _check(self):
        flows = self._edge.flows()
        if not ENOUGH * self._count <= flows <= self._count:
            raise MeasurementError(f"sweep: {flows} of {self._count} flows")
        return flows

    def measure(self):
        share = self._windows.take(self.name)
        return Sample(share * 100, {"flows": self._check(),
                                    "capacity": self._edge.settings.capacity,
                                    "window_seconds": WINDOW})

    def tear_down(self):
        self._windows.edges.pop(self.name, None)
        edge, self._edge = self._edge, None
        if edge:
            edge.__exit__(None, None, None)


class Sweep(Profile):
    """CPU time, so it does not matter who else is at work."""
    name = "sweep"
    help = "rampartd with idle flows: its CPU time"
    unit = "% of a core"
    higher_is_better = False

    def contenders(self, options):
        windows = _Windows()
        names = list(SIZES)[:2] if options.quick else list(SIZES)
        return [_Idle(name, windows, options) for name in names]


PROFILE = Sweep()
