"""Where Kafka's jars are fetched from: Maven Central, or the mirror Maven itself would use."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit
from xml.etree import ElementTree

CENTRAL = "central"


def repository_url(central: str) -> str:
    """The URL to use for Maven Central, whose own URL is given.

    A `<mirror>` of Maven's settings that covers central takes its place, with the name and
    password of its `<server>`.
    """
    for file in _settings_files():
        if file.is_file() and (url := _mirror(file)):
            return url
    return central


def _settings_files() -> tuple[Path, ...]:
    homes = [os.environ[name] for name in ("MAVEN_HOME", "M2_HOME") if os.environ.get(name)]
    return Path.home() / ".m2" / "settings.xml", *(Path(h, "conf", "settings.xml") for h in homes)


def _mirror(file: Path) -> str:
    try:
        root = ElementTree.parse(file).getroot()
    except ElementTree.ParseError:
        return ""  # Maven will tell its user; for us it names no mirror
    for element in root.iter():  # Maven takes settings with and without its namespace
        element.tag = element.tag.rpartition("}")[2]
    for mirror in root.iterfind("mirrors/mirror"):
        if _covers_central(_text(mirror, "mirrorOf")) and not _is_blocked(mirror):
            url = _text(mirror, "url").rstrip("/")
            return _with_credentials(url, root, _text(mirror, "id"))
    return ""


def _covers_central(pattern: str) -> bool:
    """Whether a `mirrorOf` such as `*`, `external:*,!central` or `central,other` means central."""
    parts = [part.strip() for part in pattern.split(",")]
    if f"!{CENTRAL}" in parts:
        return False
    return any(part in (CENTRAL, "*", "external:*") for part in parts)


def _is_blocked(mirror: ElementTree.Element) -> bool:
    return _text(mirror, "blocked") == "true"


def _with_credentials(url: str, root: ElementTree.Element, server_id: str) -> str:
    for server in root.iterfind("servers/server"):
        user, password = _text(server, "username"), _text(server, "password")
        if _text(server, "id") == server_id and user:
            parts = urlsplit(url)
            netloc = f"{quote(user, safe='')}:{quote(password, safe='')}@{parts.netloc}"
            return urlunsplit(parts._replace(netloc=netloc))
    return url


def _text(parent: ElementTree.Element, name: str) -> str:
    """A child's text, with `${env.NAME}` filled in as Maven does."""
    text = (parent.findtext(name) or "").strip()
    return re.sub(r"\$\{env\.(\w+)\}", lambda m: os.environ.get(m[1], m[0]), text)
