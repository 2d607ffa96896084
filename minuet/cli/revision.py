"""A revision of the project's git repository, unpacked: the project itself stays as it is."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

from minuet.errors import UsageError


@contextmanager
def unpacked(folder: Path, revision: str) -> Iterator[tuple[Path, Path]]:
    """Unpack a revision; yield where it is, and the project's folder in it.

    Args:
        folder: of the project, somewhere in a git repository.
        revision: whatever git takes for one.

    Raises:
        UsageError: there is no such revision, or no git.
    """
    inside = _git(folder, revision, "rev-parse", "--show-prefix").decode().strip()
    commit = _git(folder, revision, "rev-parse", "--verify", "--end-of-options", f"{revision}^{{}}")
    top = _git(folder, revision, "rev-parse", "--show-toplevel").decode().strip()
    packed = _git(Path(top), revision, "archive", "--format=zip", commit.decode().strip())
    with TemporaryDirectory() as there:
        with ZipFile(io.BytesIO(packed)) as archive:
            archive.extractall(there)
        yield Path(there), Path(there) / inside


def _git(folder: Path, revision: str, *words: str) -> bytes:
    try:
        done = subprocess.run(["git", *words], cwd=folder, capture_output=True, check=True)
    except FileNotFoundError:
        message = f"{revision} is no file, and there is no git to ask for a revision"
        raise UsageError(message) from None
    except subprocess.CalledProcessError as failed:
        said = failed.stderr.decode(errors="replace").strip().splitlines()
        why = said[0] if said else "git says nothing"
        message = f"{revision} is no file, and no revision of {folder}: {why}"
        raise UsageError(message) from None
    return done.stdout
