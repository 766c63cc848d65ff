# SPDX-License-Identifier: Apache-2.0
"""The programs that profiles run: where they are, and what they print."""

import contextlib
import json
import os
import signal
import subprocess
import tempfile

from harness.profile import MeasurementError

ROOT = os.path.realpath(f"{os.path.dirname(__file__)}/../..")


def build_dir():
    """Where the programs were built: RAMPART_BUILD, or build/."""
    return os.environ.get("RAMPART_BUILD", f"{ROOT}/build")


def binary(name):
    """The path of a program of this project."""
    path = f"{build_dir()}/bin/{name}"
    if not os.access(path, os.X_OK):
        raise MeasurementError(
            f"{path} is missing: tools/build --perf makes it; or let "
            "RAMPART_BUILD name the folder of another build")
    return path


def parse(text, who):
    """The JSON object that a program printed."""
    try:
        return json.loads(text)
    except ValueError:
        raise MeasurementError(f"{who}: not JSON: {text[:200]!r}") from None


def _become_idle():
    """Runs only when nobody else wants to: by its class among its session's
    processes, and by its session's weight among sessions (sched(7),
    autogroups)."""
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    with contextlib.suppress(OSError):  # a kernel without autogroups
        with open("/proc/self/autogroup", "w", encoding="ascii") as f:
            f.write("19")


def run_json(argv, timeout, idle=False):
    """Runs a program to its end; returns the object it printed on stdout.
    It is given SIGTERM, and time to clean up, whatever ends this early. idle:
    it gets the CPU time that is left over."""
    argv = [str(arg) for arg in argv]
    who = os.path.basename(argv[0])
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          start_new_session=True,
                          preexec_fn=_become_idle if idle else None
                          ) as process:
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            raise MeasurementError(
                f"{who}: not done after {timeout:g} s") from None
        finally:
            stop(process)
    if process.returncode:
        raise MeasurementError(f"{who}: {err.strip() or process.returncode}")
    return parse(out, who)


def stop(process, patience=10.0):
    """Ends a child that may have ended already."""
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Server:
    """A program that prints one JSON line once it is ready, and serves until
    its stdin closes."""

    def __init__(self, argv, timeout=60.0):
        argv = [str(arg) for arg in argv]
        self._who = os.path.basename(argv[0])
        # A file: a pipe that nobody reads would stop the program.
        self._errors = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=self._errors, text=True, start_new_session=True)
        try:
            self.ready = self._first_line(timeout)
        except BaseException:
            stop(self._process)
            self._close_files()
            raise

    @property
    def pid(self):
        return self._process.pid

    def _first_line(self, timeout):
        alarm = signal.signal(signal.SIGALRM, self._too_late)
        signal.setitimer(signal.ITIMER_REAL, timeout)
        try:
            line = self._process.stdout.readline()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, alarm)
        if not line:
            raise MeasurementError(
                f"{self._who}: {self.errors().strip() or 'ended'}")
        return parse(line, self._who)

    def errors(self):
        """What it wrote on stderr."""
        self._errors.seek(0)
        return self._errors.read()

    def _too_late(self, *_):
        raise MeasurementError(f"{self._who}: not ready in time")

    def close(self):
        """Lets it clean up and end."""
        self._process.stdin.close()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            stop(self._process)
        self._close_files()

    def _close_files(self):
        for file in (self._process.stdin, self._process.stdout, self._errors):
            file.close()
