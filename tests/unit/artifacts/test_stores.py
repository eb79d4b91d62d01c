"""A knowledge base on a real PostgreSQL and a real S3 server, by settings; and two teams side by side."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest
from boto3.session import Session

from scanflow_actors.artifacts import KnowledgeBase, KnowledgeSettings, S3Settings
from scanflow_actors.errors import ArtifactError, DataNotFoundError, KnowledgeBaseError
from tests.knowledge import MLFLOW_WARNINGS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.seaweed import S3Server

pytestmark = MLFLOW_WARNINGS

PASSWORD = "a pass@word/with:signs"  # noqa: S105 - of a database that lives as long as this test
SECRETS = {
    "TEAM_ONE_KEY": "team-one",
    "TEAM_ONE_SECRET": "first secret",
    "TEAM_TWO_KEY": "team-two",
    "TEAM_TWO_SECRET": "second secret",
    "WRONG": "no such secret",
    "DATABASE_PASSWORD": PASSWORD,
}


@dataclass(frozen=True)
class Servers:
    postgres: str
    s3: str

    def settings(self, team: str, **changes: Any) -> KnowledgeSettings:
        """One database and one server for all; each team has its experiment, bucket and credentials."""
        s3 = S3Settings(
            endpoint_url=self.s3,
            key_variable=f"TEAM_{team.upper()}_KEY",
            secret_variable=f"TEAM_{team.upper()}_SECRET",
        )
        return replace(
            KnowledgeSettings(
                tracking_uri=self.postgres,
                artifact_uri=f"s3://team-{team}/mlflow",
                experiment=team,
                password_variable="DATABASE_PASSWORD",  # noqa: S106 - the name of a variable
                s3=s3,
            ),
            **changes,
        )


@pytest.fixture(scope="module")
def servers(postgres_server: str, s3_server: S3Server) -> Iterator[Servers]:
    """A database that wants a password, with MLflow's tables, and a bucket for each team."""
    for key, secret in s3_server.secrets.items():
        session = Session(key, secret, region_name="us-east-1")
        session.client("s3", endpoint_url=s3_server.address).create_bucket(Bucket=key)
    with contextlib.closing(psycopg2.connect(f"{postgres_server}/postgres")) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("create role mlflow login password %s", (PASSWORD,))
            cursor.execute("create database mlflow owner mlflow")
            cursor.execute("show hba_file")
            (path,) = cursor.fetchone() or ("",)
            rules = Path(path).read_text()
            Path(path).write_text(f"host all mlflow 127.0.0.1/32 scram-sha-256\n{rules}")
            cursor.execute("select pg_reload_conf()")
    address = postgres_server.replace("postgresql://scanflow@", "postgresql+psycopg2://mlflow@")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SECRETS.items():
            patch.setenv(name, value)
        made = Servers(postgres=f"{address}/mlflow", s3=s3_server.address)
        KnowledgeBase(made.settings("one")).prepare()  # MLflow's tables take long to make: once for all tests
        yield made


@pytest.fixture
def one(servers: Servers) -> KnowledgeBase:
    return KnowledgeBase(servers.settings("one"))


def test_runs_are_in_postgresql_and_artifacts_in_s3(one: KnowledgeBase, servers: Servers) -> None:
    run = one.record(
        "training", key="k", metrics={"loss": 0.5}, params={"rate": 0.1}, files={"m.bin": b"weights"}
    )
    again = KnowledgeBase(servers.settings("one"))
    assert again.run(run.id) == run
    assert again.runs("training") == (run,)
    assert again.runs_since("training", None).runs == (run,)
    assert again.open(run.artifacts["m.bin"]) == b"weights"
    version = again.models.register("digits", run)
    again.models.promote("digits", version)
    assert one.models.version("digits") == version
    assert one.models.lineage("digits", version).run == run
    stored = _s3(servers).list_objects_v2(Bucket="team-one")["Contents"]
    assert [entry["Key"] for entry in stored] == [f"mlflow/{run.id}/artifacts/m.bin"]


def _s3(servers: Servers) -> Any:
    return Session("team-one", "first secret", region_name="us-east-1").client("s3", endpoint_url=servers.s3)


