from __future__ import annotations

import pickle
from datetime import UTC, datetime

import pytest

import scanflow_actors.triggers
from scanflow_actors.errors import InvalidTriggerError
from scanflow_actors.triggers import all_of, any_of, at, cron, every, from_spec, on

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class CheckPredictions:
    pass


MESSAGES: dict[str, type] = {"CheckPredictions": CheckPredictions}


@pytest.mark.parametrize(
    ("trigger", "spec"),
    [
        (every(hours=1), {"every": {"hours": 1}}),
        (every(minutes=90), {"every": {"hours": 1, "minutes": 30}}),
        (every(seconds=0.5), {"every": {"seconds": 0.5}}),
        (
            every(days=1, start=NOON, offset_s=5, jitter_s=2.5, seed="a"),
            {"every": {"days": 1, "start": NOON.isoformat(), "offset_s": 5, "jitter_s": 2.5, "seed": "a"}},
        ),
        (at(NOON), {"at": "2026-03-01T12:00:00+00:00"}),
        (cron("0  3 * * *"), {"cron": {"expression": "0 3 * * *", "tz": "UTC"}}),
        (on(CheckPredictions), {"on": "CheckPredictions"}),
        (
            any_of(every(hours=1), all_of(on(CheckPredictions))),
            {"any_of": [{"every": {"hours": 1}}, {"all_of": [{"on": "CheckPredictions"}]}]},
        ),
    ],
)
def test_a_trigger_is_written_as_its_spec_and_read_back(trigger: object, spec: dict[str, object]) -> None:
    read = from_spec(spec, MESSAGES)
    assert read == trigger
    assert read.to_spec() == spec


def test_yaml_gives_instants_and_reads_the_word_on_as_true() -> None:
    assert from_spec({"at": NOON}, {}) == at(NOON)
    assert from_spec({True: "CheckPredictions"}, MESSAGES) == on(CheckPredictions)


def test_a_cron_expression_may_stand_alone() -> None:
    assert from_spec({"cron": "0 3 * * *"}, {}) == cron("0 3 * * *")


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        (None, "when: must be a mapping with one key out of all_of, any_of, at, cron, every, on"),
        ({}, "when: must be a mapping with one key"),
        ({"at": "x", "on": "y"}, "when: must be a mapping with one key"),
        ({"evry": {"hours": 1}}, "when: no trigger is called 'evry'; known: all_of"),
        ({"every": 5}, "when.every: must be a mapping of options"),
        ({"every": {"hour": 1}}, "when.every: no option is called 'hour'; known: days, hours"),
        ({"every": {"hours": "1"}}, "when.every.hours: must be a number; got '1'"),
        ({"every": {"hours": True}}, "when.every.hours: must be a number; got True"),
        ({"every": {"hours": 0}}, "when.every: the interval must be longer than 0"),
        ({"every": {"hours": 1, "start": "noon"}}, "when.every.start: must be an instant like"),
        ({"at": 5}, "when.at: must be an instant like"),
        ({"at": "2026-01-01T00:00:00"}, "when.at: when must know its time zone"),
        ({"cron": {"tz": "UTC"}}, "when.cron: needs an expression"),
        ({"cron": {"expression": 5}}, "when.cron.expression: must be a text; got 5"),
        ({"cron": "0 25 * * *"}, "when.cron: cron expression '0 25 * * *', field hour '25'"),
        ({"on": "CheckPrediction"}, "when.on: no message type is called 'CheckPrediction'; known: CheckP"),
        ({"any_of": []}, "when.any_of: any_of of nothing never fires"),
        ({"any_of": "every"}, "when.any_of: must be a list of triggers"),
        (
            {"any_of": [{"cron": "* * * * *"}, {"all_of": [{"on": 3}]}]},
            "when.any_of[1].all_of[0].on: no mess",
        ),
        ({"all_of": [{"every": {"hours": -1}}]}, "when.all_of[0].every: the interval"),
    ],
)
def test_the_place_of_what_is_wrong_is_named(spec: object, problem: str) -> None:
    with pytest.raises(InvalidTriggerError) as caught:
        from_spec(spec, MESSAGES, place="when")
    assert str(caught.value).startswith(problem)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_the_exported_names_are_sorted_and_there() -> None:
    names = scanflow_actors.triggers.__all__
    assert names == sorted(names)
    assert all(hasattr(scanflow_actors.triggers, name) for name in names)
