# SPDX-License-Identifier: Apache-2.0
"""Established flows through the data plane, beside a bare XDP redirect of the
same frames."""

from harness.gateway import FLOWS, Gateway
from harness.profile import Profile
from harness.wire import BareRedirect, LineRedirect

SNAT = ["--nat", "numbered"]
GUE = {"none": "gue-none", "mac": "gue-mac", "cookie": "gue-cookie",
       "gre-key": "gue-gre-key"}


def scene(profile="none", out="plain", size=64, family=4, outer=4):
    """Flags: from a tunnel of that profile."""
    return ["--encap", GUE[profile], "--out", GUE.get(out, out), "--size",
            size, "--family", family, "--outer-family", outer]


class _Lines:
    """Collects contenders; those that get the same frames are a group with
    the redirect of those frames."""

    def __init__(self, options):
        self.options = options
        self.lines = []
        self.redirect = None  # of the group that was begun last

    def group(self, name, frames):
        """Begins a group; frames: flags that say what is sent."""
        self.redirect = BareRedirect(
            "XDP redirect" + (f", {name}" if name else ""), self.options,
            [*frames, "--flows", 1000], name)
        self.lines.append(self.redirect)

    def add(self, name, flags, flows=1000, edge=()):
        """A line of the group that was begun last."""
        self.lines.append(Gateway(name, self.options, flags, flows, edge,
                                  self.redirect.group, self.redirect.name))

    def add_limit(self, name, frames, flows):
        """The least that any flow table costs."""
        self.lines.append(LineRedirect(
            name, self.options,
            [*frames, "--flows", flows, "--order", "random"],
            self.redirect.group, self.redirect.name))


def _by_flows(lines):
    lines.group("", scene())
    for label, flows in FLOWS.items():
        lines.add_limit(f"a cache line each, {label}", scene(), flows)
        lines.add(f"none, {label}", scene() + SNAT, flows)
    # In the same group, for bench compares them.
    lines.add("mac, 1 k", scene("mac") + SNAT)


def _by_profile(lines):
    lines.add("cookie, 1 k", scene("cookie") + SNAT)
    lines.add("gre-key, 1 k", scene("gre-key") + SNAT)
    for label, flows in FLOWS.items():
        lines.add(f"none to none, {label}", scene(out="none") + SNAT, flows)
    for profile in ("mac", "cookie", "gre-key"):
        lines.add(f"none to {profile}, 1 k", scene(out=profile) + SNAT)
    lines.add("none to none, routed, 1 k", scene(out="none"))
    lines.add("mac to mac, routed, 1 k", scene("mac", "mac"))
    lines.add("none to access, routed, 1 k", scene(), edge=["--access-out"])


def _by_size(lines):
    for size in (512, 1400):
        lines.group(f"{size} bytes", scene(size=size))
        lines.add(f"none, {size} bytes, 1 k", scene(size=size) + SNAT)
        lines.add(f"none to none, {size} bytes, 1 k",
                  scene(size=size, out="none") + SNAT)


def _by_family(lines):
    for family, outer in ((4, 6), (6, 4), (6, 6)):
        families = {"family": family, "outer": outer}
        label = f"IPv{family} in IPv{outer}"
        lines.group(label, scene(size=80, **families))
        lines.add(f"none, {label}, 1 k", scene(size=80, **families) + SNAT)
        lines.add(f"mac, {label}, 1 k",
                  scene("mac", size=80, **families) + SNAT)
        lines.add(f"none to none, {label}, 1 k",
                  scene(out="none", size=80, **families) + SNAT)


class Established(Profile):
    name = "established"
    help = ("established flows in random order; X: GUE of that profile in, "
            "SNAT, out plain; X to Y: SNAT, out by GUE of profile Y; a cache "
            "line each: a redirect that one line of the flow decides about")
    unit = "Mpps"
    higher_is_better = True

    def contenders(self, options):
        lines = _Lines(options)
        _by_flows(lines)
        if not options.quick:
            _by_profile(lines)
            _by_size(lines)
            _by_family(lines)
        return lines.lines


PROFILE = Established()
