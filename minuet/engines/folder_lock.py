"""Who has a folder: said by the lock of a file beside it, so that it holds while it is deleted."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class FolderLock:
    """Held until it is released, or the process dies.

    Args:
        file: beside what it stands for; it stays.

    Raises:
        OSError: somebody else has it, or there can be no such file.
    """

    def __init__(self, file: Path) -> None:
        self._handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._handle)
            raise

    def release(self) -> None:
        """Let others have it."""
        os.close(self._handle)
