"""Planner: a new version gets more and more of the requests, for as long as the judge is content.

`StartCanary` begins a trial. At each look one measurement is taken; the judge rules over those of the present
share; the trial is the planner's belief, so each measurement is committed with the decision that it led to.
What was asked of the executor and has not come about is asked for again. Somebody else's change of the
traffic, such as a fail-over, ends the trial.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from scanflow_actors.agents.action import Action, Effect, to_agent
from scanflow_actors.agents.constraint import Constraint, Verdict, holds_when
from scanflow_actors.agents.judge import (
    Canary,
    JudgedMetric,
    Measurement,
    Phase,
    Ruling,
    judge,
    judge_metric,
)
from scanflow_actors.agents.running import busiest, share_of, use_of
from scanflow_actors.agents.sensor import Observation, Sensor, Sight, sensed
from scanflow_actors.agents.strategy import Strategy
from scanflow_actors.agents.templates.messages import MINUTELY, ChangeTraffic, PlanEnded, StartCanary
from scanflow_actors.triggers import Trigger, on

if TYPE_CHECKING:
    from scanflow_actors.infrastructure.state import WorkflowState


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What the new version must keep to: a `JudgedMetric` over the fields of a measurement, as data."""

    name: str
    good: Constraint | None = None
    bad: Constraint | None = None
    """With both, a measurement may be neither: it is inconclusive."""
    count: int = 3
    failure_limit: int = 0
    inconclusive_limit: int = 1
    consecutive_error_limit: int = 2

    def metric(self) -> JudgedMetric:
        """As the judge takes it."""
        good, bad = self.good, self.bad
        return JudgedMetric(
            name=self.name,
            success_condition=None if good is None else lambda value: good(value).holds,
            failure_condition=None if bad is None else lambda value: bad(value).holds,
            count=self.count,
            failure_limit=self.failure_limit,
            inconclusive_limit=self.inconclusive_limit,
            consecutive_error_limit=self.consecutive_error_limit,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryPlan:
    """How new versions of an online workflow are tried."""

    workflow: str
    gates: tuple[Gate, ...]
    weights: tuple[float, ...] = (0.1, 0.5, 1.0)
    """Shares of the requests, ascending, the last one 1."""
    interval: Trigger = MINUTELY
    """Between two measurements."""
    patience: int = 2
    """Times that an inconclusive share is measured anew before it is rolled back."""
    measure: Sensor | None = None
    """States whose numbers the gates judge; None takes `Use` of the new version. One that fails
    or sees nothing could not measure."""
    executor: str = "executor"

    def __post_init__(self) -> None:
        Canary(weights=self.weights)  # refuses what does not ascend


class TrialPhase(StrEnum):
    """Where a trial stands."""

    RUNNING = "running"
    ENDING = "rolling back"
    ROLLED_BACK = "rolled back"
    PROMOTED = "promoted"
    ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Belief: a version that is being tried, or that was."""

    stable: int
    candidate: int
    weight: float
    """Share of the candidate, as it was asked for last."""
    before: float = 0.0
    """The share before that."""
    phase: TrialPhase = TrialPhase.RUNNING
    measurements: tuple[Measurement, ...] = ()
    """At the present share."""
    waits: int = 0
    """Times that the present share was inconclusive."""

    @property
    def is_over(self) -> bool:
        """Whether there is nothing more to do."""
        return self.phase not in {TrialPhase.RUNNING, TrialPhase.ENDING}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialStep:
    """State: the trial after this look, and what is to be done about it."""

    generations: Mapping[str, int]
    trial: Trial | None
    """None leaves the belief as it is."""
    is_decided: bool
    """Something is to be done, or the trial is over."""
    reason: str
    weights: Mapping[int, float] = field(default_factory=dict)
    """By version; empty when nothing is to be changed."""


def canarying(config: CanaryPlan) -> tuple[Strategy, ...]:
    """Make `start_canary`, `step_canary` and `note_outcome`."""

    def effects(seen: TrialStep) -> tuple[Effect, ...]:
        if not seen.weights:
            return ()
        plan = ChangeTraffic(workflow=config.workflow, weights=seen.weights, generations=seen.generations)
        return (to_agent(config.executor, plan),)

    then = Action(code=(effects,), calls=((config.executor, ChangeTraffic),))
    given = holds_when(_is_decided)
    return (
        Strategy(
            name="start_canary",
            when=on(StartCanary),
            sense=Sensor(read=_Start(config), accumulates=False, is_quick=True, gives=TrialStep),
            given=given,
            then=then,
            learns=_learnt,
        ),
        Strategy(
            name="step_canary",
            when=config.interval,
            sense=Sensor(read=_Look(config), accumulates=False, is_quick=True, gives=TrialStep),
            given=given,
            then=then,
            learns=_learnt,
        ),
        Strategy(name="note_outcome", when=on(PlanEnded), given=holds_when(_went_well), then=Action()),
    )


def _is_decided(seen: TrialStep) -> Verdict:
    return Verdict(seen.is_decided, seen.reason)


def _went_well(ended: PlanEnded) -> Verdict:
    became = "carried out" if ended.is_success else f"failed: {ended.reason}"
    return Verdict(ended.is_success, f"{ended.plan} of {ended.workflow} {became}")


def _learnt(belief: Trial | None, seen: TrialStep) -> Trial | None:
    return seen.trial or belief


# ---------------------------------------------------------------------- sensors


@dataclass(frozen=True, slots=True)
class _Start:
    config: CanaryPlan

    async def __call__(self, sight: Sight) -> Observation:
        """Look whether the version can be tried."""
        asked: StartCanary = sight.message
        state = await sight.state_of(self.config.workflow)
        problem = self._problem(asked, state, sight.belief)
        if problem:
            return Observation(
                state=TrialStep(generations=state.generations, trial=None, is_decided=False, reason=problem)
            )
        trial = Trial(stable=busiest(state), candidate=asked.version, weight=self.config.weights[0])
        reason = f"version {asked.version} is tried, first with {trial.weight:.0%}"
        return Observation(state=_asking(state, trial, reason))

    def _problem(self, asked: StartCanary, state: WorkflowState, belief: Trial | None) -> str:
        if asked.workflow != self.config.workflow:
            return f"{asked.workflow} is not {self.config.workflow}"
        if belief is not None and not belief.is_over:
            return f"version {belief.candidate} is being tried"
        if asked.version not in state.deployed:
            return f"version {asked.version} is not deployed"
        if share_of(state, asked.version) > 0:
            return f"version {asked.version} has requests already"
        return ""


@dataclass(frozen=True, slots=True)
class _Look:
    config: CanaryPlan

    async def __call__(self, sight: Sight) -> Observation:
        """Take one measurement, unless the share is not yet what it should be."""
        trial: Trial | None = sight.belief
        if trial is None or trial.is_over:
            return Observation(state=None, is_nothing=True)  # a later trial measures from its start
        state = await sight.state_of(self.config.workflow)
        if state.is_changing:
            return Observation(state=None, watermark=sight.watermark, is_nothing=True)
        if not _is_dealt(state, trial, trial.weight):
            return Observation(state=_insisting(state, trial), watermark=sight.watermark)
        if trial.phase is TrialPhase.ENDING:
            over = replace(trial, phase=TrialPhase.ROLLED_BACK)
            return Observation(state=_ended(state, over, "rolled back"))
        measurement, watermark = await self._measure(trial, sight)
        if measurement is None:
            return Observation(state=None, watermark=watermark, is_nothing=True)
        trial = replace(trial, measurements=(*trial.measurements, measurement))
        return Observation(state=_ruled(self.config, state, trial), watermark=watermark)

    async def _measure(self, trial: Trial, sight: Sight) -> tuple[Measurement | None, Any]:
        """A measurement, or None when a rate has only begun; and the watermark."""
        own = self.config.measure
        try:
            seen = await sensed(own or use_of(self.config.workflow, trial.candidate), sight)
        except Exception as error:  # noqa: BLE001 - whatever it is, the judge counts it
            return Measurement(error=f"{type(error).__name__}: {error}"), sight.watermark
        if not seen.is_nothing:
            return _measurement(seen.state), seen.watermark
        return (None if own is None else Measurement(error="it saw nothing")), seen.watermark


_EPSILON = 1e-9


def _measurement(state: Any) -> Measurement:
    """The numbers of a state; one without a request says nothing."""
    if getattr(state, "requests", None) == 0:
        return Measurement(error="it had no requests")
    is_mapping = isinstance(state, Mapping)
    values = dict(state) if is_mapping else {each.name: getattr(state, each.name) for each in fields(state)}
    return Measurement(
        value={name: value for name, value in values.items() if isinstance(value, int | float)}
    )


# ---------------------------------------------------------------------- what comes of a look: pure


def _ruled(config: CanaryPlan, state: WorkflowState, trial: Trial) -> TrialStep:
    """Judge the measurements at this share, and say what follows."""
    ruling = judge(judge_metric(gate.metric(), trial.measurements) for gate in config.gates)
    if ruling.phase is Phase.INCONCLUSIVE and trial.waits >= config.patience:
        times = trial.waits + 1
        ruling = Ruling(phase=Phase.FAILED, reason=f"inconclusive {times} times, at last: {ruling.reason}")
    weight, reason = Canary(weights=config.weights).step(trial.weight, ruling)
    if ruling.phase is Phase.INCONCLUSIVE:
        trial = replace(trial, measurements=(), waits=trial.waits + 1)
        reason = f"{reason} (for the {trial.waits}. time; {config.patience} are allowed)"
    if weight == trial.weight:
        if ruling.phase is not Phase.SUCCESSFUL:
            return TrialStep(generations=state.generations, trial=trial, is_decided=False, reason=reason)
        return _ended(state, replace(trial, phase=TrialPhase.PROMOTED), reason)
    phase = TrialPhase.ENDING if weight == 0 else TrialPhase.RUNNING
    further = Trial(
        stable=trial.stable, candidate=trial.candidate, weight=weight, before=trial.weight, phase=phase
    )
    return _asking(state, further, reason)


def _is_dealt(state: WorkflowState, trial: Trial, weight: float) -> bool:
    """Whether the candidate has this share, and the stable version all the rest."""
    of_candidate, of_stable = share_of(state, trial.candidate), share_of(state, trial.stable)
    return abs(of_candidate - weight) <= _EPSILON and abs(of_stable - (1 - weight)) <= _EPSILON


def _insisting(state: WorkflowState, trial: Trial) -> TrialStep:
    """The shares are not what was asked for: ask again, unless somebody else has changed them."""
    if _is_dealt(state, trial, trial.before):
        reason = f"the share is still {trial.before:.0%}, not {trial.weight:.0%}: asks again"
        return _asking(state, trial, reason)
    dealt = {} if state.traffic is None else dict(state.traffic.weights)
    reason = f"abandoned: somebody deals the requests out as {dealt}"
    return _ended(state, replace(trial, phase=TrialPhase.ABANDONED), reason)


def _asking(state: WorkflowState, trial: Trial, reason: str) -> TrialStep:
    shares = {trial.stable: 1 - trial.weight, trial.candidate: trial.weight}
    weights = {version: share for version, share in shares.items() if share > 0}
    return TrialStep(
        generations=state.generations, trial=trial, is_decided=True, reason=reason, weights=weights
    )


def _ended(state: WorkflowState, trial: Trial, reason: str) -> TrialStep:
    return TrialStep(generations=state.generations, trial=trial, is_decided=True, reason=reason)
