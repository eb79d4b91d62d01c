"""Which version of an online workflow gets which requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderRule:
    """Requests with this header go to this version, whatever the shares say."""

    header: str
    value: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Shares of the requests by version; copies; and exceptions."""

    weights: Mapping[int, float]
    """Version → share, in any unit; at least one is above 0."""
    mirrors: tuple[int, ...] = ()
    """Versions that get a copy of each request; their answers are dropped."""
    rules: tuple[HeaderRule, ...] = ()
    """The first that fits decides."""

    def __post_init__(self) -> None:
        if any(weight < 0 for weight in self.weights.values()) or not any(self.weights.values()):
            raise ValueError(f"weights must be at least 0, and one above it; got {dict(self.weights)}")

    @property
    def versions(self) -> frozenset[int]:
        """All that get requests or copies of them."""
        live = {version for version, weight in self.weights.items() if weight > 0}
        return frozenset({*live, *self.mirrors, *(rule.version for rule in self.rules)})

    @property
    def only(self) -> int | None:
        """The version that gets all requests, where no other gets any, nor copies."""
        return next(iter(self.versions)) if len(self.versions) == 1 and not self.mirrors else None

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "weights": {str(version): weight for version, weight in self.weights.items()},
            "mirrors": list(self.mirrors),
            "rules": [[rule.header, rule.value, rule.version] for rule in self.rules],
        }

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """Read what `document` gave."""
        return cls(
            weights={int(version): weight for version, weight in document["weights"].items()},
            mirrors=tuple(document["mirrors"]),
            rules=tuple(HeaderRule(header=h, value=v, version=n) for h, v, n in document["rules"]),
        )


class Shares:
    """Deals requests out by weight, as evenly as can be: after n requests none is off by more than 1.

    Source:
        Smooth weighted round-robin, as in nginx (commit 52327e0, 2012).
    """

    def __init__(self, weights: Mapping[int, float]) -> None:
        self._weights = {version: weight for version, weight in weights.items() if weight > 0}
        self._total = sum(self._weights.values())
        self._credit = dict.fromkeys(self._weights, 0.0)

    def next(self) -> int:
        """The version of the next request."""
        for version, weight in self._weights.items():
            self._credit[version] += weight
        chosen = max(self._credit, key=self._credit.__getitem__)
        self._credit[chosen] -= self._total
        return chosen
