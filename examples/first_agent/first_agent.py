"""WHEN a second has passed IF three errors are new in a log THEN decide that somebody must look."""

import asyncio
from pathlib import Path

import scanflow_actors as sf

LOG, JOURNAL = Path("service.log"), Path("journal.db")


def read_errors(sight):
    """Count the errors in the lines that no decision has been made on yet."""
    lines = LOG.read_text().splitlines()
    new = lines[sight.watermark or 0 :]
    return sf.Observation(state={"errors": sum("ERROR" in line for line in new)}, watermark=len(lines))


class Watcher(sf.Agent):
    """Watches the log."""

    @sf.strategy(
        when=sf.every(seconds=1), sense=sf.Sensor(read=read_errors), given=sf.at_least(3, of="errors")
    )
    def somebody_must_look(self, seen):
        """Do nothing more than decide; an effect would be returned here."""


async def main(seconds=4, clock=None):
    """Let the watcher work for a while, then print what it decided and why."""
    team = sf.Team(members={"watcher": sf.Member(agent=Watcher)}, journal=JOURNAL, clock=clock or sf.Clock())
    async with sf.ActorSystem() as system:
        await team.start(system)
        await asyncio.sleep(seconds)
    for entry in sf.Journal(JOURNAL).entries():
        print(entry.at, entry.decision, "yes" if entry.holds else "no", entry.reason)


if __name__ == "__main__":
    LOG.write_text("ok\nERROR 1\nERROR 2\nok\nERROR 3\n")
    asyncio.run(main())
