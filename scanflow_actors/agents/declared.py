"""An agent that is nothing but its strategies: what a file says without naming a class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scanflow_actors.agents.agent import Agent

if TYPE_CHECKING:
    from scanflow_actors.agents.charge import Charge
    from scanflow_actors.agents.strategy import Strategy


class Declared(Agent):
    """Has the strategies that it is given."""

    def __init__(self, charge: Charge, strategies: tuple[Strategy, ...]) -> None:
        super().__init__(charge)
        self.strategies = strategies
