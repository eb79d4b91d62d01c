"""The REST door: the same messages reach the same mailboxes, and every refusal is a problem document."""

from __future__ import annotations

import asyncio
import io
import json
import random
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import aiohttp
import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families

from scanflow_actors.actors import Actor, ActorSystem, receive
from scanflow_actors.agents import Member, Team
from scanflow_actors.errors import InvalidTeamError
from scanflow_actors.infrastructure.claim import Claims, ListClaims, Settle, Standing, Thaw
from scanflow_actors.primitives import Outcome, Perform
from scanflow_actors.server import Door, Role, Tokens, serve
from tests.unit.agents.crew import Checking, Counting, Feed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

READ, OPERATE = "r" * 24, "o" * 24
TOKENS = Tokens(((READ, Role.READ), (OPERATE, Role.OPERATE)))
CHECK = "/teams/digits/agents/checker/Check"
BODY = {"first": 0, "end": 5}


class Works(Actor):
    """Stands for the infrastructure."""

    def __init__(self, keys: list[str], gate: asyncio.Event) -> None:
        self.keys = keys
        self.gate = gate

    @receive(concurrent=10)
    async def perform(self, message: Perform) -> Outcome:
        self.keys.append(message.key)
        return Outcome(is_success=True)

    @receive(concurrent=10)
    async def claims(self, _message: ListClaims) -> Claims:
        await self.gate.wait()
        return Claims(standing=Standing(), waiting=())

    @receive
    def settle(self, message: Settle) -> bool:
        return message.key == "waiting"

    @receive
    def thaw(self, message: Thaw) -> bool:
        return message.aspect == "replicas"


