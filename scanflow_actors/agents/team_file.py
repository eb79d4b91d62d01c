"""Teams as YAML files: the same objects as written in Python, and back."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import yaml  # type: ignore[import-untyped]  # ships no types
from pydantic import BaseModel, ConfigDict, ValidationError

from scanflow_actors.agents import templates
from scanflow_actors.agents.clock import Clock
from scanflow_actors.agents.config import config_to_spec, configured, refuse
from scanflow_actors.agents.declared import Declared
from scanflow_actors.agents.spec import SpecReader, imported, name_of, strategy_to_spec
from scanflow_actors.agents.team import Member, Team
from scanflow_actors.artifacts.settings import KnowledgeSettings, S3Settings
from scanflow_actors.errors import InvalidTeamError
from scanflow_actors.infrastructure.facts import Fact
from scanflow_actors.storage.database import is_server

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scanflow_actors.agents.agent import Agent

TEMPLATES: Mapping[str, type[Agent]] = {
    "tracker": templates.Tracker,
    "checker": templates.Checker,
    "planner": templates.Planner,
    "executor": templates.Executor,
}
MESSAGES: Mapping[str, type] = {kind.__name__: kind for kind in (*templates.MESSAGES, *get_args(Fact))}
"""The message types that every file may name; others are imported under ``messages``."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _S3Spec(_Strict):
    endpoint_url: str | None = None
    region: str = "us-east-1"
    key_variable: str | None = None
    secret_variable: str | None = None
    timeout_s: float = 60.0


class _KnowledgeSpec(_Strict):
    folder: str | None = None
    tracking_uri: str | None = None
    artifact_uri: str | None = None
    experiment: str = "scanflow"
    password_variable: str | None = None
    s3: _S3Spec = _S3Spec()


class _AgentSpec(_Strict):
    template: str | None = None
    agent: str | None = None
    config: dict[str, Any] = {}
    strategies: list[dict[Any, Any]] = []


class _TeamSpec(_Strict):
    """The file: see the how-to for an example."""

    journal: str
    knowledge: _KnowledgeSpec | None = None
    messages: list[str] = []
    agents: dict[str, _AgentSpec]


def load_team(path: Path, *, clock: Clock | None = None) -> Team:
    """Read a team from a YAML file; paths in it are relative to its folder.

    Args:
        path: The file.
        clock: The agents' time; None takes the time of day.

    Returns:
        The team, checked as far as it can be without being started.

    Raises:
        InvalidTeamError: The file is not there, is no YAML, or says something that has no meaning; the place
            in it is named, with its line.
    """
    try:
        text = path.read_text()
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
    except OSError as error:
        raise InvalidTeamError(place=str(path), problem=f"{error.strerror}; give the team's file") from error
    except yaml.YAMLError as error:
        raise InvalidTeamError(place=str(path), problem=f"is no YAML: {error}") from error
    try:
        team = team_from_spec(content, folder=path.parent, clock=clock)
        team.check()
    except InvalidTeamError as error:
        raise InvalidTeamError(
            place=f"{path}:{_line(tree, error.place)}, {error.place}", problem=error.problem
        ) from error
    return team


def team_from_spec(content: object, *, folder: Path = Path(), clock: Clock | None = None) -> Team:
    """Make a team of what a file says.

    Raises:
        InvalidTeamError: It has no meaning; the place is named.
    """
    try:
        spec = _TeamSpec.model_validate(content)
    except ValidationError as error:
        refuse(error, "")
    own = (imported(name, f"messages[{index}]") for index, name in enumerate(spec.messages))
    reader = SpecReader(messages={**MESSAGES, **{kind.__name__: kind for kind in own}})
    return Team(
        members={name: _member(one, reader, f"agents.{name}") for name, one in spec.agents.items()},
        journal=spec.journal if is_server(spec.journal) else folder / spec.journal,
        clock=clock or Clock(),
        knowledge=_knowledge(spec.knowledge, folder),
    )


