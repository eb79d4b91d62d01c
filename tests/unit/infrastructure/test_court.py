"""The arbiter in force: in the infrastructure actor, across restarts, and with a person."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from scanflow_actors.actors import ActorSystem
from scanflow_actors.artifacts import KnowledgeSettings
from scanflow_actors.infrastructure import Infrastructure, InfrastructureActor
from scanflow_actors.infrastructure.arbiter import Arbiter
from scanflow_actors.infrastructure.claim import ListClaims, Mode, Rules, Settle, Standing, Thaw
from scanflow_actors.infrastructure.court import ClaimLog
from scanflow_actors.primitives import Outcome, Perform, RunWorkflow, UpdateWorkflowResource
from scanflow_actors.workflows import BatchWorkflow, Executor
from scanflow_actors.workflows.executor import Resources

if TYPE_CHECKING:
    from pathlib import Path

    from scanflow_actors.actors import ActorRef
    from scanflow_actors.infrastructure.backend import Order

pytestmark = pytest.mark.looptime


def step() -> None:
    """Do nothing."""


class Fake:
    """A backend that notes what runs, and fails what it is told to fail."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.fails = False

    async def run_workflow(self, order: Order) -> Any:
        self.keys.append(order.key)
        if self.fails:
            raise RuntimeError("it broke")

    async def upgrade_workflow(self, _workflow: Any, **_options: Any) -> dict[str, tuple[str, ...]]:
        return {}


async def start(system: ActorSystem, folder: Path, backend: Any, **rules: Any) -> ActorRef:
    workflow = BatchWorkflow(name="w", executors=(Executor(name="step", run=step),), result="step")
    parts = Infrastructure(
        backend=backend,
        workflows=(workflow,),
        ledger=folder / "ledger.db",
        knowledge=KnowledgeSettings.in_folder(folder),
        rules=Rules(**rules),
    )
    return await system.spawn(InfrastructureActor, parts, name="infrastructure")


def wants(cpus: float, by: str = "a/s", *, at_s: float = 0.0, **options: Any) -> Perform:
    primitive = UpdateWorkflowResource(workflow="w", resources=Resources(num_cpus=cpus))
    return Perform(primitive=primitive, key=f"{by}@{at_s}", by=by, at_s=at_s, **options)


def run(by: str = "a/s", *, key: str = "k", **options: Any) -> Perform:
    return Perform(primitive=RunWorkflow(workflow="w"), key=key, by=by, **options)


async def test_a_refused_primitive_is_not_carried_out_and_says_by_which_rule(tmp_path: Path) -> None:
    backend = Fake()
    async with ActorSystem() as system:
        ref = await start(system, tmp_path, backend)
        await ref.ask(run("high/s", key="1", priority=5, lease_s=600, at_s=1000))
        outcome = await ref.ask(run("low/s", key="2", at_s=1060))
        conflicts = [meter for meter in system.meters if meter.name == "scanflow_conflicts"]
    assert outcome == Outcome(
        is_success=False,
        reason="priority: high/s holds it with priority 5 for another 540 s; low/s has 0",
        rule="priority",
    )
    assert backend.keys == ["1"]
    assert [(meter.labels, meter.value) for meter in conflicts] == [((("rule", "priority"),), 1)]


async def test_what_stands_survives_a_restart(tmp_path: Path) -> None:
    backend = Fake()
    for key, priority in (("1", 5), ("2", 0)):
        async with ActorSystem() as system:
            ref = await start(system, tmp_path, backend)
            await ref.ask(run(f"{key}/s", key=key, priority=priority, lease_s=600, at_s=1000))
    assert backend.keys == ["1"]


async def test_a_repeated_key_gets_the_same_answer_though_the_lease_is_over(tmp_path: Path) -> None:
    async with ActorSystem() as system:
        ref = await start(system, tmp_path, Fake())
        await ref.ask(run("high/s", key="1", priority=5, lease_s=600, at_s=1000))
        first = await ref.ask(run("low/s", key="2", at_s=1060))
        await ref.ask(run("other/s", key="3", at_s=9999))
        assert await ref.ask(run("low/s", key="2", at_s=1060)) == first


async def test_a_claim_whose_primitive_failed_holds_nobody_up(tmp_path: Path) -> None:
    backend = Fake()
    async with ActorSystem() as system:
        ref = await start(system, tmp_path, backend)
        backend.fails = True
        failed = await ref.ask(run("high/s", key="1", priority=5, lease_s=600, at_s=1000))
        backend.fails = False
        assert not failed.is_success
        assert (await ref.ask(run("low/s", key="2", at_s=1060))).is_success


