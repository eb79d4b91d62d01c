"""How often do sequential drift tests cry wolf over 10,000 clean windows, and how soon do they find a shift?

Run: python benchmarks/drift_alarms.py. Prints a line of JSON for each test and kind of scores: false alarms
in 10,000 windows without drift (mean over the draws), and the mean number of windows until an alarm after
the mean has shifted by so many standard deviations. "fixed threshold" is the test that is merely repeated:
an alarm whenever a window is beyond three standard deviations.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from scanflow_actors.agents.drift import Cusum, ETest, rank_p_value

if TYPE_CHECKING:
    from collections.abc import Callable

WINDOWS, DRAWS, REFERENCE = 10_000, 10, 999
SHIFTS = (0.5, 1.0, 2.0, 3.0)
LONGEST = 2_000
"""Windows after which a shift counts as found late."""


def normal(drawn: np.random.Generator, count: int) -> Any:
    """Scores as the textbooks have them."""
    return drawn.normal(size=count)


def heavy(drawn: np.random.Generator, count: int) -> Any:
    """Scores with heavy tails (Student's t, 3 degrees), scaled to a standard deviation of 1."""
    return drawn.standard_t(3, size=count) / np.sqrt(3)


class Threshold:
    """An alarm whenever one window is far off: it remembers nothing."""

    def step(self, _memory: None, value: float) -> tuple[None, bool]:
        """Judge one window by itself."""
        return None, abs(value) > 3.0


TESTS: dict[str, Any] = {
    "fixed threshold": Threshold(),
    "cusum, limit 5": Cusum(mean=0.0, deviation=1.0),
    "cusum, limit 6": Cusum(mean=0.0, deviation=1.0, limit=6.0),
    "e-test, alpha 0.001": ETest(alpha=0.001),
}


def alarms(test: Any, values: Any, reference: list[float], most: int | None = None) -> list[int]:
    """The windows with an alarm, at most so many; after each the test starts anew."""
    memory, found = None, []
    for index, value in enumerate(values.tolist()):
        shown = rank_p_value(value, reference) if isinstance(test, ETest) else value
        memory, is_alarm = test.step(memory, shown)
        if is_alarm:
            found.append(index)
            memory = None
            if len(found) == most:
                break
    return found


def measure(test: Any, draw: Callable[[np.random.Generator, int], Any]) -> dict[str, float]:
    """False alarms and delays, over draws of the reference and of the windows."""
    false, delays = [], {shift: [] for shift in SHIFTS}
    for seed in range(DRAWS):
        drawn = np.random.default_rng(seed)
        reference = sorted(draw(drawn, REFERENCE).tolist())
        false.append(len(alarms(test, draw(drawn, WINDOWS), reference)))
        for shift in SHIFTS:
            for _ in range(10):
                found = alarms(test, draw(drawn, LONGEST) + shift, reference, most=1)
                delays[shift].append(found[0] + 1 if found else LONGEST)
    result = {f"delay_at_{shift:g}_sd": round(float(np.mean(each)), 1) for shift, each in delays.items()}
    return {"false_alarms": round(float(np.mean(false)), 1), **result}


def main() -> None:
    """Print a line for each test and kind of scores."""
    for scores in (normal, heavy):
        for name, test in TESTS.items():
            print(json.dumps({"case": f"{name}, {scores.__name__} scores", **measure(test, scores)}))


if __name__ == "__main__":
    main()
