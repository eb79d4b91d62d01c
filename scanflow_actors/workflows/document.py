"""Workflows as documents: the same in YAML and JSON as in Python, checked with the place named.

::

    kind: batch
    name: training
    result: train
    executors:
      - {name: load, run: "shop.steps:load", takes: {day: day}}
      - {name: train, run: "shop.steps:train", needs: {rows: load}, retries: {limit: 2}}

Fields that have their default are left out. Functions and classes are named by ``module:name``; a
container is written as ``run: {image: "shop/train:3", command: [python, train.py]}``.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from typing import Any, Literal

import yaml  # type: ignore[import-untyped]
from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from scanflow_actors.errors import InvalidWorkflowError
from scanflow_actors.workflows.batch import BatchWorkflow
from scanflow_actors.workflows.container import Container
from scanflow_actors.workflows.executor import Affinity, Executor, Retries, Secret
from scanflow_actors.workflows.online import OnlineWorkflow
from scanflow_actors.workflows.search import Choice, Search, Span
from scanflow_actors.workflows.service import Kind, ScaleBy, Scaling, Service

Workflow = BatchWorkflow | OnlineWorkflow


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    def given(self) -> dict[str, Any]:
        """The fields that the document has; the others keep the defaults of the workflow."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class _Retries(_Part):
    limit: int = 0
    delay_s: float = 0
    factor: float = 0
    max_delay_s: float = 0


class _Affinity(_Part):
    labels: dict[str, str] = {}
    apart_from: list[str] = []


class _Secret(_Part):
    variable: str | None = None
    file: str | None = None


class _Scaling(_Part):
    least: int = 1
    most: int = 1
    by: Literal["requests", "queries per second", "cpus"] = "requests"
    per_replica: float = 0
    window_s: float = 0
    up_after_s: float = 0
    down_after_s: float = 0


class _Container(_Part):
    image: str
    command: list[str] = []


class _Means(_Part):
    """What executors and services have in common."""

    name: str
    run: str | _Container
    options: dict[str, JsonValue] = {}
    num_cpus: float = 0
    num_gpus: float = 0
    memory_bytes: int | None = None
    affinity: _Affinity = _Affinity()
    environment: dict[str, str | _Secret] = {}


class _Span(_Part):
    low: float
    high: float
    is_whole: bool = False
    is_log: bool = False


class _Choice(_Part):
    options: list[str | int | float | bool]


class _Search(_Part):
    space: dict[str, _Span | _Choice]
    trials: int = 0
    parallel: int = 0
    budget_s: float | None = None
    seed: int = 0
    minimises: bool = False
    model: str = ""
    name: str = ""


class _Executor(_Means):
    needs: dict[str, str] = {}
    takes: dict[str, str] = {}
    over: str | None = None
    search: _Search | None = None
    retries: _Retries = _Retries()
    timeout_s: float | None = None
    priority: int = 0
    is_cached: bool = False


class _Service(_Means):
    kind: Literal["model", "transformer", "output transformer", "router", "combiner"] = "model"
    feeds: list[str] = []
    replicas: int | _Scaling = 1
    max_ongoing: int = 1
    max_batch: int = 1
    batch_wait_s: float = 0


class _Batch(_Part):
    kind: Literal["batch"]
    name: str
    executors: list[_Executor]
    result: str


class _Online(_Part):
    kind: Literal["online"]
    name: str
    services: list[_Service]
    entry: str
    version: int = 1
    latency_bound_s: float = 0


def from_document(document: Mapping[str, Any]) -> Workflow:
    """Make a workflow of what JSON or YAML gave.

    Raises:
        InvalidWorkflowError: A field is missing, unknown or of the wrong type, a function cannot be
            imported, or the workflow cannot work. The place is named.
    """
    name = str(document.get("name", "?"))
    kinds: dict[Any, type[_Batch | _Online]] = {"batch": _Batch, "online": _Online}
    kind = kinds.get(document.get("kind"))
    if kind is None:
        problem = f"must be batch or online; got {document.get('kind')!r}"
        raise InvalidWorkflowError(workflow=name, place="kind", problem=problem)
    try:
        checked = kind.model_validate(dict(document))
    except ValidationError as error:
        deepest = max(error.errors(), key=lambda each: len(each["loc"]))  # of alternatives, what was meant
        place = ".".join(str(part) for part in deepest["loc"] if not str(part).startswith("_"))
        raise InvalidWorkflowError(workflow=name, place=place, problem=deepest["msg"]) from error
    top = checked.given()
    del top["kind"]
    if isinstance(checked, _Batch):
        top["executors"] = tuple(
            Executor(**_fields(name, f"executors.{at}", each)) for at, each in enumerate(checked.executors)
        )
        return BatchWorkflow(**top)
    top["services"] = tuple(
        Service(**_fields(name, f"services.{at}", each)) for at, each in enumerate(checked.services)
    )
    return OnlineWorkflow(**top)


