# SPDX-License-Identifier: Apache-2.0
"""Tests of the harness with made-up profiles."""

import contextlib
import io
import os
import tempfile
import unittest

import perf_path  # noqa: F401  pylint: disable=unused-import
from harness import (budgets, cli, compare, driver, floors, results, table,
                     targets, tools)
from harness.profile import (Contender, MeasurementError, Options, Profile,
                             Sample)


class Fake(Contender):
    """Says what happens to it, and gives these samples in turn."""

    def __init__(self, log, name, samples, **kwargs):
        super().__init__(name, **kwargs)
        self.log = log
        self.samples = iter(samples)

    def set_up(self):
        self.log.append(f"up {self.name}")

    def measure(self):
        self.log.append(self.name)
        sample = next(self.samples)
        if isinstance(sample, Exception):
            raise sample
        return sample

    def tear_down(self):
        self.log.append(f"down {self.name}")


class FakeProfile(Profile):
    """Of given contenders."""
    name = "fake"
    help = "made up"
    unit = "Mpps"

    def __init__(self, contenders):
        self._contenders = contenders

    def contenders(self, options):
        return self._contenders


def quiet():
    return driver.Progress(io.StringIO())


def samples(*values):
    return [Sample(value) for value in values]


class Driver(unittest.TestCase):

    def test_contenders_of_a_group_take_turns(self):
        log = []
        contenders = [Fake(log, name, samples(1, 2), group=group)
                      for name, group in (("a", "1"), ("b", "1"), ("c", "2"))]
        driver.measure(FakeProfile(contenders), Options(rounds=2), quiet())
        self.assertEqual(log, ["up a", "up b", "a", "b", "b", "a", "down b",
                               "down a", "up c", "c", "c", "down c"])

    def test_what_was_set_up_is_torn_down_after_a_failure(self):
        log = []
        contenders = [Fake(log, "a", [MeasurementError("lost")]),
                      Fake(log, "b", [])]
        errors = io.StringIO()
        with contextlib.redirect_stderr(errors):
            measured = driver.run([FakeProfile(contenders)], Options(),
                                  quiet(), io.StringIO())
        self.assertEqual(log, ["up a", "up b", "a", "down b", "down a"])
        self.assertEqual(measured["fake"]["error"], "lost")
        self.assertEqual(measured["fake"]["lines"], [])
        self.assertIn("fake: lost", errors.getvalue())

    def test_ratios_and_parts(self):
        log = []
        contenders = [
            Fake(log, "base", [Sample(2, parts={"p99": 4})] * 2),
            Fake(log, "x", [Sample(4, {"n": 1}, {"p99": 2})] * 2,
                 reference="base")]
        lines = driver.measure(FakeProfile(contenders), Options(rounds=2),
                               quiet())["lines"]
        found = {line["name"]: line for line in lines}
        self.assertEqual(list(found), ["base", "base, p99", "x", "x, p99"])
        self.assertEqual(found["x"]["ratio"]["median"], 2)
        self.assertEqual(found["x, p99"]["reference"], "base, p99")
        self.assertEqual(found["x, p99"]["ratio"]["median"], 0.5)
        self.assertNotIn("ratio", found["base"])
        self.assertEqual(found["x"]["details"], {"n": 1})
        self.assertIn("2.0 x  base", table.profile(
            "fake", {"help": "", "unit": "Mpps", "lines": lines}))

    def test_every_profile_of_the_project_loads(self):
        found = driver.load()
        for profile in found.values():
            lines = profile.contenders(Options(device="eth0"))
            names = [line.name for line in lines]
            self.assertEqual(len(names), len(set(names)), profile.name)
            for line in lines:
                group = [c.name for c in lines if c.group == line.group]
                if line.reference:
                    self.assertIn(line.reference.split(",")[0],
                                  [g.split(",")[0] for g in group])