def test_an_object_that_was_altered_or_deleted_is_refused(one: KnowledgeBase, servers: Servers) -> None:
    ref = one.record("training", key="altered", files={"m.bin": b"weights"}).artifacts["m.bin"]
    place = {"Bucket": "team-one", "Key": f"mlflow/{ref.run}/artifacts/m.bin"}
    _s3(servers).put_object(Body=b"other", **place)
    with pytest.raises(ArtifactError, match="have changed"):
        one.open(ref)
    _s3(servers).delete_object(**place)
    with pytest.raises(ArtifactError, match="it is gone") as caught:
        one.open(ref)
    assert caught.value.uri == ref.uri


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"secret_variable": "WRONG"}, "SignatureDoesNotMatch"),
        ({"key_variable": "WRONG"}, "InvalidAccessKeyId"),
        ({"key_variable": "TEAM_TWO_KEY", "secret_variable": "TEAM_TWO_SECRET"}, "AccessDenied"),
        ({"endpoint_url": "http://127.0.0.1:9", "timeout_s": 0.2}, "127.0.0.1:9"),
    ],
    ids=["wrong secret", "unknown key", "another team's", "no server"],
)
def test_s3_that_refuses_is_an_error_that_says_why(
    servers: Servers, changed: dict[str, Any], problem: str
) -> None:
    right = servers.settings("one")
    ref = KnowledgeBase(right).record("refused", key="k", files={"x": b"x"}).artifacts["x"]
    wrong = KnowledgeBase(replace(right, s3=replace(right.s3, **changed)))
    with pytest.raises(KnowledgeBaseError, match=problem):
        wrong.open(ref)
    with pytest.raises(KnowledgeBaseError, match=problem):
        wrong.record("refused", key=problem, files={"x": b"x"})
    assert [run.key for run in wrong.runs("refused")] == ["k"], "half a run is not seen"


def test_a_wrong_password_is_refused_at_once_and_not_repeated_in_the_error(servers: Servers) -> None:
    wrong = KnowledgeBase(servers.settings("one", password_variable="WRONG"))  # noqa: S106 - a name
    with pytest.raises(KnowledgeBaseError, match="password authentication failed") as caught:
        wrong.prepare()
    assert SECRETS["WRONG"] not in str(caught.value)
    inside = servers.postgres.replace("mlflow@", "mlflow:no such secret@")
    with pytest.raises(KnowledgeBaseError, match="password authentication failed") as caught:
        KnowledgeBase(KnowledgeSettings(tracking_uri=inside)).prepare()
    assert SECRETS["WRONG"] not in str(caught.value)


def test_a_credential_that_is_not_in_the_environment_is_named(servers: Servers) -> None:
    with pytest.raises(DataNotFoundError, match="variable NOT_SET"):
        KnowledgeBase(servers.settings("one", password_variable="NOT_SET")).prepare()  # noqa: S106 - a name
    s3 = S3Settings(endpoint_url=servers.s3, key_variable="NOT_SET", secret_variable="NOT_SET")  # noqa: S106 - a name
    with pytest.raises(DataNotFoundError, match="variable NOT_SET"):
        KnowledgeBase(servers.settings("one", s3=s3)).record("p", key="not-set", files={"x": b"x"})


def test_two_teams_on_two_stores_work_in_one_process_at_the_same_time(
    one: KnowledgeBase, servers: Servers, knowledge: KnowledgeBase
) -> None:
    """PostgreSQL and S3 with two credentials, and SQLite with a folder, all from threads at once."""
    teams = {"one": one, "two": KnowledgeBase(servers.settings("two")), "local": knowledge}
    begin = threading.Barrier(2 * len(teams))

    def work(team: str, number: int) -> None:
        begin.wait()
        for index in range(3):
            key = f"{number}-{index}"
            body = f"{team} {key}".encode()
            run = teams[team].record("shared", key=key, metrics={"n": index}, files={"x": body})
            assert teams[team].open(run.artifacts["x"]) == body
        teams[team].models.register(f"model-{team}", run)

    with ThreadPoolExecutor(2 * len(teams)) as pool:
        for job in [pool.submit(work, team, number) for team in teams for number in (1, 2)]:
            job.result()

    for team, base in teams.items():
        runs = base.runs("shared")
        assert sorted(run.key for run in runs) == [
            f"{number}-{index}" for number in (1, 2) for index in range(3)
        ]
        assert {base.open(run.artifacts["x"]).split()[0].decode() for run in runs} == {team}
        assert {base.models.run_of(f"model-{team}", version).id for version in (1, 2)} <= {
            run.id for run in runs
        }
