# SPDX-License-Identifier: Apache-2.0
"""Tests of the HTML page and its plots."""

import contextlib
import io
import os
import re
import tempfile
import unittest
import xml.etree.ElementTree

import perf_path  # noqa: F401  pylint: disable=unused-import
from harness import floors, report, results, svg


def profile(error=None, **lines):
    entry = {"help": "made <up>", "unit": "Mpps", "higher_is_better": True,
             "lines": [results.line(name, values)
                       for name, values in lines.items()]}
    return entry | ({"error": error} if error else {})


def some_results(**profiles):
    return results.document({"kernel": "6.1 & more"}, profiles)


class Page(unittest.TestCase):

    def plots(self, page):
        """All of a page's plots, which must be well-formed."""
        found = re.findall("<svg.*?</svg>", page)
        return [xml.etree.ElementTree.fromstring(plot) for plot in found]

    def test_a_bar_for_every_line_with_its_number(self):
        page = report.page([("a", some_results(
            p=profile(**{"x <1>": [1.0, 2.0, 3.0], "y": [4.0]})))])
        plot, = self.plots(page)
        rects = [e for e in plot.iter() if e.tag.endswith("rect")]
        self.assertEqual(len(rects), 2)
        widths = [float(rect.get("width")) for rect in rects]
        self.assertAlmostEqual(widths[1] / widths[0], 2.0, places=2)
        self.assertIn("x &lt;1&gt;", page)
        self.assertIn("6.1 &amp; more", page)

    def test_lines_over_flows_from_three_numbers_on(self):
        lines = {"none, 1": [9.0], "none, 1 k": [8.0], "none, 1 M": [3.0]}
        page = report.page([("a", some_results(p=profile(**lines)))])
        curve, _ = self.plots(page)
        circles = [e for e in curve.iter() if e.tag.endswith("circle")]
        self.assertEqual(len(circles), 3)
        lines.pop("none, 1")
        page = report.page([("a", some_results(p=profile(**lines)))])
        self.assertEqual(len(self.plots(page)), 1)

    def test_files_stand_side_by_side(self):
        page = report.page([("a", some_results(p=profile(x=[1.0]))),
                            ("b", some_results(p=profile(x=[2.0])))])
        plot, = self.plots(page)
        titles = [e.text for e in plot.iter() if e.tag.endswith("title")]
        self.assertEqual([t.split(":")[0] for t in titles], ["a", "b"])

    def test_failures_are_told(self):
        page = report.page([("a", some_results(p=profile("packets lost")))])
        self.assertIn("packets lost", page)
        self.assertEqual(self.plots(page), [])

    def test_floors_are_judged(self):
        document = some_results()
        document["floors"] = floors.as_json(floors.judge({}))
        self.assertIn("NOT MEASURED", report.page([("a", document)]))

    def test_nothing_is_fetched(self):
        page = report.page([("a", some_results(p=profile(x=[1.0])))])
        addresses = re.findall(r"https?://[^\"' ]+", page)
        self.assertEqual(set(addresses), {"http://www.w3.org/2000/svg"})
        self.assertNotIn("<script", page)

    def test_command_line(self):
        with tempfile.TemporaryDirectory() as folder:
            results.write(f"{folder}/a.json", some_results(
                p=profile(x=[1.0])))
            self.assertEqual(report.main([f"{folder}/a.json", "-o",
                                          f"{folder}/a.html"]), 0)
            self.assertGreater(os.path.getsize(f"{folder}/a.html"), 1000)
            with contextlib.redirect_stderr(io.StringIO()) as errors:
                self.assertEqual(report.main([f"{folder}/a.html", "-o",
                                              f"{folder}/b.html"]), 1)
            self.assertIn("report: results: ", errors.getvalue())


class Ticks(unittest.TestCase):

    def test_they_are_round_and_cover_the_data(self):
        for top in (0.003, 0.9, 1, 7, 12.3, 99, 1234567):
            marks = svg.ticks(top)
            self.assertGreaterEqual(marks[-1], top * (1 - 1e-9))
            self.assertLessEqual(len(marks), 12)
            self.assertEqual(marks[0], 0)

    def test_short_numbers(self):
        self.assertEqual([svg.short(v) for v in (0, 12.345, 1e3, 2.5e6)],
                         ["0", "12.3", "1 k", "2.5 M"])


if __name__ == "__main__":
    unittest.main()
