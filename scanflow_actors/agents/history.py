"""Reading the journal: the chain from the first observation to the last effect, in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scanflow_actors.agents.journal import Journal
from scanflow_actors.errors import DataNotFoundError, UnknownDecisionError
from scanflow_actors.storage.database import is_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scanflow_actors.agents.records import Entry
    from scanflow_actors.storage import Address

MAX_SHOWN = 300
"""Characters of a state or a result that are shown; the whole is in the journal."""


def chain(entries: tuple[Entry, ...]) -> Iterator[tuple[int, Entry]]:
    """Walk the entries of one trace from cause to effect, each with its depth."""
    depths: dict[str, int] = {}
    for entry in entries:
        if entry.kind == "decision":
            depths[entry.decision] = depths.get(entry.cause or "", -1) + 1
        yield depths.get(entry.decision, 0), entry


def open_existing(address: Address) -> Journal:
    """Open a journal to read it; a file that is not there is not made.

    Raises:
        DataNotFoundError: It is not there.
        JournalError: It is no journal.
    """
    if not is_server(address) and not Path(address).is_file():
        raise DataNotFoundError(
            what="the journal", looked_in=str(address), remedy="give the file that the team writes"
        )
    return Journal(address)


def story_of(journal: Journal, decision: str) -> tuple[Entry, ...]:
    """Read the whole chain that a decision is a part of, in order.

    Args:
        journal: Where it is written.
        decision: Its name, or a part of it that the decisions of only one chain have.

    Raises:
        UnknownDecisionError: None has it, or several have.
    """
    found = journal.find(decision)
    traces = set(found.values())
    if len(traces) != 1:
        raise UnknownDecisionError(decision=decision, candidates=tuple(found))
    return journal.entries(trace=traces.pop())


def explain(story: tuple[Entry, ...]) -> str:
    """Word a chain for people: who saw what, judged it how, did what, and what came of it."""
    lines = []
    for depth, entry in chain(story):
        indent = "  " * depth
        lines += [indent + line for line in _WORDS[entry.kind](entry)]
    return "\n".join(lines)


def _decision_words(entry: Entry) -> list[str]:
    body = entry.body
    verdict = "acts" if entry.holds else "does not act"
    words = [
        f"{entry.at}  {entry.agent}/{entry.strategy} {verdict}: {entry.reason}",
        f"    saw       {_short(body['state'])}",
    ]
    for effect in body["effects"]:
        target = effect["target"] or "infrastructure"
        words.append(f"    asks      {target}: {_short(effect['message'])}")
    return words


def _attempt_words(entry: Entry) -> list[str]:
    return [f"    in vain   {entry.reason}; it is tried again"]


def _outcome_words(entry: Entry) -> list[str]:
    result = "done" if entry.holds else "failed"
    return [f"    {result:<9} {entry.agent}/{entry.strategy}: {entry.reason or _short(entry.body)}"]


def _note_words(entry: Entry) -> list[str]:
    return [f"{entry.at}  {entry.agent}/{entry.strategy} {entry.kind}: {entry.reason}"]


_WORDS = {
    "decision": _decision_words,
    "attempt": _attempt_words,
    "outcome": _outcome_words,
    "failure": _note_words,
    "quarantine": _note_words,
    "release": _note_words,
}


def line_of(entry: Entry) -> str:
    """One line for people."""
    holds = {True: "yes", False: "no", None: ""}[entry.holds]
    name = f"{entry.agent}/{entry.strategy}"
    return f"{entry.seq:>6}  {entry.at}  {entry.kind:<10} {name:<40} {holds:<3}  {entry.reason}".rstrip()


def _short(value: Any) -> str:
    if isinstance(value, dict):
        kind = value.get("type", "")
        shown = ", ".join(f"{name}={_brief(item)}" for name, item in value.items() if name != "type")
        text = f"{kind}({shown})"
    else:
        text = _brief(value)
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"


def _brief(value: Any) -> str:
    if isinstance(value, list) and len(value) > 4:  # noqa: PLR2004 - more would hide the rest of the line
        return f"[{len(value)} items]"
    return json.dumps(value)
