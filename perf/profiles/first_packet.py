# SPDX-License-Identifier: Apache-2.0
"""What the first packet of a flow waits for: punt, decision, entries, and its
way back into the data plane. One packet at a time on an edge that is idle; each
flow's first packet, and then another one of the same flow."""

from harness import live_edge, tools
from harness.profile import Contender, Profile, Sample

FLOWS = 3000  # of a round
CAPACITY = 1 << 18  # directed entries
TIMEOUT = 120


class _FirstPacket(Contender):
    """Percentiles of what each flow's first packet took longer."""

    def __init__(self, family, options):
        super().__init__(f"IPv{family}")
        self._family = family
        self._options = options
        self._edge = None
        self._number = 0  # of the next round's first flow

    def set_up(self):
        # Whoever sends spins; beside it, rampartd would wait for its time slice.
        other = 1 - min(self._options.cpu, 1)
        self._edge = live_edge.LiveEdge(
            live_edge.Settings(CAPACITY, cpu=other))
        self._edge.__enter__()  # pylint: disable=unnecessary-dunder-call
        self._edge.start_edge()

    def measure(self):
        edge = self._edge
        result = tools.run_json([
            tools.binary("perf_first_packet"), *live_edge.TRAFFIC[self._family],
            "--source-netns", edge.gen.netns, "--source-dev", "a",
            "--sink-netns", edge.snk.netns, "--sink-dev", "d",
            "--cpu", self._options.cpu, "--flows", FLOWS,
            "--first", self._number], TIMEOUT)
        self._number += FLOWS
        added = result["added"]
        return Sample(added["p50"], result, {
            "p99": added["p99"], "p99.9": added["p99.9"],
            "later packets": result["later"]["p50"]})

    def tear_down(self):
        edge, self._edge = self._edge, None
        if edge:
            edge.__exit__(None, None, None)


class FirstPacket(Profile):
    """Meant for an idle machine: on a busy one it waits for the others."""
    name = "first_packet"
    help = ("latency that the first packet of a flow has on top of later ones: "
            "median, p99, p99.9")
    unit = "us"
    higher_is_better = False

    def contenders(self, options):
        families = (4,) if options.quick else (4, 6)
        return [_FirstPacket(family, options) for family in families]


PROFILE = FirstPacket()
