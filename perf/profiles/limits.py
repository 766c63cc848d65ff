# SPDX-License-Identifier: Apache-2.0
"""What this machine can do at most: frames made, dropped, sent back and
redirected by XDP programs that do nothing else."""

from harness.profile import Profile
from harness.wire import BareRedirect, WireContender


class _Empty(WireContender):
    """Frames that end in the program that makes them."""

    def traffic(self):
        return self.wire.load(self.options, *self.arguments, source=False)


class _Drop(WireContender):
    """Frames that end on the first device."""

    def traffic(self):
        return self.wire.load(self.options, "--same", *self.arguments,
                              sink=(self.wire.mid, "b"))


class _Reflect(WireContender):
    """Frames that XDP_TX sends back to where they come from."""

    def traffic(self):
        return self.wire.load(
            self.options, "--middle", "reflect", "--middle-netns",
            self.wire.mid.netns, "--middle-in", "b", "--same",
            *self.arguments, sink=(self.wire.gen, "a"))


class Limits(Profile):
    name = "limits"
    help = "XDP programs that do nothing but drop, send back or redirect"
    unit = "Mpps"
    higher_is_better = True

    def contenders(self, options):
        small = ["--size", 64]
        lines = [
            _Empty("empty program, which makes the frames", options, small),
            _Drop("XDP drop", options, small),
            _Reflect("XDP TX", options, small),
            BareRedirect("XDP redirect", options, small),
        ]
        if not options.quick:
            lines += [BareRedirect(f"XDP redirect, {size} bytes in GUE",
                                   options, ["--encap", "gue-none",
                                             "--size", size])
                      for size in (64, 512, 1400)]
        for line in lines:
            line.reference = "XDP redirect"
        return lines


PROFILE = Limits()
