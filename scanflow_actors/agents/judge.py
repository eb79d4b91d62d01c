"""Is the new version good? A judge over measurements, pure, in the vocabulary of Argo Rollouts' analysis.

A metric is measured `count` times at an `interval`; each measurement is good, bad, neither, or could not be
taken. Too many of a kind end the analysis at once; else it ends with the last measurement.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

Value: TypeAlias = "float | Mapping[str, float]"


class Phase(StrEnum):
    """What a measurement, a metric, or a whole analysis comes to."""

    RUNNING = "Running"
    SUCCESSFUL = "Successful"
    FAILED = "Failed"
    ERROR = "Error"
    INCONCLUSIVE = "Inconclusive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One measurement: a value, or why there is none."""

    value: Value | None = None
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedMetric:
    """What is measured, how often, and what is good.

    Of the two conditions one may be left out: a value is then good when it is not bad, or bad when it is not
    good. With both, a value may be neither (inconclusive); with none, every value is good.
    """

    name: str
    success_condition: Callable[[Value], bool] | None = None
    failure_condition: Callable[[Value], bool] | None = None
    count: int = 1
    """Measurements; the analysis of the metric ends after so many."""
    interval_s: float = 60.0
    """Seconds between two."""
    initial_delay_s: float = 0.0
    """Seconds before the first."""
    failure_limit: int = 0
    """Bad measurements that are forgiven."""
    inconclusive_limit: int = 0
    """Measurements that are neither good nor bad, and are forgiven."""
    consecutive_error_limit: int = 4
    """Measurements in a row that could not be taken, and are forgiven."""

    def __post_init__(self) -> None:
        limits = (self.failure_limit, self.inconclusive_limit, self.consecutive_error_limit)
        if self.count < 1 or self.interval_s <= 0 or self.initial_delay_s < 0 or min(limits) < 0:
            raise ValueError(f"metric {self.name!r} needs count >= 1, interval_s > 0 and limits >= 0")

    def next_s(self, taken: int) -> float | None:
        """Seconds from the start of the analysis to the next measurement; None when all are taken."""
        return self.initial_delay_s + taken * self.interval_s if taken < self.count else None

    def phase_of(self, measurement: Measurement) -> Phase:
        """What one measurement says."""
        if measurement.value is None:
            return Phase.ERROR
        is_good = self.success_condition is not None and self.success_condition(measurement.value)
        is_bad = self.failure_condition is not None and self.failure_condition(measurement.value)
        if is_bad:
            return Phase.FAILED
        if is_good or self.success_condition is None:
            return Phase.SUCCESSFUL
        return Phase.FAILED if self.failure_condition is None else Phase.INCONCLUSIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """A phase, and why."""

    phase: Phase
    reason: str


def judge_metric(metric: JudgedMetric, measurements: Iterable[Measurement]) -> Ruling:
    """Judge one metric by its measurements so far.

    Returns:
        Running while neither a limit is exceeded nor all measurements are there.
    """
    counts = dict.fromkeys(Phase, 0)
    errors, taken, last_error = 0, 0, ""
    for measurement in measurements:
        phase = metric.phase_of(measurement)
        counts[phase] += 1
        taken += 1
        errors = errors + 1 if phase is Phase.ERROR else 0
        last_error = measurement.error or last_error
        over = _exceeded(metric, counts, errors, last_error)
        if over is not None:
            return over
        if taken == metric.count:
            return _concluded(metric, counts)
    return Ruling(phase=Phase.RUNNING, reason=f"{metric.name}: {taken} of {metric.count} measured")


def _exceeded(
    metric: JudgedMetric, counts: Mapping[Phase, int], errors: int, last_error: str
) -> Ruling | None:
    bad, unclear = counts[Phase.FAILED], counts[Phase.INCONCLUSIVE]
    if bad > metric.failure_limit:
        reason = f"{metric.name}: {bad} bad measurements, {metric.failure_limit} are forgiven"
        return Ruling(phase=Phase.FAILED, reason=reason)
    if unclear > metric.inconclusive_limit:
        forgiven = f"{metric.inconclusive_limit} are forgiven"
        reason = f"{metric.name}: {unclear} measurements neither good nor bad, {forgiven}"
        return Ruling(phase=Phase.INCONCLUSIVE, reason=reason)
    if errors > metric.consecutive_error_limit:
        reason = (
            f"{metric.name}: could not be measured {errors} times in a row: {last_error or 'no reason given'}"
        )
        return Ruling(phase=Phase.ERROR, reason=reason)
    return None


def _concluded(metric: JudgedMetric, counts: Mapping[Phase, int]) -> Ruling:
    if counts[Phase.SUCCESSFUL] == 0:
        return Ruling(phase=Phase.INCONCLUSIVE, reason=f"{metric.name}: no measurement was good")
    reason = f"{metric.name}: {counts[Phase.SUCCESSFUL]} of {metric.count} measurements were good"
    return Ruling(phase=Phase.SUCCESSFUL, reason=reason)


_GRAVITY = (Phase.FAILED, Phase.ERROR, Phase.INCONCLUSIVE, Phase.RUNNING, Phase.SUCCESSFUL)


def judge(rulings: Iterable[Ruling]) -> Ruling:
    """Judge all metrics together: the gravest ruling counts; one that failed ends the analysis at once."""
    known = sorted(rulings, key=lambda ruling: _GRAVITY.index(ruling.phase))
    if not known:
        return Ruling(phase=Phase.SUCCESSFUL, reason="nothing to judge by")
    gravest = known[0].phase
    return Ruling(phase=gravest, reason="; ".join(r.reason for r in known if r.phase is gravest))


# ---------------------------------------------------------------------- canary


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """A new version gets more and more of the traffic, for as long as the judge is content."""

    weights: tuple[float, ...] = (0.1, 0.25, 0.5, 1.0)
    """Shares of the traffic, ascending, the last one 1."""

    def __post_init__(self) -> None:
        is_ascending = all(low < high for low, high in zip(self.weights, self.weights[1:], strict=False))
        if not self.weights or not is_ascending or not self.weights[0] > 0 or self.weights[-1] != 1:
            raise ValueError(f"weights ascend from above 0 to 1; got {self.weights}")

    def step(self, weight: float, ruling: Ruling) -> tuple[float, str]:
        """Say which share the new version gets next.

        Args:
            weight: Its share now; 0 before the first step.
            ruling: Of the judge, over the measurements at this share.

        Returns:
            The share, and why: 0 is a roll-back.
        """
        if ruling.phase in {Phase.FAILED, Phase.ERROR}:
            return 0.0, f"rolled back: {ruling.reason}"
        if ruling.phase is not Phase.SUCCESSFUL:
            return weight, f"waits: {ruling.reason}"
        further = [step for step in self.weights if step > weight]
        if not further:
            return weight, f"promoted: {ruling.reason}"
        return further[0], f"goes on to {further[0]:.0%}: {ruling.reason}"
