"""Conflicts between strategies: pure rules over the claims on one aspect of one target.

A claim is a primitive with who wants it, how urgently, and for how long it is to stand. `Arbiter.step`
takes claims one after the other; given the same ones again, it gives the same answers. Its time is that of
the claims.

The rules, in their order: a claim that was decided from a *generation* that is gone is **stale**; a strategy
that has used up its **budget** waits; an aspect that was **flapping** is frozen until a person or a higher
priority lifts it; inside a **lease**, a lower **priority** is refused, an equal one is **merged** where the
aspect has a rule, else refused, and a higher one takes over. What may be done is done, is only said
(**dry-run**), or waits for a person (**approve**).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from scanflow_actors.infrastructure.claim import (
    ACTS,
    HOUR_S,
    Answer,
    Claim,
    Grant,
    Mode,
    Rule,
    Rules,
    Standing,
)
from scanflow_actors.infrastructure.merging import merged

WAITS = "waits for a person's approval"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arbiter:
    """Decides over claims by rules."""

    rules: Rules = field(default_factory=Rules)

    def step(self, standing: Standing, claim: Claim) -> tuple[Standing, Answer]:
        """Decide over one claim.

        Returns:
            The standing afterwards, and the answer.
        """
        standing = _at(standing, max(standing.now_s, claim.at_s), self._kept_s)
        claim = replace(claim, at_s=standing.now_s)
        refusal = self._stale(standing, claim) or self._over_budget(standing, claim)
        refusal = refusal or _frozen(standing, claim)
        if refusal is not None:
            return standing, refusal
        answer = _against(standing, claim)
        if not answer.is_granted:
            return standing, answer
        if self._flaps(standing, claim, answer):
            return _freeze(standing, claim)
        mode = Mode.LIVE if claim.is_approved else self.rules.mode_of(claim.by)
        if mode is Mode.DRY_RUN:
            return standing, replace(answer, is_granted=False, rule=Rule.DRY_RUN, reason="dry run: not done")
        if mode is Mode.APPROVE:
            return standing, replace(answer, is_granted=False, rule=Rule.APPROVE, reason=WAITS)
        return _granted(standing, claim, answer), answer

    @property
    def _kept_s(self) -> float:
        return max(HOUR_S, self.rules.flap_window_s)

    def _stale(self, standing: Standing, claim: Claim) -> Answer | None:
        present = standing.generations.get(claim.primitive.target, 0)
        if claim.generation is None or claim.generation == present:
            return None
        reason = (
            f"stale: {claim.by} decided from generation {claim.generation} of {claim.primitive.target}, "
            f"which is at {present} now; it senses again"
        )
        return _refused(claim, Rule.STALE, reason)

    def _over_budget(self, standing: Standing, claim: Claim) -> Answer | None:
        budget = self.rules.budget_of(claim.by)
        if budget is None:
            return None
        used = [g for g in standing.grants if g.by == claim.by and g.at_s > standing.now_s - HOUR_S]
        if len(used) < budget:
            return None
        return _refused(
            claim,
            Rule.BUDGET,
            f"budget: {claim.by} has done {len(used)} this hour, of {budget} that it may do",
        )

    def _flaps(self, standing: Standing, claim: Claim, answer: Answer) -> bool:
        """Whether this would be the second B of A, B, A, B by claims of no higher priority."""
        if claim.primitive.aspect in ACTS:
            return False
        past = [
            grant
            for grant in standing.grants
            if _slot(grant.primitive) == _slot(claim.primitive)
            and grant.at_s > standing.now_s - self.rules.flap_window_s
        ][-3:]
        if len(past) < 3 or claim.priority > max(grant.priority for grant in past):  # noqa: PLR2004 - A, B, A
            return False
        first, second, third = (grant.primitive for grant in past)
        return first == third and second == answer.primitive and first != second


# ---------------------------------------------------------------------- the rules, one by one


def _frozen(standing: Standing, claim: Claim) -> Answer | None:
    priority = standing.frozen.get(_slot(claim.primitive))
    if priority is None or claim.priority > priority:
        return None
    reason = f"flapping: {_slot(claim.primitive)} is frozen; a person or a priority above {priority} lifts it"
    return _refused(claim, Rule.FLAPPING, reason)


def _against(standing: Standing, claim: Claim) -> Answer:
    """Hold a claim against those whose lease is running."""
    primitive, rule, partners = claim.primitive, Rule.FREE, []
    for holder in standing.claims:
        wants_the_same = holder.primitive == claim.primitive and claim.primitive.aspect not in ACTS
        if holder.by == claim.by or not holder.overlaps(claim) or wants_the_same:
            continue
        until_s = holder.at_s + holder.lease_s - standing.now_s
        if claim.priority < holder.priority:
            reason = (
                f"priority: {holder.by} holds it with priority {holder.priority} for another {until_s:g} s; "
                f"{claim.by} has {claim.priority}"
            )
            return _refused(claim, Rule.PRIORITY, reason)
        if claim.priority == holder.priority:
            both = merged(primitive, holder.primitive)
            if both is None:
                reason = f"lease: {holder.by} holds it for another {until_s:g} s, and came first"
                return _refused(claim, Rule.LEASE, reason)
            primitive, rule = both, Rule.MERGE
            partners.append(holder.by)
    reason = "free" if rule is Rule.FREE else f"merge: with what {' and '.join(partners)} wants"
    return Answer(is_granted=True, rule=rule, reason=reason, primitive=primitive)


def _granted(standing: Standing, claim: Claim, answer: Answer) -> Standing:
    """Let a claim stand: it replaces its strategy's own, and those of lower priority that are in its way."""
    kept = tuple(
        holder
        for holder in standing.claims
        if not holder.overlaps(claim) or (holder.by != claim.by and holder.priority == claim.priority)
    )
    grant = Grant(
        key=claim.key, by=claim.by, at_s=claim.at_s, priority=claim.priority, primitive=answer.primitive
    )
    target, slot = claim.primitive.target, _slot(claim.primitive)
    is_act = claim.primitive.aspect in ACTS
    generations = dict(standing.generations)
    if not is_act:
        generations[target] = generations.get(target, 0) + 1
    return replace(
        standing,
        claims=(*kept, claim) if claim.lease_s > 0 else kept,
        grants=(*standing.grants, grant),
        generations=generations,
        frozen={name: bound for name, bound in standing.frozen.items() if name != slot},
    )


