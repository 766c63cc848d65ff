# SPDX-License-Identifier: Apache-2.0
"""Small networks made of network namespaces and veth pairs.

Everything a Lab makes outside this process carries the pid in its name and is
gone after close(), which also runs on exceptions and on SIGTERM, SIGHUP and
SIGINT. Only processes that the lab started, or that run in its namespaces,
are ever killed.
"""

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

NETNS = "/run/netns"
LAB_DIRS = "/run/rampart-lab"
CLONE_NEWNET = 0x40000000  # setns(2)

_libc = ctypes.CDLL(None, use_errno=True)


class LabError(Exception):
    """A command failed or a condition did not come true in time."""


def wait_for(condition, what, timeout=30.0, interval=0.02):
    """Calls `condition` until it is true; returns what it returned.

    Deadlines here are for computers busy with other things: what fails
    otherwise fails late, what succeeds does not notice.
    """
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise LabError(f"after {timeout:g} s still not: {what}")
        time.sleep(interval)


def run(argv, timeout=30.0, check=True, stdin=None):
    """Runs a command to its end; output is text, stderr is kept apart."""
    argv = [str(arg) for arg in argv]
    try:
        done = subprocess.run(argv, input=stdin, capture_output=True,
                              text=True, timeout=timeout, check=False,
                              errors="replace")
    except subprocess.TimeoutExpired as e:
        out = (e.stdout or b"").decode(errors="replace")
        raise LabError(f"{' '.join(argv)}: not done after {timeout:g} s\n"
                       f"{out}") from None
    if check and done.returncode:
        raise LabError(f"{' '.join(argv)}: exit {done.returncode}\n"
                       f"{done.stdout}{done.stderr}")
    return done