class House:
    """A running team with its door open."""

    def __init__(self, url: str, session: aiohttp.ClientSession, team: Team) -> None:
        self.url = url
        self.session = session
        self.team = team
        self.keys: list[str] = []
        self.gate = asyncio.Event()

    async def ask(
        self, method: str, path: str, body: Any = None, *, token: str | None = OPERATE, **headers: str
    ) -> tuple[int, Any, Any]:
        """Status, JSON and headers of the answer."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        large = None if data is None else io.BytesIO(data)
        if data is not None:
            sent.setdefault("Content-Type", "application/json")
        async with self.session.request(method, self.url + path, data=large, headers=sent) as answer:
            text = await answer.text()
            if answer.status >= 400:
                assert answer.content_type == "application/problem+json"
            is_json = answer.content_type.endswith("json")
            return answer.status, json.loads(text) if text and is_json else text or None, answer.headers


@pytest_asyncio.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    team = Team(
        members={"counter": Member(agent=Counting, args=(Feed(),)), "checker": Member(agent=Checking)},
        journal=tmp_path / "journal.db",
    )
    async with ActorSystem() as system, aiohttp.ClientSession() as session:
        made = House("", session, team)
        await system.spawn(Works, made.keys, made.gate, name="infrastructure")
        await team.start(system)
        door = Door(name="digits", team=team, system=system, tokens=TOKENS, max_requests=3)
        async with serve(door, port=0) as made.url:
            yield made


async def test_a_call_reaches_the_agent_once_for_each_key(house: House) -> None:
    status, body, _ = await house.ask("POST", CHECK, BODY, Idempotency_Key="k1")
    assert (status, body) == (202, {"key": "rest:k1", "is_new": True})
    assert (await house.ask("POST", CHECK, BODY, Idempotency_Key="k1"))[1]["is_new"] is False
    assert await house.team.settled(timeout_s=10)
    assert house.keys == ["checker/check/rest:k1#0"]
    _, body, _ = await house.ask("GET", "/teams/digits/explanation?decision=checker/check/rest:k1")
    assert [entry["kind"] for entry in body["entries"]] == ["decision", "outcome"]
    assert body["entries"][0]["cause"] is None


@pytest.mark.parametrize(
    ("method", "path", "body", "options", "status", "says"),
    [
        ("POST", CHECK, BODY, {"token": None}, 401, "send a valid token"),
        ("POST", CHECK, BODY, {"token": "wrong"}, 401, "send a valid token"),
        ("POST", CHECK, BODY, {"token": "ö" * 20}, 401, "send a valid token"),
        ("POST", CHECK, BODY, {"token": READ}, 403, "this token may only read"),
        ("POST", "/teams/digits/agents/chekcer/Check", BODY, {}, 404, "no agent is called 'chekcer'"),
        ("POST", "/teams/digits/agents/checker/Chekc", BODY, {}, 404, "checker does not wait for 'Chekc'"),
        ("GET", "/nothing", None, {}, 404, "Not Found"),
        ("DELETE", CHECK, None, {}, 405, "Method Not Allowed"),
        ("POST", CHECK, BODY, {"Content_Type": "text/plain"}, 415, "send application/json"),
        ("POST", CHECK, b"{", {}, 400, "the body is no JSON"),
        ("POST", CHECK, b"\xff", {}, 400, "the body is no JSON"),
        ("POST", CHECK, BODY, {"Idempotency_Key": "a#b"}, 400, "Idempotency-Key is 1 to 128"),
        ("POST", CHECK, [], {}, 422, "the body must be a JSON object"),
        ("POST", CHECK, {"first": 0}, {}, 422, "field end: Field required"),
        ("POST", CHECK, {**BODY, "third": 1}, {}, 422, "field third: is unknown"),
        ("POST", CHECK, {"first": "0", "end": 5}, {}, 422, "field first: Input should be a valid integer"),
        ("POST", CHECK, b" " * (1024 * 1024 + 1), {}, 413, "Request Entity Too Large"),
        ("GET", "/teams/digits/journal?since=yesterday", None, {}, 422, "since must be an instant"),
        ("GET", "/teams/digits/journal?after=-1", None, {}, 422, "after must be a whole number"),
        ("GET", "/teams/digits/journal?agnet=x", None, {}, 422, "field agnet: is unknown"),
        ("GET", "/teams/digits/explanation", None, {}, 422, "name a decision"),
        ("GET", "/teams/digits/explanation?decision=none", None, {}, 404, "no decision contains 'none'"),
        (
            "POST",
            "/teams/digits/claims",
            {"key": "x", "by": "ann"},
            {},
            422,
            "field is_approved: must be a bool",
        ),
        (
            "POST",
            "/teams/digits/claims",
            {"key": "x", "by": "ann", "is_approved": True},
            {},
            404,
            "nothing waits under the key 'x'",
        ),
    ],
)
async def test_what_is_wrong_is_answered_by_a_problem_document_that_says_so(
    house: House, *, method: str, path: str, body: Any, options: dict[str, Any], status: int, says: str
) -> None:
    got, answer, headers = await house.ask(method, path, body, **options)
    assert (got, answer["status"]) == (status, status)
    assert says in answer["detail"]
    if status == 401:
        assert headers["WWW-Authenticate"] == 'Bearer realm="scanflow"'
    if status == 422 and "?" in path:
        assert answer["errors"][0]["field"] in path
    if status == 422 and "field" in says:
        assert answer["errors"][0]["field"] in says


async def test_a_paused_team_refuses_calls_with_409_until_it_is_resumed(house: House) -> None:
    house.gate.set()
    assert (await house.ask("POST", "/teams/digits/pause"))[0] == 204
    status, answer, _ = await house.ask("POST", CHECK, BODY)
    assert (status, answer["error"]) == (409, "StrategyFailedError")
    _, body, _ = await house.ask("GET", "/teams/digits", token=READ)
    assert [agent["is_paused"] for agent in body["agents"]] == [True, True]
    assert (await house.ask("POST", "/teams/digits/resume"))[0] == 204
    assert (await house.ask("POST", CHECK, BODY))[0] == 202


async def test_too_many_requests_at_once_are_turned_away(house: House) -> None:
    waiting = [asyncio.ensure_future(house.ask("GET", "/teams/digits/claims")) for _ in range(3)]
    answers: list[Any] = []
    while not answers or answers[-1][0] != 429:
        answers.append(await house.ask("GET", "/healthz", token=None))
    assert answers[-1][2]["Retry-After"] == "1"
    house.gate.set()
    assert [status for status, _, _ in await asyncio.gather(*waiting)] == [200, 200, 200]


async def test_a_person_approves_and_lifts(house: House) -> None:
    body = {"key": "waiting", "by": "ann", "is_approved": True}
    assert (await house.ask("POST", "/teams/digits/claims", body))[0] == 200
    frozen = {"target": "workflow/w", "aspect": "replicas", "by": "ann"}
    assert (await house.ask("POST", "/teams/digits/thaw", frozen))[0] == 204


async def test_the_journal_is_read_in_pages(house: House) -> None:
    for number in range(3):
        await house.ask("POST", CHECK, BODY, Idempotency_Key=str(number))
    assert await house.team.settled(timeout_s=10)
    _, body, _ = await house.ask("GET", "/teams/digits/journal?agent=checker&limit=2", token=READ)
    first, last = (entry["seq"] for entry in body["entries"])
    assert last == first + 1
    _, body, _ = await house.ask("GET", f"/teams/digits/journal?after={last}", token=READ)
    assert body["entries"] == []


async def test_a_request_keeps_its_id(house: House) -> None:
    _, _, headers = await house.ask("GET", "/healthz", token=None, X_Request_Id="mine-1")
    assert headers["X-Request-Id"] == "mine-1"
    _, _, headers = await house.ask("GET", "/healthz", token=None, X_Request_Id="<script>")
    assert headers["X-Request-Id"].isalnum()


async def test_the_openapi_document_describes_every_message(house: House) -> None:
    _, document, _ = await house.ask("GET", "/openapi.json", token=READ)
    assert document["openapi"] == "3.1.0"
    assert CHECK in document["paths"]
    schema = document["components"]["schemas"]["Check"]
    assert (schema["required"], schema["additionalProperties"]) == (["first", "end"], False)
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert all({"401", "422", "429"} <= operation["responses"].keys() for operation in operations)


def anything(drawn: random.Random, depth: int = 2) -> Any:
    leaves: list[Any] = [None, True, -1, 2**70, 1.5, "", "x" * 300, "\x00", "ö", "2026-01-01"]
    if depth and drawn.random() < 0.5:
        names = ["first", "end", "key", "by", "is_approved", "target", "aspect", ""]
        return {name: anything(drawn, depth - 1) for name in drawn.sample(names, drawn.randrange(5))}
    return drawn.choice(leaves)


async def test_whatever_is_sent_is_no_error_of_ours(house: House) -> None:
    _, document, _ = await house.ask("GET", "/openapi.json")
    house.gate.set()
    drawn = random.Random(1)  # noqa: S311 - test data
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for _ in range(12):
                pairs = [
                    (one["name"], str(anything(drawn, 0)))
                    for one in operation.get("parameters", ())
                    if one["in"] == "query"
                ]
                query = "&".join(f"{name}={quote(value)}" for name, value in pairs) if pairs else ""
                body = anything(drawn) if method == "post" else None
                status, answer, _ = await house.ask(method.upper(), f"{path}?{query}", body)
                assert status < 500, (path, query, body, answer)


# ---------------------------------------------------------------------- tokens


def test_tokens_are_read_from_a_file_that_only_its_owner_may_read(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    path.write_text(f"# ours\nread {READ}\noperate {OPERATE}  # ann\n")
    path.chmod(0o600)
    tokens = Tokens.from_file(path)
    assert [tokens.role_of(token) for token in (READ, OPERATE, "x" * 24, "")] == [
        Role.READ,
        Role.OPERATE,
        None,
        None,
    ]
    path.chmod(0o644)
    with pytest.raises(InvalidTeamError, match="others may read it; run chmod 600 on it"):
        Tokens.from_file(path)
    with pytest.raises(InvalidTeamError, match="cannot be read"):
        Tokens.from_file(tmp_path / "no")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("read short", "env:1: a token has 16 characters or more"),
        (f"\nrule {READ}", "env:2: write `read TOKEN`"),
        ("# nothing", "env: holds no token"),
    ],
)
def test_tokens_that_cannot_work_are_refused(text: str, problem: str) -> None:
    with pytest.raises(InvalidTeamError, match=problem):
        Tokens.parse(text, place="env")


async def test_a_scrape_reads_the_metrics_of_actors_and_agents(house: House) -> None:
    await house.ask("POST", CHECK, BODY)
    assert await house.team.settled(timeout_s=10)
    await house.ask("GET", "/teams/digits")  # every agent is done with what came before
    headers = {"Authorization": f"Bearer {READ}"}
    async with house.session.get(house.url + "/metrics", headers=headers) as answer:
        assert answer.status == 200
        assert answer.content_type == "text/plain"
        text = await answer.text()
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    of = (("agent", "checker"), ("host", "scanflow"))
    check = ("strategy", "check")
    assert samples["scanflow_strategy_evaluations_total", *of, ("outcome", "holds"), check] == 1
    assert samples["scanflow_action_duration_seconds_count", *of, ("outcome", "done"), check] == 1
    assert samples["scanflow_actors", ("actor_class", "Works"), ("host", "scanflow")] == 1


async def test_a_scrape_needs_a_token(house: House) -> None:
    assert (await house.ask("GET", "/metrics", token=None))[0] == 401


async def test_the_tree_of_actors_is_data_and_text(house: House) -> None:
    await house.ask("POST", CHECK, BODY)
    status, body, _ = await house.ask("GET", "/teams/digits/tree", token=READ)
    assert status == 200
    checker = next(actor for actor in body["actors"] if actor["path"] == "/checker")
    assert (checker["kind"], checker["state"], checker["asks"]) == ("Checking", "running", {"replied": 1})
    assert "/checker  Checking  running" in body["text"]
    assert body["silent"] == []
