# SPDX-License-Identifier: Apache-2.0
"""The kernel's own stack doing the job that Rampart does, beside Rampart."""

import dataclasses

from harness import linux
from harness.gateway import FLOWS, Gateway
from harness.profile import Profile
from harness.wire import WireContender


@dataclasses.dataclass(frozen=True)
class Job:
    """What the kernel has to do with each packet."""
    vxlan_in: bool = True
    vxlan_out: bool = True
    snat: bool = True

    def flags(self):
        """Of perf_load: what is sent, what has to arrive."""
        wrap = {True: "vxlan", False: "plain"}
        flags = ["--encap", wrap[self.vxlan_in], "--out",
                 wrap[self.vxlan_out], "--sink", "tc"]
        if self.snat:
            flags += ["--nat", "any", "--nat-first", linux.POOL,
                      "--nat-addresses", linux.POOL_SIZE]
        return flags


class Linux(WireContender):
    """mid is a Linux router, which loses what is too much for it."""
    lost_share = 1

    def __init__(self, name, options, job, flows, group):
        super().__init__(name, options, [
            *job.flags(), "--flows", flows, "--order", "random"], group)
        self.job = job
        self.flows = flows
        self._room = None

    def prepare(self):
        self._room = linux.conntrack_room(4 * self.flows)
        self._room.__enter__()
        linux.route(self.wire)
        if self.job.vxlan_in:
            linux.vxlan(self.wire)
        device = linux.out(self.wire, self.job.vxlan_out)
        if self.job.snat:
            linux.snat(self.wire, device)
        # Makes all flows.
        self.wire.load(dataclasses.replace(self.options, seconds=0.1),
                       "--all-flows", *self.arguments)

    def tear_down(self):
        super().tear_down()
        room, self._room = self._room, None
        if room:
            room.__exit__(None, None, None)


class KernelStack(Profile):
    name = "kernel_stack"
    help = "the kernel's stack: VXLAN, routes, nftables SNAT"
    unit = "Mpps"
    higher_is_better = True

    def contenders(self, options):
        lines = []
        for label, flows in FLOWS.items():
            jobs = {"Linux": Job()}
            if not options.quick:
                jobs["Linux, out without VXLAN"] = Job(vxlan_out=False)
                jobs["Linux, forward and SNAT"] = Job(False, False)
                jobs["Linux, forward"] = Job(False, False, snat=False)
            for name, job in jobs.items():
                lines.append(Linux(f"{name}, {label}", options, job, flows,
                                   label))
            # VXLAN's job: out of a tunnel, SNAT, into another one.
            lines.append(Gateway(
                f"Rampart, {label}", options,
                ["--encap", "gue-none", "--out", "gue-none", "--nat",
                 "numbered"], flows, (), label, f"Linux, {label}"))
        return lines


PROFILE = KernelStack()
