"""Artifacts in a folder of this machine, or one that machines share."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit


class LocalFiles:
    """Puts and gets whole files by their ``file:`` address or path. Blocks."""

    def put(self, uri: str, body: bytes) -> None:
        """Write a file; a reader never sees half of it."""
        path = _path(uri)
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f"{path.name}.{os.getpid()}")
        fresh.write_bytes(body)
        fresh.replace(path)

    def get(self, uri: str) -> bytes:
        """Read a file.

        Raises:
            OSError: It is gone.
        """
        return _path(uri).read_bytes()


def _path(uri: str) -> Path:
    return Path(unquote(urlsplit(uri).path)) if uri.startswith("file:") else Path(uri)
