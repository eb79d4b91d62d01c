"""The connection of one knowledge base to MLflow: made at its first use, never on an event loop.

MLflow takes seconds to import and to open. What only carries a `KnowledgeBase` around pays for neither.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from scanflow_actors.artifacts.local import LocalFiles
from scanflow_actors.artifacts.s3 import S3Files
from scanflow_actors.artifacts.settings import read_variable
from scanflow_actors.errors import ArtifactError, KnowledgeBaseError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlflow import MlflowClient

    from scanflow_actors.artifacts.settings import KnowledgeSettings

CONNECT_TIMEOUT_S = 10
"""Seconds for a first connection to PostgreSQL; MLflow itself would try for two minutes."""


class Store:
    """An MLflow client, the experiment that it works in, and the files of its runs."""

    def __init__(self, settings: KnowledgeSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._client: MlflowClient | None = None
        self._s3 = S3Files(settings.s3)
        self.experiment = ""
        """Id of the experiment, once `using` has been entered."""

    @contextlib.contextmanager
    def using(self, what: str, remedy: str) -> Iterator[MlflowClient]:
        """Lend the client, opened, and translate its errors.

        Args:
            what: What is worked on, for the error's text.
            remedy: What to do when it fails.

        Raises:
            KnowledgeBaseError: MLflow refuses, the store cannot be reached, or this is an event loop.
        """
        self._refuse_event_loop()
        with self._translated(what, remedy):
            yield self._opened()

    @contextlib.contextmanager
    def _translated(self, what: str, remedy: str) -> Iterator[None]:
        from mlflow.exceptions import MlflowException  # noqa: PLC0415 - slow to import
        from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415 - comes with MLflow

        try:
            yield
        except MlflowException as error:
            raise self.error(f"{what} ({error.message})", remedy) from error
        except (SQLAlchemyError, ImportError) as error:
            raise self.error(f"{what} ({error})", remedy) from error

    def error(self, what: str, remedy: str) -> KnowledgeBaseError:
        """An error that names this store, without a password."""
        store = re.sub(r"(://[^:/@]*):[^@/]*@", r"\1:***@", self._settings.tracking_uri)
        return KnowledgeBaseError(what=what, store=store, remedy=remedy)

    def quoted(self, text: str) -> str:
        """Write a text in MLflow's filter language, which has two kinds of quotes and no escape.

        Raises:
            KnowledgeBaseError: It holds both kinds.
        """
        for quote in "'\"":
            if quote not in text:
                return f"{quote}{text}{quote}"
        raise self.error(f"{text!r} holds both kinds of quotes and cannot be searched for", "use one kind")

    def _refuse_event_loop(self) -> None:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return
        remedy = "MLflow blocks: call it in a thread, as with asyncio.to_thread"
        raise self.error("a call on an event loop", remedy)

    def _opened(self) -> MlflowClient:
        with self._lock:
            if self._client is None:
                remedy = "check that it runs, its address, and for PostgreSQL the extra `postgres`"
                with self._translated("the store", remedy):
                    self._client = self._open()
            return self._client

    def _open(self) -> MlflowClient:
        from mlflow import MlflowClient  # noqa: PLC0415 - slow to import

        logging.getLogger("mlflow").setLevel(logging.WARNING)
        uri = self._address()
        client = MlflowClient(uri, registry_uri=uri)
        self.experiment = self._experiment(client)
        return client

    def _address(self) -> str:
        uri = self._settings.tracking_uri
        if not uri.startswith("postgresql"):
            return uri
        from sqlalchemy import NullPool, create_engine, make_url  # noqa: PLC0415 - comes with MLflow

        url = make_url(uri)
        if self._settings.password_variable is not None:
            url = url.set(password=read_variable(self._settings.password_variable))
        once = create_engine(url, poolclass=NullPool, connect_args={"connect_timeout": CONNECT_TIMEOUT_S})
        once.connect().close()
        return url.render_as_string(hide_password=False)

    def _experiment(self, client: MlflowClient) -> str:
        from mlflow.exceptions import MlflowException  # noqa: PLC0415 - slow to import

        name = self._settings.experiment
        known = client.get_experiment_by_name(name)
        if known is not None:
            return str(known.experiment_id)
        try:
            return str(client.create_experiment(name, artifact_location=self._settings.artifact_uri))
        except MlflowException:
            known = client.get_experiment_by_name(name)  # another process was faster
            if known is None:
                raise
            return str(known.experiment_id)

    # ------------------------------------------------------------------ files

    def put(self, client: MlflowClient, folder: str, run_id: str, name: str, body: bytes) -> None:
        """Store a file of a run, whose artifacts are at the address `folder`."""
        files = self._files(folder)
        if files is not None:
            files.put(f"{folder}/{name}", body)
            return
        with tempfile.TemporaryDirectory(prefix="scanflow-") as scratch:
            path = Path(scratch) / name
            path.write_bytes(body)
            client.log_artifact(run_id, str(path))

    def get(self, client: MlflowClient, run_id: str, name: str) -> bytes:
        """Read a file of a run.

        Raises:
            ArtifactError: It is gone.
        """
        from mlflow.exceptions import MlflowException  # noqa: PLC0415 - slow to import

        folder = str(client.get_run(run_id).info.artifact_uri)
        files = self._files(folder)
        try:
            if files is not None:
                return files.get(f"{folder}/{name}")
            with tempfile.TemporaryDirectory(prefix="scanflow-") as scratch:
                return Path(client.download_artifacts(run_id, name, scratch)).read_bytes()
        except (MlflowException, OSError) as error:
            uri = f"runs:/{run_id}/{name}"
            raise ArtifactError(uri=uri, problem="it is gone; record it again") from error

    def _files(self, folder: str) -> S3Files | LocalFiles | None:
        """Who keeps the files at an address; None for what only MLflow's client knows, such as a server."""
        if folder.startswith("s3:"):
            return self._s3
        if folder.startswith(("file:", "/")):
            return LocalFiles()
        return None
