"""What happens around an executor's function, in the process where it runs."""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import io
import os
import pickle
import resource
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cloudpickle

from scanflow_actors.infrastructure.facts import FailureReason
from scanflow_actors.workflows.executor import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from scanflow_actors.workflows.executor import Executor

LOG_CHARS = 8_000
"""Characters of an executor's output that are kept, from the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How one call of an executor's function ended."""

    reason: FailureReason | None = None
    """None when it has a result."""
    message: str = ""
    log: str = ""


def work(
    executor: Executor, arguments: Mapping[str, Any], cache: Path | None, *, is_alone: bool
) -> tuple[Report, Any]:
    """Call an executor's function.

    Args:
        executor: Whose function.
        arguments: All of them.
        cache: Folder of earlier results; None keeps none.
        is_alone: Whether it has the process to itself: only then can its output be caught, its
            memory bounded and its environment set.

    Returns:
        How it ended, and its result (None on failure).
    """
    log = io.StringIO()
    try:
        with contextlib.ExitStack() as stack:
            if is_alone:
                stack.enter_context(contextlib.redirect_stdout(log))
                stack.enter_context(contextlib.redirect_stderr(log))
                stack.enter_context(_environment(executor.environment))
                stack.enter_context(_bounded(executor.memory_bytes))
            result = _cached(executor, arguments, cache)
    except MemoryError as error:
        return _failed(FailureReason.OUT_OF_MEMORY, error, log), None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a user's code: any error is its failure
        return _failed(FailureReason.RAISED, error, log), None
    return Report(log=log.getvalue()[-LOG_CHARS:]), result


def _failed(reason: FailureReason, error: BaseException, log: io.StringIO) -> Report:
    trace = "".join(traceback.format_exception(error))
    message = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return Report(reason=reason, message=message, log=(log.getvalue() + trace)[-LOG_CHARS:])


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
def _bounded(memory_bytes: int | None) -> Iterator[None]:
    """Let the process allocate at most so many bytes more than it has now."""
    if memory_bytes is None:
        yield
        return
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


def _cached(executor: Executor, arguments: Mapping[str, Any], cache: Path | None) -> Any:
    if not executor.is_cached or cache is None:
        return executor.run(**arguments)
    entry = cache / f"{_digest(executor, arguments)}.pickle"
    if entry.is_file():
        return pickle.loads(entry.read_bytes())
    result = executor.run(**arguments)
    cache.mkdir(parents=True, exist_ok=True)
    fresh = entry.with_suffix(f".{os.getpid()}")
    fresh.write_bytes(cloudpickle.dumps(result))
    fresh.replace(entry)  # atomic: a reader never sees half an entry
    return result


def _digest(executor: Executor, arguments: Mapping[str, Any]) -> str:
    """Of the function, its source, and the content of its arguments. What it calls is not looked at."""
    try:
        source = inspect.getsource(executor.run).encode()
    except (OSError, TypeError):  # no source: a builtin, or a callable object
        source = cloudpickle.dumps(executor.run)
    name = f"{executor.run.__module__}.{getattr(executor.run, '__qualname__', '')}".encode()
    digest = hashlib.sha256(name + source)
    for argument in sorted(arguments):
        digest.update(argument.encode())
        digest.update(hashlib.sha256(cloudpickle.dumps(arguments[argument])).digest())
    return digest.hexdigest()
