"""The arbiter in force: it remembers across restarts, and holds what waits for a person."""

from __future__ import annotations

import asyncio
import logging
import pickle
from dataclasses import replace
from typing import TYPE_CHECKING

import cloudpickle

from scanflow_actors.infrastructure.arbiter import WAITS, Arbiter, released, thawed
from scanflow_actors.infrastructure.claim import ACTS, Answer, Claim, Claims, Rule, Rules, Standing, Waiting
from scanflow_actors.primitives import Outcome, Perform
from scanflow_actors.storage import Database

if TYPE_CHECKING:
    from scanflow_actors.storage import Address

_log = logging.getLogger(__name__)

_SCHEMA = """
create table if not exists claim (
    seq integer primary key autoincrement,
    key text not null unique,
    rule text not null,
    body blob not null
);
create table if not exists standing (
    id integer primary key check (id = 1),
    body blob not null
);
"""


class ClaimLog:
    """Claims with their answers, append-only, and what stands; a part of the ledger's file. Methods block."""

    def __init__(self, address: Address) -> None:
        self._database = Database(address, _SCHEMA, name="the ledger")

    def standing(self) -> Standing:
        """What stood when the last claim was answered."""
        rows = self._database.rows("select body from standing")
        standing: Standing = pickle.loads(rows[0][0]) if rows else Standing()
        return standing

    def answer(self, key: str) -> Answer | None:
        """What was answered to the claim with this key."""
        rows = self._database.rows("select body from claim where key = ?", key)
        answer: Answer | None = pickle.loads(rows[0][0])[1] if rows else None
        return answer

    def history(self) -> list[tuple[Claim, Answer]]:
        """All claims with their answers, in order."""
        rows = self._database.rows("select body from claim order by seq")
        return [pickle.loads(row[0]) for row in rows]

    def write(self, standing: Standing, claim: Claim | None = None, answer: Answer | None = None) -> None:
        """Write what stands now, and the answer that led to it, both or none."""
        with self._database.transaction():
            if claim is not None and answer is not None:
                self._database.change(
                    "insert into claim (key, rule, body) values (?, ?, ?) on conflict (key) do nothing",
                    claim.key,
                    answer.rule,
                    cloudpickle.dumps((claim, answer)),
                )
            self._database.change(
                "insert into standing values (1, ?) on conflict (id) do update set body = excluded.body",
                cloudpickle.dumps(standing),
            )

    def close(self) -> None:
        """Close the file."""
        self._database.close()


class Court:
    """Lets primitives through, one claim after the other."""

    def __init__(self, address: Address, rules: Rules) -> None:
        self._arbiter = Arbiter(rules=rules)
        self._log = ClaimLog(address)
        self._standing = self._log.standing()
        self._turn = asyncio.Lock()
        self._waiting: dict[str, tuple[Claim, asyncio.Future[str | None]]] = {}

    async def admit(self, message: Perform) -> Perform | Outcome:
        """Decide over a primitive.

        Returns:
            What is to be carried out, or the outcome of what is not.
        """
        answer = await self._decide(_claim(message))
        if answer.is_granted:
            return replace(message, primitive=answer.primitive)
        is_fine = answer.rule is Rule.DRY_RUN
        return Outcome(is_success=is_fine, reason=answer.reason, rule=answer.rule)

    async def release(self, key: str) -> None:
        """Let go of a claim whose primitive failed."""
        async with self._turn:
            standing = released(self._standing, key)
            if standing != self._standing:
                await self._write(standing)

    async def thaw(self, target: str, aspect: str) -> bool:
        """Lift what was frozen; False when it is not."""
        async with self._turn:
            if f"{target} {aspect}" not in self._standing.frozen:
                return False
            await self._write(thawed(self._standing, target, aspect))
            return True

    def settle(self, key: str, refused_by: str | None) -> bool:
        """Approve what waits, or refuse it in somebody's name; False when nothing waits under this key."""
        if key not in self._waiting or self._waiting[key][1].done():
            return False
        self._waiting[key][1].set_result(refused_by)
        return True

    def generation(self, target: str) -> int:
        """How often a target was set."""
        return self._standing.generations.get(target, 0)

    def claims(self) -> Claims:
        """What stands, is frozen, and waits."""
        waiting = tuple(
            Waiting(key=claim.key, by=claim.by, primitive=claim.primitive)
            for claim, _ in self._waiting.values()
        )
        return Claims(standing=self._standing, waiting=waiting)

    def close(self) -> None:
        """Close the log."""
        self._log.close()

    async def _decide(self, claim: Claim) -> Answer:
        answer = await self._step(claim)
        if answer.rule is not Rule.APPROVE or answer.reason != WAITS:
            return answer
        refused_by = await self._approval(claim)
        if refused_by is None:
            return await self._step(replace(claim, is_approved=True))
        refusal = replace(answer, reason=f"approve: {refused_by}")
        async with self._turn:
            await self._write(self._standing, claim, refusal)
        return refusal

    async def _approval(self, claim: Claim) -> str | None:
        """Wait for a person: None for a yes, else why not."""
        future: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._waiting[claim.key] = claim, future
        within_s = self._arbiter.rules.approve_within_s
        try:
            async with asyncio.timeout(within_s):
                return await future
        except TimeoutError:
            return f"nobody approved it within {within_s:g} s"
        finally:
            del self._waiting[claim.key]

    async def _step(self, claim: Claim) -> Answer:
        """Answer in the order of arrival; a key that was answered gets the same answer again."""
        async with self._turn:
            known = await asyncio.to_thread(self._log.answer, claim.key)
            if known is not None:
                return known
            standing, answer = self._arbiter.step(self._standing, claim)
            if answer.rule is Rule.FLAPPING and standing.frozen != self._standing.frozen:
                _log.warning("%s", answer.reason)
            if answer.rule is Rule.APPROVE or (answer.is_granted and self._leaves_no_trace(claim)):
                return answer
            await self._write(standing, claim, answer)
            return answer

    def _leaves_no_trace(self, claim: Claim) -> bool:
        """Whether a grant changes nothing for later claims, so that it need not be written."""
        has_budget = self._arbiter.rules.budget_of(claim.by) is not None
        is_act = claim.primitive.aspect in ACTS and not claim.is_approved
        return is_act and claim.lease_s <= 0 and not has_budget

    async def _write(
        self, standing: Standing, claim: Claim | None = None, answer: Answer | None = None
    ) -> None:
        await asyncio.to_thread(self._log.write, standing, claim, answer)
        self._standing = standing


def _claim(message: Perform) -> Claim:
    return Claim(
        key=message.key,
        by=message.by,
        primitive=message.primitive,
        priority=message.priority,
        lease_s=message.lease_s,
        generation=message.generation,
        at_s=message.at_s,
    )
