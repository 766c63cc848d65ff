# SPDX-License-Identifier: Apache-2.0
"""The harness on real traffic: short rounds of what it stands on. What they
measure is not judged here, for other tests may be running."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import unittest

import perf_path  # noqa: F401  pylint: disable=unused-import

from harness.wire import netlab

ROOT = os.path.realpath(f"{os.path.dirname(__file__)}/../..")
SKIPPED = 77  # exit status that CTest shows as "Skipped"
PROFILES = ("pipeline", "limits", "established", "kernel_stack", "memory")


def leftovers(pid):
    """What a run of the harness has left in the system."""
    folders = ("/run/netns", "/run/rampart-lab", "/sys/fs/bpf/rampart")
    return [f"{folder}/{name}" for folder in folders if os.path.isdir(folder)
            for name in os.listdir(folder)
            if name.startswith((f"rp{pid}-", f"{pid}-", f"perf{pid}-"))]


class Bench(unittest.TestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.json = f"{folder.name}/results.json"

    def start(self, *args):
        return subprocess.Popen(
            [f"{ROOT}/perf/bench", *args, "--json", self.json],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def test_every_kind_of_profile_measures_and_leaves_nothing(self):
        with self.start(*PROFILES, "--quick", "--rounds", "1", "--seconds",
                        "0.2", "--warm-up", "0.1") as bench:
            output, _ = bench.communicate(timeout=500)
        with open(self.json, encoding="utf-8") as f:
            measured = json.load(f)["profiles"]
        self.assertEqual(tuple(measured), PROFILES)
        for name, result in measured.items():
            self.assertNotIn("error", result, output)
            for line in result["lines"]:
                if not line["name"].startswith("stage"):
                    self.assertGreater(line["median"], 0, name)
        self.assertEqual(leftovers(bench.pid), [])

    def test_ended_by_a_signal_it_leaves_nothing(self):
        with self.start("memory") as bench:
            netlab.wait_for(
                lambda: leftovers(bench.pid) or bench.poll() is not None,
                "namespaces of the harness", 30)
            bench.send_signal(signal.SIGTERM)
            output, _ = bench.communicate(timeout=60)
        self.assertEqual(bench.returncode, 128 + signal.SIGTERM, output)
        self.assertEqual(leftovers(bench.pid), [])


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("SKIPPED: needs root, for network namespaces and BPF",
              file=sys.stderr)
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
