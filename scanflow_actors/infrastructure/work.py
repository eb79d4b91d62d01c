"""What happens around an executor's function, in the process where it runs."""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import os
import pickle
import resource
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import cloudpickle

from scanflow_actors.infrastructure.facts import FailureReason
from scanflow_actors.infrastructure.output import Output
from scanflow_actors.workflows.container import function_of
from scanflow_actors.workflows.executor import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from scanflow_actors.workflows.executor import Executor


class Job(NamedTuple):
    """What of an executor is of interest where it runs: a tuple, since one travels with each call."""

    run: Callable[..., Any]
    memory_bytes: int | None
    environment: Mapping[str, str | Secret]
    is_cached: bool

    @classmethod
    def of(cls, executor: Executor) -> Self:
        """Take it from an executor, which has a function."""
        run = function_of("?", f"executor {executor.name!r}", executor.run)
        return cls(run, executor.memory_bytes, executor.environment, executor.is_cached)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How one call of an executor's function ended."""

    reason: FailureReason | None = None
    """None when it has a result."""
    message: str = ""
    log: str = ""


def work(
    job: Job,
    arguments: Mapping[str, Any],
    cache: Path | None,
    *,
    is_alone: bool,
    copy: Callable[[], Path] | None = None,
) -> tuple[Report, Any]:
    """Call an executor's function.

    Args:
        job: Whose function, and how.
        arguments: All of them.
        cache: Folder of earlier results; None keeps none.
        is_alone: Whether it has the process to itself: only then can its output be caught, its
            memory bounded and its environment set.
        copy: Names the file that its output is in while it runs, to be read when its process is killed.

    Returns:
        How it ended, and its result (None on failure).
    """
    output = Output(copy)
    try:
        with contextlib.ExitStack() as stack:
            if is_alone:
                stack.enter_context(contextlib.redirect_stdout(output))
                stack.enter_context(contextlib.redirect_stderr(output))
                if job.environment:
                    stack.enter_context(_environment(job.environment))
                if job.memory_bytes is not None:
                    stack.enter_context(_bounded(job.memory_bytes))
            result = _cached(job, arguments, cache)
    except MemoryError as error:
        return _failed(FailureReason.OUT_OF_MEMORY, error, output), None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a user's code: any error is its failure
        return _failed(FailureReason.RAISED, error, output), None
    return Report(log=output.end()), result


def _failed(reason: FailureReason, error: BaseException, output: Output) -> Report:
    trace = "".join(traceback.format_exception(error))
    message = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return Report(reason=reason, message=message, log=output.end(more=trace))


@contextlib.contextmanager
def _environment(variables: Mapping[str, str | Secret]) -> Iterator[None]:
    values = {
        name: value.value() if isinstance(value, Secret) else value for name, value in variables.items()
    }
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _bounded(memory_bytes: int) -> Iterator[None]:
    """Let the process allocate at most so many bytes more than it has now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    held = _private_bytes()
    resource.setrlimit(resource.RLIMIT_DATA, (held + memory_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _private_bytes() -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) * 1024
    return 0


def _cached(job: Job, arguments: Mapping[str, Any], cache: Path | None) -> Any:
    if not job.is_cached or cache is None:
        return job.run(**arguments)
    entry = cache / f"{_digest(job, arguments)}.pickle"
    if entry.is_file():
        return pickle.loads(entry.read_bytes())
    result = job.run(**arguments)
    cache.mkdir(parents=True, exist_ok=True)
    fresh = entry.with_suffix(f".{os.getpid()}")
    fresh.write_bytes(cloudpickle.dumps(result))
    fresh.replace(entry)  # atomic: a reader never sees half an entry
    return result


def _digest(job: Job, arguments: Mapping[str, Any]) -> str:
    """Of the function, its source, and the content of its arguments. What it calls is not looked at."""
    try:
        source = inspect.getsource(job.run).encode()
    except (OSError, TypeError):  # no source: a builtin, or a callable object
        source = cloudpickle.dumps(job.run)
    name = f"{job.run.__module__}.{getattr(job.run, '__qualname__', '')}".encode()
    digest = hashlib.sha256(name + source)
    for argument in sorted(arguments):
        digest.update(argument.encode())
        digest.update(hashlib.sha256(cloudpickle.dumps(arguments[argument])).digest())
    return digest.hexdigest()
