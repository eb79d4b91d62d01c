"""Values as plain JSON, for people and programs that read the journal."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from typing import Any

_AS_THEY_ARE = frozenset({str, int, bool, type(None)})


def plain(value: Any) -> Any:
    """Turn a value into what JSON can hold; a dataclass says its type.

    What has no plain form is shown by its `repr`: the journal must never be the reason to fail.
    """
    if type(value) in _AS_THEY_ARE:
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        shown = {field.name: plain(getattr(value, field.name)) for field in fields(value)}
        return {"type": type(value).__name__, **shown}
    return _leaf(value)


def _leaf(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.name
    is_json = value is None or isinstance(value, bool | int | str)
    is_json |= isinstance(value, float) and math.isfinite(value)
    return value if is_json else repr(value)
