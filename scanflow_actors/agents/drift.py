"""Sequential tests: asking every hour whether something has drifted does not raise false alarms.

A test that is repeated with a fixed threshold will sooner or later fire by chance. These keep a memory of
all looks so far. Pure: each step takes the memory (plain JSON) and gives the next.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypedDict


class CusumMemory(TypedDict):
    """What a CUSUM remembers."""

    high: float
    low: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cusum:
    """Page's cumulative sums: finds a lasting shift of a mean, up or down, as soon as can be.

    Values are taken as standard deviations from the reference mean. A shift smaller than twice `slack` is not
    looked for. With the defaults, clean normal values give one false alarm in about 930 looks of one
    direction, and a shift of one standard deviation is found after about 10.

    Source:
        E. S. Page, Continuous inspection schemes, Biometrika 41 (1954).
    """

    mean: float
    """Of the reference set."""
    deviation: float
    """Standard deviation of the reference set, of values like those that come; > 0."""
    slack: float = 0.5
    """Standard deviations that a value may be off without being counted."""
    limit: float = 5.0
    """Of the sum, in standard deviations, for an alarm."""

    def __post_init__(self) -> None:
        if not (self.deviation > 0 and self.slack >= 0 and self.limit > 0):
            raise ValueError(f"needs deviation > 0, slack >= 0 and limit > 0; got {self}")

    def step(self, memory: CusumMemory | None, value: float) -> tuple[CusumMemory, bool]:
        """Take in one value.

        Args:
            memory: From the step before; None at first, and after an alarm that was answered.
            value: Such as the mean score of a window.

        Returns:
            The new memory, and whether it is an alarm.
        """
        known = memory or CusumMemory(high=0.0, low=0.0)
        distance = (value - self.mean) / self.deviation
        high = max(0.0, known["high"] + distance - self.slack)
        low = max(0.0, known["low"] - distance - self.slack)
        return CusumMemory(high=high, low=low), max(high, low) >= self.limit


class EMemory(TypedDict):
    """What an e-test remembers."""

    log_e: list[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class ETest:
    """An e-detector over p-values or ranks: valid whenever one looks, and for how ever long.

    Each p-value bets against "no drift", for several strengths of bet at once; the evidence is their mean.
    Under no drift an alarm comes, on average, not before ``1 / alpha`` looks, whatever the distribution: all
    that is asked is that clean p-values are uniform, or larger (ranks against a reference set are).

    Source:
        V. Vovk and R. Wang, E-values: calibration, combination and applications, Annals of Statistics 49
        (2021); J. Shin, A. Ramdas and A. Rinaldo, E-detectors, New England J. of Statistics in Data Science
        (2023): the Shiryaev-Roberts sum of e-processes.
    """

    alpha: float = 0.001
    """One false alarm in ``1 / alpha`` looks at most, on average."""
    powers: tuple[float, ...] = (0.1, 0.3, 0.5, 0.7, 0.9)
    """Strengths of the bets ``k * p**(k - 1)``: a small one bets on tiny p-values."""

    def __post_init__(self) -> None:
        if not (0 < self.alpha < 1 and self.powers and all(0 < power < 1 for power in self.powers)):
            raise ValueError(f"needs 0 < alpha < 1 and powers between 0 and 1; got {self}")

    def step(self, memory: EMemory | None, p_value: float) -> tuple[EMemory, bool]:
        """Take in one p-value.

        Args:
            memory: From the step before; None at first, and after an alarm that was answered.
            p_value: In (0, 1]: how likely a value at least as odd is without drift.

        Returns:
            The new memory, and whether it is an alarm.

        Raises:
            ValueError: The p-value is not in (0, 1].
        """
        if not 0 < p_value <= 1:
            raise ValueError(f"a p-value lies in (0, 1]; got {p_value}")
        before = memory["log_e"] if memory is not None else [-math.inf] * len(self.powers)
        after = [
            _log_plus_one(known) + math.log(power) + (power - 1) * math.log(p_value)
            for power, known in zip(self.powers, before, strict=True)
        ]
        evidence = _log_mean(after)
        return EMemory(log_e=after), evidence >= -math.log(self.alpha)


def rank_p_value(value: float, reference: list[float]) -> float:
    """The share of a reference set that is at least as large as a value, the value itself counted in.

    Uniform or larger when value and reference set are drawn alike. With one reference set for all looks that
    holds on average over reference sets: with 999 values, 0.8 to 1.7 false alarms in 1,000 looks were
    measured where 1 was asked for.
    """
    at_least = sum(known >= value for known in reference)
    return (at_least + 1) / (len(reference) + 1)


def _log_plus_one(log_value: float) -> float:
    """``log(1 + exp(x))`` without overflow."""
    return max(log_value, 0.0) + math.log1p(math.exp(-abs(log_value)))


def _log_mean(logs: list[float]) -> float:
    largest = max(logs)
    return largest + math.log(sum(math.exp(value - largest) for value in logs) / len(logs))