def _knowledge(spec: _KnowledgeSpec | None, folder: Path) -> KnowledgeSettings | None:
    if spec is None:
        return None
    if spec.tracking_uri is not None:
        return KnowledgeSettings(
            tracking_uri=spec.tracking_uri,
            artifact_uri=spec.artifact_uri,
            experiment=spec.experiment,
            password_variable=spec.password_variable,
            s3=S3Settings(**spec.s3.model_dump()),
        )
    if spec.folder is None:
        raise InvalidTeamError(place="knowledge", problem="needs a folder, or a tracking_uri")
    return KnowledgeSettings.in_folder(folder / spec.folder, spec.experiment)


def _member(spec: _AgentSpec, reader: SpecReader, place: str) -> Member:
    if spec.template is not None and spec.template not in TEMPLATES:
        known = ", ".join(TEMPLATES)
        raise InvalidTeamError(
            place=f"{place}.template", problem=f"no template is called {spec.template!r}; known: {known}"
        )
    strategies = tuple(
        reader.strategy(one, f"{place}.strategies[{index}]") for index, one in enumerate(spec.strategies)
    )
    if spec.template is None and spec.agent is None:
        if not strategies:
            raise InvalidTeamError(place=place, problem="needs a template, an agent, or strategies")
        return Member(agent=Declared, args=(strategies,))
    kind = TEMPLATES[spec.template] if spec.template else imported(spec.agent, f"{place}.agent")
    config = configured(kind, spec.config, reader, f"{place}.config")
    return Member(agent=kind, args=config, strategies=strategies)


def _line(node: Any, place: str) -> int:
    """The line of the deepest part of a place that the file has, also of ``agent 'x', strategy 'y'``."""
    path = place.replace("agent '", "agents.").replace("', strategy '", ".strategies.").replace("'", "")
    line = 1 if node is None else node.start_mark.line + 1
    for part in path.replace("[", ".").replace("]", "").split("."):
        found = _child(node, part)
        if found is None:
            break
        line, node = found
    return line


def _child(node: Any, part: str) -> tuple[int, Any] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == part:
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            names = [value.value for key, value in getattr(item, "value", ()) if key.value == "name"]
            if str(index) == part or part in names:
                return item.start_mark.line + 1, item
    return None


# ---------------------------------------------------------------------- the way back


def team_to_spec(team: Team) -> dict[str, Any]:
    """Write a team as a file says it; `team_from_spec` makes an equal team of it.

    Raises:
        InvalidTeamError: A part of it is code that has no name to be imported by.
    """
    spec: dict[str, Any] = {"journal": str(team.journal)}
    if team.knowledge is not None:
        plain = asdict(KnowledgeSettings(tracking_uri=""))
        spec["knowledge"] = {
            name: value for name, value in asdict(team.knowledge).items() if value != plain[name]
        }
    agents = {name: _member_to_spec(member, f"agents.{name}") for name, member in team.members.items()}
    own = sorted(
        {
            name_of(kind, name)
            for name, strategies in team.strategies().items()
            for strategy in strategies
            for kind in strategy.message_types
            if kind.__name__ not in MESSAGES
        }
    )
    return {**spec, "messages": own, "agents": agents} if own else {**spec, "agents": agents}


def _member_to_spec(member: Member, place: str) -> dict[str, Any]:
    if member.agent is Declared:
        return {"strategies": [strategy_to_spec(strategy) for strategy in member.args[0]]}
    named = {kind: name for name, kind in TEMPLATES.items()}
    spec: dict[str, Any] = (
        {"template": named[member.agent]}
        if member.agent in named
        else {"agent": name_of(member.agent, place)}
    )
    if member.args:
        (config,) = member.args
        spec["config"] = config_to_spec(config, f"{place}.config")
    if member.strategies:
        spec["strategies"] = [strategy_to_spec(strategy) for strategy in member.strategies]
    return spec
