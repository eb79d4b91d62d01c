"""Two small digit classifiers: train one, train it on, ask it, store it.

Everything is deterministic for its seed, without touching torch's global generator, and runs on one
thread: a training workflow shares its machine with the services that answer predictions.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from scanflow_actors.demos.mnist.digits import N_CLASSES, check_images, check_labels
from scanflow_actors.demos.mnist.tensors import as_tensor, one_thread
from scanflow_actors.errors import InvalidArrayError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    OnEpoch = Callable[[int, float], None]

# Channels of the two convolutions and width of the layer before the classes.
_SIZES: dict[str, tuple[int, int, int]] = {
    "slim_cnn": (8, 16, 64),
    "wide_cnn": (16, 32, 128),
}
ARCHITECTURES: tuple[str, ...] = tuple(_SIZES)

_BATCH = 64
_RATE = 3e-3
_WEIGHT_DECAY = 1e-4
# Transfer: strokes are strokes, so what the convolutions know moves slower than the head.
_TRANSFER_HEAD_RATE = 2e-3
_TRANSFER_FEATURE_RATE = 1e-3
_PREDICT_BATCH = 1_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Classifier:
    """A trained network and the name of its architecture.

    Args:
        architecture: One of `ARCHITECTURES`.
        network: Takes ``(n, 1, 28, 28) float32 in [0, 1]``, gives ``(n, 10) float32`` logits.
    """

    architecture: str
    network: nn.Sequential


def train_classifier(
    architecture: str,
    images: NDArray[np.float32],
    labels: NDArray[np.int64],
    *,
    epochs: int,
    seed: int,
    on_epoch: OnEpoch | None = None,
) -> Classifier:
    """Train a classifier from random weights.

    Args:
        architecture: One of `ARCHITECTURES`.
        images: ``(n, 28, 28) float32 in [0, 1]``, n > 0.
        labels: ``(n,) int64 in 0..9``.
        epochs: Passes over the images, > 0.
        seed: Decides the first weights and the order of the images.
        on_epoch: Called after each epoch with its index, from 0, and its mean loss in nats.

    Returns:
        The classifier after the last epoch.

    Raises:
        ValueError: An unknown architecture, or no epoch.
        InvalidArrayError: Arrays of the wrong shape, dtype or range, or no image.
    """
    network = _build(architecture)
    generator = torch.Generator().manual_seed(seed)
    _initialise(network, generator)
    groups = [{"params": list(network.parameters()), "lr": _RATE}]
    _fit(network, groups, images, labels, epochs=epochs, generator=generator, on_epoch=on_epoch)
    return Classifier(architecture=architecture, network=network)


def fine_tune(
    model: bytes,
    images: NDArray[np.float32],
    labels: NDArray[np.int64],
    *,
    epochs: int,
    seed: int,
    on_epoch: OnEpoch | None = None,
) -> Classifier:
    """Train a stored classifier on: transfer learning from what it knows.

    No layer is frozen. The convolutions learn at half the rate of the layers behind them, and both
    slower than in a first training; the rates fall to zero along a cosine. To forget nothing, give
    the old training images among the new ones.

    Args:
        model: What `to_bytes` made of the classifier to start from; not changed.
        images: ``(n, 28, 28) float32 in [0, 1]``, old and new together, n > 0.
        labels: ``(n,) int64 in 0..9``.
        epochs: Passes over the images, > 0.
        seed: Decides the order of the images.
        on_epoch: Called after each epoch with its index, from 0, and its mean loss in nats.

    Returns:
        A new classifier of the same architecture.

    Raises:
        ValueError: No epoch.
        InvalidArrayError: Bytes that hold no classifier, arrays of the wrong shape, dtype or range,
            or no image.

    Source:
        J. Yosinski et al., "How transferable are features in deep neural networks?", 2014: features
        that are moved and tuned on do better than features that are moved and frozen.
    """
    start = from_bytes(model)
    features = [p for layer in start.network if isinstance(layer, nn.Conv2d) for p in layer.parameters()]
    head = [p for layer in start.network if isinstance(layer, nn.Linear) for p in layer.parameters()]
    groups = [
        {"params": features, "lr": _TRANSFER_FEATURE_RATE},
        {"params": head, "lr": _TRANSFER_HEAD_RATE},
    ]
    generator = torch.Generator().manual_seed(seed)
    _fit(start.network, groups, images, labels, epochs=epochs, generator=generator, on_epoch=on_epoch)
    return start


def predict(model: Classifier, images: NDArray[np.float32]) -> NDArray[np.int64]:
    """Classify images.

    Args:
        model: A trained classifier.
        images: ``(n, 28, 28) float32 in [0, 1]``.

    Returns:
        ``(n,) int64 in 0..9``.

    Raises:
        InvalidArrayError: Images of the wrong shape, dtype or range.
    """
    check_images(images)
    with one_thread(), torch.inference_mode():
        batches = torch.split(as_tensor(images), _PREDICT_BATCH)
        classes = [model.network(batch).argmax(dim=1).numpy() for batch in batches]
    return np.concatenate(classes).astype(np.int64)


def accuracy(model: Classifier, images: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Measure the share of images that are classified right.

    Args:
        model: A trained classifier.
        images: ``(n, 28, 28) float32 in [0, 1]``, n > 0.
        labels: ``(n,) int64 in 0..9``.

    Returns:
        A ratio in [0, 1], not rounded.

    Raises:
        InvalidArrayError: Arrays of the wrong shape, dtype or range, or no image.
    """
    _check_examples(images, labels)
    return float(np.mean(predict(model, images) == labels))


