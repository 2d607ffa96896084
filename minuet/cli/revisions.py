"""A workflow as it was at a revision of the project's git repository, or as a file has it."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

from minuet.cli.common import project_folder
from minuet.errors import UsageError
from minuet.spec.model import Spec
from minuet.spec.plain import from_plain


def spec_of(workflow: str, against: str, project: Path | None) -> Spec:
    """Return the spec that is in a file, or was the workflow's at a revision.

    Raises:
        UsageError: it is no such file and no such revision, or there is no spec.
    """
    file = Path(against)
    return of_file(file) if file.is_file() else _of_revision(workflow, against, project)


def of_file(file: Path) -> Spec:
    """Return the spec that `minuet spec show --json` wrote to a file.

    Raises:
        UsageError: it is none.
    """
    try:
        return from_plain(file.read_bytes(), str(file))
    except OSError as error:
        message = f"{file} cannot be read: {error.strerror or error}"
        raise UsageError(message) from error


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


def _of_revision(workflow: str, revision: str, project: Path | None) -> Spec:
    """The spec as it was at a revision: imported by a child, out of a folder of its own.

    Raises:
        UsageError: there is no such revision, or its workflow is written wrong.
    """
    with unpacked(project_folder(project), revision) as (there, folder):
        show_it = ["-m", "minuet", "spec", "show", workflow, "--json"]
        command = [sys.executable, "-P", *show_it, "--project", str(folder)]
        done = subprocess.run(command, cwd=there, capture_output=True, check=False)
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip().removeprefix("minuet: ")
            message = f"{workflow} as it was at {revision}: {said.replace(str(there), revision)}"
            raise UsageError(message)
        return from_plain(done.stdout, f"{workflow} at {revision}")


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
