"""The checker's drift detector: which images are unlike those the classifier was trained on.

Scores are normalised against a reference set that the fit has not seen, never within a window: a
window that has drifted as a whole must not look normal to itself.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
import torch
from scipy import stats

from scanflow_actors.demos.mnist.autoencoder import Autoencoder, encode, train_autoencoder
from scanflow_actors.demos.mnist.description import describe, log_distance
from scanflow_actors.demos.mnist.digits import check_images
from scanflow_actors.errors import InvalidArrayError

if TYPE_CHECKING:
    from numpy.typing import NDArray

EPOCHS = 15
QUANTILE = 0.95
ALPHA = 0.001

# Fewer leave the seven-by-seven covariance, or the quantile, to chance.
_MIN_IMAGES = 50
_TWIN = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DriftReport:
    """What the detector says about one window.

    Args:
        scores: ``(n,) float64``, in standard deviations above the mean of the reference set.
        is_outlier: ``(n,) bool``, the scores above the threshold.
        n_outliers: Number of outliers.
        p_value: Chance of so many outliers or more in a window like the reference set, in [0, 1].
        is_drifted: Whether the window as a whole has drifted: ``p_value < alpha``.
    """

    scores: NDArray[np.float64]
    is_outlier: NDArray[np.bool_]
    n_outliers: int
    p_value: float
    is_drifted: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Detector:
    """A fitted drift detector. Make one with `fit` or `from_bytes`.

    Args:
        network: Autoencoder of the training images.
        centre: ``(7,) float64`` mean statistics of the training images.
        precision: ``(7, 7) float64`` inverse of their covariance.
        reference_mean: Mean log distance of the reference set.
        reference_std: Its standard deviation, > 0.
        threshold: Score above which an image is an outlier.
        n_reference: Images in the reference set.
        n_above: How many of them are outliers.
        alpha: Chance to call a window drifted that is not, in (0, 1).
    """

    network: Autoencoder
    centre: NDArray[np.float64]
    precision: NDArray[np.float64]
    reference_mean: float
    reference_std: float
    threshold: float
    n_reference: int
    n_above: int
    alpha: float

    @classmethod
    def fit(
        cls,
        train_images: NDArray[np.float32],
        reference_images: NDArray[np.float32],
        *,
        seed: int,
        epochs: int = EPOCHS,
        quantile: float = QUANTILE,
        alpha: float = ALPHA,
    ) -> Self:
        """Fit to clean images.

        Args:
            train_images: ``(n, 28, 28) float32 in [0, 1]``, n >= 50: for autoencoder and distance.
            reference_images: ``(m, 28, 28) float32 in [0, 1]``, m >= 50, of other base images: for
                the scale of the scores and the threshold.
            seed: Decides the first weights and the order of the images.
            epochs: Passes of the autoencoder over the training images, > 0.
            quantile: Of the reference scores, above which an image is an outlier, in (0, 1).
            alpha: Chance to call a window drifted that is not, in (0, 1).

        Returns:
            The detector; the same arguments give the same one.

        Raises:
            InvalidArrayError: Images of the wrong shape, dtype or range, or too few.
            ValueError: Epochs, quantile or alpha out of range.
        """
        _check_enough(train_images, name="train_images")
        _check_enough(reference_images, name="reference_images")
        _check_options(epochs=epochs, quantile=quantile, alpha=alpha)
        network = train_autoencoder(train_images, epochs=epochs, seed=seed)
        trained = describe(network, train_images)
        centre = trained.mean(axis=0)
        precision = np.linalg.inv(np.cov(trained, rowvar=False)).astype(np.float64)
        distance = log_distance(describe(network, reference_images), centre, precision)
        mean, std = float(distance.mean()), float(distance.std())
        scores = (distance - mean) / std
        threshold = float(np.quantile(scores, quantile))
        return cls(
            network=network,
            centre=centre,
            precision=precision,
            reference_mean=mean,
            reference_std=std,
            threshold=threshold,
            n_reference=len(scores),
            n_above=int((scores > threshold).sum()),
            alpha=alpha,
        )

    def score(self, images: NDArray[np.float32]) -> NDArray[np.float64]:
        """Say how unlike the training images each image is, whatever is beside it.

        Args:
            images: ``(n, 28, 28) float32 in [0, 1]``.

        Returns:
            ``(n,) float64``: log distance in standard deviations above the reference set's mean.

        Raises:
            InvalidArrayError: Images of the wrong shape, dtype or range.
        """
        check_images(images)
        if len(images) == 0:
            return np.empty(0)
        distance = log_distance(describe(self.network, images), self.centre, self.precision)
        return (distance - self.reference_mean) / self.reference_std

    def detect(self, images: NDArray[np.float32]) -> DriftReport:
        """Find the outliers of a window, and say whether it has drifted as a whole.

        The number of outliers in a window like the reference set is binomial, of a rate that the
        reference set tells only roughly: of `n_reference` images `n_above` lie above the threshold.
        With that uncertainty the number is beta-binomial, exactly and for any kind of score.

        Args:
            images: ``(n, 28, 28) float32 in [0, 1]``.

        Returns:
            The report; an empty window has not drifted.

        Raises:
            InvalidArrayError: Images of the wrong shape, dtype or range.
        """
        scores = self.score(images)
        is_outlier = scores > self.threshold
        n_outliers = int(is_outlier.sum())
        p_value = self._chance_of(n_outliers, n=len(scores))
        return DriftReport(
            scores=scores,
            is_outlier=is_outlier,
            n_outliers=n_outliers,
            p_value=p_value,
            is_drifted=p_value < self.alpha,
        )

    def _chance_of(self, n_outliers: int, *, n: int) -> float:
        """Chance of that many outliers or more among n images like the reference set."""
        above, below = self.n_above + 1, self.n_reference - self.n_above
        # Summed from the tail: 1 - cdf would lose every chance below 1e-16, or go below zero.
        tail = stats.betabinom.pmf(np.arange(n_outliers, n + 1), n, above, below)
        return min(1.0, float(tail.sum()))

    def pick_critical(
        self, images: NDArray[np.float32], report: DriftReport, budget: int, seed: int
    ) -> NDArray[np.int64]:
        """Pick the outliers most worth a label: the strangest first, then whatever differs most.

        Each next pick is drawn with a chance that grows with its squared distance, in the
        bottleneck, to the nearest pick so far: no kind of drift is left out, and none takes the
        whole budget because it is the farthest out.

        Args:
            images: The window, ``(n, 28, 28) float32 in [0, 1]``.
            report: What `detect` said about this window.
            budget: Labels that can be had, >= 0.
            seed: Decides the draws.

        Returns:
            Positions in the window, ``(k,) int64``, no two alike, k <= budget, in the order of
            picking; none if the window as a whole has not drifted.

        Raises:
            InvalidArrayError: Images of the wrong shape, dtype or range, or of another window.

        Source:
            D. Arthur, S. Vassilvitskii, "k-means++: The Advantages of Careful Seeding", 2007.
        """
        check_images(images)
        if len(images) != len(report.scores):
            expected = f"the {len(report.scores)} of the report"
            raise InvalidArrayError(name="images", expected=expected, got=str(len(images)))
        outliers = np.flatnonzero(report.is_outlier)
        if not report.is_drifted or len(outliers) <= budget:
            return outliers[: len(outliers) if report.is_drifted else 0]
        codes, _ = encode(self.network, images[outliers])
        first = int(np.argmax(report.scores[outliers]))
        return outliers[_spread(codes, first, budget, np.random.default_rng(seed))]

    def to_bytes(self) -> bytes:
        """Store the detector, for `from_bytes`."""
        plain = {name: getattr(self, name) for name in _PLAIN_FIELDS}
        arrays = {name: torch.from_numpy(getattr(self, name)) for name in _ARRAY_FIELDS}
        buffer = io.BytesIO()
        torch.save({"plain": plain, "arrays": arrays, "weights": self.network.state_dict()}, buffer)
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, stored: bytes) -> Self:
        """Restore a detector. Only tensors and plain values are read: no code in the bytes is run.

        Args:
            stored: What `to_bytes` made.

        Returns:
            A detector that scores as the stored one did.

        Raises:
            InvalidArrayError: Bytes that hold no detector of ours.
        """
        network = Autoencoder(seed=0)
        try:
            content = torch.load(io.BytesIO(stored), weights_only=True)
            network.load_state_dict(content["weights"])
            arrays = {name: content["arrays"][name].numpy() for name in _ARRAY_FIELDS}
            plain = {name: content["plain"][name] for name in _PLAIN_FIELDS}
        except Exception as error:  # torch raises a dozen types for bytes that are not its own
            expected = "what to_bytes made of a detector"
            raise InvalidArrayError(name="detector", expected=expected, got=repr(error)) from error
        network.eval()
        return cls(network=network, **arrays, **plain)


_ARRAY_FIELDS = ("centre", "precision")
_PLAIN_FIELDS = (
    "reference_mean",
    "reference_std",
    "threshold",
    "n_reference",
    "n_above",
    "alpha",
)


def _spread(codes: NDArray[np.float64], first: int, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw n of the codes, each by its squared distance to the nearest drawn before."""
    drawn = np.empty(n, dtype=np.int64)
    nearest = np.full(len(codes), np.inf)
    latest = first
    for place in range(n):
        drawn[place] = latest
        nearest = np.minimum(nearest, ((codes - codes[latest]) ** 2).sum(axis=1))
        # Twins of a pick lie at distance 0: a tiny chance, or there might be none left to draw.
        chance = nearest + _TWIN
        chance[drawn[: place + 1]] = 0
        latest = int(rng.choice(len(codes), p=chance / chance.sum()))
    return drawn


def _check_enough(images: NDArray[np.float32], *, name: str) -> None:
    check_images(images, name=name)
    if len(images) < _MIN_IMAGES:
        raise InvalidArrayError(name=name, expected=f"at least {_MIN_IMAGES}", got=str(len(images)))


def _check_options(*, epochs: int, quantile: float, alpha: float) -> None:
    if epochs < 1 or not 0 < quantile < 1 or not 0 < alpha < 1:
        got = f"epochs {epochs}, quantile {quantile:g}, alpha {alpha:g}"
        msg = f"epochs must be at least 1, quantile and alpha in (0, 1); got {got}"
        raise ValueError(msg)
