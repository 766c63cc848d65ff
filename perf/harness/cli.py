# SPDX-License-Identifier: Apache-2.0
"""The command line of perf/bench."""

import argparse
import os
import signal
import sys

from harness import (budgets, compare, driver, floors, machine, results,
                     table)
from harness.profile import MeasurementError, Options

EPILOG = """\
bench compare A.json B.json    what changed significantly from A to B
bench floors                   the figures the project holds itself to
See perf/README.md."""


def _number(text):
    value = float(text)
    if value <= 0:
        raise argparse.ArgumentTypeError("must be more than 0")
    return value


def _rounds(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value


def _measuring(parser):
    """Options of everything that measures."""
    parser.add_argument("--json", metavar="FILE", help="write the results")
    parser.add_argument("--rounds", type=_rounds, default=Options.rounds)
    parser.add_argument("--seconds", type=_number, default=Options.seconds,
                        help="length of a measuring window")
    parser.add_argument("--warm-up", type=_number, default=Options.warm_up,
                        help="seconds of traffic before it")
    parser.add_argument("--cpu", type=int, default=Options.cpu,
                        help="where what uses one core runs")


def _arguments(argv):
    parser = argparse.ArgumentParser(
        prog="bench", epilog=EPILOG, description="Measures Rampart.",
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("profiles", nargs="*", metavar="PROFILE",
                        help="all that need no --device, if none is named")
    parser.add_argument("--list", action="store_true", help="what there is")
    parser.add_argument("--device", help="of a live edge with its own traffic")
    parser.add_argument("--edge", help="name of that edge, if it is not the "
                        "only one pinned")
    parser.add_argument("--quick", action="store_true",
                        help="the lines that `floors` needs only")
    _measuring(parser)
    return parser.parse_args(argv)


def _options(args):
    return Options(rounds=args.rounds, seconds=args.seconds,
                   warm_up=args.warm_up, cpu=args.cpu,
                   quick=getattr(args, "quick", True),
                   device=getattr(args, "device", None),
                   edge=getattr(args, "edge", None))


def _choose(args, found):
    """The profiles to run, in alphabetical order or as named."""
    for name in args.profiles:
        if name not in found:
            raise MeasurementError(f"no profile {name}; there are "
                                   f"{', '.join(found)}")
    if args.profiles:
        return [found[name] for name in args.profiles]
    return [p for p in found.values() if p.needs_device == bool(args.device)]


def _need_root():
    if os.geteuid() != 0:
        raise MeasurementError("network namespaces and BPF need root: "
                               "sudo perf/bench")


def _save(args, facts, measured, **more):
    if args.json:
        results.write(args.json, results.document(facts, measured) | more)


def _bench(argv):
    args = _arguments(argv)
    found = driver.load()
    if args.list:
        print(table.columns([[p.name, p.unit, p.help]
                             for p in found.values()], left=3))
        return 0
    _need_root()
    wanted = _choose(args, found)
    facts = machine.describe(args.device)
    print(table.machine(facts))
    measured = driver.run(wanted, _options(args), driver.Progress())
    _save(args, facts, measured)
    excess = budgets.line_excess(budgets.read(), measured)
    for message in excess:
        print(f"bench: past perf/budgets.txt: {message}", file=sys.stderr)
    return int(bool(excess) or
               any("error" in result for result in measured.values()))


def _compare(argv):
    parser = argparse.ArgumentParser(prog="bench compare")
    parser.add_argument("before")
    parser.add_argument("after")
    parser.add_argument("--threshold", type=_number, default=5.0,
                        metavar="PERCENT", help="changes below do not matter")
    parser.add_argument("--ratios", action="store_true",
                        help="judge lines by the ratio to their reference")
    args = parser.parse_args(argv)
    report = compare.compare(results.read(args.before),
                             results.read(args.after),
                             args.threshold / 100, args.ratios)
    print(compare.text(report))
    return int(any(change.verdict == compare.WORSE
                   for change in report.changes))


def _floors(argv):
    parser = argparse.ArgumentParser(prog="bench floors")
    parser.add_argument("--from", dest="file", metavar="FILE",
                        help="judge these results instead of measuring")
    _measuring(parser)
    args = parser.parse_args(argv)
    if args.file:
        before = results.read(args.file)
        facts, measured = before["machine"], before["profiles"]
    else:
        _need_root()
        facts = machine.describe()
        print(table.machine(facts))
        measured = driver.run(floors.needed(driver.load()),
                              _options(args), driver.Progress())
    judged = floors.judge(measured)
    _save(args, facts, measured, floors=floors.as_json(judged))
    print(floors.text(judged))
    return int(any(target.missed for target in judged))


def _on_signal(number, _frame):
    sys.exit(128 + number)


def main(argv):
    """Exit status: 0, or 1 if something failed, was missed or got worse."""
    commands = {"compare": _compare, "floors": _floors}
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _on_signal)
    # Also where the shell that started this in the background ignores it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        if argv and argv[0] in commands:
            return commands[argv[0]](argv[1:])
        return _bench(argv)
    except MeasurementError as e:
        print(f"bench: {e}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
