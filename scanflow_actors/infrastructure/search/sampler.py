"""Which arguments are tried next: Optuna's estimator, seeded anew for each trial."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from scanflow_actors.workflows.search import Choice

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

    from scanflow_actors.workflows.search import Search, Span

_STRIDE = 1_000_003
"""A prime: seeds of neighbouring searches share no trial's seed."""


class Sampler:
    """Suggests arguments. The same calls in the same order give the same suggestions, in any process."""

    def __init__(self, search: Search) -> None:
        logging.getLogger("optuna").setLevel(logging.WARNING)
        self._seed = search.seed
        self._space = {name: _distribution(each) for name, each in search.space.items()}
        self._study = optuna.create_study(direction="minimize" if search.minimises else "maximize")
        self._trials: list[optuna.Trial] = []

    def suggest(self) -> dict[str, Any]:
        """The arguments of the next trial."""
        self._study.sampler = optuna.samplers.TPESampler(seed=self._seed * _STRIDE + len(self._trials))
        trial = self._study.ask(self._space)
        self._trials.append(trial)
        return dict(trial.params)

    def tell(self, number: int, value: float | None) -> None:
        """Say what a trial scored; None when it failed."""
        if value is None:
            self._study.tell(self._trials[number], state=TrialState.FAIL)
        else:
            self._study.tell(self._trials[number], value)


def _distribution(each: Span | Choice) -> BaseDistribution:
    if isinstance(each, Choice):
        return CategoricalDistribution(each.options)
    if each.is_whole:
        return IntDistribution(int(each.low), int(each.high), log=each.is_log)
    return FloatDistribution(each.low, each.high, log=each.is_log)
