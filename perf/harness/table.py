# SPDX-License-Identifier: Apache-2.0
"""Results as text."""

GAP = "  "


def columns(rows, left=1):
    """Rows of cells, aligned; the first `left` columns to the left."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(GAP.join(
        cell.ljust(width) if i < left else cell.rjust(width)
        for i, (cell, width) in enumerate(zip(row, widths))).rstrip()
        for row in rows)


def number(value):
    """Four digits that matter."""
    if value == 0:
        return "0"
    if abs(value) >= 1000:
        return f"{value:,.0f}".replace(",", " ")
    digits = 3 if abs(value) < 1 else 2 if abs(value) < 100 else 1
    return f"{value:.{digits}f}"


def percent(share):
    """A spread."""
    return f"{share * 100:.1f}%"


def ratio(share):
    """Shares as 77%, multiples as 12.3 x."""
    return f"{share * 100:.0f}%" if share < 2 else f"{share:.1f} x"


def profile(name, result):
    """The table of one profile."""
    head = f"\n{name}: {result['help']}\n"
    if not result["lines"]:
        return head
    rows = [["", result["unit"], "min", "max", "spread", "ratio", "to"]]
    for line in result["lines"]:
        compared = line.get("ratio")
        rows.append([line["name"], number(line["median"]),
                     number(line["min"]), number(line["max"]),
                     percent(line["spread"]),
                     ratio(compared["median"]) if compared else "",
                     line["reference"] if compared else ""])
    # "to" is text and last: alone at the left of its column.
    texts = [row.pop() for row in rows]
    body = columns(rows).split("\n")
    width = max(map(len, body))
    return head + "\n".join(
        f"{row.ljust(width)}{GAP}{text}".rstrip()
        for row, text in zip(body, texts)) + "\n"


def machine(facts):
    """A line or two about where this was measured."""
    return "; ".join(f"{key} {value}" for key, value in facts.items()
                     if value not in (None, ""))
