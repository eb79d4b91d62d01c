"""Reading Prometheus. Methods block: call them in a thread, as sensors are."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from prometheus_api_client import PrometheusConnect
from prometheus_api_client.exceptions import PrometheusApiClientException
from requests.exceptions import RequestException

from scanflow_actors.errors import MetricsError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One value of one series."""

    labels: Mapping[str, str]
    at: datetime
    """In UTC."""
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Prometheus:
    """Where a Prometheus is, and how long to wait for it."""

    url: str
    timeout_s: int = 10
    headers: Mapping[str, str] = field(default_factory=dict)

    def instant(self, query: str, at: datetime | None = None) -> tuple[Sample, ...]:
        """Ask for the value of each series at one moment; values that are no number are left out.

        Args:
            query: In PromQL.
            at: The moment; None for now.

        Raises:
            MetricsError: It cannot be reached, or refuses the query.
        """
        params = {} if at is None else {"time": at.timestamp()}
        found = self._ask(query, lambda client: client.custom_query(query, params=params))
        if isinstance(found, list) and found and not isinstance(found[0], dict):
            found = [{"metric": {}, "value": found}]  # a scalar
        return tuple(sample for series in found for sample in _samples(series["metric"], [series["value"]]))

    def over(self, query: str, start: datetime, end: datetime, *, step_s: int) -> tuple[Sample, ...]:
        """Ask for the values of each series over some time, the earliest first.

        Args:
            query: In PromQL.
            start: The first moment.
            end: The last moment.
            step_s: Seconds between two.

        Raises:
            MetricsError: It cannot be reached, or refuses the query.
        """
        found = self._ask(
            query, lambda client: client.custom_query_range(query, start, end, step=str(step_s))
        )
        samples = [sample for series in found for sample in _samples(series["metric"], series["values"])]
        return tuple(sorted(samples, key=lambda sample: sample.at))

    def _ask(self, query: str, ask: Any) -> Any:
        client = PrometheusConnect(
            url=self.url.rstrip("/"), headers=dict(self.headers) or None, timeout=self.timeout_s
        )
        try:
            return ask(client)
        except RequestException as error:
            raise MetricsError(
                source=self.url, query=query, problem=f"cannot be reached: {type(error).__name__}"
            ) from error
        except (PrometheusApiClientException, KeyError, ValueError) as error:
            raise MetricsError(source=self.url, query=query, problem=str(error)) from error


def _samples(labels: Mapping[str, str], pairs: list[Any]) -> list[Sample]:
    samples = []
    for moment, text in pairs:
        value = float(text)
        if math.isfinite(value):
            at = datetime.fromtimestamp(float(moment), UTC)
            samples.append(Sample(labels=dict(labels), at=at, value=value))
    return samples
