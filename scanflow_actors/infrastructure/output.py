"""What an executor prints."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable

LOG_CHARS = 8_000
"""Characters of an executor's output that are kept, from the end."""


class Output(io.TextIOBase):
    """Keeps what is printed, and a copy in a file, which outlives the process if that is killed.

    Where the file is to be is asked for with the first text: most executors print nothing.
    """

    def __init__(self, where: Callable[[], Path] | None) -> None:
        self._kept = io.StringIO()
        self._where = where
        self._file: TextIO | None = None

    def write(self, text: str) -> int:
        """Keep a text; it is in the file before this returns."""
        self._kept.write(text)
        if self._where is not None:
            if self._file is None:
                self._file = self._where().open("w", encoding="utf-8", errors="replace")
            self._file.write(text)
            self._file.flush()
        return len(text)

    def end(self, *, more: str = "") -> str:
        """The end of all that was printed, and of `more` after it. The file is not needed any more."""
        if self._file is not None:
            self._file.close()
            Path(self._file.name).unlink(missing_ok=True)
        return (self._kept.getvalue() + more)[-LOG_CHARS:]


def left_behind(copy: Path) -> str:
    """The end of what a process had printed that was killed; empty when it was nothing."""
    try:
        text = copy.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    copy.unlink(missing_ok=True)
    return text[-LOG_CHARS:]
