# SPDX-License-Identifier: Apache-2.0
"""What a profile is made of. Everything else of the harness builds on it."""

import dataclasses


class MeasurementError(Exception):
    """A measurement cannot be made, or what it measured was not right: packets
    lost, not translated, checksums wrong. Ends the profile; never a number."""


@dataclasses.dataclass
class Sample:
    """One round of one contender.

    value: in the unit of the profile. details: whatever explains it, JSON
    types only; those of the last round are kept. parts: further values of the
    same unit, each a line of its own named "<contender>, <part>".
    """
    value: float
    details: dict = dataclasses.field(default_factory=dict)
    parts: dict[str, float] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Options:
    """What the user asked for."""
    rounds: int = 5
    seconds: float = 2.0      # a measuring window
    warm_up: float = 0.5      # traffic before it that is not counted
    cpu: int = 0              # where whatever runs on one core runs
    device: str | None = None  # a live edge's device, with external traffic
    edge: str | None = None    # that edge's name
    quick: bool = False       # fewer lines, for floors and for trying out


class Contender:
    """A line of the table.

    group: contenders of one group exist at the same time and take turns in
    every round, so whatever disturbs the machine disturbs them alike.
    reference: the contender, same group, that the ratio column divides by.
    """
    name: str
    group: str
    reference: str | None

    def __init__(self, name, group="", reference=None):
        self.name = name
        self.group = group
        self.reference = reference

    def set_up(self) -> None:
        """May take long: namespaces, flows. Raises on any failure."""

    def measure(self) -> Sample:
        """One round. Raises MeasurementError if the result was not right."""
        raise NotImplementedError

    def tear_down(self) -> None:
        """Called always, also if set_up() failed half-way."""


class Profile:
    """A table: contenders measured in one unit."""
    name: str
    help: str
    unit: str  # "Mpps", "ns/packet", "us", "B/flow", "flows/s", "% of a core"
    higher_is_better: bool = True
    needs_device: bool = False  # runs only with --device

    def contenders(self, options: Options) -> list[Contender]:
        """All lines, in the order of the table. Makes nothing yet."""
        raise NotImplementedError
