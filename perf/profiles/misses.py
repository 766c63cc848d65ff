# SPDX-License-Identifier: Apache-2.0
"""Why more flows cost more: what a packet costs with few and with many flows,
against what the cache lines that it touches cost.

A packet of an established flow touches, apart from what all packets share, its
bucket of tags and its entry (maps/flow.h). The address of the entry is known
when the tag has come, and nothing can be done before the entry has: two
accesses, one after the other. What one costs is measured in the same round, by
as many lines, spread as widely, on pages of the same size (perf_chase). So

    predicted = cost with 1 k flows + what tags and entries cost more

A kernel that lets its processor count misses is asked, too."""

from harness import tools
from harness.gateway import Gateway
from harness.profile import Contender, Profile, Sample
from harness.wire import BareRedirect

LINE = 64
# As in maps/flow.h and controller/dataplane/flow_table.h.
BUCKET, BUCKET_TAGS, TYPICAL = 16, 16, 12
ENTRY_LINES = {4: 1, 6: 2}
CAPACITY = 1048576
FLOWS = {"1 k": 1000, "100 k": 100000, "1 M": 1000000}


def footprint(flows, family):
    """Flags of perf_chase for tags and for entries. The two lines of an IPv6
    entry come together, so they are one access."""
    buckets = -(-max(CAPACITY, 2 * flows) // TYPICAL)
    tag_lines = buckets * BUCKET // LINE
    return [["--lines", min(flows, tag_lines), "--span", tag_lines],
            ["--lines", flows, "--span", buckets * BUCKET_TAGS,
             "--stride", ENTRY_LINES[family]]]


def nanoseconds(mpps):
    return 1000 / mpps


class _Growth(Contender):
    """All of it in one round. Costs are those on top of the bare redirect."""

    def __init__(self, family, options):
        super().__init__(f"IPv{family}", f"IPv{family}")
        self.family = family
        self.options = options
        frames = ["--encap", "gue-none", "--family", family, "--size", 80]
        scene = [*frames, "--out", "plain", "--nat", "numbered"]
        self.gateways = {label: Gateway(label, options, scene, flows)
                         for label, flows in FLOWS.items()}
        self.redirects = {label: BareRedirect(
            label, options, [*frames, "--flows", flows, "--order", "random"])
            for label, flows in FLOWS.items()}

    def _all(self):
        return [*self.gateways.values(), *self.redirects.values()]

    def set_up(self):
        for contender in self._all():
            contender.set_up()

    def tear_down(self):
        for contender in self._all():
            contender.tear_down()

    def _accesses(self, flows):
        """ns of the accesses that depend on the number of flows."""
        return sum(tools.run_json(
            [tools.binary("perf_chase"), "--cpu", self.options.cpu,
             *flags], 60)["ns"] for flags in footprint(flows, self.family))

    def measure(self):
        cost, access, counted = {}, {}, {}
        for label, flows in FLOWS.items():
            sample = self.gateways[label].measure()
            redirect = self.redirects[label].measure()
            cost[label] = (nanoseconds(sample.value) -
                           nanoseconds(redirect.value))
            access[label] = self._accesses(flows)
            if "cache_misses" in sample.details:
                counted[f"misses a packet, {label}"] = (
                    sample.details["cache_misses"] /
                    sample.details["received"])
        parts = {}
        for label in FLOWS:
            parts[f"{label}, measured"] = cost[label]
            parts[f"{label}, predicted"] = (cost["1 k"] + access[label] -
                                            access["1 k"])
        unexplained = parts["1 M, measured"] - parts["1 M, predicted"]
        return Sample(unexplained, {"access_ns": access, **counted}, parts)


class Misses(Profile):
    name = "misses"
    help = ("cost of a packet on top of a bare redirect, against the cache "
            "lines it touches; first, what these do not explain at 1 M flows")
    unit = "ns/packet"
    higher_is_better = False

    def contenders(self, options):
        return [_Growth(family, options)
                for family in ((4,) if options.quick else (4, 6))]


PROFILE = Misses()
