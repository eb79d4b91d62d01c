"""The tracker: watches what workflows do, and calls the checker when there is something to look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scanflow_actors.agents.action import call
from scanflow_actors.agents.agent import Agent
from scanflow_actors.agents.condition import at_least
from scanflow_actors.agents.running import use_of
from scanflow_actors.agents.sensor import Sensor, new_runs
from scanflow_actors.agents.strategy import Strategy
from scanflow_actors.agents.templates.messages import HOURLY, MINUTELY, CheckMetrics, CheckPredictions
from scanflow_actors.agents.templates.reports import counting_reports
from scanflow_actors.triggers import Trigger  # noqa: TC001 - read when a file gives it

if TYPE_CHECKING:
    from scanflow_actors.agents.charge import Charge
    from scanflow_actors.agents.running import Use


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracking:
    """What a tracker watches."""

    kind: str | None = "predictions"
    """Kind of the runs that record predictions, with how many as the metric of the same name; None counts
    none."""
    threshold: int = 1000
    """Predictions that are worth a check."""
    interval: Trigger = HOURLY
    predictions: Sensor | None = None
    """Instead of the runs in the knowledge base: states with ``total``, ``runs`` and ``artifacts``."""
    takes_reports: bool = False
    """Whether programs may call it with `ReportPredictions`; they are counted by themselves."""
    services: tuple[str, ...] = ()
    """Online workflows whose requests are watched: how many, how many failed, how long they took."""
    services_interval: Trigger = MINUTELY
    checker: str = "checker"


class Tracker(Agent):
    """Ships `count_number_of_predictions` (Table V), and `watch_NAME` for each online workflow."""

    def __init__(self, charge: Charge, config: Tracking) -> None:
        super().__init__(charge)
        watching = tuple(_watch(config, workflow) for workflow in config.services)
        counting = () if config.kind is None else (_count(config, config.kind),)
        reports = counting_reports(config) if config.takes_reports else ()
        self.strategies = counting + reports + watching


def _count(config: Tracking, kind: str) -> Strategy:
    return Strategy(
        name="count_number_of_predictions",
        when=config.interval,
        sense=config.predictions or new_runs(kind, metric=kind),
        given=at_least(config.threshold),
        then=call(
            config.checker,
            CheckPredictions,
            lambda seen: CheckPredictions(runs=seen.runs, newdata=seen.artifacts),
        ),
    )


def _watch(config: Tracking, workflow: str) -> Strategy:
    def report(seen: Use) -> CheckMetrics:
        return CheckMetrics(
            workflow=workflow,
            version=seen.version,
            requests=seen.requests,
            error_ratio=seen.error_ratio,
            requests_per_s=seen.requests_per_s,
            mean_latency_s=seen.mean_latency_s,
            p95_latency_s=seen.p95_latency_s,
        )

    return Strategy(
        name=f"watch_{workflow}",
        when=config.services_interval,
        sense=use_of(workflow),
        given=at_least(1, of="requests"),
        then=call(config.checker, CheckMetrics, report),
    )
