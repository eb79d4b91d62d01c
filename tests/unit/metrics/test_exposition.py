"""What Prometheus reads of a system."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families as parsed

from scanflow_actors.actors import Actor, ActorContext, ActorSystem, Backoff, RestartStrategy, receive
from scanflow_actors.actors.observing.counts import KINDS
from scanflow_actors.actors.observing.meters import SERIES, Meters
from scanflow_actors.errors import ActorFailedError
from scanflow_actors.metrics import exposition
from scanflow_actors.settings import ActorSettings
from tests.troupe import Add, Counter, Crash, Note


async def read(system: ActorSystem) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """All samples: value by name and labels."""
    text = exposition(await system.statistics()).decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in parsed(text)
        for sample in family.samples
    }


def labels(**values: str) -> frozenset[tuple[str, str]]:
    return frozenset(values.items())


@pytest.mark.looptime
async def test_what_happens_to_actors_is_in_the_series_of_their_class() -> None:
    async with ActorSystem("shop", settings=ActorSettings(metrics=True)) as system:
        again = RestartStrategy(backoff=Backoff(min_s=0.0))
        refs = [await system.spawn(Counter, name=f"c{n}", restart=again) for n in range(3)]
        for ref in refs:
            await ref.ask(Add(1))
        with pytest.raises(ActorFailedError):
            await refs[0].ask(Crash())
        await refs[0].ask(Add(1))
        refs[0].tell(Note("not for a counter"))
        await refs[0].ask(Add(1))
        found = await read(system)
    of = {"host": "shop", "actor_class": "Counter"}
    assert found["scanflow_actors", labels(**of)] == 3
    assert found["scanflow_messages_handled_total", labels(**of)] == 6
    assert found["scanflow_actor_asks_total", labels(**of, outcome="replied")] == 5
    assert found["scanflow_asks_total", labels(host="shop", outcome="failed")] == 1
    assert found["scanflow_restarts_total", labels(**of, reason="failed")] == 1
    assert found["scanflow_dead_letters_total", labels(reason="unhandled")] == 1
    assert found["scanflow_handler_time_seconds_count", labels(**of)] == 6
    assert found["scanflow_queue_wait_seconds_bucket", labels(**of, le="+Inf")] == 6
    assert found["scanflow_mailbox_depth", labels(**of)] == 0
    assert found["scanflow_late_replies_total", labels(host="shop")] == 0


async def test_many_actors_make_as_many_series_as_one() -> None:
    async with ActorSystem() as system:
        await system.spawn(Counter, name="first")
        before = len(await read(system))
        for number in range(500):
            await system.spawn(Counter, name=f"c{number}")
        assert len(await read(system)) == before


async def test_many_classes_make_bounded_series() -> None:
    async with ActorSystem() as system:
        for number in range(KINDS + 50):
            kind = type(f"Kind{number}", (Counter,), {})
            await system.stop(await system.spawn(kind, name=f"k{number}"))
            await (await system.spawn(kind, name=f"k{number}")).ask(Add(1))
        found = await read(system)
    living = [value for (name, _), value in found.items() if name == "scanflow_actors"]
    assert len(living) == KINDS
    assert sum(living) == KINDS + 50
    other = labels(host="scanflow", actor_class="other")
    assert found["scanflow_messages_handled_total", other] == 51


class Seller(Actor):
    @receive
    def sell(self, message: Add, ctx: ActorContext) -> None:
        ctx.meters.count("shop_sales", fruit="apple" if message.amount < 5 else "pear")
        ctx.meters.measure("shop_sale_seconds", message.amount / 10, fruit="any")


async def test_actors_keep_meters_of_their_own() -> None:
    async with ActorSystem() as system:
        seller = await system.spawn(Seller, name="seller")
        for amount in (1, 2, 20):
            await seller.ask(Add(amount))
        found = await read(system)
    assert found["shop_sales_total", labels(host="scanflow", fruit="apple")] == 2
    assert found["shop_sales_total", labels(host="scanflow", fruit="pear")] == 1
    assert found["shop_sale_seconds_sum", labels(host="scanflow", fruit="any")] == pytest.approx(2.3)
    assert found["shop_sale_seconds_bucket", labels(host="scanflow", fruit="any", le="0.3")] == 2


def test_a_meter_whose_name_prometheus_would_refuse_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="got 'shop-sales'"):
        Meters().count("shop-sales")


def test_labels_of_too_many_values_are_counted_together() -> None:
    meters = Meters()
    for number in range(SERIES + 7):
        meters.count("visits", visitor=str(number))
    found = {meter.labels: meter.value for meter in meters}
    assert len(found) == SERIES + 1
    assert found[("visitor", ""),] == 7
