# SPDX-License-Identifier: Apache-2.0
"""An edge that is there already, seen from its pins and from the kernel: its
counters, and what its programs take."""

import ctypes
import json
import os
import subprocess

from harness import tools
from harness.profile import MeasurementError

PINS = "/sys/fs/bpf/rampart"
_RUN_TIME = 0  # enum bpf_stats_type


class RunTimes:
    """The kernel takes the time of BPF programs while this is open, which
    costs each run some 20 ns itself."""

    def __init__(self):
        libbpf = ctypes.CDLL("libbpf.so.1", use_errno=True)
        self._fd = libbpf.bpf_enable_stats(_RUN_TIME)
        if self._fd < 0:
            raise MeasurementError("BPF run times: "
                                   f"{os.strerror(ctypes.get_errno())}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self._fd)


class PinnedEdge:
    """One edge, and its device that is measured."""

    def __init__(self, device, name=None):
        self.device = device
        self.name = name or self._only_one()
        self.program = self._program()
        self._slot = self._find_slot()

    @staticmethod
    def _only_one():
        names = os.listdir(PINS) if os.path.isdir(PINS) else []
        if len(names) != 1:
            raise MeasurementError(
                f"{len(names)} edges are pinned in {PINS}"
                f"{': --edge names one of ' if names else ''}"
                f"{', '.join(names)}")
        return names[0]

    @staticmethod
    def _run(argv):
        done = subprocess.run(argv, capture_output=True, text=True, timeout=30,
                              check=False)
        # xdpctl: 6, read from the pins.
        if done.returncode not in (0, 6):
            raise MeasurementError(f"{' '.join(argv)}: {done.stderr.strip()}")
        return json.loads(done.stdout)

    def _dump(self, name):
        return self._run([tools.binary("xdpctl"), "--offline", "--edge",
                          self.name, "map", "dump", name, "--limit", "100000",
                          "-o", "json"])["entries"]

    def _program(self):
        link = self._run(["ip", "-j", "link", "show", "dev", self.device])[0]
        program = link.get("xdp", {}).get("prog", {})
        if not program.get("name", "").startswith("rp_"):
            raise MeasurementError(f"{self.device}: no program of Rampart's")
        return program["id"]

    def _find_slot(self):
        index = self._run(["ip", "-j", "link", "show", "dev",
                           self.device])[0]["ifindex"]
        for row in self._dump("rp_devices"):
            if row["ifindex"] == index:
                return row["slot"]
        raise MeasurementError(f"{self.device}: not a device of edge "
                               f"{self.name}")

    def outcomes(self):
        """Packets that came on through the device, by what became of them."""
        return {row["outcome"]: row["packets"]
                for row in self._dump("rp_outcomes")
                if row["slot"] == self._slot}

    def run_time(self):
        """(nanoseconds, runs) of the program since it was loaded, RunTimes
        being open."""
        shown = self._run(["bpftool", "-j", "prog", "show", "id",
                           str(self.program)])
        return shown.get("run_time_ns", 0), shown.get("run_cnt", 0)


def softirq_seconds():
    """CPU time of all CPUs in soft interrupts: where packets are received."""
    with open("/proc/stat", encoding="utf-8") as f:
        ticks = int(f.readline().split()[7])
    return ticks / os.sysconf("SC_CLK_TCK")
