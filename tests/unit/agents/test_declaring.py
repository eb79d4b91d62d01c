"""The three forms of a strategy: data, a method under `strategy`, and a file."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # ships no types

from scanflow_actors.actors import ActorSystem
from scanflow_actors.agents import (
    Agent,
    Charge,
    Effect,
    Member,
    Observation,
    Sensor,
    Sight,
    Strategy,
    Team,
    at_least,
    call,
    perform,
    strategy,
    to_agent,
    to_infrastructure,
)
from scanflow_actors.agents.declared import Declared
from scanflow_actors.agents.spec import SpecReader, strategy_to_spec
from scanflow_actors.agents.team_file import load_team, team_from_spec, team_to_spec
from scanflow_actors.agents.templates import (
    Checker,
    Checking,
    Execution,
    Executor,
    Planner,
    Planning,
    Tracker,
    Tracking,
)
from scanflow_actors.artifacts import KnowledgeSettings, S3Settings
from scanflow_actors.errors import InvalidTeamError
from scanflow_actors.primitives import RunWorkflow
from scanflow_actors.triggers import Misfire, every, on
from tests.unit.agents.crew import Check, Checking as CheckingAgent, World, clock_of_loop, start

HOUR_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    total: float
    first: int
    end: int


def read_fixed(sight: Sight) -> Observation:
    return Observation(
        state=Fixed(total=12, first=0, end=12), watermark=1, is_nothing=sight.watermark is not None
    )


FIXED = Sensor(read=read_fixed, gives=Fixed)

COUNT = Strategy(
    name="count",
    when=every(hours=1),
    sense=FIXED,
    given=at_least(10),
    then=call("checker", Check, {"first": "$first", "end": "$end"})
    + perform(RunWorkflow, {"workflow": "count", "parameters": {"items": "$total", "text": "$$5"}}),
)


class AsData(Agent):
    strategies = (COUNT,)


class AsMethod(Agent):
    @strategy(when=every(hours=1), sense=FIXED, given=at_least(10), calls=(("checker", Check),))
    def count(self, seen: Fixed) -> tuple[Effect, ...]:
        run = RunWorkflow(workflow="count", parameters={"items": seen.total, "text": "$5"})
        return to_agent("checker", Check(first=seen.first, end=seen.end)), to_infrastructure(run)


IN_FILE = """
journal: journal.db
messages: ["tests.unit.agents.crew:Check"]
agents:
  counter:
    strategies:
      - name: count
        when: {every: {hours: 1}}
        sense: {function: "tests.unit.agents.test_declaring:FIXED"}
        given: {at_least: {of: total, value: 10}}
        then:
          - call: {agent: checker, message: Check, with: {first: $first, end: $end}}
          - perform:
              primitive: RunWorkflow
              with: {workflow: count, parameters: {items: $total, text: $$5}}
  checker: {agent: "tests.unit.agents.crew:Checking"}
