"""Every error of the package, under one root.

::

    ScanflowError
    ├── ActorError                     talking to actors
    │   ├── AskTimeoutError            (TimeoutError)  no reply in time; the outcome is unknown
    │   ├── ActorStoppedError          (LookupError)   the actor has ended
    │   ├── ActorNotFoundError         (LookupError)   no actor has this name
    │   ├── ActorFailedError           the handler crashed; the cause is chained
    │   ├── AskCycleError              an ask that waits for itself
    │   ├── MailboxFullError           the mailbox refuses more
    │   ├── HostLostError              the process died; the outcome is unknown
    │   │   └── PayloadLostError       it held an array of a message that arrived
    │   ├── NameTakenError             (ValueError)    a living actor has this name
    │   ├── UnhandledMessageError      (TypeError)     the actor has no receiver for this type
    │   ├── RejectError                the actor answers "no"; it is unharmed
    │   │   └── StrategyFailedError    a strategy cannot decide now; ask again later
    │   ├── NotSerialisableError       (TypeError)     a message that cannot leave its process
    │   ├── HostStartError             no process could be started for an actor
    │   ├── SystemClosedError          the actor system is shutting down
    │   ├── SupersededError            a newer instance has taken the actor's state over
    │   └── InvalidActorError          (TypeError)     an actor class that cannot work
    ├── InvalidTriggerError            (ValueError)    a trigger that cannot work
    ├── InvalidWorkflowError           (ValueError)    a workflow that cannot work
    ├── InvalidTeamError               (ValueError)    a team or strategy that cannot work
    ├── InvalidArrayError              (ValueError)    an array of the wrong shape, dtype or range
    ├── WorkflowFailedError            a workflow ended without its result
    ├── WorkflowStoppedError           somebody stopped a workflow
    ├── ExecutorFailedError            one try of an executor has no result
    ├── NotRunningError                (LookupError)   a workflow has no run to act on
    ├── ServiceFailedError             a service of an online workflow did not come up
    ├── InvalidPrimitiveError          (ValueError)    a primitive that contradicts itself
    ├── UnknownWorkflowError           (LookupError)   no workflow has this name
    ├── ArtifactError                  (LookupError)   an artifact that is gone or altered
    ├── KnowledgeBaseError             (LookupError)   a run, experiment or version that is gone
    ├── DataNotFoundError              (LookupError)   a data set that is not there
    ├── MetricsError                   (LookupError)   a source of metrics that does not answer
    ├── UnknownDecisionError           (LookupError)   no decision, or several, have this name
    ├── StorageError                   a database cannot be opened, read or written
    └── JournalError                   the journal cannot be read or written

Each keeps its facts as fields, words its own message from them, and survives pickle with both,
since errors travel between processes.
"""

from __future__ import annotations

from typing import Any


class ScanflowError(Exception):
    """The root. Catch it where all failures are handled alike: at the command line."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by fields, whatever the constructor's arguments are called."""
        return _rebuild, (type(self), self.args, self.__dict__, self.__cause__)


def _rebuild(
    kind: type[ScanflowError],
    args: tuple[Any, ...],
    fields: dict[str, Any],
    cause: BaseException | None,
) -> ScanflowError:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(fields)
    error.__cause__ = cause
    return error


class ActorError(ScanflowError):
    """Something went wrong between two actors. Catch it around `ask` and `send`."""


class AskTimeoutError(ActorError, TimeoutError):
    """No reply came in time. Nobody is at fault yet: the request may still be processed."""

    def __init__(self, *, path: str, request: str, timeout_s: float) -> None:
        self.path = path
        self.request = request
        self.timeout_s = timeout_s
        super().__init__(f"{path} did not answer {request} within {timeout_s:g} s; it may still be processed")


class ActorStoppedError(ActorError, LookupError):
    """The actor ended before it answered. The caller decides whether to look for another."""

    def __init__(self, *, path: str) -> None:
        self.path = path
        super().__init__(f"{path} has stopped")


class ActorNotFoundError(ActorError, LookupError):
    """No actor has this name. The caller's spelling, or an actor that was never spawned."""

    def __init__(self, *, path: str, known: tuple[str, ...] = ()) -> None:
        self.path = path
        self.known = known
        names = f"; known here: {', '.join(known)}" if known else ""
        super().__init__(f"no actor is called {path!r}{names}")


class ActorFailedError(ActorError):
    """The handler raised; the asker is told at once, with the cause chained."""

    def __init__(self, *, path: str, request: str, reason: str) -> None:
        self.path = path
        self.request = request
        self.reason = reason
        super().__init__(f"{path} failed while it handled {request}: {reason}")


