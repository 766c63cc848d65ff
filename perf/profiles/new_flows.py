# SPDX-License-Identifier: Apache-2.0
"""New flows a second: every packet is another flow, and counts when it arrives
translated. Through a real rampartd (policy, SNAT, punt and re-injection), and
through the kernel's VXLAN, conntrack and nftables SNAT. 256 hosts of 16
tenants start flows in turn.

Each round starts with empty tables. One core: everything runs on it, frames
are made there, too; beside rampartd by a process that only runs when nobody
else wants to, so that rampartd gets the core whenever it has work and is not
flooded. (The kernel works inside the thread that sends, so it cannot be.) Two
cores: the kernel is sent to on both; rampartd has the second to itself, and is
flooded from the first.

"per CPU second" counts the CPU time of all that takes part, frames included:
on a machine with nothing else to do the same as flows a second on one core.
"""

from harness import linux, live_edge, wire
from harness.profile import Contender, MeasurementError, Profile, Sample

CAPACITY = 1 << 22  # directed entries
CONNTRACK = 1 << 22
TENANTS = 16  # what one of them may start is limited
# What would make the number one of refusals.
FULL = ("FLOW_TABLE_FULL", "NAT_EXHAUSTED", "PENDING_FULL", "PUNT_CLOSED")


def _sample(result, used):
    """result: of perf_load, which has checked what arrived. used: CPU seconds
    besides it."""
    cpu = result["cpu_seconds"] + used
    return Sample(result["pps"], {**result, "controller_cpu_seconds": used},
                  {"per CPU second": result["received"] / cpu})


class _Linux(Contender):
    """VXLAN in, route, SNAT, plain out."""

    def __init__(self, name, options, cpus, group):
        super().__init__(name, group)
        self._options = options
        self._cpus = cpus

    def measure(self):
        with linux.conntrack_room(CONNTRACK), wire.Wire() as lab:
            linux.route(lab)
            linux.vxlan(lab)
            linux.snat(lab, linux.out(lab, False))
            return _sample(lab.load(
                self._options, "--encap", "vxlan", "--out", "plain", "--sink",
                "tc", "--nat", "any", "--nat-first", linux.POOL,
                "--nat-addresses", linux.POOL_SIZE, "--order", "new",
                "--cpus", self._cpus), 0.0)


class _Rampart(Contender):
    """GUE none in, policy, SNAT, plain out."""

    def __init__(self, name, options, cpu, group, reference):
        super().__init__(name, group, reference)
        self._options = options
        self._cpu = cpu

    def measure(self):
        settings = live_edge.Settings(CAPACITY, cpu=self._cpu,
                                      tenants=TENANTS)
        with live_edge.LiveEdge(settings) as edge:
            edge.start_edge()
            before = edge.cpu_seconds()
            result = edge.load(self._options, *live_edge.TRAFFIC[4],
                               "--order", "new", "--peers", TENANTS,
                               "--cpus", self._options.cpu,
                               idle=self._cpu == self._options.cpu)
            used = edge.cpu_seconds() - before
            return self._checked(edge, result, used)

    def _checked(self, edge, result, used):
        drops = edge.drops()
        for reason in FULL:
            if drops.get(reason):
                raise MeasurementError(f"new flows: {drops[reason]} packets "
                                       f"were dropped: {reason}")
        # rampartd was busy during the warm-up, too.
        seconds = result["seconds"]
        sample = _sample(result,
                         used * seconds / (seconds + self._options.warm_up))
        sample.details["drops"] = drops
        sample.details["flows"] = edge.flows()
        return sample


class NewFlows(Profile):
    name = "new_flows"
    help = "every packet another flow, with SNAT: those that arrive"
    unit = "flows/s"
    higher_is_better = True

    def contenders(self, options):
        here, there = options.cpu, 1 - min(options.cpu, 1)
        return [
            _Linux("Linux, 1 core", options, here, "1 core"),
            _Rampart("Rampart, 1 core", options, here, "1 core",
                     "Linux, 1 core"),
            _Linux("Linux, 2 cores", options, f"{here},{there}", "2 cores"),
            _Rampart("Rampart, 2 cores", options, there, "2 cores",
                     "Linux, 2 cores"),
        ]


PROFILE = NewFlows()
