"""A prediction stream that turns from clean to corrupted: a pure function of seed and window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scanflow_actors.demos.mnist.corruptions import CORRUPTIONS, check_corruption, corrupt
from scanflow_actors.demos.mnist.digits import check_images
from scanflow_actors.errors import InvalidArrayError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scanflow_actors.demos.mnist.digits import Digits

CLEAN = "clean"

# Keeps the three uses of one seed apart.
_ORDER_OF_IMAGES, _ORDER_OF_CORRUPTIONS, _DRAWS = 11, 12, 13


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How the stream drifts: clean first, then a rising share out of a growing set.

    Args:
        n_windows: Windows of the whole demo, > n_clean. Later windows are like the last.
        window_size: Images a window, > 0. The tracker of Table V acts at 1,000.
        n_clean: Windows at the start without any corruption, >= 0.
        first_share: Share of corrupted images in the first window that drifts, in [0, 1].
        last_share: The share that is reached, in [0, 1].
        n_rising: Windows over which share and set grow, > 0; from there on both stay.
        n_first: Corruptions in the first window that drifts, > 0.
        severity: Of all corruptions, in (0, 1].
        corruptions: Those that ever appear, in no order: the seed decides it.

    Raises:
        ValueError: A value out of its range, or an unknown corruption.
    """

    n_windows: int = 12
    window_size: int = 1_000
    n_clean: int = 2
    first_share: float = 0.3
    last_share: float = 0.8
    n_rising: int = 7
    n_first: int = 3
    severity: float = 0.65
    corruptions: tuple[str, ...] = CORRUPTIONS

    def __post_init__(self) -> None:
        is_possible = (
            0 <= self.n_clean < self.n_windows
            and self.window_size > 0
            and 0 <= self.first_share <= 1
            and 0 <= self.last_share <= 1
            and self.n_rising > 0
            and self.n_first > 0
            and 0 < self.severity <= 1
            and len(self.corruptions) > 0
        )
        if not is_possible:
            msg = f"a value is out of its range in {self}"
            raise ValueError(msg)
        for name in self.corruptions:
            check_corruption(name)

    def share(self, index: int) -> float:
        """Share of corrupted images in a window, in [0, 1]."""
        if index < self.n_clean:
            return 0.0
        return self.first_share + self._progress(index) * (self.last_share - self.first_share)

    def active(self, index: int, *, seed: int) -> tuple[str, ...]:
        """Corruptions that occur in a window; each window's contain those of the window before."""
        if index < self.n_clean:
            return ()
        order = np.random.default_rng([seed, _ORDER_OF_CORRUPTIONS]).permutation(self.corruptions)
        n_more = max(0, len(order) - self.n_first)
        n = min(len(order), self.n_first + round(self._progress(index) * n_more))
        return tuple(str(name) for name in order[:n])

    def _progress(self, index: int) -> float:
        return min(1.0, (index - self.n_clean) / max(1, self.n_rising - 1))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Window:
    """The images of one hour of predictions, and what only the oracle and the report may look at.

    Args:
        index: Place in the stream, from 0.
        images: ``(n, 28, 28) float32 in [0, 1]``.
        labels: ``(n,) int64 in 0..9``, known to the labeller alone.
        ids: ``(n,) int64`` identity of the base image, no two alike in a window.
        corruptions: n names out of `CORRUPTIONS`, or ``"clean"``.
    """

    index: int
    images: NDArray[np.float32]
    labels: NDArray[np.int64]
    ids: NDArray[np.int64]
    corruptions: tuple[str, ...]


def make_window(digits: Digits, *, seed: int, index: int, schedule: Schedule | None = None) -> Window:
    """Make one window of the stream; the same arguments always give the same window.

    Base images are used up in a random order before any is used again, then again in a new order
    and under fresh corruptions.

    Args:
        digits: The stream's own base images, at least a window of them.
        seed: Of the whole stream.
        index: Window to make, >= 0; no other window needs to be made before.
        schedule: How the stream drifts; the default `Schedule` if None.

    Returns:
        The window.

    Raises:
        InvalidArrayError: Fewer digits than a window takes.
        ValueError: A negative index.
    """
    plan = schedule or Schedule()
    if index < 0:
        msg = f"the index of a window is at least 0; got {index}"
        raise ValueError(msg)
    base = digits.take(_positions(len(digits), plan.window_size, seed=seed, index=index))
    rng = np.random.default_rng([seed, _DRAWS, index])
    names = _draw_names(plan, rng, seed=seed, index=index)
    images = base.images.copy()
    for name in plan.active(index, seed=seed):
        members = names == name
        images[members] = corrupt(images[members], name, severity=plan.severity, rng=rng)
    return Window(
        index=index,
        images=images,
        labels=base.labels,
        ids=base.ids,
        corruptions=tuple(str(name) for name in names),
    )


def check_window(images: NDArray[np.float32]) -> None:
    """Refuse a window that no model may see: the wrong shape, dtype or range, or empty.

    Args:
        images: What should be ``(n, 28, 28) float32 in [0, 1]``, n > 0.

    Raises:
        InvalidArrayError: It is not; the message says what is wrong.
    """
    check_images(images, name="window")
    if len(images) == 0:
        raise InvalidArrayError(name="window", expected="at least one image", got="none")


def _positions(n: int, size: int, *, seed: int, index: int) -> NDArray[np.int64]:
    if n < size:
        expected = f"at least the {size} of a window"
        raise InvalidArrayError(name="digits of the stream", expected=expected, got=str(n))
    round_of_all, place = divmod(index, n // size)
    order = np.random.default_rng([seed, _ORDER_OF_IMAGES, round_of_all]).permutation(n)
    return order[place * size : (place + 1) * size]


def _draw_names(plan: Schedule, rng: np.random.Generator, *, seed: int, index: int) -> NDArray[np.str_]:
    """Name the corruption of each image: the stated share exactly, corruptions at random."""
    names = np.full(plan.window_size, CLEAN, dtype=f"<U{max(map(len, CORRUPTIONS))}")
    active = plan.active(index, seed=seed)
    if active:
        n_corrupted = round(plan.share(index) * plan.window_size)
        chosen = rng.permutation(plan.window_size)[:n_corrupted]
        names[chosen] = rng.choice(active, n_corrupted)
    return names