class Results(unittest.TestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = f"{folder.name}/results.json"

    def test_written_and_read(self):
        document = results.document({"kernel": "6.1"}, {})
        results.write(self.path, document)
        self.assertEqual(results.read(self.path), document)

    def test_other_files_are_refused(self):
        for text in ("", "[]", '{"format": 99}'):
            with open(self.path, "w", encoding="utf-8") as f:
                f.write(text)
            with self.assertRaisesRegex(MeasurementError, "results: "):
                results.read(self.path)


def result(higher_is_better=True, **lines):
    """Results with one profile; lines: name -> values."""
    return results.document({"kernel": "6.1"}, {"p": {
        "help": "", "unit": "Mpps", "higher_is_better": higher_is_better,
        "lines": [results.line(name, values)
                  for name, values in lines.items()]}})


class Compare(unittest.TestCase):

    BEFORE = [10.0, 10.1, 10.2, 10.3, 10.4]

    def verdict(self, after, higher_is_better=True):
        report = compare.compare(result(higher_is_better, a=self.BEFORE),
                                 result(higher_is_better, a=after), 0.05)
        return report.changes[0].verdict

    def test_less_of_what_should_be_more_is_worse(self):
        self.assertEqual(self.verdict([9.0, 9.1, 9.2, 9.3, 9.4]),
                         compare.WORSE)
        self.assertEqual(self.verdict([9.0, 9.1, 9.2, 9.3, 9.4], False),
                         compare.BETTER)

    def test_a_small_change_does_not_matter_however_sure(self):
        self.assertEqual(self.verdict([10.5, 10.51, 10.52, 10.53, 10.54]),
                         compare.SAME)

    def test_a_large_change_within_the_noise_proves_nothing(self):
        self.assertEqual(self.verdict([5.0, 10.1, 9.0, 20.0, 10.35]),
                         compare.SAME)

    def test_lines_and_machines_that_differ_are_told(self):
        after = result(b=[1.0])
        after["machine"]["kernel"] = "6.18"
        text = compare.text(compare.compare(result(a=[1.0]), after, 0.05))
        self.assertIn("kernel: 6.1 and 6.18", text)
        self.assertIn("in one file only: p: a", text)
        self.assertIn("in one file only: p: b", text)

    def test_exit_status(self):
        with tempfile.TemporaryDirectory() as folder:
            for name, values in (("a", self.BEFORE), ("b", [1.0] * 5)):
                results.write(f"{folder}/{name}", result(x=values))
            with contextlib.redirect_stdout(io.StringIO()):
                self.assertEqual(
                    cli.main(["compare", f"{folder}/a", f"{folder}/b"]), 1)
                self.assertEqual(
                    cli.main(["compare", f"{folder}/b", f"{folder}/a"]), 0)


class Floors(unittest.TestCase):

    MORE = targets.Target("work", "p", "a", "b", "x", 2.0, 3.0)
    LESS = targets.Target("work", "p", "a", None, "ns", 100, 80)

    def verdict(self, target, **lines):
        # pylint: disable-next=protected-access
        return floors._judge(target, result(**lines)["profiles"]["p"]).verdict

    def test_ratios_must_be_high(self):
        self.assertEqual(self.verdict(self.MORE, a=[6.0], b=[2.0]),
                         "PASS, goal")
        self.assertEqual(self.verdict(self.MORE, a=[4.0], b=[2.0]), "PASS")
        self.assertEqual(self.verdict(self.MORE, a=[3.9], b=[2.0]), "MISS")

    def test_costs_must_be_low(self):
        self.assertEqual(self.verdict(self.LESS, a=[80.0]), "PASS, goal")
        self.assertEqual(self.verdict(self.LESS, a=[100.0]), "PASS")
        self.assertEqual(self.verdict(self.LESS, a=[101.0]), "MISS")

    def test_what_was_not_measured_is_missed(self):
        judged = floors.judge({})
        self.assertTrue(all(j.missed for j in judged))
        self.assertIn(f"0 of {len(judged)} floors", floors.text(judged))

    def test_every_target_can_be_shown(self):
        for target in targets.TARGETS:
            self.assertTrue(target.show(target.floor))
            self.assertTrue(target.reaches(target.goal, target.floor))


class Budgets(unittest.TestCase):

    def setUp(self):
        self.budgets = budgets.Budgets(
            {"rp_a": {"verified": 100, "stack": 50}}, {"x, in": 80.0})

    def excess(self, **sizes):
        return budgets.program_excess(self.budgets, sizes)

    def test_the_budget_itself_is_within_it(self):
        self.assertEqual(self.excess(rp_a={"verified": 100, "stack": 50}), [])

    def test_each_number_has_its_ceiling(self):
        self.assertEqual(self.excess(rp_a={"verified": 101, "stack": 51}),
                         ["rp_a: verified 101, budget 100",
                          "rp_a: stack 51, budget 50"])

    def test_programs_and_budgets_go_together(self):
        self.assertEqual(self.excess(rp_b={"verified": 1, "stack": 1}),
                         ["rp_a: in the budget, but no program",
                          "rp_b: has no budget"])

    def test_nanoseconds(self):
        measured = {"pipeline": {"lines": [
            results.line("x, in", [81.0]), results.line("y", [999.0])]}}
        self.assertEqual(budgets.line_excess(self.budgets, measured),
                         ["x, in: 81.0 ns, budget 80"])

    def test_the_file_of_the_project_is_readable(self):
        self.assertEqual(set(budgets.read().programs),
                         {"rp_uplink", "rp_access"})


class Tools(unittest.TestCase):

    def test_a_missing_program_names_the_remedy(self):
        with self.assertRaisesRegex(MeasurementError, "tools/build --perf"):
            tools.binary("no_such_program")

    def test_what_is_not_json_is_an_error(self):
        with self.assertRaisesRegex(MeasurementError, "echo: not JSON"):
            tools.run_json(["/bin/echo", "hello"], 5)

    def test_a_failing_program_is_an_error_with_its_words(self):
        with self.assertRaisesRegex(MeasurementError, "sh: bad luck"):
            tools.run_json(["/bin/sh", "-c", "echo bad luck >&2; exit 3"], 5)

    def test_a_server_is_ready_and_ends_with_its_input(self):
        server = tools.Server(["/bin/sh", "-c",
                               "echo '{\"ready\": true}'; cat >/dev/null"])
        self.assertEqual(server.ready, {"ready": True})
        server.close()
        self.assertFalse(os.path.exists(f"/proc/{server.pid}"))

    def test_a_server_that_ends_at_once_is_an_error(self):
        with self.assertRaisesRegex(MeasurementError, "sh: no luck"):
            tools.Server(["/bin/sh", "-c", "echo no luck >&2"])


if __name__ == "__main__":
    unittest.main()
