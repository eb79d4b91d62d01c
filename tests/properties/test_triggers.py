"""Laws of the triggers room, over random triggers, histories and cron expressions."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise, takewhile
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from hypothesis import assume, given, settings, strategies as st

from scanflow_actors.errors import InvalidTriggerError
from scanflow_actors.triggers import (
    Event,
    Misfire,
    Received,
    Tick,
    Trigger,
    all_of,
    any_of,
    at,
    cron,
    due,
    every,
    from_spec,
    on,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

quick = settings(max_examples=60, deadline=None)

ORIGIN = datetime(2025, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ZONES = ("UTC", "Europe/Madrid", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "America/Havana")


class Announced:
    pass


class Alarm:
    pass


MESSAGES: dict[str, type] = {"Announced": Announced, "Alarm": Alarm}


# --- random triggers -----------------------------------------------------------------------------


def instants(days: int = 700) -> st.SearchStrategy[datetime]:
    return st.integers(0, days * 86_400_000).map(lambda ms: ORIGIN + timedelta(milliseconds=ms))


@st.composite
def intervals(draw: st.DrawFn) -> Trigger:
    seconds = draw(st.integers(1, 500_000)) / draw(st.sampled_from([1, 4, 1000]))
    start = draw(st.none() | instants(20))
    end = draw(st.none() | st.just(datetime(2026, 6, 1, tzinfo=UTC)))
    offset, jitter = (draw(st.sampled_from([0, 0.25, 0.999])) * seconds for _ in range(2))
    seed = draw(st.sampled_from(["", "tracker"]))
    try:
        return every(seconds=seconds, start=start, end=end, offset_s=offset, jitter_s=jitter, seed=seed)
    except InvalidTriggerError:  # rounded up to the interval
        return every(seconds=seconds, start=start, end=end)


@st.composite
def fields(draw: st.DrawFn, low: int, high: int) -> str:
    def item() -> str:
        first, last = sorted(draw(st.tuples(st.integers(low, high), st.integers(low, high))))
        step = draw(st.integers(1, high))
        return draw(
            st.sampled_from(
                [f"{first}", f"{first}-{last}", f"{first}-{last}/{step}", f"*/{step}", f"{first}/{step}"]
            )
        )

    return ",".join(item() for _ in range(draw(st.integers(1, 3))))


@st.composite
def expressions(draw: st.DrawFn) -> str:
    bounds = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
    chosen = [draw(st.just("*") | fields(low, high)) for low, high in bounds]
    return " ".join(chosen)


@st.composite
def crons(draw: st.DrawFn) -> Trigger:
    expression = draw(expressions())
    try:
        return cron(
            expression, tz=draw(st.sampled_from(ZONES)), jitter_s=draw(st.sampled_from([0, 30, 7200]))
        )
    except InvalidTriggerError:  # 30 February
        return cron("30 2 * * *", tz="Europe/Madrid")


times = st.one_of(intervals(), crons(), instants().map(at))
leaves = times | st.sampled_from([on(Announced), on(Alarm)])
triggers = st.recursive(
    leaves,
    lambda inner: st.lists(inner, min_size=1, max_size=3).flatmap(
        lambda parts: st.sampled_from([any_of(*parts), all_of(*parts)])
    ),
    max_leaves=5,
)


def iterate(trigger: Trigger, after: datetime) -> Iterator[datetime]:
    instant = trigger.next_fire(after)
    while instant is not None:
        yield instant
        instant = trigger.next_fire(instant)


def fires(trigger: Trigger, after: datetime, count: int) -> list[datetime]:
    return list(islice(iterate(trigger, after), count))


def fires_until(trigger: Trigger, after: datetime, end: datetime) -> list[datetime]:
    found = takewhile(lambda instant: instant <= end, iterate(trigger, after))
    return list(found)


# --- instants ------------------------------------------------------------------------------------


@quick
@given(triggers, instants())
def test_next_fire_strictly_increases_and_is_never_early(trigger: Trigger, after: datetime) -> None:
    found = [after, *fires(trigger, after, 20)]
    assert all(earlier < later for earlier, later in pairwise(found))


@quick
@given(triggers, instants(), st.floats(0, 1))
def test_nothing_fires_between_an_instant_and_its_next(
    trigger: Trigger, after: datetime, share: float
) -> None:
    following = trigger.next_fire(after)
    assume(following is not None)
    assert following is not None
    between = after + (following - after) * share
    assume(between < following)
    assert trigger.next_fire(between) == following


@quick
@given(triggers, instants())
def test_last_fire_mirrors_next_fire(trigger: Trigger, after: datetime) -> None:
    last = trigger.last_fire(after)
    for earlier, later in pairwise([last, *fires(trigger, after, 10)]):
        assert later is not None
        assert trigger.last_fire(later) == later
        assert trigger.last_fire(later - timedelta(microseconds=1)) == earlier


@quick
@given(st.floats(0.01, 1e6), st.floats(0, 0.99), instants(), st.text(max_size=5))
def test_jitter_only_delays_and_by_less_than_its_limit(
    seconds: float, share: float, after: datetime, seed: str
) -> None:
    jitter_s = seconds * share
    plain = every(seconds=seconds)
    late = every(seconds=seconds, jitter_s=jitter_s, seed=seed)
    for fire in fires(late, after, 10):
        nominal = plain.last_fire(fire)
        assert nominal is not None
        assert 0 <= (fire - nominal).total_seconds() <= jitter_s


# --- cron against an oracle that looks at every minute -------------------------------------------


def is_allowed(field: str, value: int, *, low: int, high: int) -> bool:
    for item in field.split(","):
        span, _, step = item.partition("/")
        first, _, last = span.partition("-")
        if first == "*":
            begin, end = low, high
        else:
            begin, end = int(first), int(last or (max(high, int(first)) if step else first))
        if begin <= value <= end and (value - begin) % int(step or 1) == 0:
            return True
    return False


def is_named(expression: str, wall: datetime) -> bool:
    minute, hour, day, month, weekday = expression.split()
    by_month = is_allowed(day, wall.day, low=1, high=31)
    names_of_day = (0, 7) if wall.isoweekday() == 7 else (wall.isoweekday(),)
    by_week = any(is_allowed(weekday, name, low=0, high=6) for name in names_of_day)
    restricted = day != "*" and weekday != "*"
    return (
        is_allowed(minute, wall.minute, low=0, high=59)
        and is_allowed(hour, wall.hour, low=0, high=23)
        and is_allowed(month, wall.month, low=1, high=12)
        and (by_month or by_week if restricted else by_month and by_week)
    )


@settings(quick, max_examples=150)
@given(expressions(), instants())
def test_cron_agrees_with_a_look_at_every_minute(expression: str, after: datetime) -> None:
    try:
        trigger = cron(expression)
    except InvalidTriggerError:
        assume(False)  # noqa: FBT003
    after = after.replace(microsecond=0)
    first = trigger.next_fire(after)
    assert first is not None
    near = max(after, first - timedelta(hours=6))
    minutes = [near.replace(second=0) + i * MINUTE for i in range(1, 1000)]
    expected = [minute for minute in minutes if is_named(expression, minute)]
    found = [fire for fire in fires(trigger, near, 30) if fire <= minutes[-1]]
    assert found == expected[:30]


@settings(quick, max_examples=100)
@given(expressions(), instants())
def test_cron_misses_no_day_over_long_distances(expression: str, after: datetime) -> None:
    try:
        first = cron(expression).next_fire(after)
    except InvalidTriggerError:
        assume(False)  # noqa: FBT003
    assert first is not None
    day = after.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    _, _, *of_day = expression.split()
    while day.date() < first.date():
        assert not is_named(" ".join(["*", "*", *of_day]), day)
        day += timedelta(days=1)


CHANGES = (
    ("Europe/Madrid", datetime(2025, 3, 30, 1, tzinfo=UTC)),
    ("Europe/Madrid", datetime(2025, 10, 26, 1, tzinfo=UTC)),
    ("America/New_York", datetime(2025, 3, 9, 7, tzinfo=UTC)),
    ("America/New_York", datetime(2025, 11, 2, 6, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2025, 10, 4, 15, 30, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2025, 4, 5, 15, tzinfo=UTC)),
    ("Africa/Cairo", datetime(2025, 4, 24, 22, tzinfo=UTC)),  # a gap from midnight on
    ("Africa/Cairo", datetime(2025, 10, 30, 21, tzinfo=UTC)),  # back over midnight
)


def is_fired(expression: str, instant: datetime, zone: ZoneInfo) -> bool:
    """What `cron` promises, asked of one minute."""
    wall = instant.astimezone(zone)
    is_first_time = wall.fold == 0
    if is_named(expression, wall.replace(tzinfo=None)):
        hours = expression.split()[1]
        is_hourly = all(is_allowed(hours, hour, low=0, high=23) for hour in range(24))
        if is_first_time or is_hourly:
            return True
    return is_made_up_for(expression, instant, zone)


def is_made_up_for(expression: str, instant: datetime, zone: ZoneInfo) -> bool:
    """Whether the minute ends a gap that swallowed a named time of named hours."""
    hours = expression.split()[1]
    if all(is_allowed(hours, hour, low=0, high=23) for hour in range(24)):
        return False
    here = instant.astimezone(zone).replace(tzinfo=None)
    before = (instant - MINUTE).astimezone(zone).replace(tzinfo=None)
    skipped = int((here - before) / MINUTE) - 1
    return any(is_named(expression, before + (i + 1) * MINUTE) for i in range(skipped))


@settings(quick, max_examples=100)
@given(st.sampled_from(CHANGES), fields(0, 59) | st.just("*"), fields(0, 23) | st.just("*"))
def test_cron_keeps_its_promise_on_the_days_the_clocks_change(
    change: tuple[str, datetime], minute: str, hour: str
) -> None:
    (tz, moment), expression = change, f"{minute} {hour} * * *"
    zone, start = ZoneInfo(tz), moment - timedelta(hours=4)
    minutes = [start + i * MINUTE for i in range(1, 8 * 60)]
    expected = [instant for instant in minutes if is_fired(expression, instant, zone)]
    trigger = cron(expression, tz=tz)
    assert fires_until(trigger, start, minutes[-1]) == expected
    for earlier, later in pairwise(expected):
        assert trigger.last_fire(later) == later
        assert trigger.last_fire(later - MINUTE / 2) == earlier


# --- combinations --------------------------------------------------------------------------------

PARTS: tuple[Trigger, ...] = (
    every(minutes=1, start=ORIGIN),
    every(minutes=3, start=ORIGIN),
    on(Announced),
    on(Alarm),
)


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """Events in the order of time: ticks at whole minutes, messages between."""
    kinds = draw(st.lists(st.sampled_from([None, Announced, Alarm]), max_size=30))
    return [
        Tick(instant=ORIGIN + i * MINUTE)
        if kind is None
        else Received(message_type=kind, instant=ORIGIN + i * MINUTE)
        for i, kind in enumerate(kinds, start=1)
    ]


def run(trigger: Trigger, history: list[Event]) -> list[bool]:
    state, fired = trigger.initial_state(ORIGIN), list[bool]()
    for event in history:
        state, is_firing = trigger.step(json.loads(json.dumps(state)), event)
        fired.append(is_firing)
    return fired


parts_of = st.lists(st.sampled_from(PARTS), min_size=1, max_size=3)


@quick
@given(parts_of, histories())
def test_any_of_fires_at_an_event_if_and_only_if_a_part_does(
    parts: list[Trigger], history: list[Event]
) -> None:
    alone = [run(part, history) for part in parts]
    assert run(any_of(*parts), history) == [any(at_event) for at_event in zip(*alone, strict=True)]


@quick
@given(parts_of, histories())
def test_all_of_fires_as_soon_as_each_part_has_since_the_last_time(
    parts: list[Trigger], history: list[Event]
) -> None:
    alone = [run(part, history) for part in parts]
    since, expected = 0, list[bool]()
    for i in range(len(history)):
        is_joint = all(any(part[since : i + 1]) for part in alone)
        expected.append(is_joint)
        since = i + 1 if is_joint else since
    assert run(all_of(*parts), history) == expected


@quick
@given(parts_of, histories())
def test_the_order_of_the_parts_does_not_matter(parts: list[Trigger], history: list[Event]) -> None:
    shuffled = parts[::-1]
    assert run(any_of(*parts), history) == run(any_of(*shuffled), history)
    assert run(all_of(*parts), history) == run(all_of(*shuffled), history)


@quick
@given(st.sampled_from(PARTS), histories())
def test_one_part_alone_is_itself(part: Trigger, history: list[Event]) -> None:
    assert run(any_of(part), history) == run(all_of(part), history) == run(part, history)


@quick
@given(triggers, histories())
def test_a_tick_told_twice_fires_once(trigger: Trigger, history: list[Event]) -> None:
    state = trigger.initial_state(ORIGIN)
    for event in history:
        state, _ = trigger.step(state, event)
        if isinstance(event, Tick):
            assert trigger.step(state, event) == (state, False)


# --- misfires ------------------------------------------------------------------------------------


@st.composite
def pauses(draw: st.DrawFn) -> tuple[Trigger, datetime, datetime]:
    """A trigger, and a pause over some of its instants."""
    trigger, last = draw(triggers), draw(instants())
    found = fires(trigger, last, draw(st.integers(0, 20)))
    return trigger, last, (found[-1] if found else last) + timedelta(seconds=draw(st.integers(0, 9)))


lateness = st.none() | st.floats(0, 1e6)


@quick
@given(pauses(), lateness)
def test_each_is_all_instants_that_are_not_too_late(
    pause: tuple[Trigger, datetime, datetime], max_lateness_s: float | None
) -> None:
    trigger, last, now = pause
    oldest = last if max_lateness_s is None else now - timedelta(seconds=max_lateness_s)
    todo = due(trigger, last=last, now=now, misfire=Misfire.EACH, max_lateness_s=max_lateness_s)
    assume(not todo.is_truncated)
    missed = fires_until(trigger, last, now)
    assert list(todo.instants) == [instant for instant in missed if oldest <= instant]


@quick
@given(pauses(), lateness)
def test_once_is_the_latest_of_each(
    pause: tuple[Trigger, datetime, datetime], max_lateness_s: float | None
) -> None:
    trigger, last, now = pause
    each = due(trigger, last=last, now=now, misfire=Misfire.EACH, max_lateness_s=max_lateness_s)
    assume(not each.is_truncated)
    once = due(trigger, last=last, now=now, max_lateness_s=max_lateness_s)
    assert once.instants == each.instants[-1:]


@quick
@given(pauses())
def test_skip_is_once_without_what_is_late(pause: tuple[Trigger, datetime, datetime]) -> None:
    trigger, last, now = pause
    once = due(trigger, last=last, now=now).instants
    on_time = tuple(instant for instant in once if now - instant <= timedelta(seconds=1))
    assert due(trigger, last=last, now=now, misfire=Misfire.SKIP).instants == on_time


@quick
@given(times, instants(), st.lists(st.integers(0, 100_000), max_size=10))
def test_each_instant_is_due_once_whenever_one_wakes(
    trigger: Trigger, begin: datetime, sleeps: list[int]
) -> None:
    last, found = begin, list[datetime]()
    for sleep_s in sleeps:
        now = last + timedelta(seconds=sleep_s)
        todo = due(trigger, last=last, now=now, misfire=Misfire.EACH)
        assume(not todo.is_truncated)
        found += todo.instants
        last = todo.until
    assert found == fires_until(trigger, begin, last)


# --- specs ---------------------------------------------------------------------------------------


@quick
@given(triggers)
def test_a_spec_is_json_and_reads_back_as_the_same_trigger(trigger: Trigger) -> None:
    spec = trigger.to_spec()
    assert from_spec(json.loads(json.dumps(spec)), MESSAGES) == trigger


@quick
@given(triggers, instants())
def test_a_trigger_read_back_fires_at_the_same_instants(trigger: Trigger, after: datetime) -> None:
    assert fires(from_spec(trigger.to_spec(), MESSAGES), after, 5) == fires(trigger, after, 5)
