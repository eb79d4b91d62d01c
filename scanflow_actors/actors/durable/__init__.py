"""Actors that outlive their process: what they keep, their timers, and messages that are not lost.

`actor.py` is the class to derive from, `receivers.py` completes its receivers, `keeper.py` is what they find
in `ctx.durable`. `writing.py` writes what one receiver did in one transaction, `store.py` has the SQL;
`reminders.py` are the timers, `delivery.py` the messages.
"""

from scanflow_actors.actors.durable.actor import DurableActor, Saves

__all__ = ["DurableActor", "Saves"]
