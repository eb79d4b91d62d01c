"""How a frame of entries becomes bytes, and entries again: one pickle of labels around one of contents."""

from __future__ import annotations

import io
import pickle
from typing import TYPE_CHECKING, Any, overload

import cloudpickle

from scanflow_actors.cluster.compact import Columns, Reducers, in_columns
from scanflow_actors.cluster.payloads import BY_REFERENCE_BYTES, Laden, Parcel
from scanflow_actors.cluster.wire import Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from scanflow_actors.cluster.payloads import Frame, Payloads, Ref
    from scanflow_actors.cluster.wire import Entry

    Keep = Callable[[pickle.PickleBuffer], bool]

_REDUCERS = Reducers()


@overload
def pack(entries: Sequence[Entry]) -> bytes: ...


@overload
def pack(entries: Sequence[Entry], payloads: Payloads | None) -> Frame: ...


def pack(entries: Sequence[Entry], payloads: Payloads | None = None) -> Frame:
    """Pickle a frame; a content that does not pickle is replaced by `Unreadable`, alone.

    Args:
        entries: What is to cross.
        payloads: Takes large buffers; None leaves them in the frame.
    """
    labels, contents = zip(*entries, strict=True)
    large: list[pickle.PickleBuffer] = []
    keep = None if payloads is None else _keeper(large)
    body = _by_reference(contents, keep, in_columns) or _by_value(contents, keep)
    if large and payloads is not None:
        body, refs = _laden(contents, payloads)
        return Laden(_dumps((labels, body)), refs) if refs else _dumps((labels, body))
    if body is None:
        body = _dumps([_packable(content) for content in contents])
    return pickle.dumps((labels, body), protocol=5)


def unpack(frame: Frame) -> list[Entry]:
    """Unpickle a frame; contents that do not unpickle here become `Unreadable`."""
    refs: list[Ref] = []
    if isinstance(frame, Laden):
        frame, refs = frame
    labels, body = pickle.loads(frame)
    try:
        contents = pickle.loads(body)
        if type(contents) is Columns:
            contents = contents.instances()
    except Exception as error:  # noqa: BLE001 - a class that this host cannot import raises anything
        unreadable = Unreadable(_worded(error))
        contents = [unreadable] * len(labels)
    if refs:
        for content in contents:
            if type(content) is Parcel:
                content.refs = tuple(refs[place] for place in content.places)
    return [
        (label, _opened(content) if type(content) is _Wrapped else content)
        for label, content in zip(labels, contents, strict=True)
    ]


def _keeper(large: list[pickle.PickleBuffer]) -> Keep:
    """Put the large buffers of a pickle aside; the others stay in it."""

    def keep(buffer: pickle.PickleBuffer) -> bool:
        if buffer.raw().nbytes < BY_REFERENCE_BYTES:
            return True
        large.append(buffer)
        return False

    return keep


def _laden(contents: tuple[Any, ...], payloads: Payloads) -> tuple[bytes, list[Ref]]:
    """Pickle each content by itself, so that those without large buffers need not wait for those with."""
    packed: list[Any] = []
    refs: dict[Ref, int] = {}
    for content in contents:
        large: list[pickle.PickleBuffer] = []
        keep = _keeper(large)
        body = _by_reference(content, keep)
        if body is None:
            large.clear()
            body = _by_value(content, keep)
        put = [payloads.put(buffer) for buffer in large]
        if body is None or None in put:
            packed.append(_packable(content))
        elif put:
            packed.append(
                Parcel(body, tuple(refs.setdefault(ref, len(refs)) for ref in put if ref is not None))
            )
        else:
            packed.append(_Wrapped(body))
    return _dumps(packed), list(refs)


def _dumps(what: Any, keep: Keep | None = None) -> bytes:
    buffer = io.BytesIO()
    pickler = pickle.Pickler(buffer, protocol=5, buffer_callback=keep)
    pickler.dispatch_table = _REDUCERS
    pickler.dump(what)
    return buffer.getvalue()


def _by_reference(
    contents: Any, keep: Keep | None, lay_out: Callable[[Any], Any] | None = None
) -> bytes | None:
    """The fast way, for classes that the other host can import; not those of the program's own module."""
    try:
        body = _dumps((lay_out and lay_out(contents)) or contents, keep)
    except Exception:  # noqa: BLE001 - a user's message may raise anything from its __reduce__
        return None
    return None if b"__main__" in body else body


def _by_value(contents: Any, keep: Keep | None) -> bytes | None:
    try:
        body: bytes = cloudpickle.dumps(contents, protocol=5, buffer_callback=keep)
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
