# SPDX-License-Identifier: Apache-2.0
"""The few statistics that measurements need."""

import functools
import math
import statistics


def summary(values):
    """Median, extremes, and spread: the half of the values that is closest to
    the median lies within spread (relative to it) of one another."""
    quarters = (statistics.quantiles(values, n=4, method="inclusive")
                if len(values) > 1 else [values[0]] * 3)
    median = statistics.median(values)
    spread = (quarters[2] - quarters[0]) / abs(median) if median else 0.0
    return {"median": median, "min": min(values), "max": max(values),
            "spread": spread}


def ratios(values, reference):
    """Round by round, so that what disturbed both in a round cancels out."""
    return [v / r for v, r in zip(values, reference) if r]


@functools.lru_cache(maxsize=None)
def _arrangements(m, n, u):
    """In how many orders of m and n values the statistic is u (Mann and
    Whitney 1947, eqn. 1)."""
    if u < 0:
        return 0
    if m == 0 or n == 0:
        return int(u == 0)
    return _arrangements(m - 1, n, u - n) + _arrangements(m, n - 1, u)


def mann_whitney(a, b):
    """Two-sided p: how probable a difference in rank as large as this is if
    both come from the same distribution. Exact for up to 20 values each, with
    ties counted half and rounded against significance; normal above."""
    m, n = len(a), len(b)
    if not m or not n:
        return 1.0
    u = sum((x > y) + (x == y) / 2 for x in a for y in b)
    u = min(u, m * n - u)
    if m <= 20 and n <= 20:
        below = sum(_arrangements(m, n, k) for k in range(math.ceil(u) + 1))
        return min(1.0, 2 * below / math.comb(m + n, n))
    sigma = math.sqrt(m * n * (m + n + 1) / 12)
    return math.erfc((m * n / 2 - u - 0.5) / sigma / math.sqrt(2))
