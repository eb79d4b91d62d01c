"""What holds for all unit tests."""

from __future__ import annotations

import asyncio

# pytest-asyncio asks for the thread's loop to put it back later; without this, asyncio makes one that nobody
# closes, and its ResourceWarning fails whichever test the garbage collector happens to run in.
asyncio.set_event_loop(None)
