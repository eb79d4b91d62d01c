"""A buyer orders parts: it asks again when there is no answer, and reminds the supplier after an hour."""

from dataclasses import dataclass

from scanflow_actors.actors import Actor, Request, receive
from scanflow_actors.errors import ActorError, RejectError


@dataclass(frozen=True, slots=True)
class Need(Request[str]):
    """To the buyer: get a part. The reply is the number of the order."""

    part: str


@dataclass(frozen=True, slots=True)
class Order(Request[str]):
    """To the supplier."""

    part: str


@dataclass(frozen=True, slots=True)
class Remind:
    """To the supplier: where is it?"""

    part: str


class Buyer(Actor):
    """Does not give up at the first silence."""

    def __init__(self, supplier):
        self.supplier = supplier

    @receive
    async def need(self, message: Need, ctx) -> str:
        """Order a part, three times at most."""
        for _ in range(3):
            try:
                number = await self.supplier.ask(Order(message.part), timeout_s=5)
            except RejectError:
                raise  # a clear no: asking again would not change it
            except ActorError:
                continue  # it may have been lost, or the supplier is being started again
            ctx.after(3600, Remind(message.part))
            return number
        raise RejectError(f"nobody supplies {message.part}")

    @receive
    def remind(self, message: Remind) -> None:
        """An hour has passed."""
        self.supplier.tell(message)
