"""Errors travel between processes: each survives pickle with everything it knows."""

from __future__ import annotations

import inspect
import pickle
import typing

import pytest

from scanflow_actors import errors
from scanflow_actors.errors import ScanflowError


def subclasses(kind: type[ScanflowError]) -> set[type[ScanflowError]]:
    return {kind}.union(*(subclasses(child) for child in kind.__subclasses__()))


def an_example(annotation: object) -> object:
    """Some value of a type that errors keep as a field."""
    if typing.get_origin(annotation) is tuple:
        return ("a", "b")
    examples: dict[object, object] = {str: "text", int: 3, float: 1.5, bool: True}
    return examples[annotation]


def made(kind: type[ScanflowError]) -> ScanflowError:
    """An error of this class, with its own constructor."""
    if kind.__init__ is Exception.__init__:
        return kind("some text")
    hints = typing.get_type_hints(kind.__init__)
    parameters = list(inspect.signature(kind.__init__).parameters.values())[1:]
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        return kind("some text")
    positional = [an_example(hints[p.name]) for p in parameters if p.kind is not p.KEYWORD_ONLY]
    named = {p.name: an_example(hints[p.name]) for p in parameters if p.kind is p.KEYWORD_ONLY}
    return kind(*positional, **named)


KINDS = sorted(subclasses(ScanflowError), key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_error_survives_pickle_with_its_fields_and_its_cause(kind: type[ScanflowError]) -> None:
    error = made(kind)
    error.__cause__ = ValueError("why")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert str(again) == str(error)
    assert vars(again) == vars(error)
    assert repr(again.__cause__) == repr(error.__cause__)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_error_ends_in_error_and_says_when_to_catch_it(kind: type[ScanflowError]) -> None:
    assert kind.__name__.endswith("Error")
    assert kind.__doc__


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    assert errors.__doc__ is not None
    drawn = {line.split("── ")[1].split()[0] for line in errors.__doc__.splitlines() if "── " in line}
    there = {kind.__name__ for kind in KINDS if kind.__module__ == errors.__name__}
    assert drawn == there - {"ScanflowError"}
