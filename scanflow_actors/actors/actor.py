"""The class that users derive their actors from, and how its receivers are found.

::

    class Counter(Actor):
        def __init__(self, start: int) -> None:
            self.total = start

        @receive
        async def add(self, message: Add) -> int:
            self.total += message.amount
            return self.total
"""

from __future__ import annotations

import contextlib
import inspect
import types
from dataclasses import dataclass, field
from typing import (
    TYPE_CHECKING,
    Any,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    overload,
)

from scanflow_actors.actors.message import ChildFailed, Signal
from scanflow_actors.errors import InvalidActorError

if TYPE_CHECKING:
    from collections.abc import Callable

    from scanflow_actors.actors.context import ActorContext

F = TypeVar("F", bound="Callable[..., Any]")

_MARK = "__scanflow_receive__"
_ROUTES = "__scanflow_routes__"


@overload
def receive(function: F) -> F: ...


@overload
def receive(*, concurrent: int = 0, priority: int = 0, cancellable: bool = False) -> Callable[[F], F]: ...


def receive(
    function: F | None = None, *, concurrent: int = 0, priority: int = 0, cancellable: bool = False
) -> F | Callable[[F], F]:
    """Make a method a receiver of the message type that its first parameter is annotated with.

    The method is ``(self, message)`` or ``(self, message, ctx)``, plain or ``async``; what it returns is
    the reply. A receiver is exclusive: the mailbox waits until it returns.

    Args:
        function: The method, when used without brackets.
        concurrent: When > 0, up to this many calls overlap. They start in the order of arrival and are
            cancelled when the actor stops or restarts, or when their asker has given up.
        priority: Of the messages that wait, those of the highest priority are handled first, and among equals
            those that came first.
        cancellable: Whether an exclusive receiver is cancelled, too, when its asker has given up. The actor
            goes on with its next message and has not failed: the receiver must leave its state in order.

    Raises:
        InvalidActorError: ``concurrent`` is negative.

    Source:
        AutoGen core (the annotation is the route), Monarch ``concurrent_endpoint``.
    """
    if concurrent < 0:
        raise InvalidActorError(f"concurrent counts overlapping calls; got {concurrent}")

    def mark(method: F) -> F:
        setattr(method, _MARK, (concurrent, priority, cancellable))
        return method

    return mark if function is None else mark(function)


class Actor:
    """State that only its own messages change.

    The arguments of the constructor are the restart recipe: they must pickle when the actor lives in
    another process. A restart makes a new instance from them; what must survive is loaded in `on_start`,
    or kept by a `DurableActor`.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        """Find the receivers while their module is at hand: the main program's classes travel without it."""
        super().__init_subclass__(**options)
        with contextlib.suppress(InvalidActorError):  # raised when it is spawned; a message may come later
            routes_of(cls)

    @classmethod
    def _routed(cls, found: dict[type, Route]) -> dict[type, Route]:
        """Complete the receivers that were found."""
        return found

    async def on_start(self, ctx: ActorContext) -> None:
        """Prepare the new instance, also after a restart. Raise to say that the start failed."""

    async def on_stop(self, ctx: ActorContext) -> None:
        """Let go of what `on_start` took. Called once for each instance, however it ends."""

    async def on_signal(self, signal: Signal, ctx: ActorContext) -> None:
        """Hear of a watched actor's end, or of a child that failed for good.

        Unless overridden, a child that failed for good makes its parent fail too (escalation).
        """
        del ctx
        if isinstance(signal, ChildFailed):
            raise signal.error


@dataclass(frozen=True, slots=True)
class Route:
    """How one message type is handled."""

    message: type
    function: Callable[..., Any]
    is_async: bool
    wants_context: bool
    concurrent: int
    priority: int = 0
    cancellable: bool = False
    is_plain: bool = field(init=False)
    """Neither concurrent nor cancellable: one question for the loop that handles messages."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "is_plain", not self.concurrent and not self.cancellable)


def routes_of(actor: type[Actor]) -> dict[type, Route]:
    """Find the receivers of an actor class by the annotations of their first parameter.

    The table belongs to the class: it is made once, and cells enter subclasses of messages that they met.

    Raises:
        InvalidActorError: An annotation is missing or cannot be resolved, or two receivers take one type.
    """
    known: dict[type, Route] | None = vars(actor).get(_ROUTES)
    if known is None:
        known = actor._routed(_find_routes(actor))  # noqa: SLF001 - for kinds of actors, not for their users
        setattr(actor, _ROUTES, known)
    return known


def _find_routes(actor: type[Actor]) -> dict[type, Route]:
    found: dict[type, Route] = {}
    for name, function in inspect.getmembers(actor, inspect.isfunction):
        if not hasattr(function, _MARK):
            continue
        place = f"{actor.__qualname__}.{name}"
        for message_type in _message_types(function, place):
            if message_type in found:
                raise InvalidActorError(f"{place}: {message_type.__name__} has a receiver already")
            concurrent, priority, cancellable = getattr(function, _MARK)
            found[message_type] = Route(
                message=message_type,
                function=function,
                is_async=inspect.iscoroutinefunction(function),
                wants_context=len(inspect.signature(function).parameters) > 2,  # noqa: PLR2004 - self, message, ctx
                concurrent=concurrent,
                priority=priority,
                cancellable=cancellable,
            )
    return found


def _message_types(function: Callable[..., Any], place: str) -> tuple[type, ...]:
    parameters = list(inspect.signature(function).parameters)
    if not 2 <= len(parameters) <= 3:  # noqa: PLR2004 - self, message and perhaps ctx
        raise InvalidActorError(f"{place} must take (self, message) or (self, message, ctx)")
    try:
        hints = get_type_hints(function, localns=_ContextName())
    except NameError as error:
        raise InvalidActorError(
            f"{place}: the annotation cannot be resolved ({error}); define the message at module level"
        ) from error
    hint = hints.get(parameters[1])
    if get_origin(hint) in {Union, types.UnionType}:
        return tuple(_plain(part, place) for part in get_args(hint))
    return (_plain(hint, place),)


def _plain(hint: Any, place: str) -> type:
    plain = get_origin(hint) or hint
    if not isinstance(plain, type):
        raise InvalidActorError(f"{place}: annotate the message with its class")
    return plain


class _ContextName(dict[str, Any]):
    """Lets receivers import `ActorContext` for type checkers only."""

    def __missing__(self, key: str) -> Any:
        if key == "ActorContext":
            return object
        raise KeyError(key)
