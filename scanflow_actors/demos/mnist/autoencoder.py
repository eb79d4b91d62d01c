"""A convolutional deep autoencoder: what it cannot rebuild, it has not seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from scanflow_actors.demos.mnist.tensors import as_tensor, one_thread

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

N_CODE = 16

_BATCH = 32
_RATE = 7e-3
_SCORE_BATCH = 1_000
_CHANNELS = (8, 16)
# Most pixels are black: to begin there, and not at grey, saves a third of the epochs.
_FIRST_OUTPUT_BIAS = -2.0


class Autoencoder(nn.Module):
    """Squeeze ``(n, 1, 28, 28)`` images into ``(n, 16)`` codes and rebuild them.

    Args:
        seed: Decides the first weights.

    Source:
        J. Masci et al., "Stacked Convolutional Auto-Encoders", 2011; Scanflow-K8s, section V-B:
        out-of-distribution samples by means of a convolutional deep autoencoder.
    """

    def __init__(self, *, seed: int) -> None:
        super().__init__()
        first, second = _CHANNELS
        # Layers draw weights from the global generator when they are made; ours are set afterwards.
        with torch.random.fork_rng(devices=[]):
            self.encoder = nn.Sequential(
                nn.Conv2d(1, first, kernel_size=5, stride=2, padding=2),
                nn.ReLU(),
                nn.Conv2d(first, second, kernel_size=3, stride=2, padding=1),
                nn.ReLU(),
                nn.Flatten(),
                nn.Linear(second * 7 * 7, N_CODE),
            )
            self.decoder = nn.Sequential(
                nn.Linear(N_CODE, second * 7 * 7),
                nn.ReLU(),
                nn.Unflatten(1, (second, 7, 7)),
                nn.Conv2d(second, 4 * first, kernel_size=3, padding=1),
                nn.PixelShuffle(2),
                nn.ReLU(),
                nn.Conv2d(first, 4, kernel_size=3, padding=1),
                nn.PixelShuffle(2),
                nn.Sigmoid(),
            )
        _initialise(self, torch.Generator().manual_seed(seed))

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Give the codes ``(n, 16)`` and the rebuilt images ``(n, 1, 28, 28)`` in [0, 1]."""
        codes = self.encoder(images)
        return codes, self.decoder(codes)


def train_autoencoder(images: NDArray[np.float32], *, epochs: int, seed: int) -> Autoencoder:
    """Train an autoencoder to rebuild images, on one thread, deterministic for its seed.

    Args:
        images: ``(n, 28, 28) float32 in [0, 1]``, n > 0.
        epochs: Passes over the images, > 0.
        seed: Decides the first weights and the order of the images.

    Returns:
        The trained autoencoder.
    """
    network = Autoencoder(seed=seed)
    optimizer = torch.optim.Adam(network.parameters(), lr=_RATE)
    n_batches = -(-len(images) // _BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=epochs * n_batches)
    generator = torch.Generator().manual_seed(seed)
    inputs = as_tensor(images)
    with one_thread():
        for _ in range(epochs):
            for batch in torch.split(torch.randperm(len(inputs), generator=generator), _BATCH):
                _, rebuilt = network(inputs[batch])
                loss = nn.functional.mse_loss(rebuilt, inputs[batch])
                optimizer.zero_grad()
                torch.autograd.backward(loss)
                optimizer.step()
                schedule.step()
    network.eval()
    return network


def encode(
    network: Autoencoder, images: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute codes and rebuilt images.

    Args:
        network: A trained autoencoder.
        images: ``(n, 28, 28) float32 in [0, 1]``, n > 0.

    Returns:
        Codes ``(n, 16) float64`` and rebuilt images ``(n, 28, 28) float64 in [0, 1]``.
    """
    with one_thread(), torch.inference_mode():
        parts = [network(batch) for batch in torch.split(as_tensor(images), _SCORE_BATCH)]
    codes = torch.cat([code for code, _ in parts])
    rebuilt = torch.cat([image for _, image in parts]).squeeze(1)
    return codes.double().numpy(), rebuilt.double().numpy()


def _initialise(network: Autoencoder, generator: torch.Generator) -> None:
    for parameter in network.parameters():
        if parameter.ndim > 1:
            nn.init.kaiming_uniform_(parameter, nonlinearity="relu", generator=generator)
        else:
            nn.init.zeros_(parameter)
    last = [layer for layer in network.decoder if isinstance(layer, nn.Conv2d)][-1]
    nn.init.constant_(last.bias, _FIRST_OUTPUT_BIAS)  # type: ignore[arg-type]
