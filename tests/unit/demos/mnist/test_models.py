from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from scanflow_actors.demos.mnist.corruptions import corrupt
from scanflow_actors.demos.mnist.models import (
    ARCHITECTURES,
    Classifier,
    accuracy,
    fine_tune,
    from_bytes,
    predict,
    to_bytes,
    train_classifier,
)
from scanflow_actors.errors import InvalidArrayError

if TYPE_CHECKING:
    from scanflow_actors.demos.mnist.digits import DigitSets

every = pytest.mark.parametrize("architecture", ARCHITECTURES)


@pytest.fixture(scope="module")
def slim(sets: DigitSets) -> Classifier:
    return train_classifier("slim_cnn", sets.train.images, sets.train.labels, epochs=6, seed=0)


@every
def test_a_classifier_learns_to_tell_digits(architecture: str, sets: DigitSets) -> None:
    model = train_classifier(architecture, sets.train.images, sets.train.labels, epochs=6, seed=0)
    assert model.architecture == architecture
    assert accuracy(model, sets.validation.images, sets.validation.labels) > 0.85


def test_the_wide_architecture_has_more_weights() -> None:
    slim, wide = (len(to_bytes(untrained(name))) for name in ("slim_cnn", "wide_cnn"))
    assert wide > 2 * slim


@every
def test_training_is_deterministic_for_its_seed(architecture: str, sets: DigitSets) -> None:
    def train(seed: int) -> bytes:
        torch.rand(3)  # the global generator must not matter
        images, labels = sets.train.images[::10], sets.train.labels[::10]
        first = train_classifier(architecture, images, labels, epochs=1, seed=seed)
        return to_bytes(fine_tune(to_bytes(first), images, labels, epochs=1, seed=seed))

    assert train(1) == train(1)
    assert train(1) != train(2)


def test_training_leaves_torch_as_it_was(sets: DigitSets) -> None:
    generator, threads = torch.get_rng_state(), torch.get_num_threads()
    few = sets.train.take(np.arange(64))
    model = train_classifier("slim_cnn", few.images, few.labels, epochs=1, seed=0)
    fine_tune(to_bytes(model), few.images, few.labels, epochs=1, seed=0)
    predict(model, few.images)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), generator)


def test_transfer_learns_the_new_and_keeps_the_old(slim: Classifier, sets: DigitSets) -> None:
    rng = np.random.default_rng(0)
    old, few, unseen = sets.train, sets.stream.take(np.arange(0, 2_500, 10)), sets.holdout
    images = np.concatenate([old.images, corrupt(few.images, "scale", severity=0.65, rng=rng)])
    labels = np.concatenate([old.labels, few.labels])
    tuned = fine_tune(to_bytes(slim), images, labels, epochs=4, seed=0)
    drifted = corrupt(unseen.images, "scale", severity=0.65, rng=rng)
    assert accuracy(tuned, drifted, unseen.labels) > accuracy(slim, drifted, unseen.labels) + 0.2
    assert accuracy(tuned, unseen.images, unseen.labels) > 0.85


def test_transfer_does_not_change_the_model_it_starts_from(slim: Classifier, sets: DigitSets) -> None:
    before = to_bytes(slim)
    tuned = fine_tune(before, sets.train.images[:64], sets.train.labels[:64], epochs=1, seed=0)
    assert to_bytes(slim) == before
    assert to_bytes(tuned) != before


def test_the_callback_hears_of_each_epoch_and_of_a_falling_loss(sets: DigitSets) -> None:
    heard: list[tuple[int, float]] = []
    images, labels = sets.train.images, sets.train.labels
    train_classifier("slim_cnn", images, labels, epochs=3, seed=0, on_epoch=lambda *args: heard.append(args))
    assert [epoch for epoch, _ in heard] == [0, 1, 2]
    assert heard[0][1] > heard[1][1] > heard[2][1] > 0


def test_a_stored_classifier_predicts_as_before(slim: Classifier, sets: DigitSets) -> None:
    restored = from_bytes(to_bytes(slim))
    assert restored.architecture == "slim_cnn"
    answers = predict(restored, sets.holdout.images)
    assert np.array_equal(answers, predict(slim, sets.holdout.images))
    assert answers.shape == (500,)
    assert answers.dtype == np.int64


def test_an_answer_does_not_depend_on_the_images_beside_it(slim: Classifier, sets: DigitSets) -> None:
    images = sets.stream.images[:1_200]
    alone = np.concatenate([predict(slim, images[place : place + 1]) for place in range(0, 1_200, 40)])
    assert np.array_equal(predict(slim, images)[::40], alone)


def test_read_only_images_are_accepted(slim: Classifier, sets: DigitSets) -> None:
    images, labels = sets.holdout.images.copy(), sets.holdout.labels.copy()
    images.flags.writeable = labels.flags.writeable = False
    fine_tune(to_bytes(slim), images, labels, epochs=1, seed=0)
    assert accuracy(slim, images, labels) == np.mean(predict(slim, images) == labels)


def test_no_image_gets_no_answer(slim: Classifier) -> None:
    none = np.empty((0, 28, 28), dtype=np.float32)
    assert predict(slim, none).shape == (0,)
    with pytest.raises(InvalidArrayError, match="images must be at least one"):
        accuracy(slim, none, np.empty(0, dtype=np.int64))


def test_what_is_wrong_with_the_examples_is_named(slim: Classifier) -> None:
    images, labels = np.zeros((4, 28, 28), dtype=np.float32), np.zeros(4, dtype=np.int64)
    wrong: Any = images * 2 - 1
    with pytest.raises(ValueError, match="no architecture is called 'vgg'; there are slim_cnn, wide"):
        train_classifier("vgg", images, labels, epochs=1, seed=0)
    with pytest.raises(ValueError, match="epochs must be at least 1; got 0"):
        train_classifier("slim_cnn", images, labels, epochs=0, seed=0)
    with pytest.raises(InvalidArrayError, match=r"images must be in \[0, 1\]"):
        fine_tune(to_bytes(slim), wrong, labels, epochs=1, seed=0)
    with pytest.raises(InvalidArrayError, match=r"labels must be \(4,\); got \(3,\)"):
        train_classifier("slim_cnn", images, labels[:3], epochs=1, seed=0)
    with pytest.raises(InvalidArrayError, match=r"images must be \(n, 28, 28\)"):
        predict(slim, images[0])


class Malice:
    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("code in the bytes was run",)


@pytest.mark.parametrize(
    "content", [{"architecture": "vgg", "weights": {}}, {"weights": {}}, [1, 2], Malice()]
)
def test_bytes_that_hold_no_classifier_are_refused_and_not_run(
    content: object, capsys: pytest.CaptureFixture[str]
) -> None:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    for stored in (buffer.getvalue(), b"", b"no model"):
        with pytest.raises(InvalidArrayError, match="model must be what to_bytes made"):
            from_bytes(stored)
    assert capsys.readouterr().out == ""


def untrained(architecture: str) -> Classifier:
    image, label = np.zeros((1, 28, 28), dtype=np.float32), np.zeros(1, dtype=np.int64)
    return train_classifier(architecture, image, label, epochs=1, seed=0)
