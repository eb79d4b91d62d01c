"""A search for the best arguments of an executor's function: what is tried, and how much of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


RESERVED = frozenset({"search", "trial", "reason"})
"""Parameters that the run of each trial has, beside what is searched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Numbers from `low` to `high`, both included."""

    low: float
    high: float
    is_whole: bool = False
    """Whole numbers only; the function gets an int."""
    is_log: bool = False
    """Orders of magnitude are equally likely, not numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One of some values without an order."""

    options: tuple[str | int | float | bool, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Run the executor's function many times, each with other arguments from a space; keep the best.

    The function returns its score, a number, or a `Score`. The executor's resources are those of each trial.
    The same seed tries the same arguments, in whatever order the trials end, and also when the search was
    killed and goes on: trial n is chosen by what trials 0 to n - `parallel` gave.
    """

    space: Mapping[str, Span | Choice]
    """Argument → what it may be."""
    trials: int = 20
    """At most so many, failed ones among them."""
    parallel: int = 2
    """Trials that run at the same time."""
    budget_s: float | None = None
    """Seconds that the search may take, over all its starts; then the best so far is its result."""
    seed: int = 0
    minimises: bool = False
    """Whether the smallest score is the best."""
    model: str = ""
    """Name in the registry that the best trial becomes a version of; empty registers none."""
    name: str = ""
    """Runs with the same name go on with the same search; empty: each run of the workflow has its own."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """What cannot work: field and problem."""
        for number, value in (("trials", self.trials), ("parallel", self.parallel)):
            if value < 1:
                yield number, f"must be at least 1; got {value}"
        if self.budget_s is not None and self.budget_s <= 0:
            yield "budget_s", f"must be above 0, or None for no bound; got {self.budget_s:g}"
        if not self.space:
            yield "space", "is empty; name an argument to search"
        for name, each in self.space.items():
            if name in RESERVED:
                yield (
                    f"space.{name}",
                    f"{sorted(RESERVED)} are parameters of each trial's run; rename the argument",
                )
            if isinstance(each, Choice) and not each.options:
                yield f"space.{name}", "has no options"
            if isinstance(each, Span) and not each.low < each.high:
                yield f"space.{name}", f"low must be below high; got {each.low:g} and {each.high:g}"
            if isinstance(each, Span) and each.is_log and each.low <= 0:
                yield f"space.{name}", f"low must be above 0 when is_log; got {each.low:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What a trial returns that has more to say than a number."""

    value: float
    metrics: Mapping[str, float] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    """Artifacts by name, such as the model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a search came to: the result of its executor."""

    arguments: Mapping[str, Any]
    """The best, by name."""
    value: float
    """Their score."""
    number: int
    """The best trial's, from 0; the first of equals."""
    run: str
    """Id of its run in the knowledge base."""
    version: int | None
    """Version of the model that it became; None when none was asked for."""
    successes: int
    failures: int
    """Trials that raised, crashed, or gave no number."""
