# SPDX-License-Identifier: Apache-2.0
"""Rampart's data plane as the device under test of a wire."""

import os

from harness import tools
from harness.wire import WireContender

FLOWS = {"1": 1, "1 k": 1000, "100 k": 100000, "1 M": 1000000}
_CAPACITY = 1048576  # directed entries, as in rampartd.yaml by default


class Gateway(WireContender):
    """mid is an edge that knows all flows.

    scene: flags that perf_load and perf_edge both understand. edge: more of
    perf_edge.
    """

    def __init__(self, name, options, scene, flows=1000, edge=(), group="",
                 reference=None):
        super().__init__(name, options,
                         [*scene, "--flows", flows, "--order", "random"],
                         group, reference)
        self.scene = [*scene, "--flows", flows]
        # Room for both directions of every flow.
        self.edge = ["--capacity", max(_CAPACITY, 2 * flows), *edge]
        self._server = None

    def prepare(self):
        name = os.path.basename(self.wire.dir)
        self._server = tools.Server([
            tools.binary("perf_edge"), "--edge", f"perf{name}", "--netns",
            self.wire.mid.netns, "--device-in", "b", "--device-out", "c",
            *self.edge, *self.scene])

    def tear_down(self):
        server, self._server = self._server, None
        if server:
            server.close()
        super().tear_down()
