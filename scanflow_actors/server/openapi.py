"""The OpenAPI document, made from the message types of the team."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scanflow_actors.server.bodies import Messages

_TEXT = {"type": "string"}
_PROBLEM = {
    "description": "A problem document (RFC 9457).",
    "content": {
        "application/problem+json": {
            "schema": {
                "type": "object",
                "required": ["title", "status", "detail"],
                "properties": {"title": _TEXT, "status": {"type": "integer"}, "detail": _TEXT},
            }
        }
    },
}
_ERRORS = ("400", "401", "403", "404", "409", "413", "415", "422", "429", "502", "503", "504")


def describe(team: str, messages: Messages) -> dict[str, Any]:
    """Make the document.

    Args:
        team: Its name, in the paths.
        messages: By agent, what it may be called with.
    """
    root = f"/teams/{team}"
    schemas: dict[str, Any] = {}
    paths: dict[str, Any] = {
        "/healthz": {"get": {**_operation("Whether the door is open.", "200"), "security": []}},
        "/openapi.json": {"get": _operation("This document.", "200")},
        "/metrics": {"get": _operation("Metrics in Prometheus's text format.", "200")},
        root: {"get": _operation("How all agents are.", "200")},
        f"{root}/tree": {"get": _operation("The living actors, as data and as text.", "200")},
        f"{root}/journal": {"get": _journal()},
        f"{root}/explanation": {"get": _explanation()},
        f"{root}/claims": {
            "get": _operation("What stands, is frozen, and waits for a person.", "200"),
            "post": _settle(),
        },
        f"{root}/thaw": {"post": _thaw()},
        f"{root}/pause": {"post": _operation("Have all agents decide nothing more.", "204")},
        f"{root}/resume": {"post": _operation("Let all agents go on.", "204")},
    }
    for agent, known in messages.items():
        for name, readable in sorted(known.items()):
            schema = readable.adapter.json_schema(ref_template="#/components/schemas/{model}")
            schemas |= schema.pop("$defs", {})
            schemas[name] = {**schema, "additionalProperties": False}
            made = _ask(agent, name) if readable.is_request else _call(agent, name)
            paths[f"{root}/agents/{agent}/{name}"] = {"post": made}
    return {
        "openapi": "3.1.0",
        "info": {"title": f"scanflow team {team}", "version": "1"},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"bearer": []}],
    }


def _operation(text: str, status: str) -> dict[str, Any]:
    responses: dict[str, Any] = dict.fromkeys(_ERRORS, _PROBLEM)
    return {"summary": text, "responses": {status: {"description": text}, **responses}}


def _call(agent: str, name: str) -> dict[str, Any]:
    key = {
        "name": "Idempotency-Key",
        "in": "header",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._:-]{1,128}$"},
        "description": "The same key again decides nothing again.",
    }
    body = {"$ref": f"#/components/schemas/{name}"}
    operation = _operation(f"Call {agent} with {name}.", "202")
    return {**operation, "parameters": [key], "requestBody": _body(body)}


def _ask(agent: str, name: str) -> dict[str, Any]:
    body = {"$ref": f"#/components/schemas/{name}"}
    return {**_operation(f"Ask {agent} {name}; nothing is decided.", "200"), "requestBody": _body(body)}


def _journal() -> dict[str, Any]:
    number = {"type": "integer", "minimum": 0, "maximum": 10**15 - 1}
    parameters = [
        _query("agent", _TEXT),
        _query("since", {"type": "string", "format": "date-time"}),
        _query("after", number),
        _query("limit", number),
    ]
    return {**_operation("What was decided, and what came of it.", "200"), "parameters": parameters}


def _explanation() -> dict[str, Any]:
    decision = {**_query("decision", {"type": "string", "minLength": 1}), "required": True}
    return {**_operation("The chain that a decision is a part of.", "200"), "parameters": [decision]}


def _settle() -> dict[str, Any]:
    fields = {"key": _TEXT, "by": _TEXT, "is_approved": {"type": "boolean"}}
    return {**_operation("Approve or refuse what waits.", "200"), "requestBody": _body(_object(fields))}


def _thaw() -> dict[str, Any]:
    fields = {"target": _TEXT, "aspect": _TEXT, "by": _TEXT}
    return {**_operation("Lift what is frozen.", "204"), "requestBody": _body(_object(fields))}


def _object(fields: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": fields, "required": [*fields], "additionalProperties": False}


def _query(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": schema}


def _body(schema: dict[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": schema}}}
