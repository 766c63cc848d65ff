# SPDX-License-Identifier: Apache-2.0
"""Nanoseconds per packet of the data plane's program, by test run.

perf_pipeline measures all lines of a round in one process, and checks every
packet's bytes and outcome; a round of this profile is a run of it.
"""

from harness import tools
from harness.profile import Contender, MeasurementError, Profile, Sample

TIMEOUT = 120


class _Batch:
    """A run of perf_pipeline, from which each contender takes its line."""

    def __init__(self, options):
        self._quick = ["--quick"] if options.quick else []
        self._left = {}
        self._details = {}

    def names(self):
        """Of all lines, in order."""
        return tools.run_json([tools.binary("perf_pipeline"), "--list",
                               *self._quick], TIMEOUT)

    def take(self, name):
        """The line's value in this round; begins a round if it was taken."""
        if name not in self._left:
            self._run()
        if name not in self._left:
            raise MeasurementError(f"perf_pipeline: no line {name}")
        return Sample(self._left.pop(name), self._details)

    def _run(self):
        result = tools.run_json([tools.binary("perf_pipeline"), *self._quick],
                                TIMEOUT)
        self._left = {line["name"]: line["ns"][0] for line in result["lines"]}
        self._details = {key: result[key] for key in ("repeats", "programs")}


class _Line(Contender):

    def __init__(self, batch, name):
        super().__init__(name)
        self._batch = batch

    def measure(self):
        return self._batch.take(self.name)


class Pipeline(Profile):
    """Lines are above an empty program, but for that one itself."""
    name = "pipeline"
    help = ("the whole pipeline and its stages above an empty program, one "
            "flow, 64 B, test run")
    unit = "ns/packet"
    higher_is_better = False

    def contenders(self, options):
        batch = _Batch(options)
        return [_Line(batch, name) for name in batch.names()]


PROFILE = Pipeline()