def _freeze(standing: Standing, claim: Claim) -> tuple[Standing, Answer]:
    slot = _slot(claim.primitive)
    past = [grant for grant in standing.grants if _slot(grant.primitive) == slot][-3:]
    bound = max(claim.priority, *(grant.priority for grant in past))
    names = " and ".join(sorted({claim.by, *(grant.by for grant in past)}))
    reason = (
        f"flapping: {names} change {slot} back and forth; it is frozen until a person or a priority "
        f"above {bound} lifts it"
    )
    return replace(standing, frozen={**standing.frozen, slot: bound}), _refused(claim, Rule.FLAPPING, reason)


def released(standing: Standing, key: str) -> Standing:
    """Let go of a claim that could not be carried out: what it wanted is not so."""
    return replace(
        standing,
        claims=tuple(claim for claim in standing.claims if claim.key != key),
        grants=tuple(grant for grant in standing.grants if grant.key != key),
    )


def thawed(standing: Standing, target: str, aspect: str) -> Standing:
    """Lift what was frozen; its history is forgotten, so that it is not frozen again at once."""
    slot = f"{target} {aspect}"
    return replace(
        standing,
        frozen={name: bound for name, bound in standing.frozen.items() if name != slot},
        grants=tuple(grant for grant in standing.grants if _slot(grant.primitive) != slot),
    )


def _at(standing: Standing, now_s: float, kept_s: float) -> Standing:
    """Forget what has run out by now."""
    return replace(
        standing,
        now_s=now_s,
        claims=tuple(claim for claim in standing.claims if claim.lives(now_s)),
        grants=tuple(grant for grant in standing.grants if grant.at_s > now_s - kept_s),
    )


def _slot(primitive: Any) -> str:
    return f"{primitive.target} {primitive.aspect}"


def _refused(claim: Claim, rule: Rule, reason: str) -> Answer:
    return Answer(is_granted=False, rule=rule, reason=reason, primitive=claim.primitive)
