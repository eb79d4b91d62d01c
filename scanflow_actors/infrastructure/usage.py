"""How much one version of an online workflow was asked, how often it failed, and how long it took."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from itertools import accumulate

BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds, in seconds, of the buckets of latencies; what took longer is in one bucket more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Counts since a front started; a front that starts anew counts from 0."""

    requests: int = 0
    """Answered and failed ones, copies for a mirror too. Those whose client has gone away do not count."""
    failures: int = 0
    """Requests that a service raised for, or that took longer than the latency bound."""
    late: int = 0
    """Of the failures, those that took longer than the latency bound."""
    seconds: float = 0.0
    """Sum of all latencies."""
    buckets: tuple[int, ...] = (0,) * (len(BOUNDS_S) + 1)
    """Requests by latency, see `BOUNDS_S`."""

    def plus(self, other: Usage) -> Usage:
        """Both together, such as of two replicas of a front."""
        return Usage(
            requests=self.requests + other.requests,
            failures=self.failures + other.failures,
            late=self.late + other.late,
            seconds=self.seconds + other.seconds,
            buckets=tuple(a + b for a, b in zip(self.buckets, other.buckets, strict=True)),
        )

    def since(self, before: Usage) -> Usage:
        """What was added since an earlier reading; all of it when the counts have started anew."""
        if self.requests < before.requests or self.failures < before.failures:
            return self
        return Usage(
            requests=self.requests - before.requests,
            failures=self.failures - before.failures,
            late=self.late - before.late,
            seconds=self.seconds - before.seconds,
            buckets=tuple(a - b for a, b in zip(self.buckets, before.buckets, strict=True)),
        )

    def with_request(self, latency_s: float, *, is_failure: bool, is_late: bool = False) -> Usage:
        """One request more."""
        at = bisect_left(BOUNDS_S, latency_s)
        return Usage(
            requests=self.requests + 1,
            failures=self.failures + is_failure,
            late=self.late + is_late,
            seconds=self.seconds + latency_s,
            buckets=(*self.buckets[:at], self.buckets[at] + 1, *self.buckets[at + 1 :]),
        )

    def quantile_s(self, share: float) -> float:
        """The bound, in seconds, that this share of the requests kept; the largest bound when it was broken.

        Args:
            share: In (0, 1].

        Returns:
            One of `BOUNDS_S`, so never less than the true quantile below the largest; 0 without requests.
        """
        wanted = share * self.requests
        for bound_s, count in zip(BOUNDS_S, accumulate(self.buckets), strict=False):
            if count >= wanted:
                return bound_s if self.requests else 0.0
        return BOUNDS_S[-1]
