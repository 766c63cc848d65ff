# SPDX-License-Identifier: Apache-2.0
"""What changed significantly between two results.

A change counts if it passes two tests. Mann and Whitney's U on the rounds
(p < 0.05): a rank test, since times on a shared machine have long tails that
a t-test would take for a change, and exact for five rounds (the smallest
possible p is 0.008; with three rounds nothing is significant). And a threshold
on the medians: rounds of one run resemble one another more than two runs do
(memory layout, temperature), so with many rounds any two runs differ
"significantly" by a percent or two.
"""

import dataclasses

from harness import stats, table

P_VALUE = 0.05
BETTER, WORSE, SAME = "better", "WORSE", "same"
# What makes values, unlike ratios, incomparable.
MACHINE = ("kernel", "cpu", "cores", "nic", "driver", "mode")


@dataclasses.dataclass
class Change:
    """One line in both results. medians before and after; share: of the
    median; p: of Mann and Whitney."""
    profile: str
    name: str
    before: float
    after: float
    share: float
    p: float
    verdict: str


@dataclasses.dataclass
class Report:
    """machines: what differs about them; missing: lines in one file only;
    kind: what was compared."""
    changes: list
    machines: list
    missing: list
    kind: str


def compare(before, after, threshold, by_ratio=False):
    """Judges every line that both results have."""
    changes, missing = [], []
    for profile in before["profiles"] | after["profiles"]:
        old, new = (_lines(r, profile) for r in (before, after))
        missing += [f"{profile}: {name}" for name in old.keys() ^ new.keys()]
        better = (before["profiles"] | after["profiles"])[profile][
            "higher_is_better"]
        for name in old:
            pair = name in new and _pair(old[name], new[name], by_ratio)
            if pair:
                changes.append(_judge(profile, name, pair, better, threshold))
    return Report(changes, _machines(before, after), sorted(missing),
                  "ratios" if by_ratio else "values")


def _lines(results, profile):
    lines = results["profiles"].get(profile, {}).get("lines", [])
    return {line["name"]: line for line in lines}


def _pair(old, new, by_ratio):
    """What to compare; nothing for lines without ratio, if that is wanted."""
    if not by_ratio:
        return old["values"], new["values"]
    if "ratio" in old and "ratio" in new:
        return old["ratio"]["values"], new["ratio"]["values"]
    return None


def _judge(profile, name, pair, higher_is_better, threshold):
    before, after = (stats.summary(v)["median"] for v in pair)
    share = after / before - 1 if before else 0.0
    p = stats.mann_whitney(*pair)
    verdict = SAME
    if p < P_VALUE and abs(share) > threshold:
        verdict = BETTER if (share > 0) == higher_is_better else WORSE
    return Change(profile, name, before, after, share, p, verdict)


def _machines(before, after):
    return [f"{key}: {before['machine'].get(key)} and "
            f"{after['machine'].get(key)}" for key in MACHINE
            if before["machine"].get(key) != after["machine"].get(key)]


def text(report):
    """As a table, what changed first."""
    order = {WORSE: 0, BETTER: 1, SAME: 2}
    rows = [["profile", "line", "before", "after", "change", "p", ""]]
    for c in sorted(report.changes, key=lambda c: order[c.verdict]):
        rows.append([c.profile, c.name, table.number(c.before),
                     table.number(c.after), f"{c.share * 100:+.1f}%",
                     f"{c.p:.3f}", c.verdict])
    out = [f"other machine: {fact}" for fact in report.machines]
    out += [table.columns(rows, left=2)]
    out += [f"in one file only: {name}" for name in report.missing]
    count = sum(c.verdict != SAME for c in report.changes)
    out.append(f"{count} of {len(report.changes)} {report.kind} changed "
               "significantly")
    return "\n".join(out)