def _fields(workflow: str, place: str, part: _Means) -> dict[str, Any]:
    given = part.given()
    if isinstance(part.run, str):
        given["run"] = _imported(workflow, f"{place}.run", part.run)
    makers: dict[type[_Part], Any] = {
        _Retries: Retries,
        _Affinity: Affinity,
        _Scaling: Scaling,
        _Container: Container,
    }
    for name, value in given.items():
        if type(value) in makers:
            own = _tuples(value.given())
            if "by" in own:
                own["by"] = ScaleBy(own["by"])
            given[name] = makers[type(value)](**own)
    if isinstance(given.get("search"), _Search):
        given["search"] = _search(given["search"])
    if "kind" in given:
        given["kind"] = Kind(given["kind"])
    if "feeds" in given:
        given |= _tuples({"feeds": given["feeds"]})
    if "environment" in given:
        given["environment"] = {
            name: Secret(**value.given()) if isinstance(value, _Secret) else value
            for name, value in given["environment"].items()
        }
    return given


def _search(part: _Search) -> Search:
    given = part.given()
    makers: dict[type[_Part], Any] = {_Span: Span, _Choice: Choice}
    space = {name: makers[type(each)](**_tuples(each.given())) for name, each in part.space.items()}
    return Search(**{**given, "space": space})


def _tuples(given: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}


def _imported(workflow: str, place: str, path: str) -> Any:
    module, _, name = path.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as error:
        problem = f"{path!r} cannot be imported ({error}); write module:name"
        raise InvalidWorkflowError(workflow=workflow, place=place, problem=problem) from error
    return found


def to_document(workflow: Workflow) -> dict[str, Any]:
    """Write a workflow as JSON has it.

    Raises:
        InvalidWorkflowError: A function cannot be imported by name, or an option is no JSON value.
    """
    kind = "batch" if isinstance(workflow, BatchWorkflow) else "online"
    return {"kind": kind, **_plain(workflow.name, "", workflow)}


def _plain(workflow: str, place: str, value: Any) -> Any:
    """Dataclasses as mappings without their defaults; functions as their names."""
    if is_dataclass(value) and not isinstance(value, type):
        written = {}
        for field in fields(value):
            own = getattr(value, field.name)
            default = field.default_factory() if field.default_factory is not MISSING else field.default
            if own != default:
                written[field.name] = _plain(workflow, f"{place}.{field.name}".strip("."), own)
        return written
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(name): _plain(workflow, f"{place}.{name}", each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(workflow, f"{place}.{at}", each) for at, each in enumerate(value)]
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    return _named(workflow, place, value)


def _named(workflow: str, place: str, value: Any) -> str:
    path = f"{getattr(value, '__module__', '')}:{getattr(value, '__qualname__', '')}"
    if not place.endswith(".run") or "<" in path:
        problem = f"{value!r} cannot be written; use JSON values, and functions of modules"
        raise InvalidWorkflowError(workflow=workflow, place=place, problem=problem)
    return path


def from_yaml(text: str) -> Workflow:
    """Make a workflow of a YAML text.

    Raises:
        InvalidWorkflowError: It is no YAML mapping, or as `from_document`.
    """
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InvalidWorkflowError(workflow="?", place="the YAML text", problem=str(error)) from error
    if not isinstance(document, Mapping):
        problem = f"must be a mapping; got {type(document).__name__}"
        raise InvalidWorkflowError(workflow="?", place="the YAML text", problem=problem)
    return from_document(document)


def to_yaml(workflow: Workflow) -> str:
    """Write a workflow as YAML.

    Raises:
        InvalidWorkflowError: As `to_document`.
    """
    text: str = yaml.safe_dump(to_document(workflow), sort_keys=False, allow_unicode=True)
    return text