"""


def team_in_python(folder: Path, counter: type[Agent]) -> Team:
    members = {"counter": Member(agent=counter), "checker": Member(agent=CheckingAgent)}
    return Team(members=members, journal=folder / "journal.db")


@pytest.mark.looptime
@pytest.mark.parametrize("form", ["data", "method", "file"])
async def test_the_three_forms_do_the_same(form: str, tmp_path: Path) -> None:
    (tmp_path / "team.yaml").write_text(IN_FILE)
    teams = {
        "data": lambda: team_in_python(tmp_path, AsData),
        "method": lambda: team_in_python(tmp_path, AsMethod),
        "file": lambda: load_team(tmp_path / "team.yaml"),
    }
    from dataclasses import replace  # noqa: PLC0415

    world = World()
    async with ActorSystem() as system:
        await start(system, replace(teams[form](), clock=clock_of_loop()), world)
        await asyncio.sleep(2.5 * HOUR_S)
    assert {key.partition("/2026")[0]: primitive for key, primitive in world.done.items()} == {
        "checker/check/counter/count": RunWorkflow(workflow="detect", parameters={"items": (0, 12)}),
        "counter/count": RunWorkflow(workflow="count", parameters={"items": 12, "text": "$5"}),
    }


def test_a_strategy_round_trips_through_its_spec() -> None:
    reader = SpecReader(messages={"Check": Check})
    full = Strategy(
        name="full",
        when=every(hours=1) & on(Check),
        then=COUNT.then,
        misfire=Misfire.EACH,
        max_lateness_s=60.0,
        priority=3,
        lease_s=600.0,
    )
    for one in (COUNT, full):
        spec = yaml.safe_load(yaml.safe_dump(strategy_to_spec(one)))
        if one is COUNT:
            spec["sense"] = {"function": "tests.unit.agents.test_declaring:FIXED"}
        assert reader.strategy(spec, "it") == one


@pytest.mark.parametrize(
    "then", [perform(lambda _s: RunWorkflow(workflow="w")), AsMethod], ids=["lambda", "method"]
)
def test_a_strategy_that_is_code_has_no_form_in_a_file(then: Any, tmp_path: Path) -> None:
    if then is AsMethod:
        (one,) = AsMethod(Charge(name="a", journal=tmp_path)).all_strategies()
    else:
        one = Strategy(name="s", when=every(hours=1), then=then)
    with pytest.raises(InvalidTeamError, match="to have it in a file"):
        strategy_to_spec(one)


class Overriding(AsMethod):
    @strategy(when=every(minutes=1))
    def count(self, seen: Any) -> None:  # type: ignore[override]
        """Replaced."""

    @strategy(when=every(minutes=2))
    def further(self, seen: Any) -> None:
        """Added."""


class Dropping(AsMethod):
    count = None  # type: ignore[assignment]


def test_a_subclass_replaces_adds_and_drops_strategies(tmp_path: Path) -> None:
    charge = Charge(name="a", journal=tmp_path)
    assert [(s.name, s.when) for s in Overriding(charge).all_strategies()] == [
        ("count", every(minutes=1)),
        ("further", every(minutes=2)),
    ]
    assert Dropping(charge).all_strategies() == ()


# ---------------------------------------------------------------------- teams in files

TEMPLATES = """
journal: journal.db
knowledge: {tracking_uri: "sqlite:////data/mlflow.db", experiment: digits}
agents:
  tracker:
    template: tracker
    config: {threshold: 500, interval: {every: {minutes: 30}}}
    strategies:
      - name: nightly
        when: {cron: "0 3 * * *"}
        then: {perform: {primitive: RunWorkflow, with: {workflow: report}}}
  checker: {template: checker, config: {detector: detect}}
  planner: {template: planner, config: {model: digits, training: train}}
  executor: {template: executor, config: {workflow: inference, model: digits}}
"""


def templates_in_python(folder: Path) -> Team:
    from scanflow_actors.triggers import cron  # noqa: PLC0415

    nightly = Strategy(
        name="nightly",
        when=cron("0 3 * * *"),
        then=perform(RunWorkflow, {"workflow": "report"}),
    )
    return Team(
        members={
            "tracker": Member(
                agent=Tracker,
                args=(Tracking(threshold=500, interval=every(minutes=30)),),
                strategies=(nightly,),
            ),
            "checker": Member(agent=Checker, args=(Checking(detector="detect"),)),
            "planner": Member(agent=Planner, args=(Planning(model="digits", training="train"),)),
            "executor": Member(agent=Executor, args=(Execution(workflow="inference", model="digits"),)),
        },
        journal=folder / "journal.db",
        knowledge=KnowledgeSettings(tracking_uri="sqlite:////data/mlflow.db", experiment="digits"),
    )


def test_a_file_makes_the_same_team_as_python(tmp_path: Path) -> None:
    (tmp_path / "team.yaml").write_text(TEMPLATES)
    assert load_team(tmp_path / "team.yaml") == templates_in_python(tmp_path)


def test_a_team_round_trips_through_a_file(tmp_path: Path) -> None:
    for team in (templates_in_python(tmp_path), team_from_spec(yaml.safe_load(IN_FILE))):
        if any(member.agent is Declared for member in team.members.values()):
            continue  # its sensor is a value, which a file names and cannot write
        spec = yaml.safe_load(yaml.safe_dump(team_to_spec(team), sort_keys=False))
        assert team_from_spec(spec) == team


ON_SERVERS = """
journal: journal.db
knowledge:
  tracking_uri: postgresql+psycopg2://mlflow@db/mlflow
  password_variable: MLFLOW_PASSWORD
  artifact_uri: s3://digits/mlflow
  s3: {endpoint_url: "http://s3:8333", key_variable: DIGITS_KEY, secret_variable: DIGITS_SECRET}
agents:
  checker: {template: checker, config: {detector: detect}}