class AskCycleError(ActorError):
    """An ask that could never be answered: the actor waits for the one that asks. A fault of design.

    Make one of the receivers concurrent, or `tell` instead of `ask`.
    """

    def __init__(self, *, path: str, request: str, chain: tuple[str, ...]) -> None:
        self.path = path
        self.request = request
        self.chain = chain
        circle = " -> ".join((*chain, path))
        super().__init__(f"{path} cannot answer {request}: it waits for the one that asks ({circle})")


class MailboxFullError(ActorError):
    """The mailbox is at its capacity. Send slower, or give the actor a larger mailbox."""

    def __init__(self, *, path: str, capacity: int) -> None:
        self.path = path
        self.capacity = capacity
        super().__init__(f"the mailbox of {path} holds its {capacity} messages; send slower")


class HostLostError(ActorError):
    """The process that hosted the actor died. The request may or may not have been processed."""

    def __init__(self, *, path: str, host: str) -> None:
        self.path = path
        self.host = host
        super().__init__(f"the host {host} of {path} died; the request may have been processed")


class PayloadLostError(HostLostError):
    """A process died while an array of its message was under way. The message itself was not handled."""

    def __init__(self, *, path: str, host: str) -> None:
        super().__init__(path=path, host=host)
        self.args = (f"an array of a message to or from {path} was lost with the process that held it",)


class NameTakenError(ActorError, ValueError):
    """A living actor has this name already. Choose another, or stop the first."""

    def __init__(self, *, path: str) -> None:
        self.path = path
        super().__init__(f"an actor called {path!r} is alive already; stop it first or rename")


class UnhandledMessageError(ActorError, TypeError):
    """The actor has no receiver for this type of message. The sender is at fault."""

    def __init__(self, *, path: str, message: str, known: tuple[str, ...]) -> None:
        self.path = path
        self.message = message
        self.known = known
        takes = ", ".join(known) or "nothing"
        super().__init__(f"{path} does not receive {message}; it receives {takes}")


class RejectError(ActorError):
    """Raised by a handler to answer "no": the asker gets it, the actor goes on unharmed."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class StrategyFailedError(RejectError):
    """A strategy could not decide: its sensor or rule failed, or it is paused or quarantined. Try later."""


class NotSerialisableError(ActorError, TypeError):
    """A message or reply that cannot be pickled. Define its class in a module; send data, not handles."""

    def __init__(self, *, what: str, problem: str) -> None:
        self.what = what
        self.problem = problem
        super().__init__(f"{what} could not be serialised: {problem}; define its class in a module")


class HostStartError(ActorError):
    """No process could be started for an actor: resources that are not there, or a machine too slow."""

    def __init__(self, *, path: str, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(f"no process could be started for {path}: {problem}")


class SystemClosedError(ActorError):
    """The actor system is shutting down and starts no more actors."""

    def __init__(self, *, system: str) -> None:
        self.system = system
        super().__init__(f"the actor system {system!r} is shutting down")


class SupersededError(ActorError):
    """A newer instance has taken over what this one keeps. It stops, and has written nothing since."""

    def __init__(self, *, path: str, incarnation: int) -> None:
        self.path = path
        self.incarnation = incarnation
        super().__init__(f"{path}: a newer instance than number {incarnation} has taken over; this one stops")


class InvalidActorError(ActorError, TypeError):
    """An actor class that cannot work, found when the class is made. Its author is at fault."""


class InvalidTriggerError(ScanflowError, ValueError):
    """A trigger that can never fire or contradicts itself. Its author is at fault."""


class InvalidWorkflowError(ScanflowError, ValueError):
    """A workflow that cannot work: a cycle, an unknown name. The place is named."""

    def __init__(self, *, workflow: str, place: str, problem: str) -> None:
        self.workflow = workflow
        self.place = place
        self.problem = problem
        super().__init__(f"workflow {workflow!r}, {place}: {problem}")


class InvalidTeamError(ScanflowError, ValueError):
    """A team or a strategy that cannot work, found before it starts. The place is named."""

    def __init__(self, *, place: str, problem: str) -> None:
        self.place = place
        self.problem = problem
        super().__init__(f"{place}: {problem}")


class InvalidArrayError(ScanflowError, ValueError):
    """An array of the wrong shape, dtype or range. Whoever made the array is at fault."""

    def __init__(self, *, name: str, expected: str, got: str) -> None:
        self.name = name
        self.expected = expected
        self.got = got
        super().__init__(f"{name} must be {expected}; got {got}")


class WorkflowFailedError(ScanflowError):
    """A workflow ended without its result. The executor that failed and why are named."""

    def __init__(self, *, workflow: str, executor: str, reason: str) -> None:
        self.workflow = workflow
        self.executor = executor
        self.reason = reason
        super().__init__(f"workflow {workflow!r} failed in executor {executor!r}: {reason}")


class WorkflowStoppedError(ScanflowError):
    """Somebody stopped this run, or an executor that its result needs. Nobody is at fault."""

    def __init__(self, *, workflow: str, run: str) -> None:
        self.workflow = workflow
        self.run = run
        super().__init__(f"run {run!r} of workflow {workflow!r} was stopped; run it again to have its result")


class ExecutorFailedError(ScanflowError):
    """One try of an executor ended without a result. The executor, the reason and its log are named."""

    def __init__(self, *, executor: str, reason: str, message: str, log: str) -> None:
        self.executor = executor
        self.reason = reason
        self.message = message
        self.log = log
        super().__init__(f"executor {executor!r} failed ({reason}): {message}")


class NotRunningError(ScanflowError, LookupError):
    """There is no run of this workflow to act on. It has ended already, or was never started."""

    def __init__(self, *, workflow: str) -> None:
        self.workflow = workflow
        super().__init__(f"no run of workflow {workflow!r} is under way; run it first")


class ServiceFailedError(ScanflowError):
    """A version of an online workflow did not come up. What ran before runs on; why is said."""

    def __init__(self, *, workflow: str, problem: str) -> None:
        self.workflow = workflow
        self.problem = problem
        super().__init__(f"workflow {workflow!r} did not come up: {problem}")


class InvalidPrimitiveError(ScanflowError, ValueError):
    """A primitive that contradicts itself or its target. Whoever made it is at fault."""

    def __init__(self, *, primitive: str, problem: str) -> None:
        self.primitive = primitive
        self.problem = problem
        super().__init__(f"{primitive}: {problem}")


class UnknownWorkflowError(ScanflowError, LookupError):
    """No workflow has this name. The caller's spelling, or a workflow that was never registered."""

    def __init__(self, *, workflow: str, known: tuple[str, ...]) -> None:
        self.workflow = workflow
        self.known = known
        super().__init__(f"no workflow is called {workflow!r}; known: {', '.join(known) or 'none'}")


