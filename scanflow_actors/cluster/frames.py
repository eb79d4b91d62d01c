"""How a frame of entries becomes bytes, and entries again: one pickle of labels around one of contents."""

from __future__ import annotations

import io
import pickle
from typing import TYPE_CHECKING, Any

import cloudpickle

from scanflow_actors.cluster.compact import Columns, Reducers, in_columns
from scanflow_actors.cluster.wire import Unreadable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scanflow_actors.cluster.wire import Entry

_REDUCERS = Reducers()


def pack(entries: Sequence[Entry]) -> bytes:
    """Pickle a frame; a content that does not pickle is replaced by `Unreadable`, alone."""
    labels, contents = zip(*entries, strict=True)
    body = _by_reference(contents) or _by_value(contents)
    if body is None:
        body = _dumps([_packable(content) for content in contents])
    return pickle.dumps((labels, body), protocol=5)


def unpack(frame: bytes) -> list[Entry]:
    """Unpickle a frame; contents that do not unpickle here become `Unreadable`."""
    labels, body = pickle.loads(frame)
    try:
        contents = pickle.loads(body)
        if type(contents) is Columns:
            contents = contents.instances()
    except Exception as error:  # noqa: BLE001 - a class that this host cannot import raises anything
        unreadable = Unreadable(_worded(error))
        contents = [unreadable] * len(labels)
    return [
        (label, _opened(content) if type(content) is _Wrapped else content)
        for label, content in zip(labels, contents, strict=True)
    ]


def _dumps(what: Any) -> bytes:
    buffer = io.BytesIO()
    pickler = pickle.Pickler(buffer, protocol=5)
    pickler.dispatch_table = _REDUCERS
    pickler.dump(what)
    return buffer.getvalue()


def _by_reference(contents: tuple[Any, ...]) -> bytes | None:
    """The fast way, for classes that the other host can import; not those of the program's own module."""
    try:
        body = _dumps(in_columns(contents) or contents)
    except Exception:  # noqa: BLE001 - a user's message may raise anything from its __reduce__
        return None
    return None if b"__main__" in body else body


def _by_value(contents: tuple[Any, ...]) -> bytes | None:
    try:
        body: bytes = cloudpickle.dumps(contents, protocol=5)
    except Exception:  # noqa: BLE001 - as above
        return None
    return body


class _Wrapped:
    """A content that only cloudpickle can write, such as one of a class made in a function."""

    def __init__(self, body: bytes) -> None:
        self.body = body


def _packable(content: Any) -> _Wrapped | Unreadable:
    try:
        return _Wrapped(cloudpickle.dumps(content, protocol=5))
    except Exception as error:  # noqa: BLE001 - as in pack
        if isinstance(content, BaseException) and content.__cause__ is not None:
            content.__cause__ = None  # the error's own words tell of it
            return _packable(content)
        return Unreadable(_worded(error))


def _opened(content: _Wrapped) -> Any:
    try:
        return pickle.loads(content.body)
    except Exception as error:  # noqa: BLE001 - as in unpack
        return Unreadable(_worded(error))


def _worded(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
