"""The tree of living actors: data, and text for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scanflow_actors.actors.observing.statistics import ActorStatistics, SystemStatistics


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """One actor and its children, by name."""

    actor: ActorStatistics
    children: tuple[Branch, ...]

    def lines(self, stem: str = "") -> Iterator[str]:
        """Its lines of text, and those below it."""
        one = self.actor
        name = one.path if one.path.count("/") == 1 else one.path.rpartition("/")[2]
        restarts = sum(one.restarts.values())
        again = f"  restarts {restarts}" if restarts else ""
        depth = f"mailbox {one.mailbox_depth}/{one.mailbox_capacity}"
        yield f"{name}  {one.kind}  {one.state}  {depth}  handled {one.handled}{again}  {one.host}"
        for child in self.children:
            is_last = child is self.children[-1]
            head, *rest = child.lines()
            yield f"{stem}{'└─ ' if is_last else '├─ '}{head}"
            for line in rest:
                yield f"{stem}{'   ' if is_last else '│  '}{line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """All living actors of a system; its text has a line for each."""

    name: str
    branches: tuple[Branch, ...]
    """The top-level actors, by name."""
    silent: tuple[str, ...]
    """Hosts that did not answer in time: their actors are missing here."""

    def __str__(self) -> str:
        lines = [line for branch in self.branches for line in branch.lines()]
        lines.extend(f"({host} does not answer)" for host in self.silent)
        return "\n".join(lines)

    def __iter__(self) -> Iterator[ActorStatistics]:
        """Every actor, each before its children."""
        todo = list(reversed(self.branches))
        while todo:
            branch = todo.pop()
            yield branch.actor
            todo.extend(reversed(branch.children))


def tree_of(statistics: SystemStatistics) -> Tree:
    """Arrange the actors of a system by path."""
    actors = [*statistics.moving, *(actor for host in statistics.hosts for actor in host.each)]
    below: dict[str, list[Branch]] = {"": []}
    for actor in sorted(actors, key=lambda actor: (-actor.path.count("/"), actor.path)):
        children = tuple(below.pop(actor.path, ()))
        parent = actor.path.rpartition("/")[0]
        below.setdefault(parent, []).append(Branch(actor=actor, children=children))
    return Tree(name=statistics.name, branches=tuple(below[""]), silent=statistics.silent)
