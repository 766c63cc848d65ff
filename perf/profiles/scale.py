# SPDX-License-Identifier: Apache-2.0
"""What a change costs when there is much that does not change: a route is
added to one of a thousand tenants, which have 10 000 virtual networks, 100 000
routes and 100 000 rules, and taken away again.

Time is from the request to the answer: checked, on the disk, compiled, and in
the kernel's maps.
"""

import time

from harness import scale_edge
from harness.profile import Contender, MeasurementError, Profile, Sample

SIZES = {"1 tenant": 1, "1000 tenants": 1000}
CHANGES = 5  # a round
CIDRS = ("10.200.0.0/16", "fd00:200::/32")


def _milliseconds(call):
    start = time.monotonic()
    call()
    return (time.monotonic() - start) * 1e3


class _Edge(Contender):

    def __init__(self, name, reference):
        super().__init__(name, "changes", reference)
        self._tenants = SIZES[name]
        self._edge = None
        self._details = {}

    def set_up(self):
        self._edge = scale_edge.ScaleEdge(self._tenants)
        self._edge.__enter__()  # pylint: disable=unnecessary-dunder-call
        loaded = _milliseconds(self._edge.start_edge)
        before = self._edge.request("GET", "/v1/status")
        self._details = {"load_seconds": loaded / 1e3,
                         "rampartd_bytes": self._edge.rss(),
                         "tenants": before["tenants"]}

    def measure(self):
        added, removed = [], []
        path = f"/v1/tenants/big{self._tenants // 2}/routes"
        for change in range(CHANGES):
            cidr = CIDRS[change % len(CIDRS)]
            route = {"vnet": "v3", "cidr": cidr, "via": "blackhole"}
            epoch = self._edge.request("GET", "/v1/status")["epoch"]
            added.append(_milliseconds(
                lambda: self._edge.request("POST", path, route)))
            self._check(cidr, "blackhole")
            removed.append(_milliseconds(
                lambda: self._edge.request("DELETE", f"{path}/v3/{cidr}")))
            after = self._edge.request("GET", "/v1/status")["epoch"]
            if after != epoch + 2:
                raise MeasurementError(f"scale: epoch {after} after {epoch}")
        median = sorted(added)[CHANGES // 2]
        return Sample(median, self._details,
                      {"taken away": sorted(removed)[CHANGES // 2]})

    def _check(self, cidr, via):
        """The route is in force."""
        answer = self._edge.request(
            "GET", f"/v1/route?address={cidr.split('/')[0]}"
            f"&vnet=big{self._tenants // 2}%2Fv3")
        if via not in str(answer):
            raise MeasurementError(f"scale: {cidr} is not in force: {answer}")

    def tear_down(self):
        edge, self._edge = self._edge, None
        if edge:
            edge.__exit__(None, None, None)


class Scale(Profile):
    """Both edges exist at the same time."""
    name = "scale"
    help = "one route added among 100 000 routes and 100 000 rules"
    unit = "ms"
    higher_is_better = False

    def contenders(self, options):
        small, *others = SIZES
        return [_Edge(small, None)] + [_Edge(name, small) for name in others]


PROFILE = Scale()