async def test_a_dry_run_is_answered_and_nothing_is_done(tmp_path: Path) -> None:
    backend = Fake()
    async with ActorSystem() as system:
        ref = await start(system, tmp_path, backend, mode=Mode.DRY_RUN)
        outcome = await ref.ask(run())
    assert outcome == Outcome(is_success=True, reason="dry run: not done", rule="dry-run")
    assert backend.keys == []


async def wait_for_approval(ref: ActorRef) -> str:
    while not (waiting := (await ref.ask(ListClaims())).waiting):  # noqa: ASYNC110 - in another actor
        await asyncio.sleep(0.1)
    return waiting[0].key


@pytest.mark.parametrize("is_approved", [True, False])
async def test_a_primitive_waits_for_a_person(tmp_path: Path, *, is_approved: bool) -> None:
    backend = Fake()
    async with ActorSystem() as system:
        ref = await start(system, tmp_path, backend, modes={"a/s": Mode.APPROVE})
        asked = asyncio.ensure_future(ref.ask(run(), timeout_s=60))
        key = await wait_for_approval(ref)
        assert (await ref.ask(run("b/s", key="free"))).is_success
        assert not asked.done()
        assert await ref.ask(Settle(key=key, by="ann", is_approved=is_approved))
        outcome = await asked
        assert not await ref.ask(Settle(key=key, by="ann", is_approved=True))
        assert await ref.ask(run(), timeout_s=60) == outcome
    if is_approved:
        assert (outcome.is_success, backend.keys) == (True, ["free", "k"])
    else:
        assert outcome == Outcome(is_success=False, reason="approve: refused by ann", rule="approve")
        assert backend.keys == ["free"]


async def test_what_nobody_approves_expires(tmp_path: Path) -> None:
    async with ActorSystem() as system:
        ref = await start(system, tmp_path, Fake(), mode=Mode.APPROVE, approve_within_s=60.0)
        outcome = await ref.ask(run(), timeout_s=120)
    assert outcome.reason == "approve: nobody approved it within 60 s"


async def test_flapping_is_stopped_until_a_person_lifts_it(tmp_path: Path) -> None:
    async with ActorSystem() as system:
        ref = await start(system, tmp_path, Fake())
        there_and_back = [
            await ref.ask(wants(1 + n % 2, f"{'ab'[n % 2]}/s", at_s=1000.0 + n)) for n in range(4)
        ]
        assert [outcome.rule for outcome in there_and_back] == [None, None, None, "flapping"]
        claims = await ref.ask(ListClaims())
        assert list(claims.standing.frozen) == ["workflow/w resources"]
        await ref.ask(Thaw(target="workflow/w", aspect="resources", by="ann"))
        assert (await ref.ask(wants(2, at_s=1010))).is_success


async def test_a_budget_survives_a_restart(tmp_path: Path) -> None:
    rules = []
    for number in range(4):
        async with ActorSystem() as system:
            ref = await start(system, tmp_path, Fake(), budgets={"a": 2})
            rules.append((await ref.ask(run(key=str(number), at_s=1000.0 + number))).rule)
    assert rules == [None, None, "budget", "budget"]


async def test_primitives_keep_their_order_of_arrival_through_the_arbiter(tmp_path: Path) -> None:
    backend = Fake()
    async with ActorSystem() as system:
        ref = await start(system, tmp_path, backend)
        await asyncio.gather(
            *(ref.ask(run(key=str(n), lease_s=60.0 * (n % 2), at_s=1000)) for n in range(12))
        )
    assert backend.keys == [str(n) for n in range(12)]


async def test_the_claims_of_the_log_replayed_get_the_same_answers(tmp_path: Path) -> None:
    async with ActorSystem() as system:
        ref = await start(system, tmp_path, Fake(), budgets={"c": 1})
        for n in range(12):
            by = f"{'abc'[n % 3]}/s"
            await ref.ask(wants(1 + n % 2, by, at_s=1000.0 + 20 * n, lease_s=30, priority=n % 2))
    log = ClaimLog(tmp_path / "ledger.db")
    standing = Standing()
    for claim, answer in log.history():
        standing, again = Arbiter(rules=Rules(budgets={"c": 1})).step(standing, claim)
        assert again == answer
    assert standing == log.standing()
    log.close()
