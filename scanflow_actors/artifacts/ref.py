"""The address of a shared artifact: what messages carry in place of large data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactRef:
    """An immutable payload in the knowledge base, by run and name, with the digest of its bytes."""

    run: str
    name: str
    digest: str
    """SHA-256 of the bytes, in hexadecimal: what is opened is what was stored."""
    size_bytes: int

    @property
    def uri(self) -> str:
        """As MLflow writes it."""
        return f"runs:/{self.run}/{self.name}"