class Process:
    """A process in the background. Its output goes to the file `log`."""

    def __init__(self, argv, log, env=None):
        self.log = log
        with open(log, "wb") as out:
            # A session of its own: Ctrl-C is for the lab, which ends its
            # processes in order.
            self._popen = subprocess.Popen(
                [str(arg) for arg in argv], stdin=subprocess.DEVNULL,
                stdout=out, stderr=subprocess.STDOUT, env=env,
                start_new_session=True)
        self.pid = self._popen.pid

    def running(self):
        return self._popen.poll() is None

    def output(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()

    def wait(self, timeout):
        """Returns the exit status; negative: the signal that ended it."""
        try:
            return self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            raise LabError(f"pid {self.pid} ({self.log}) still runs after "
                           f"{timeout:g} s\n{self.output()}") from None

    def stop(self, sig=signal.SIGTERM, timeout=20.0):
        if self.running():
            self._popen.send_signal(sig)
        try:
            return self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            return self._popen.wait()


class Host:
    """One network namespace, playing a computer."""

    def __init__(self, lab, name):
        self.lab = lab
        self.name = name
        self.netns = f"{lab.prefix}{name}"
        run(["ip", "netns", "add", self.netns])
        # Quiet and at once: no duplicate address detection, no router
        # solicitations; and no reverse path filter, as on a router.
        self.sysctl({
            "net/ipv6/conf/default/accept_dad": 0,
            "net/ipv6/conf/default/accept_ra": 0,
            "net/ipv6/conf/default/router_solicitations": 0,
            "net/ipv4/conf/all/rp_filter": 0,
            "net/ipv4/conf/default/rp_filter": 0,
            "net/ipv4/ping_group_range": "0 2147483647",
        })
        self.ip("link set lo up")

    def enter(self, argv):
        """The command line that runs argv here. Unlike `ip netns exec` this
        leaves /sys as it is, and with it /sys/fs/bpf."""
        return ["nsenter", f"--net={NETNS}/{self.netns}", "--", *argv]

    def run(self, *argv, timeout=30.0, check=True, stdin=None):
        return run(self.enter(argv), timeout, check, stdin)

    def start(self, *argv, log=None):
        log = log or f"{self.name}-{os.path.basename(str(argv[0]))}.log"
        return self.lab.start(self.enter(argv), log)

    @contextlib.contextmanager
    def inside(self):
        """The calling thread is in this namespace within the block."""
        def set_netns(path):
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                if _libc.setns(fd, CLONE_NEWNET):
                    raise LabError(f"setns {path}: "
                                   f"{os.strerror(ctypes.get_errno())}")
            finally:
                os.close(fd)
        home = f"/proc/{os.getpid()}/task/{threading.get_native_id()}/ns/net"
        back = os.open(home, os.O_RDONLY | os.O_CLOEXEC)
        try:
            set_netns(f"{NETNS}/{self.netns}")
            yield
        finally:
            _libc.setns(back, CLONE_NEWNET)
            os.close(back)

    def socket(self, family, kind, protocol=0):
        """A socket that lives in this namespace for good."""
        with self.inside():
            return socket.socket(family, kind, protocol)

    def ip(self, *commands):
        """Runs `ip` commands, each without the leading "ip"."""
        run(["ip", "-n", self.netns, "-batch", "-"],
            stdin="\n".join(commands) + "\n")

    def sysctl(self, values):
        script = "".join(f"echo {value} > /proc/sys/{name}\n"
                         for name, value in values.items())
        self.run("sh", "-ec", script)

    def ethtool(self, device, *features):
        """features: "tx off", "gro on", ..."""
        args = [word for feature in features for word in feature.split()]
        self.run("ethtool", "-K", device, *args)

    def mac(self, device):
        out = self.run("ip", "-br", "link", "show", "dev", device).stdout
        return out.split()[2]

    def forward(self):
        """Makes it a router."""
        self.sysctl({"net/ipv4/ip_forward": 1,
                     "net/ipv6/conf/all/forwarding": 1})


class Lab:
    """Owns hosts, links, processes and a directory for their files."""

    def __init__(self):
        self.prefix = f"rp{os.getpid()}-"
        self.dir = f"{LAB_DIRS}/{os.getpid()}"
        self.hosts = {}
        self.processes = []
        self.kept = False
        self._old_handlers = {}

    def __enter__(self):
        if os.geteuid() != 0:
            raise LabError("network namespaces need root")
        for sig in (signal.SIGTERM, signal.SIGHUP):
            self._old_handlers[sig] = signal.signal(sig, self._on_signal)
        os.makedirs(self.dir)
        try:
            self.build()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        if not self.kept:
            self.close()
        for sig, handler in self._old_handlers.items():
            signal.signal(sig, handler)

    @staticmethod
    def _on_signal(number, _frame):
        sys.exit(128 + number)

    def build(self):
        """For subclasses: makes the topology."""

    def host(self, name):
        self.hosts[name] = Host(self, name)
        return self.hosts[name]

    def link(self, a, device_a, b, device_b, mtu=1500):
        """Joins two hosts by a veth pair that behaves like a wire.

        tx off, rx off, gro off: senders finish checksums and cut segments,
        receivers verify every packet as it came. pfifo: fast senders would
        overrun the 256 frames of a veth.
        """
        run(["ip", "link", "add", device_a, "mtu", mtu, "netns", a.netns,
             "type", "veth", "peer", "name", device_b, "mtu", mtu, "netns",
             b.netns])
        for host, device in ((a, device_a), (b, device_b)):
            host.ethtool(device, "tx off", "rx off", "gro off")
            host.ip(f"link set {device} txqueuelen 1000 up")
            host.run("tc", "qdisc", "add", "dev", device, "root", "pfifo",
                     "limit", "1000")

    def start(self, argv, log):
        process = Process(argv, f"{self.dir}/{log}")
        self.processes.append(process)
        return process

    def keep(self):
        """Leaves everything as it is when this process ends."""
        self.kept = True

    def remove(self):
        """For subclasses: removes what is left once no process runs."""
        remove(os.path.basename(self.dir))

    def close(self):
        """Removes everything; signals have to wait meanwhile."""
        for sig in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(sig, signal.SIG_IGN)
        try:
            for process in reversed(self.processes):
                process.stop()
            self.remove()
        finally:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def namespaces(name):
    """The namespaces of the lab called `name` (the pid that made it)."""
    if not os.path.isdir(NETNS):
        return []
    return sorted(n for n in os.listdir(NETNS) if n.startswith(f"rp{name}-"))


def kill_all_in(netns):
    """Ends every process inside one of our namespaces."""
    def pids():
        out = run(["ip", "netns", "pids", netns], check=False).stdout
        return [int(pid) for pid in out.split()]
    for pid in pids():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not pids(), f"{netns} has no processes")


def remove(name):
    """Removes what is left of a lab: processes, namespaces, files."""
    for netns in namespaces(name):
        kill_all_in(netns)
        run(["ip", "netns", "delete", netns])
    shutil.rmtree(f"{LAB_DIRS}/{name}", ignore_errors=True)
    with contextlib.suppress(OSError):
        os.rmdir(LAB_DIRS)


def labs():
    """Names of the labs that exist, in whole or in part."""
    names = set(os.listdir(LAB_DIRS)) if os.path.isdir(LAB_DIRS) else set()
    if os.path.isdir(NETNS):
        names |= {n[2:].split("-")[0] for n in os.listdir(NETNS)
                  if n.startswith("rp") and n[2:].split("-")[0].isdigit()}
    return sorted(names)
