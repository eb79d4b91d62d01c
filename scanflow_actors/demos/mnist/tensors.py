"""What training and scoring share: images as tensors, and one thread of torch."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread inside, as many as before after it."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def as_tensor(images: NDArray[np.float32]) -> torch.Tensor:
    """Copy ``(n, 28, 28)`` images into an ``(n, 1, 28, 28)`` tensor.

    A copy, since arrays from an object store are read-only, which torch warns about.
    """
    return torch.tensor(images).unsqueeze(1)
