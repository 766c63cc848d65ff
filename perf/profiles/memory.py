# SPDX-License-Identifier: Apache-2.0
"""Memory of a flow with SNAT: kernel memory of the tables, which an edge that
is full divides among the flows it holds, and the controller's own.

A round starts an edge, offers it more flows than its table can take, and
counts those it holds in the end: both directions, and all that the kernel
accounts to the table's maps.
"""

from harness import live_edge
from harness.profile import Contender, MeasurementError, Profile, Sample

CAPACITY = 1 << 19  # directed entries
OFFERED = int(CAPACITY / 2 * 1.1)


class _Memory(Contender):

    def __init__(self, family, options):
        super().__init__(f"IPv{family}", group=f"IPv{family}")
        self._family = family
        self._options = options
        self._edge = None

    def set_up(self):
        self._edge = live_edge.LiveEdge(live_edge.Settings(CAPACITY))
        self._edge.__enter__()  # pylint: disable=unnecessary-dunder-call

    def measure(self):
        edge = self._edge
        edge.start_edge()
        before = edge.rss()
        flows = edge.fill(self._options, OFFERED, self._family)
        if not edge.drops().get("FLOW_TABLE_FULL"):
            raise MeasurementError(f"memory: {OFFERED} flows did not fill the "
                                   f"table: it holds {flows}")
        maps = {name: size for name, size in edge.map_memory().items()
                if name.startswith("rp_flow") and str(self._family) in name}
        resident = edge.rss() - before
        edge.stop_edge()
        return Sample(sum(maps.values()) / flows,
                      {"flows": flows, "capacity": CAPACITY,
                       "fill": 2 * flows / CAPACITY, "maps": maps},
                      {"controller": resident / flows})

    def tear_down(self):
        edge, self._edge = self._edge, None
        if edge:
            edge.__exit__(None, None, None)


class Memory(Profile):
    """Bytes per flow, not per entry."""
    name = "memory"
    help = "kernel memory of a flow with SNAT, both directions, table full"
    unit = "B/flow"
    higher_is_better = False

    def contenders(self, options):
        families = (4,) if options.quick else (4, 6)
        return [_Memory(family, options) for family in families]


PROFILE = Memory()
