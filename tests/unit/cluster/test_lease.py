"""The lease: a host that hears nothing is gone before its actors start elsewhere."""

from __future__ import annotations

import threading

from hypothesis import given, strategies as st

from scanflow_actors.cluster.lease import Lease, Phase, Tenant, may_live_s
from scanflow_actors.cluster.pulse import Host

HERE, THERE = "here", "there"
times = st.integers(0, 10**6)


@given(lease_s=st.floats(0.1, 1000), pauses=st.lists(st.floats(0, 2000), max_size=20))
def test_a_lease_is_held_while_it_is_renewed_and_over_at_its_end(lease_s: float, pauses: list[float]) -> None:
    now = heard = 0.0
    lease = Lease(lease_s, now)
    for pause_s in pauses:
        now += pause_s
        silent_s = now - heard
        phase = lease.phase(now)
        if silent_s < lease_s * 0.66:
            assert phase is Phase.HELD
        elif silent_s > lease_s * 1.001:
            assert phase is Phase.OVER
        if phase is Phase.HELD:
            lease.renew(now)
            heard = now


@given(lease_s=st.integers(1, 1000), begin=times)
def test_the_waits_lead_from_phase_to_phase(lease_s: int, begin: int) -> None:
    lease = Lease(lease_s, begin)
    ending = begin + lease.wait_s(begin) + 1e-6
    assert lease.phase(ending) is Phase.ENDING
    over = ending + lease.wait_s(ending) + 1e-6
    assert lease.phase(over) is Phase.OVER
    assert over - begin <= lease_s + 1e-5


@given(lease_s=st.integers(1, 1000), renewed=times, later=st.integers(0, 2000))
def test_nothing_starts_elsewhere_before_the_lease_of_a_lost_host_is_over(
    lease_s: int, renewed: int, later: int
) -> None:
    lease = Lease(lease_s, renewed)  # the host heard of it no later than it was sent
    lost = Host(id="host-1", handle=None, node=THERE, renewed=renewed, is_silent=True)
    now = renewed + later
    wait_s = may_live_s(lost, now, lease_s=lease_s, here=HERE, living_nodes=lambda: {HERE, THERE})
    assert lease.phase(now + wait_s + 1e-6) is Phase.OVER


def test_a_process_that_has_died_for_sure_is_not_waited_for() -> None:
    def wait_s(node: str, *, is_silent: bool, living: set[str]) -> float:
        lost = Host(id="host-1", handle=None, node=node, renewed=100.0, is_silent=is_silent)
        return may_live_s(lost, 110.0, lease_s=30.0, here=HERE, living_nodes=lambda: living)

    assert wait_s(HERE, is_silent=True, living={HERE}) == 0
    assert wait_s(THERE, is_silent=False, living={HERE, THERE}) == 0
    assert wait_s(THERE, is_silent=True, living={HERE, THERE}) == 20
    assert wait_s(THERE, is_silent=False, living={HERE}) == 20  # the machine is lost, and may be only cut off


def test_a_tenant_leaves_once_and_ends() -> None:
    said: list[str] = []
    ended = threading.Event()

    def leave() -> None:
        said.append("leave")
        tenant.renew()  # too late

    def end() -> None:
        said.append("end")
        ended.set()

    tenant = Tenant(0.03, leave, end)
    assert ended.wait(10)
    assert said == ["leave", "end"]
