"""Write `kafka.lock`: what a version of Kafka needs, with checksums (`python -m minuet.dev.pin`).

Each root is resolved by itself: resolved together, the parent POM of one would decide versions
of the other (log4j's would pair a Kafka 4 broker with Kafka 3 clients).
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from minuet.dev.jars import LOCK_FILE, Jar

if TYPE_CHECKING:
    from jgo.maven import MavenContext

ROOTS = (
    "org.apache.kafka:kafka_2.13:jar:4.4.0:compile",
    "org.apache.logging.log4j:log4j-slf4j-impl:jar:2.25.5:compile",  # or the broker logs nothing
)

HEAD = """\
# Every jar of the embedded broker: group:artifact:version, size, SHA-256.
# Written by `python -m minuet.dev.pin`.
"""


def pin(context: MavenContext) -> tuple[Jar, ...]:
    """Resolve and fetch what the roots need."""
    found: dict[tuple[str, str], Jar] = {}
    for root in ROOTS:
        own, transitive = context.resolver.resolve([context.create_dependency(root)])
        for needed in (*own, *transitive):
            if needed.scope in ("compile", "runtime") and not needed.optional:
                artifact = needed.artifact
                content = Path(artifact.resolve()).read_bytes()
                jar = Jar(
                    artifact.groupId,
                    artifact.artifactId,
                    artifact.version,
                    len(content),
                    hashlib.sha256(content).hexdigest(),
                )
                other = found.setdefault((jar.group, jar.artifact), jar)
                if other != jar:
                    message = f"two versions of {jar.artifact}: {other.version}, {jar.version}"
                    raise SystemExit(message)
    return tuple(jar for _, jar in sorted(found.items()))


def main() -> None:
    """Write the file."""
    from jgo.maven import MavenContext

    with tempfile.TemporaryDirectory() as folder:
        jars = pin(MavenContext(repo_cache=Path(folder)))
    lines = (f"{j.group}:{j.artifact}:{j.version} {j.size} {j.sha256}\n" for j in jars)
    LOCK_FILE.write_text(HEAD + "".join(lines), encoding="utf-8")
    sys.stdout.write(f"{len(jars)} jars, {sum(j.size for j in jars) / 1e6:.0f} MB\n")


if __name__ == "__main__":
    main()
