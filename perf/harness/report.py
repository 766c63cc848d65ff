# SPDX-License-Identifier: Apache-2.0
"""Results as one HTML page that needs nothing else: no network, no script."""

import argparse
import os
import re
import sys

from harness import floors, results, svg, table
from harness.profile import MeasurementError

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2em auto;
       max-width: 980px; padding: 0 1em; color: #222; background: #fff; }
h1 { font-size: 1.5em; } h2 { font-size: 1.15em; margin-top: 2.2em; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 2px 10px; text-align: right; border-bottom: 1px solid #ddd; }
th:first-child, td:first-child { text-align: left; }
svg { width: 100%; height: auto; font: 12px system-ui, sans-serif; }
.grid { stroke: #ddd; } .range { stroke: #222; stroke-width: 1.5; }
.miss { color: #a40000; font-weight: 600; } .pass { color: #14691b; }
details { margin: .6em 0; } summary { cursor: pointer; color: #555; }
"""

# "none, 100 k": a line that is one of several over a number of flows.
_COUNT = re.compile(r"^(.*?),? ?(\d+)( [kM])?$")
_FACTOR = {None: 1, " k": 1000, " M": 1000000}


def page(files):
    """files: (name, results) in the order of their columns."""
    names = dict.fromkeys(profile for _, result in files
                          for profile in result["profiles"])
    body = ["<h1>Rampart: measured</h1>", _machines(files), _floors(files)]
    for name in names:
        body.append(_profile(name, [
            (label, result["profiles"][name]) for label, result in files
            if name in result["profiles"]]))
    return ("<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">"
            "<title>Rampart: measured</title>"
            f"<style>{STYLE}</style></head><body>{''.join(body)}"
            "</body></html>\n")


def _table(head, rows):
    cells = "".join(f"<th>{svg.escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(
        cell if cell.startswith("<td") else f"<td>{svg.escape(cell)}</td>"
        for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{cells}</tr>{body}</table>"


def _machines(files):
    keys = dict.fromkeys(key for _, result in files
                         for key in result["machine"])
    rows = [[key, *(str(result["machine"].get(key, ""))
                    for _, result in files)] for key in keys]
    return ("<details><summary>Where and with what</summary>" +
            _table(["", *(label for label, _ in files)], rows) + "</details>")


def _floors(files):
    parts = []
    for label, result in files:
        if "floors" not in result:
            continue
        rows = []
        for judged in floors.judge(result["profiles"]):
            show = judged.target.show
            kind = "miss" if judged.missed else "pass"
            rows.append([judged.target.work, show(judged.target.floor),
                         show(judged.target.goal),
                         "-" if judged.value is None else show(judged.value),
                         f'<td class="{kind}">{judged.verdict}</td>'])
        parts.append(f"<h2>Floors and goals: {svg.escape(label)}</h2>" +
                     _table(["", "floor", "goal", "measured", ""], rows))
    return "".join(parts)


def _profile(name, shown):
    """shown: (label of the file, result of the profile)."""
    first = shown[0][1]
    parts = [f"<h2>{svg.escape(name)}</h2><p>{svg.escape(first['help'])} "
             f"({svg.escape(first['unit'])}; "
             f"{'more' if first['higher_is_better'] else 'less'} is better)"
             "</p>"]
    for label, result in shown:
        if "error" in result:
            parts.append(f'<p class="miss">{svg.escape(label)}: '
                         f"{svg.escape(result['error'])}</p>")
    if any(result["lines"] for _, result in shown):
        curves = _curves(shown)
        if curves:
            parts.append(svg.lines(curves, first["unit"], "flows"))
        parts += [svg.bars(_groups(shown), first["unit"]), _numbers(shown)]
    return "".join(parts)


def _range(line):
    return line["median"], line["min"], line["max"]


def _groups(shown):
    names = dict.fromkeys(line["name"] for _, result in shown
                          for line in result["lines"])
    return [(name, [(label, *_range(line)) for label, result in shown
                    for line in result["lines"] if line["name"] == name])
            for name in names]


def _curves(shown):
    """Lines whose names end in a number, from three such numbers on."""
    series = {}
    for label, result in shown:
        for line in result["lines"]:
            match = _COUNT.match(line["name"])
            if match and match[1]:
                name = match[1] if len(shown) == 1 else f"{match[1]} ({label})"
                count = int(match[2]) * _FACTOR[match[3]]
                series.setdefault(name, []).append((count, *_range(line)))
    return [(name, sorted(row)) for name, row in series.items()
            if len(row) >= 3 and all(x[0] > 0 for x in row)]


def _numbers(shown):
    rows = [[line["name"], *([label] if len(shown) > 1 else []),
             table.number(line["median"]), table.number(line["min"]),
             table.number(line["max"]), table.percent(line["spread"]),
             f"{table.ratio(line['ratio']['median'])} of {line['reference']}"
             if "ratio" in line else ""]
            for label, result in shown for line in result["lines"]]
    head = ["", *(["file"] if len(shown) > 1 else []), "median", "min", "max",
            "spread", "ratio"]
    return ("<details><summary>Numbers</summary>" + _table(head, rows) +
            "</details>")


def main(argv):
    """The command line of perf/report."""
    parser = argparse.ArgumentParser(
        prog="report", description="Draws results of perf/bench.")
    parser.add_argument("files", nargs="+", metavar="FILE.json")
    parser.add_argument("-o", "--output", required=True, metavar="PAGE.html")
    args = parser.parse_args(argv)
    try:
        files = [(os.path.basename(path).removesuffix(".json"),
                  results.read(path)) for path in args.files]
    except MeasurementError as e:
        print(f"report: {e}", file=sys.stderr)
        return 1
    with open(args.output, "w", encoding="utf-8") as f:
        f.write(page(files))
    return 0
