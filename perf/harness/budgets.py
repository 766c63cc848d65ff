# SPDX-License-Identifier: Apache-2.0
"""perf/budgets.txt: what programs may cost."""

import dataclasses

from harness import tools
from harness.profile import MeasurementError

FILE = f"{tools.ROOT}/perf/budgets.txt"


@dataclasses.dataclass
class Budgets:
    """programs: name -> {"verified": N, "stack": N}; lines: of the profile
    pipeline -> nanoseconds."""
    programs: dict
    lines: dict


def read(path=FILE):
    """Raises MeasurementError naming the line that cannot be read."""
    budgets = Budgets({}, {})
    with open(path, encoding="utf-8") as f:
        for number, text in enumerate(f, 1):
            words = text.partition("#")[0].split(maxsplit=2)
            if not words:
                continue
            try:
                if words[0] == "ns":
                    budgets.lines[words[2].strip()] = float(words[1])
                else:
                    budgets.programs[words[0]] = {
                        "verified": int(words[1]), "stack": int(words[2])}
            except (IndexError, ValueError):
                raise MeasurementError(
                    f"budgets: {path}:{number}: neither \"PROGRAM verified "
                    "stack\" nor \"ns N LINE\"") from None
    return budgets


def program_excess(budgets, sizes):
    """What is past its budget, or has none: messages. sizes: what
    perf_program_sizes printed."""
    found = [f"{name}: in the budget, but no program"
             for name in budgets.programs if name not in sizes]
    for name, size in sizes.items():
        budget = budgets.programs.get(name)
        if budget is None:
            found.append(f"{name}: has no budget")
            continue
        found += [f"{name}: {what} {size[what]}, budget {budget[what]}"
                  for what in ("verified", "stack")
                  if size[what] > budget[what]]
    return found


def line_excess(budgets, measured):
    """The same for nanoseconds. measured: profiles of results."""
    lines = measured.get("pipeline", {}).get("lines", [])
    return [f"{line['name']}: {line['median']:.1f} ns, budget "
            f"{budgets.lines[line['name']]:g}"
            for line in lines
            if line["median"] > budgets.lines.get(line["name"], float("inf"))]
