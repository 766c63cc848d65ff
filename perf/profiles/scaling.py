# SPDX-License-Identifier: Apache-2.0
"""The same traffic over more cores: every core makes frames, has a queue of
its own on the devices, and takes other flows."""

import os

from harness.gateway import Gateway
from harness.profile import Profile
from harness.wire import BareRedirect

FRAMES = ["--encap", "gue-none", "--size", 64]
SNAT = [*FRAMES, "--out", "plain", "--nat", "numbered"]
FLOWS = {"1 k": 1000, "100 k": 100000}


def core_counts():
    """1, 2, 4 ... and all."""
    cores = len(os.sched_getaffinity(0))
    counts = {1, cores} | {1 << n for n in range(8) if 1 << n <= cores}
    return sorted(counts)


def cores_flag(count):
    """The first `count` CPUs that this process may use."""
    cpus = sorted(os.sched_getaffinity(0))[:count]
    return ["--cpus", ",".join(map(str, cpus))]


def _line(contender, count):
    """That contender on `count` cores."""
    contender.arguments += cores_flag(count)
    kind = contender.name
    contender.name = f"{kind}, {count} core{'s' if count > 1 else ''}"
    if count > 1:
        contender.reference = f"{kind}, 1 core"
    return contender


class Scaling(Profile):
    name = "scaling"
    help = ("over cores: the bare redirect, and GUE none in, SNAT, out; "
            "packets/s that the cores give together")
    unit = "Mpps"
    higher_is_better = True

    def contenders(self, options):
        lines = []
        for count in core_counts():
            lines.append(_line(BareRedirect("XDP redirect", options, FRAMES),
                               count))
            lines += [_line(Gateway(f"none, {label}", options, SNAT, flows),
                            count) for label, flows in FLOWS.items()]
        return lines


PROFILE = Scaling()
