"""The tracker with a strategy more: it says so when nobody asks the classifier any more."""

from scanflow_actors import Member, Team, every, strategy
from scanflow_actors.agents import at_most, greater_than, to_infrastructure
from scanflow_actors.agents.running import use_of
from scanflow_actors.agents.templates import Checker, Checking, Planner, Planning, Scale, Tracker, Tracking
from scanflow_actors.primitives import RunWorkflow


class Listening(Tracker):
    """A tracker that also notices silence."""

    @strategy(when=every(minutes=3), sense=use_of("classifier"), given=at_most(0, of="requests"))
    def nobody_asks(self, seen):
        """Tell it; three minutes is how long a look of this strategy covers."""
        return to_infrastructure(
            RunWorkflow(workflow="tell", parameters={"what": f"nobody asks version {seen.version}"})
        )


def make_team(journal, clock):
    """Make the tracker, with a checker and a planner to call."""
    return Team(
        members={
            "tracker": Member(agent=Listening, args=(Tracking(kind=None, services=("classifier",)),)),
            "checker": Member(agent=Checker, args=(Checking(violated=greater_than(0.1, of="error_ratio")),)),
            "planner": Member(agent=Planner, args=(Planning(scale=Scale(workflow="classifier")),)),
        },
        journal=journal,
        clock=clock,
    )
