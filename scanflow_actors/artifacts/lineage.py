"""What a version of a model was made of, and which versions held an alias: pure records."""

from __future__ import annotations

import hashlib
import inspect
import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scanflow_actors.artifacts.ref import ArtifactRef
    from scanflow_actors.artifacts.run import RunRecord

LINEAGE = "scanflow.lineage"
"""Tag of a model version."""

KEPT = 200
"""Tenures of an alias that are kept: one tag of the registry holds 100,000 characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What a version was made of, said when it is registered; its parameters are those of its run."""

    data: tuple[ArtifactRef, ...] = ()
    """What it was trained on, with digests."""
    code: str = ""
    """Which code made it: a commit, or what `code_version` gives."""
    parent: int | None = None
    """Version of the same model that it was derived from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """From the data to one version of a model."""

    model: str
    version: int
    run: RunRecord
    """The run that made it, with its parameters, metrics, and the artifacts that are the model."""
    origin: Origin
    scores: Mapping[str, float]


def code_version(function: Callable[..., Any]) -> str:
    """Name a function and its module's source: ``module:name@`` and 16 hexadecimal digits of a SHA-256.

    Raises:
        OSError: Its source is not there.
    """
    module = inspect.getmodule(function)
    source = inspect.getsource(module or function).encode()
    digest = hashlib.sha256(source).hexdigest()[:16]
    return f"{function.__module__}:{function.__qualname__}@{digest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenure:
    """A version that got an alias."""

    version: int
    since_ms: int
    """Milliseconds since the Unix epoch, by the clock of the process that gave it."""
    key: str = ""
    """Idempotency key that it was given under."""
    is_rollback: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """All that held one alias, the earliest first."""

    tenures: tuple[Tenure, ...] = ()

    @property
    def holders(self) -> tuple[int, ...]:
        """The version that holds it, last, after those that it may be rolled back to."""
        stack: list[int] = []
        for tenure in self.tenures:
            if tenure.is_rollback and stack:
                stack.pop()
            if stack[-1:] != [tenure.version]:
                stack.append(tenure.version)
        return tuple(stack)

    def by_key(self, key: str) -> Tenure | None:
        """What was done under a key; None for an empty key, and when nothing was."""
        return next((tenure for tenure in self.tenures if key and tenure.key == key), None)

    def given_to(self, version: int, *, key: str, since_ms: int) -> History:
        """Let a version hold it from now on."""
        return self._and(Tenure(version=version, key=key, since_ms=since_ms))

    def rolled_back(self, *, key: str, since_ms: int) -> History:
        """Give it back to the holder before the present one, which must be there."""
        before = self.holders[-2]
        return self._and(Tenure(version=before, key=key, since_ms=since_ms, is_rollback=True))

    def _and(self, tenure: Tenure) -> History:
        return replace(self, tenures=(*self.tenures, tenure)[-KEPT:])

    def to_text(self) -> str:
        """As a tag holds it."""
        return json.dumps([asdict(tenure) for tenure in self.tenures])

    @classmethod
    def of_text(cls, text: str) -> Self:
        """Read what `to_text` gave."""
        return cls(tenures=tuple(Tenure(**each) for each in json.loads(text)))
