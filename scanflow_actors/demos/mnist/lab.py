"""What one run of the demo is made of: every number that it uses, in one place."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Self

from scanflow_actors.artifacts.settings import KnowledgeSettings
from scanflow_actors.demos.mnist.corruptions import CORRUPTIONS

if TYPE_CHECKING:
    from pathlib import Path

MODEL = "mnist"
"""Name of the classifier in the registry."""
TRAINING = "mnist-training"
DETECTOR_FITTING = "mnist-detector-fitting"
INFERENCE = "mnist-inference"
DETECTOR = "mnist-detector"

INPUTS, PREDICTIONS, PICKED, CANDIDATES = "inputs", "predictions", "picked", "candidates"
"""Kinds of runs in the knowledge base."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lab:
    """Settings of one run. Travels to every step of every workflow."""

    folder: Path
    """Where the journal, the knowledge base and the reports of this run are."""
    digits: Literal["small", "full"] = "small"
    digits_folder: Path | None = None
    seed: int = 0
    windows: int = 12
    """Windows of the stream, one an hour of the agents' time."""
    corruptions: tuple[str, ...] = CORRUPTIONS
    pick_limit: int = 200
    """Critical samples picked from one check at most."""
    label_budget: int = 150
    """Labels that the oracle gives for one check at most."""
    hour_s: float = 4.0
    """Seconds that an hour of the agents takes: the one scale factor."""
    first_epochs: int = 10
    retrain_epochs: tuple[int, int] = (4, 8)
    """Epochs of the two candidates of a retraining."""
    detector_epochs: int = 15
    validation_windows: int = 3
    """Recent checks whose labelled samples are validated on, beside the clean validation set."""
    knowledge: KnowledgeSettings = field(init=False)

    @classmethod
    def full(cls, **settings: Any) -> Self:
        """Settings for the 60,000 digits: more images in each epoch, so fewer epochs for the same time."""
        return cls(digits="full", first_epochs=4, retrain_epochs=(2, 4), detector_epochs=5, **settings)

    def __post_init__(self) -> None:
        object.__setattr__(self, "knowledge", KnowledgeSettings.in_folder(self.folder, "mnist"))

    @property
    def journal(self) -> Path:
        """The journal's file."""
        return self.folder / "journal.db"

    @property
    def base_images(self) -> Path:
        """The digits that everything is made from, read once from their source."""
        return self.folder / "digits.npz"


def is_for_validation(base_image: int) -> bool:
    """Whether labelled samples of a base image validate models, or else train them: never both."""
    return base_image % 4 == 0