def to_bytes(model: Classifier) -> bytes:
    """Store a classifier with the name of its architecture, for `from_bytes`."""
    buffer = io.BytesIO()
    torch.save({"architecture": model.architecture, "weights": model.network.state_dict()}, buffer)
    return buffer.getvalue()


def from_bytes(stored: bytes) -> Classifier:
    """Restore a classifier. Only tensors and plain values are read: no code in the bytes is run.

    Args:
        stored: What `to_bytes` made.

    Returns:
        A classifier that predicts as the stored one did.

    Raises:
        InvalidArrayError: Bytes that hold no classifier of ours.
    """
    try:
        content = torch.load(io.BytesIO(stored), weights_only=True)
        network = _build(content["architecture"])
        network.load_state_dict(content["weights"])
    except Exception as error:  # torch raises a dozen types for bytes that are not its own
        expected = "what to_bytes made of a classifier"
        raise InvalidArrayError(name="model", expected=expected, got=repr(error)) from error
    network.eval()
    return Classifier(architecture=content["architecture"], network=network)


def _build(architecture: str) -> nn.Sequential:
    if architecture not in _SIZES:
        known = ", ".join(ARCHITECTURES)
        msg = f"no architecture is called {architecture!r}; there are {known}"
        raise ValueError(msg)
    first, second, hidden = _SIZES[architecture]
    # Layers draw weights from the global generator when they are made; ours are set afterwards.
    with torch.random.fork_rng(devices=[]):
        return nn.Sequential(
            nn.Conv2d(1, first, kernel_size=5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(first, second, kernel_size=3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(second * 7 * 7, hidden),
            nn.ReLU(),
            nn.Linear(hidden, N_CLASSES),
        )


def _initialise(network: nn.Sequential, generator: torch.Generator) -> None:
    for layer in network:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu", generator=generator)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]


def _fit(
    network: nn.Sequential,
    groups: list[dict[str, object]],
    images: NDArray[np.float32],
    labels: NDArray[np.int64],
    *,
    epochs: int,
    generator: torch.Generator,
    on_epoch: OnEpoch | None,
) -> None:
    _check_examples(images, labels)
    if epochs < 1:
        msg = f"epochs must be at least 1; got {epochs}"
        raise ValueError(msg)
    optimizer = torch.optim.AdamW(groups, weight_decay=_WEIGHT_DECAY)
    n_batches = -(-len(images) // _BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * n_batches)
    inputs, targets = as_tensor(images), torch.tensor(labels)
    network.train()
    with one_thread():
        for epoch in range(epochs):
            total = 0.0
            for batch in torch.split(torch.randperm(len(inputs), generator=generator), _BATCH):
                loss = nn.functional.cross_entropy(network(inputs[batch]), targets[batch])
                optimizer.zero_grad()
                torch.autograd.backward(loss)
                optimizer.step()
                schedule.step()
                total += loss.item() * len(batch)
            if on_epoch is not None:
                on_epoch(epoch, total / len(inputs))
    network.eval()


def _check_examples(images: NDArray[np.float32], labels: NDArray[np.int64]) -> None:
    check_images(images)
    check_labels(labels, n=len(images))
    if len(images) == 0:
        raise InvalidArrayError(name="images", expected="at least one", got="none")
