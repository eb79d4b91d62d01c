"""Where a knowledge base is, and by which credentials it is opened."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scanflow_actors.errors import DataNotFoundError

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Settings:
    """How artifacts in S3 are reached. Credentials are named, not held: each process reads them itself."""

    endpoint_url: str | None = None
    """Address of a server that is not Amazon's, such as ``http://seaweedfs:8333``."""
    region: str = "us-east-1"
    key_variable: str | None = None
    """Environment variable with the access key; None leaves both to boto3 (environment, file, role)."""
    secret_variable: str | None = None
    """Environment variable with the secret key."""
    timeout_s: float = 60.0
    """Seconds to wait for a connection, and for each answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnowledgeSettings:
    """Where a knowledge base is: travels to every process that opens it."""

    tracking_uri: str
    """MLflow tracking store, such as ``sqlite:////data/mlflow.db``, ``http://mlflow:5000`` or
    ``postgresql+psycopg2://mlflow@db/mlflow``."""
    artifact_uri: str | None = None
    """Where artifacts of a new experiment go, such as ``s3://bucket/mlflow``; None leaves it to the store."""
    experiment: str = "scanflow"
    password_variable: str | None = None
    """Environment variable with the password of the database; None when the address needs none."""
    s3: S3Settings = S3Settings()
    """For artifacts whose address begins with ``s3:``."""

    @classmethod
    def in_folder(cls, folder: Path, experiment: str = "scanflow") -> KnowledgeSettings:
        """The embedded default: SQLite and a local folder."""
        root = folder.resolve()
        return cls(
            tracking_uri=f"sqlite:///{root / 'mlflow.db'}",
            artifact_uri=(root / "artifacts").as_uri(),
            experiment=experiment,
        )


def read_variable(name: str) -> str:
    """Read a credential from the environment of this process.

    Raises:
        DataNotFoundError: It is not there.
    """
    if name not in os.environ:
        raise DataNotFoundError(
            what="a credential of the knowledge base",
            looked_in=f"variable {name}",
            remedy="set it in every process that opens it",
        )
    return os.environ[name]
