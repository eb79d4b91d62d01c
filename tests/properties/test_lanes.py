"""A queue with priorities against a sorted list."""

from __future__ import annotations

from hypothesis import given, settings, strategies as st

from scanflow_actors.actors.lanes import Lanes

ITEM = st.tuples(st.integers(-2, 2), st.integers())
STEPS = st.lists(st.one_of(ITEM, st.sampled_from(["first", "oldest", "remove", "clear"])))


@settings(max_examples=200, deadline=None)
@given(STEPS)
def test_lanes_behave_as_a_list_that_is_sorted_by_priority(steps: list[object]) -> None:
    lanes, model = Lanes(lambda item: item[0]), []
    for step in steps:
        if isinstance(step, tuple):
            lanes.append(step)
            model.append(step)
            model.sort(key=lambda item: -item[0])  # stable: equals stay in order
        elif step == "clear":
            lanes.clear()
            model.clear()
        elif not model:
            continue
        elif step == "first":
            assert lanes.popleft() == model.pop(0)
        elif step == "oldest":
            oldest = next(item for item in model if item[0] == model[-1][0])
            assert lanes.pop_oldest() == oldest
            model.remove(oldest)
        else:
            lanes.remove(model[len(model) // 2])
            model.remove(model[len(model) // 2])
        assert list(lanes) == model
        assert len(lanes) == len(model)
        assert bool(lanes) == bool(model)
        if model:
            assert lanes[0] == model[0]
            assert lanes[len(model) - 1] == model[-1]
