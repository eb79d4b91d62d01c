"""What the step of a search does: try, record, and go on where an earlier start of it was killed."""

from __future__ import annotations

import math
import time
from concurrent.futures import FIRST_COMPLETED, wait
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from scanflow_actors.artifacts.knowledge import KnowledgeBase
from scanflow_actors.errors import ExecutorFailedError, InvalidWorkflowError
from scanflow_actors.infrastructure.facts import FailureReason
from scanflow_actors.infrastructure.search.notes import Notes
from scanflow_actors.infrastructure.search.pool import TRIALS
from scanflow_actors.infrastructure.search.sampler import Sampler
from scanflow_actors.workflows.search import Score

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Future

    from scanflow_actors.infrastructure.search import Searching
    from scanflow_actors.infrastructure.search.notes import Trial
    from scanflow_actors.infrastructure.search.pool import Trials
    from scanflow_actors.infrastructure.work import Report
    from scanflow_actors.workflows.search import Found


def find(searching: Searching, fixed: Mapping[str, Any]) -> Found:
    """Search with these arguments beside those that are searched.

    Raises:
        ExecutorFailedError: All trials failed.
        InvalidWorkflowError: Under its name another search has stored trials.
        KnowledgeBaseError: They cannot be recorded.
    """
    search, executor = searching.search, searching.executor
    notes = Notes(KnowledgeBase(searching.knowledge), searching.key, executor, search, fixed)
    trials = TRIALS.get()(executor, fixed, search.parallel)
    course = _Course(searching, notes, trials)
    try:
        course.run()
    finally:
        trials.close()
    sign = 1 if search.minimises else -1
    scored = [(sign * trial.value, trial) for trial in course.ended.values() if trial.value is not None]
    if not scored:
        raise _failure(searching, course.ended)
    _, best = min(scored, key=lambda pair: (pair[0], pair[1].number))
    return notes.close(best, course.arguments[best.number], course.ended)


def _failure(searching: Searching, ended: Mapping[int, Trial]) -> ExecutorFailedError:
    last = f"the last: {ended[max(ended)].reason}" if ended else "none ended within budget_s"
    message = f"no trial of {searching.key} gave a score; of {len(ended)} that ended, {last}"
    reason = FailureReason.RAISED.value
    return ExecutorFailedError(executor=searching.executor.name, reason=reason, message=message, log="")


class _Course:
    """One start of a search."""

    def __init__(self, searching: Searching, notes: Notes, trials: Trials) -> None:
        self._key, self._search = searching.key, searching.search
        self._notes, self._trials = notes, trials
        self._sampler = Sampler(self._search)
        self._running: dict[int, Future[tuple[Report, Any]]] = {}
        stored = notes.stored()
        self.ended = {number: trial for number, trial in stored.items() if number < self._search.trials}
        self.arguments: dict[int, dict[str, Any]] = {}
        self._before_s = max((trial.elapsed_s for trial in stored.values()), default=0.0)
        self._begun_s = time.monotonic()

    def run(self) -> None:
        """Try until all trials have ended, or the budget has."""
        for number in range(self._search.trials):
            before = number - self._search.parallel
            if not self._wait_for(before) or (before >= 0 and before not in self.ended):
                return
            if before >= 0:  # what later trials gave is not looked at: it depends on how fast they were
                self._sampler.tell(before, self.ended[before].value)
            self.arguments[number] = self._sampler.suggest()
            if number in self.ended:
                self._check(number)
            elif self._left_s() != 0:
                self._running[number] = self._trials.submit(self.arguments[number])
        self._wait_for(self._search.trials)

    def _check(self, number: int) -> None:
        """Refuse trials that another search has stored under this name."""
        params = self.ended[number].params
        if any(params.get(name) != str(value) for name, value in self.arguments[number].items()):
            problem = "its space, seed or parallel is not that of the trials under its name; give it another"
            raise InvalidWorkflowError(workflow=self._key, place="search", problem=problem)

    def _wait_for(self, number: int) -> bool:
        """Wait until this trial and those before it have ended; False when the budget has first."""
        while any(running <= number for running in self._running):
            done, _ = wait(self._running.values(), self._left_s(), FIRST_COMPLETED)
            if not done:
                return False
            for each in [each for each, future in self._running.items() if future in done]:
                score, reason = _scored(self._running.pop(each))
                arguments, elapsed_s = self.arguments[each], self._elapsed_s()
                self.ended[each] = self._notes.record(each, arguments, score, reason, elapsed_s)
        return True

    def _left_s(self) -> float | None:
        bound_s = self._search.budget_s
        return None if bound_s is None else max(0.0, bound_s - self._elapsed_s())

    def _elapsed_s(self) -> float:
        return self._before_s + time.monotonic() - self._begun_s


def _scored(future: Future[tuple[Report, Any]]) -> tuple[Score | None, str]:
    """The score of a trial that has ended, or why it has none."""
    try:
        report, result = future.result()
    except Exception as error:  # noqa: BLE001 - of where it ran: a crash, its memory, a result that cannot travel
        return None, f"{type(error).__name__}: {error}"
    if report.reason is not None:
        return None, f"{report.reason.value}: {report.message}"
    score = result if isinstance(result, Score) else Score(value=result)
    try:
        value = float(score.value)
    except (TypeError, ValueError):
        return None, f"it returned {type(score.value).__name__}, not a number or a Score"
    if not math.isfinite(value):
        return None, f"its score is {value}"
    return replace(score, value=value), ""
