"""Named arrays as bytes, without pickle."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


def arrays_to_bytes(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Write named arrays of numbers or text in NumPy's ``npz`` format."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def arrays_from_bytes(body: bytes) -> dict[str, NDArray[Any]]:
    """Read what `arrays_to_bytes` wrote: the same shapes and dtypes."""
    with np.load(io.BytesIO(body), allow_pickle=False) as loaded:
        return {name: loaded[name] for name in loaded.files}
