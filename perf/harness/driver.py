# SPDX-License-Identifier: Apache-2.0
"""Runs profiles: sets up the contenders of a group, lets them take turns round
by round, tears them down."""

import contextlib
import importlib
import pkgutil
import sys
import time

import profiles
from harness import results, table, wire
from harness.profile import MeasurementError


class Progress:
    """One line on stderr that is written over; or, if that is a file, a line
    now and then."""
    PAUSE = 2.0  # seconds between the lines of a file

    def __init__(self, out=sys.stderr):
        self._out = out
        self._live = out.isatty()
        self._begin = time.monotonic()
        self._said = -self.PAUSE

    def say(self, text):
        """What is being done now."""
        now = time.monotonic() - self._begin
        if not self._live and now < self._said + self.PAUSE:
            return
        self._said = now
        stamp = f"[{now:7.1f} s] {text}"
        end = "" if self._live else "\n"
        start = "\r\x1b[K" if self._live else ""
        print(f"{start}{stamp}", end=end, file=self._out, flush=True)

    def clear(self):
        """Before something is printed."""
        if self._live:
            print("\r\x1b[K", end="", file=self._out, flush=True)


def load():
    """All profiles by name."""
    found = {}
    for module in pkgutil.iter_modules(profiles.__path__):
        profile = getattr(importlib.import_module(f"profiles.{module.name}"),
                          "PROFILE", None)
        if profile:  # others hold what several profiles share
            found[profile.name] = profile
    return dict(sorted(found.items()))


def measure(profile, options, progress):
    """Runs one profile. Returns its part of the results."""
    contenders = profile.contenders(options)
    rounds = {contender: [] for contender in contenders}
    for group in dict.fromkeys(c.group for c in contenders):
        _measure_group(profile.name, [c for c in contenders
                                      if c.group == group],
                       rounds, options, progress)
    return {"help": profile.help, "unit": profile.unit,
            "higher_is_better": profile.higher_is_better,
            "lines": results.lines(rounds, contenders)}


def _measure_group(name, contenders, rounds, options, progress):
    with contextlib.ExitStack() as stack:
        for contender in contenders:
            progress.say(f"{name}: setting up: {contender.name}")
            stack.callback(contender.tear_down)
            contender.set_up()
        for number in range(options.rounds):
            # Each round begins with another one, so that nobody always runs
            # in the same one's wake.
            start = number % len(contenders)
            for contender in contenders[start:] + contenders[:start]:
                progress.say(f"{name}: round {number + 1} of "
                             f"{options.rounds}: {contender.name}")
                rounds[contender].append(contender.measure())


def run(wanted, options, progress, out=sys.stdout):
    """Runs these profiles, prints each table when it is there. Returns results
    by profile; one that failed has "error" and no lines."""
    measured = {}
    for profile in wanted:
        try:
            measured[profile.name] = measure(profile, options, progress)
            error = None
        except (MeasurementError, wire.netlab.LabError, OSError) as e:
            error = str(e)
            measured[profile.name] = {
                "help": profile.help, "unit": profile.unit,
                "higher_is_better": profile.higher_is_better,
                "error": error, "lines": []}
        progress.clear()
        print(table.profile(profile.name, measured[profile.name]), file=out,
              flush=True)
        if error:
            print(f"bench: {profile.name}: {error}", file=sys.stderr)
    return measured
