"""Colours, where a person looks at them: on a terminal, unless ``NO_COLOR`` is set."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO

RED, GREEN, YELLOW = 31, 32, 33
"""Numbers of the terminal's colours."""


def painted(text: str, colour: int, stream: TextIO | None = None) -> str:
    """Colour a text for a stream that is a terminal; for any other it stays as it is.

    Args:
        text: What is to be shown.
        colour: One of this module's.
        stream: Where it is going; None for standard output.

    Source:
        https://no-color.org: a variable that is set and not empty means no colours.
    """
    stream = stream or sys.stdout
    is_wanted = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return f"\x1b[{colour}m{text}\x1b[0m" if is_wanted and stream.isatty() else text
