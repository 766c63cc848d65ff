# SPDX-License-Identifier: Apache-2.0
"""Tests of the harness's arithmetic."""

import unittest

import perf_path  # noqa: F401  pylint: disable=unused-import
from harness import stats


class Summary(unittest.TestCase):

    def test_spread_is_the_middle_half_relative_to_the_median(self):
        self.assertEqual(stats.summary([5, 1, 2, 3, 4]),
                         {"median": 3, "min": 1, "max": 5, "spread": 2 / 3})

    def test_one_value_has_no_spread(self):
        self.assertEqual(stats.summary([7.0])["spread"], 0)

    def test_ratios_are_taken_round_by_round(self):
        self.assertEqual(stats.ratios([2, 6, 5], [1, 2, 0]), [2, 3])


class MannWhitney(unittest.TestCase):

    def test_five_against_five_without_overlap(self):
        """Two of C(10, 5) = 252 orders are as extreme."""
        p = stats.mann_whitney([1, 2, 3, 4, 5], [6, 7, 8, 9, 10])
        self.assertAlmostEqual(p, 2 / 252)

    def test_table_of_critical_values(self):
        """n = 5 and 5, two-sided 5%: U = 2 is significant, U = 3 is not."""
        self.assertLess(
            stats.mann_whitney([1, 2, 3, 4, 7], [5, 6, 8, 9, 10]), 0.05)
        self.assertGreater(
            stats.mann_whitney([1, 2, 3, 4, 8], [5, 6, 7, 9, 10]), 0.05)

    def test_three_rounds_prove_nothing(self):
        self.assertGreaterEqual(
            stats.mann_whitney([1, 2, 3], [4, 5, 6]), 0.05)

    def test_the_same_values_are_the_same(self):
        self.assertEqual(stats.mann_whitney([3] * 5, [3] * 5), 1.0)

    def test_many_values_take_the_normal_approximation(self):
        self.assertLess(
            stats.mann_whitney(list(range(30)), list(range(30, 60))), 1e-9)
        self.assertGreater(
            stats.mann_whitney(list(range(30)), list(range(30))), 0.9)


if __name__ == "__main__":
    unittest.main()