class ArtifactError(ScanflowError, LookupError):
    """An artifact that is gone, or whose bytes are not the ones that were stored."""

    def __init__(self, *, uri: str, problem: str) -> None:
        self.uri = uri
        self.problem = problem
        super().__init__(f"artifact {uri}: {problem}")


class KnowledgeBaseError(ScanflowError, LookupError):
    """A run, an experiment, a model version or the whole store is gone. What to do is named."""

    def __init__(self, *, what: str, store: str, remedy: str) -> None:
        self.what = what
        self.store = store
        self.remedy = remedy
        super().__init__(f"{what} in the knowledge base {store}; {remedy}")


class DataNotFoundError(ScanflowError, LookupError):
    """A data set that is not there. Where it was looked for, and how to get it, are named."""

    def __init__(self, *, what: str, looked_in: str, remedy: str) -> None:
        self.what = what
        self.looked_in = looked_in
        self.remedy = remedy
        super().__init__(f"{what} not found in {looked_in}; {remedy}")


class MetricsError(ScanflowError, LookupError):
    """A source of metrics cannot be reached or refuses the query. Its operator, or the query's author."""

    def __init__(self, *, source: str, query: str, problem: str) -> None:
        self.source = source
        self.query = query
        self.problem = problem
        super().__init__(f"metrics of {source}, query {query!r}: {problem}")


class UnknownDecisionError(ScanflowError, LookupError):
    """No decision in the journal has this name, or several contain it. The caller names one of them."""

    def __init__(self, *, decision: str, candidates: tuple[str, ...]) -> None:
        self.decision = decision
        self.candidates = candidates
        if candidates:
            problem = "several decisions contain " + f"{decision!r}; name one: {', '.join(candidates)}"
        else:
            problem = f"no decision contains {decision!r}; `scanflow journal` lists them"
        super().__init__(problem)


class StorageError(ScanflowError):
    """A database cannot be opened, read or written. The operator's disk or server, most often.

    Where it was the connection that broke, a write may have been committed: repeat it under the same key.
    """


class JournalError(ScanflowError):
    """The journal cannot be read or written. The operator's disk or database, most often."""
