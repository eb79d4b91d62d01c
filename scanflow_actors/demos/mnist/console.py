"""What a person sees while the demo runs: a bar for each running workflow, a line for each decision."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from scanflow_actors.actors import Actor, receive
from scanflow_actors.agents import Concluded, Decided
from scanflow_actors.infrastructure import WorkflowAdvanced, WorkflowEnded, WorkflowStarted

if TYPE_CHECKING:
    from rich.console import Console


def make_progress(console: Console) -> Progress:
    """Bars that vanish when their workflow has ended; none at all where there is no terminal."""
    return Progress(
        TextColumn("  {task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[step]}"),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


class ConsoleActor(Actor):
    """Shows the facts that agents and infrastructure tell it. Lives in the process of the terminal."""

    def __init__(self, console: Console, progress: Progress) -> None:
        self._console = console
        self._progress = progress
        self._bars: dict[str, TaskID] = {}

    @receive
    def started(self, fact: WorkflowStarted) -> None:
        """Show a bar."""
        self._bars[fact.key] = self._progress.add_task(fact.workflow, total=fact.steps, step="")

    @receive
    def advanced(self, fact: WorkflowAdvanced) -> None:
        """Move it."""
        bar = self._bars.get(fact.key)
        if bar is not None:
            self._progress.update(bar, completed=fact.step.done, step=f"{fact.step.executor} done")

    @receive
    def ended(self, fact: WorkflowEnded) -> None:
        """Take it away; say so when it failed."""
        bar = self._bars.pop(fact.key, None)
        if bar is not None:
            self._progress.remove_task(bar)
        if not fact.outcome.is_success:
            self._console.print(f"[red]failed[/] {escape(fact.outcome.reason)}")

    @receive
    def decided(self, fact: Decided) -> None:
        """Say what was decided and why."""
        at = datetime.fromisoformat(fact.at)
        mark = "[green]yes[/]" if fact.holds else "[dim]no [/]"
        who = f"{fact.agent:8} {fact.strategy:27}"
        self._console.print(
            f"{at:%H:%M}  {who} {mark}  {escape(fact.reason)}", highlight=False, soft_wrap=True
        )

    @receive
    def concluded(self, fact: Concluded) -> None:
        """Say what could not be carried out; success shows in the next decisions."""
        if not fact.is_success:
            self._console.print(f"[red]failed[/]  {fact.agent} {fact.strategy}: {escape(fact.reason)}")
