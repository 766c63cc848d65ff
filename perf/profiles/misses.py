# SPDX-License-Identifier: Apache-2.0
"""Why more flows cost more: what a packet costs with few and with many flows,
against what the cache lines that it touches cost.

A packet of an established flow touches, apart from what all packets share, a
bucket of tags in each level of the table up to the one its flow is in, and its
entry (maps/flow.h); and now and then an entry whose tag is the same by chance.
Nothing can be done before these have come, and where the entry is is known
when the last tag has. What they cost together is measured in the same round, by
as many lines, spread as widely, on pages of the same size (perf_chase). So

    predicted = cost with 1 k flows + what tags and entries cost more

A processor that counts misses is asked, too."""

import math

from harness import tools
from harness.gateway import Gateway
from harness.profile import Contender, Profile, Sample
from harness.wire import BareRedirect

LINE = 64
# As in maps/flow.h and controller/dataplane/flow_table.h.
BUCKET, BUCKET_TAGS, TYPICAL = 16, 16, 12
LEVELS, GROWTH = 4, 4
FULL_ENOUGH = 14  # entries of a bucket below the last level
TAGS = 255  # values of a tag
ENTRY_LINES = {4: 1, 6: 2}
CAPACITY = 1048576
FLOWS = {"1 k": 1000, "100 k": 100000, "1 M": 1000000}


def levels(flows):
    """Buckets of each level, and the share of entries that are in it: each
    goes into the first level whose bucket has room."""
    buckets = -(-max(CAPACITY, 2 * flows) // TYPICAL)
    sizes = [GROWTH ** n for n in range(LEVELS)]
    found, left = [], 2 * flows
    for size in sizes:
        count = buckets * size // sum(sizes)
        taken = count * _filled(left / count) if size != sizes[-1] else left
        found.append((count, taken / (2 * flows)))
        left -= taken
    return found


def _filled(mean):
    """Entries in a bucket that `mean` of them want to be in, by Poisson."""
    chance, below, sum_below = math.exp(-mean), 0.0, 0.0
    for number in range(FULL_ENOUGH):
        below += chance
        sum_below += number * chance
        chance *= mean / (number + 1)
    return sum_below + FULL_ENOUGH * (1 - below)


def accesses(flows, family):
    """Sets of perf_chase: tags of each level, and the entry. The two lines of
    an IPv6 entry come together: one access."""
    sets, reached, slots, wrong = [], 1.0, 0, 0.0
    for buckets, share in levels(flows):
        if reached < 0.001:
            break
        lines = -(-buckets * BUCKET // LINE)
        sets.append(f"{min(lines, flows)},{lines},1,{reached},0")
        reached -= share
        slots += buckets * BUCKET_TAGS if share > 0.01 else 0
        # Those that go on have compared all tags of a full bucket.
        wrong += reached * FULL_ENOUGH / TAGS
    sets.append(f"{flows},{slots},{ENTRY_LINES[family]},{1 + wrong},1")
    return sets


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
        sets = [flag for one in accesses(flows, self.family)
                for flag in ("--set", one)]
        return tools.run_json(
            [tools.binary("perf_chase"), "--cpu", self.options.cpu,
             "--steps", 1000000, *sets], 60)["ns"]

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
