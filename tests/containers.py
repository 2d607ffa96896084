"""Whether containers of Kafka can be started here, and what testcontainers has to be told."""

from __future__ import annotations

import shutil
import subprocess

from minuet.testing.docker import KAFKA

_CLEANER = "testcontainers/ryuk"
_PULL_S = 120


def lacks(image: str = KAFKA, *, pull: bool = False) -> str:
    """Why a container of the image cannot be started here; empty when it can."""
    if not shutil.which("docker") or not _well("info"):
        return "no Docker daemon"
    there = _well("image", "inspect", image) or (pull and _well("pull", "--quiet", image))
    return "" if there else f"no image {image}"


def environ() -> dict[str, str]:
    """Who removes what a killed run left is a container too; without its image, do without."""
    images = subprocess.run(
        ["docker", "images", "--quiet", _CLEANER], capture_output=True, text=True, check=True
    )
    return {} if images.stdout.strip() else {"TESTCONTAINERS_RYUK_DISABLED": "true"}


def _well(*arguments: str) -> bool:
    try:
        done = subprocess.run(
            ["docker", *arguments], capture_output=True, check=False, timeout=_PULL_S
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0
