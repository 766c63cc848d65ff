# SPDX-License-Identifier: Apache-2.0
"""The figures the project holds itself to, against what was measured."""

import dataclasses

from harness import stats, table
from harness.targets import TARGETS


@dataclasses.dataclass
class Judged:
    """A target with what was measured; value is None if nothing was, and why
    is in `note`."""
    target: object
    value: float | None
    low: float = 0.0
    high: float = 0.0
    note: str = ""

    @property
    def missed(self):
        """Not measured is missed, too."""
        return self.value is None or not self.target.reaches(
            self.value, self.target.floor)

    @property
    def verdict(self):
        """What the table says."""
        if self.value is None:
            return "NOT MEASURED"
        if self.missed:
            return "MISS"
        reached = self.target.reaches(self.value, self.target.goal)
        return "PASS, goal" if reached else "PASS"


def needed(found):
    """The profiles that the targets are taken from, those that exist."""
    names = dict.fromkeys(target.profile for target in TARGETS)
    return [found[name] for name in names if name in found]


def judge(profiles):
    """profiles: of results. One Judged a target, in order."""
    return [_judge(target, profiles.get(target.profile, {}))
            for target in TARGETS]


def _judge(target, profile):
    lines = {line["name"]: line for line in profile.get("lines", [])}
    names = [target.line] + ([target.to] if target.to else [])
    absent = [name for name in names if name not in lines]
    if absent:
        return Judged(target, None, note=profile.get("error") or
                      f"no line \"{absent[0]}\"")
    values = lines[target.line]["values"]
    if target.to:
        values = stats.ratios(values, lines[target.to]["values"])
    if not values:
        return Judged(target, None, note=f"\"{target.to}\" is 0")
    of = stats.summary(values)
    return Judged(target, of["median"], of["min"], of["max"],
                  f"{len(values)} rounds")


def text(judged):
    """The table of targets."""
    rows = [["what", "floor", "goal", "measured", "min", "max", ""]]
    for j in judged:
        show = j.target.show
        measured = ([show(j.value), show(j.low), show(j.high)]
                    if j.value is not None else ["-", "-", "-"])
        rows.append([j.target.work, show(j.target.floor), show(j.target.goal),
                     *measured, j.verdict])
    missed = [j for j in judged if j.missed]
    out = ["", table.columns(rows)]
    out += [f"{j.target.work}: {j.note}" for j in judged if j.value is None]
    out.append(f"{len(judged) - len(missed)} of {len(judged)} floors reached")
    return "\n".join(out)


def as_json(judged):
    """For the results file."""
    return [{"work": j.target.work, "profile": j.target.profile,
             "line": j.target.line, "to": j.target.to,
             "floor": j.target.floor, "goal": j.target.goal,
             "measured": j.value, "min": j.low, "max": j.high,
             "unit": j.target.unit, "verdict": j.verdict, "note": j.note}
            for j in judged]
