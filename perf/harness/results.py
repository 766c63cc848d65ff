# SPDX-License-Identifier: Apache-2.0
"""What was measured, as JSON.

{"format": 1, "machine": {...}, "profiles": {NAME: {
    "help", "unit", "higher_is_better", "error": text or absent,
    "lines": [{"name", "median", "min", "max", "spread", "values", "details",
               "reference", "ratio": {median, min, max, spread, values}}]}}}
"""

import json

from harness import stats
from harness.profile import MeasurementError

FORMAT = 1


def line(name, values, details=None, reference=None):
    """A line of a table. reference: (name, values) to divide by, or None."""
    entry = {"name": name, **stats.summary(values), "values": values,
             "details": details or {}}
    if reference:
        quotients = stats.ratios(values, reference[1])
        if quotients:
            entry["reference"] = reference[0]
            entry["ratio"] = {**stats.summary(quotients), "values": quotients}
    return entry


def lines(rounds, contenders):
    """All lines of a profile. rounds: contender -> its samples in order."""
    values = {}
    for contender in contenders:
        for name, row in _series(contender, rounds[contender]).items():
            values[name] = (row, contender)
    out = []
    for name, (row, contender) in values.items():
        part = name[len(contender.name):]
        against = _reference(contender, part, values)
        details = {} if part else rounds[contender][-1].details
        out.append(line(name, row, details,
                        against and (against, values[against][0])))
    return out


def _series(contender, samples):
    series = {contender.name: [s.value for s in samples]}
    for part in samples[0].parts:
        series[f"{contender.name}, {part}"] = [s.parts[part] for s in samples]
    return series


def _reference(contender, part, values):
    """p99 is compared with the p99 of the reference, if it has one."""
    for name in (f"{contender.reference}{part}", contender.reference):
        if contender.reference and name in values:
            return name
    return None


def document(machine, profiles):
    """profiles: name -> {"help", "unit", "higher_is_better", "lines"}."""
    return {"format": FORMAT, "machine": machine, "profiles": profiles}


def write(path, results):
    """Raises OSError."""
    with open(path, "w", encoding="utf-8") as f:
        json.dump(results, f, indent=1)
        f.write("\n")


def read(path):
    """Raises MeasurementError if it is not a file of ours."""
    try:
        with open(path, encoding="utf-8") as f:
            results = json.load(f)
    except (OSError, ValueError) as e:
        raise MeasurementError(f"results: {path}: {e}") from None
    if not isinstance(results, dict) or results.get("format") != FORMAT:
        raise MeasurementError(f"results: {path}: not of format {FORMAT}")
    return results


def find(results, profile, name):
    """A line, or None."""
    lines_of = results["profiles"].get(profile, {}).get("lines", [])
    return next((entry for entry in lines_of if entry["name"] == name), None)
