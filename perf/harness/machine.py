# SPDX-License-Identifier: Apache-2.0
"""The machine that measurements were made on."""

import datetime
import os
import subprocess

from harness.tools import ROOT, build_dir


def describe(device=None):
    """Facts that a number means nothing without. device: the live one; without
    it, traffic goes over veth pairs with native XDP."""
    return {
        "date": datetime.datetime.now(datetime.timezone.utc)
                .isoformat(timespec="seconds"),
        "kernel": os.uname().release,
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "cores_online": _read("/sys/devices/system/cpu/online"),
        "hypervisor": "hypervisor" in _cpu_flags(),
        "smt": _read("/sys/devices/system/cpu/smt/active"),
        "governor": _read("/sys/devices/system/cpu/cpu0/cpufreq/"
                          "scaling_governor"),
        "memory_mb": _memory_mb(),
        "nic": device or "veth",
        "driver": _driver(device) if device else "veth",
        "mode": _xdp_mode(device) if device else "native",
        "jit": _read("/proc/sys/net/core/bpf_jit_enable"),
        "clang": _clang(),
        "commit": _commit(),
        "load": _read("/proc/loadavg").split(" ")[0],
    }


def _read(path):
    try:
        with open(path, encoding="utf-8") as f:
            return f.read().strip()
    except OSError:
        return ""


def _cpuinfo(key):
    for line in _read("/proc/cpuinfo").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return ""


def cpu_model():
    """As the CPU calls itself; ARM says less."""
    return _cpuinfo("model name") or os.uname().machine


def _cpu_flags():
    return _cpuinfo("flags").split()


def _memory_mb():
    first = _read("/proc/meminfo").splitlines()[0]
    return int(first.split()[1]) // 1024


def _output(*argv):
    try:
        done = subprocess.run(argv, capture_output=True, text=True,
                              check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _driver(device):
    try:
        path = os.readlink(f"/sys/class/net/{device}/device/driver")
        return os.path.basename(path)
    except OSError:
        return ""


def _xdp_mode(device):
    link = _output("ip", "-d", "link", "show", "dev", device)
    if "xdpgeneric" in link:
        return "generic"
    return "native" if "xdp" in link else "none"


def _clang():
    """The compiler that made the BPF objects, by its first line."""
    for line in _read(f"{build_dir()}/CMakeCache.txt").splitlines():
        if line.startswith("RAMPART_BPF_CLANG:"):
            path = line.partition("=")[2]
            return (_output(path, "--version").splitlines() or [""])[0]
    return ""


def _commit():
    git = ["git", "-c", f"safe.directory={ROOT}", "-C", ROOT]
    commit = _output(*git, "rev-parse", "--short=12", "HEAD")
    if commit and _output(*git, "status", "--porcelain", "-uno"):
        commit += " and changes"
    return commit
