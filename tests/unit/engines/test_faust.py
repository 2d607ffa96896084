"""What is peculiar to Faust, as far as no broker is needed; skipped where it is not installed."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest

faust = pytest.importorskip("faust")

from faust.transport.drivers import aiokafka as driver  # noqa: E402
from faust.types import TP  # noqa: E402

from coordinators.orders import orders as saga  # noqa: E402
from minuet.engines.faust import app_of, attach, steps_of  # noqa: E402
from minuet.engines.faust.settings import credentials, new_app  # noqa: E402
from minuet.errors import UsageError  # noqa: E402
from minuet.kafka.connection import Connection  # noqa: E402
from minuet.spec import project as projects  # noqa: E402

ROOT = Path(__file__).parents[3]
NOWHERE = "localhost:9"
PLACE = TP("orders.events", 0)


def folder(where: Path, text: str = "[tool.minuet]\n") -> Path:
    (where / "pyproject.toml").write_text(text, encoding="utf-8")
    return where


def made(where: Path, **more: Any) -> Any:
    workflow = projects.load(saga.name, ROOT)
    return app_of(workflow, form="simulated", bootstrap=NOWHERE, project=folder(where), **more)


def test_faust_itself_would_commit_past_a_record_that_is_not_done(tmp_path: Path) -> None:
    async def main() -> int | None:
        app = new_app(Connection(NOWHERE), "orders", "test", tmp_path)
        consumer = driver.Consumer(app.transport, _nothing, _nothing, _nothing)
        consumer._committed_offset[PLACE] = 2585  # which is the next to be done, and is not
        consumer._acked[PLACE] = [2586, 2587, 2588, 2589]
        consumer._thread.thread_loop.close()  # it has one, and is not started
        return consumer._new_offset(PLACE)

    assert asyncio.run(main()) == 2590


async def _nothing(*_: Any) -> None:
    """Never called."""


def test_what_reads_the_log_acknowledges_nothing(tmp_path: Path) -> None:
    async def main() -> tuple[Any, bool]:
        [agent] = made(tmp_path).agents.values()
        return agent.channel.topics, agent.channel.acks

    assert asyncio.run(main()) == (("orders.events",), False)


def test_no_web_pages_are_served_whatever_the_command_says(tmp_path: Path) -> None:
    app = made(tmp_path)
    app.conf.web_enabled = True  # as `faust worker --with-web` does
    assert not app.boot_strategy._should_enable_web()
    assert steps_of(app).sagas.name not in app.tables


def test_an_app_runs_one_unit(tmp_path: Path) -> None:
    app = made(tmp_path)
    workflow = projects.load(saga.name, ROOT)
    with pytest.raises(UsageError, match="one app runs one unit"):
        attach(
            app, workflow, form="simulated", connection=Connection(NOWHERE),
            project=folder(tmp_path),
        )  # fmt: skip


def test_with_the_coordinator_the_id_of_the_app_is_the_workflows_name(tmp_path: Path) -> None:
    app = faust.App("team", broker=f"kafka://{NOWHERE}", datadir=str(tmp_path))
    workflow = projects.load(saga.name, ROOT)
    with pytest.raises(UsageError, match="here it is the app's id, team"):
        attach(
            app, workflow, form="simulated", connection=Connection(NOWHERE),
            project=folder(tmp_path),
        )  # fmt: skip


def test_who_runs_nothing_is_told_so() -> None:
    with pytest.raises(UsageError, match="runs no steps"):
        steps_of(faust.App("bare"))


def test_transactions_are_refused(tmp_path: Path) -> None:
    text = '[tool.minuet.worker]\nguarantee = "transactional"\n'
    with pytest.raises(UsageError, match="nothing is written in transactions"):
        app_of(
            projects.load(saga.name, ROOT), form="simulated", bootstrap=NOWHERE,
            project=folder(tmp_path, text),
        )  # fmt: skip


def test_without_a_broker_it_is_said_how_to_name_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="MINUET_BOOTSTRAP_SERVERS"):
        app_of(projects.load(saga.name, ROOT), form="simulated", project=folder(tmp_path))


def test_a_login_is_what_faust_has_for_it() -> None:
    assert credentials({}) is None
    assert isinstance(credentials({"security.protocol": "ssl"}), faust.SSLCredentials)
    login = {
        "security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "u", "sasl.password": "p",
    }  # fmt: skip
    found = credentials(login)
    assert (found.username, found.password) == ("u", "p")
    assert found.mechanism.value == "SCRAM-SHA-512"
    assert found.ssl_context.verify_mode is ssl.CERT_REQUIRED
    assert found.ssl_context.check_hostname
    plain = credentials({**login, "security.protocol": "SASL_PLAINTEXT"})
    assert plain.ssl_context is None


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"security.protocol": "SASL_SSL", "sasl.mechanism": "OAUTHBEARER"}, "PLAIN or SCRAM"),
        ({"security.protocol": "SSL", "ssl.ca.pem": "x"}, "are files"),
    ],
)
def test_a_login_that_faust_has_not_is_refused(options: dict[str, str], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        credentials(options)