"""


def test_a_knowledge_base_on_servers_round_trips_and_holds_names_of_credentials_only(tmp_path: Path) -> None:
    team = team_from_spec(yaml.safe_load(ON_SERVERS), folder=tmp_path)
    assert team.knowledge == KnowledgeSettings(
        tracking_uri="postgresql+psycopg2://mlflow@db/mlflow",
        password_variable="MLFLOW_PASSWORD",  # noqa: S106 - the name of a variable
        artifact_uri="s3://digits/mlflow",
        s3=S3Settings(
            endpoint_url="http://s3:8333",
            key_variable="DIGITS_KEY",
            secret_variable="DIGITS_SECRET",  # noqa: S106 - the name of a variable
        ),
    )
    assert team_from_spec(yaml.safe_load(yaml.safe_dump(team_to_spec(team)))) == team
    guide = Path(__file__).parents[3] / "docs" / "how-to" / "keep-knowledge-on-servers.md"
    assert ON_SERVERS[ON_SERVERS.index("knowledge:") : ON_SERVERS.index("agents:")] in guide.read_text()


def test_a_declared_team_round_trips(tmp_path: Path) -> None:
    text = IN_FILE.replace(
        '{function: "tests.unit.agents.test_declaring:FIXED"}', "{new_runs: {kind: p, metric: p}}"
    )
    text = text.replace("$first", "$total").replace("$end", "$runs")
    team = team_from_spec(yaml.safe_load(text), folder=tmp_path)
    spec = yaml.safe_load(yaml.safe_dump(team_to_spec(team), sort_keys=False))
    assert spec["messages"] == ["tests.unit.agents.crew:Check"]
    assert team_from_spec(spec) == team


@pytest.mark.parametrize(
    ("text", "wrong", "place", "problem"),
    [
        (TEMPLATES, ("threshold: 500", "treshold: 500"), "agents.tracker.config.treshold", "no such option"),
        (
            TEMPLATES,
            ("threshold: 500", "threshold: many"),
            "agents.tracker.config.threshold",
            "valid integer",
        ),
        (
            TEMPLATES,
            ("template: checker", "template: chekcer"),
            "agents.checker.template",
            "no template is called",
        ),
        (TEMPLATES, ("detector: detect", ""), "agents.checker.config", "needs 'detector'"),
        (TEMPLATES, ("minutes: 30", "minutes: -1"), "agents.tracker.config.interval.every", "longer than 0"),
        (
            TEMPLATES,
            ("{cron: ", "{corn: "),
            "agents.tracker.strategies[0].when",
            "no trigger is called 'corn'",
        ),
        (
            TEMPLATES,
            ("RunWorkflow", "RunWorklow"),
            "agents.tracker.strategies[0].then.perform.primitive",
            "no primi",
        ),
        (
            TEMPLATES,
            ("{workflow: report}", "{wrokflow: report}"),
            "agent 'tracker', strategy 'nightly'",
            "no field",
        ),
        (TEMPLATES, ("journal: journal.db", "jornal: journal.db"), "journal", "Field required"),
        (
            IN_FILE,
            ("agent: checker,", "agent: chekcer,"),
            "agent 'counter', strategy 'count'",
            "not in the team",
        ),
        (
            IN_FILE,
            ("message: Check", "message: Chekc"),
            "agents.counter.strategies[0].then[0].call.message",
            "no mess",
        ),
        (IN_FILE, ("of: total", "of: totl"), "agent 'counter', strategy 'count'", "judges 'totl'"),
        (
            IN_FILE,
            ("end: $end", "edn: $end"),
            "agent 'counter', strategy 'count'",
            "Check has no field 'edn'",
        ),
        (IN_FILE, (", end: $end", ""), "agent 'counter', strategy 'count'", "Check needs 'end'"),
        (IN_FILE, ("$first", "$frist"), "agent 'counter', strategy 'count'", r"refers to \$frist"),
        (IN_FILE, ("crew:Checking", "crew:Chekcing"), "agents.checker.agent", "cannot import"),
    ],
)
def test_what_cannot_work_is_refused_with_its_place_in_the_file(
    text: str, wrong: tuple[str, str], place: str, problem: str, tmp_path: Path
) -> None:
    path = tmp_path / "team.yaml"
    assert wrong[0] in text
    path.write_text(text.replace(*wrong))
    with pytest.raises(InvalidTeamError, match=problem) as caught:
        load_team(path)
    file, _, where = caught.value.place.partition(", ")
    assert where == place
    line = int(file.removeprefix(f"{path}:"))
    assert 1 <= line <= text.count("\n") + 1
    if wrong[1] and "Field required" not in problem and not place.startswith("agent '"):
        section = place.split(".")[1]
        assert any(section in near for near in text.splitlines()[max(0, line - 9) : line])


def test_a_file_that_is_missing_or_no_yaml_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidTeamError, match=r"no\.yaml: No such file or directory; give the team's file"):
        load_team(tmp_path / "no.yaml")
    (tmp_path / "bad.yaml").write_text("agents: [")
    with pytest.raises(InvalidTeamError, match="is no YAML"):
        load_team(tmp_path / "bad.yaml")
