"""A certificate, and a token, as logins; and logins and rights that end while a worker runs."""

from __future__ import annotations

import asyncio
import importlib
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from minuet import Publisher
from minuet.engines import native_refusals
from minuet.engines.loop import Loop
from minuet.engines.worker import Assignment, run
from minuet.errors import BrokerError, UsageError
from minuet.kafka import rights, topics
from minuet.kafka.connection import Connection, wrong_option
from minuet.kafka.reading import snapshot
from minuet.rights.comparing import compare
from minuet.rights.wish import principals
from minuet.spec import project as projects
from minuet.verify import verify
from tests.integration.certificates import Issuer
from tests.integration.parcels import Parcels
from tests.integration.secure_broker import SecureBroker
from tests.integration.token_endpoint import Endpoint, token_endpoint

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

SECRET = "of the client"
PATIENCE_S = 120.0  # until a test gives up; no bar
FEW = 5
SOON = {"reconnect.backoff.max.ms": "500"}  # else a client waits ten seconds at last


@pytest.fixture(scope="module")
def endpoint(secure: SecureBroker) -> Iterator[Endpoint]:
    with token_endpoint(secure.issuer, SECRET) as found:
        yield found


def by_token(secure: SecureBroker, endpoint: Endpoint, user: str) -> dict[str, str]:
    return {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "OAUTHBEARER",
        "ssl.ca.location": secure.plain["ssl.ca.location"],
        "sasl.oauthbearer.method": "oidc",
        "sasl.oauthbearer.client.id": user,
        "sasl.oauthbearer.client.secret": endpoint.secret,
        "sasl.oauthbearer.token.endpoint.url": endpoint.url,
        "sasl.oauthbearer.scope": "kafka",
    }


class Shop:
    """A workflow of one step, whose worker, publisher and reader log in as one user."""

    def __init__(self, folder: Path, secure: SecureBroker, principal: str) -> None:
        self.parcels = Parcels(folder, secure.bootstrap)
        self.workflow = projects.load(self.parcels.name, folder)
        self.secure, self.sent = secure, 0
        spec = self.workflow.spec
        topics.apply(secure.connection(), topics.plan(spec))
        units = [f"{name}=User:{principal}" for name in ("worker", "publisher", "reader")]
        rows = compare(spec, principals(spec, units), ())
        self.rules = {row.rule for row in rows}
        rights.give(secure.connection(), self.rules)

    def publish(self, place: Connection) -> None:
        module = importlib.import_module(self.parcels.name.replace("-", "_"))
        name, options = self.parcels.name, place.options
        with Publisher(
            name, "parcel_id", module.ParcelSent, bootstrap=place.bootstrap, options=options
        ) as publisher:
            for number in range(self.sent, self.sent + FEW):
                publisher.publish(
                    module.ParcelSent(
                        parcel_id=f"p-{number}", value=Decimal(1), sent_at=datetime.now(UTC)
                    )
                )
        self.sent += FEW

    def ended(self) -> int:
        """How many sagas the log says have completed; asked by who may everything."""
        kinds = [
            dict(message.headers() or ())["ce_type"]
            for message in snapshot(self.secure.connection(), self.parcels.topic)
        ]
        return kinds.count(b"SagaCompleted")

    async def worked(self, place: Connection, until: Callable[[], bool]) -> None:
        """Run a worker until something holds, or until it ends by itself."""
        loops: list[Loop] = []
        working = asyncio.create_task(run(self.workflow, place, Assignment(), ready=loops.append))
        async with asyncio.timeout(PATIENCE_S):
            while not working.done() and not await asyncio.to_thread(until):
                await asyncio.sleep(0.1)
        if not working.done():
            await loops[0].stop()
        await working

    def all_ended(self) -> bool:
        return self.ended() == self.sent


@pytest.fixture
def named() -> str:
    return f"ann-{uuid.uuid4().hex[:6]}"


@pytest.fixture(autouse=True)
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)


def test_a_certificate_is_a_login(tmp_path: Path, secure: SecureBroker, named: str) -> None:
    shop = Shop(tmp_path, secure, f"CN={named}")
    certificate = secure.authority.sign(tmp_path / named, password=SECRET)
    options = {**secure.by_certificate(certificate), "ssl.key.password": SECRET}
    place = Connection(secure.cert_at, options)
    shop.publish(place)
    asyncio.run(shop.worked(place, shop.all_ended))
    report = verify(place, shop.workflow.spec)
    assert (report.ok, shop.ended()) == (True, FEW)


def test_a_token_is_a_login_and_the_next_one_is_fetched_in_time(
    tmp_path: Path, secure: SecureBroker, endpoint: Endpoint, named: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(endpoint, "lives_s", 5.0)
    shop = Shop(tmp_path, secure, named)
    place = Connection(secure.token_at, by_token(secure, endpoint, named))
    shop.publish(place)
    before: list[int] = []

    def renewed() -> bool:
        """The work is done, and a client of the worker has had another token since."""
        if not shop.all_ended():
            return False
        before.append(endpoint.given)
        return endpoint.given > before[0]

    asyncio.run(shop.worked(place, renewed))
    report = verify(place, shop.workflow.spec)
    assert (report.ok, shop.ended()) == (True, FEW)


def refused(place: Connection) -> str:
    """Why a login is refused; within the time that is promised for it."""
    began = time.monotonic()
    with pytest.raises(BrokerError) as told:
        place.reach()
    assert time.monotonic() - began < 15
    return str(told.value)


BY_CERTIFICATE = "the broker refuses this client's certificate, or wants one"


def test_a_certificate_that_is_refused_is_said(tmp_path: Path, secure: SecureBroker) -> None:
    none = {"security.protocol": "SSL", "ssl.ca.location": secure.plain["ssl.ca.location"]}
    expired = secure.authority.sign(tmp_path / "expired", lives_s=-60)
    for options in (
        none, secure.by_certificate(expired), secure.by_certificate(secure.stranger),
        secure.options(),
    ):  # fmt: skip
        assert BY_CERTIFICATE in refused(Connection(secure.cert_at, options))


def test_who_shows_a_certificate_is_named_by_it(tmp_path: Path, secure: SecureBroker) -> None:
    certificate = secure.authority.sign(tmp_path / "nobody")
    place = Connection(secure.cert_at, secure.by_certificate(certificate))
    with pytest.raises(BrokerError, match=rf"\(certificate {certificate}\): rights: .*may not"):
        rights.found(place)


def test_a_token_that_is_refused_is_said(
    tmp_path: Path, secure: SecureBroker, endpoint: Endpoint
) -> None:
    good = by_token(secure, endpoint, "ann")
    stranger = token_endpoint(Issuer(tmp_path / "keys.json"), SECRET)
    with stranger as other:
        text = refused(Connection(secure.token_at, by_token(secure, other, "ann")))
    assert "(client ann): the broker refuses the token: it is of another issuer" in text
    for name, value, why in (
        ("sasl.oauthbearer.client.secret", "wrong", "invalid_client"),
        ("sasl.oauthbearer.token.endpoint.url", "http://127.0.0.1:1/token", "Could not connect"),
    ):
        text = refused(Connection(secure.token_at, {**good, name: value}))
        assert "there is no token to log in with, check sasl.oauthbearer.*: " in text
        assert why in text


def test_a_key_that_does_not_fit_is_said(tmp_path: Path, secure: SecureBroker) -> None:
    first = secure.authority.sign(tmp_path / "first", password=SECRET)
    second = secure.authority.sign(tmp_path / "second")
    (tmp_path / "none").write_text("no key")
    options = secure.by_certificate(first)
    for more in (
        {"ssl.key.password": "wrong"},
        {"ssl.key.location": str(tmp_path / "none")},
        {"ssl.key.location": str(second.with_suffix(".key"))},
    ):
        wrong = wrong_option({**options, **more})
        assert wrong is not None
        assert wrong.name == "ssl.key.location"
        assert "is not what it should be, or it is encrypted and ssl.key.password is wrong" in (
            wrong.why
        )
    with pytest.raises(UsageError):
        Connection(secure.cert_at, {**options, "ssl.key.password": "wrong"}).reach()


def test_a_password_that_changed_is_said_and_with_the_right_one_it_goes_on(
    tmp_path: Path, secure: SecureBroker, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Changed back within some seconds, the same worker goes on; else it ends, for another one."""
    secure.admit(named)
    shop = Shop(tmp_path, secure, named)
    old = Connection(secure.cut_at, secure.options(named) | SOON)
    shop.publish(old)
    change = Change(secure, named, old)
    asyncio.run(shop.worked(old, lambda: shop.all_ended() and change.is_undone()))
    assert change.seen == ["broken", "mended"]

    monkeypatch.setattr(native_refusals, "LASTING_S", 1.0)
    shop.publish(old)
    changed: list[str] = []

    def cut() -> bool:
        if shop.all_ended() and not changed:
            changed.append(uuid.uuid4().hex)
            secure.passwords[named] = changed[0]
            secure.admit(named)
            secure.cut.cut()
        return False

    with pytest.raises(BrokerError, match=rf"\(user {named}\): the login was refused: check"):
        asyncio.run(shop.worked(old, cut))
    new = Connection(secure.cut_at, secure.options(named))
    shop.publish(new)
    asyncio.run(shop.worked(new, shop.all_ended))
    report = verify(new, shop.workflow.spec)
    assert (report.ok, shop.ended()) == (True, shop.sent)


class Change:
    """Another password at the broker, all connections cut, until that was heard; then the first."""

    def __init__(self, secure: SecureBroker, user: str, place: Connection) -> None:
        self._secure, self._user, self._place = secure, user, place
        self._old = secure.passwords[user]
        self.seen: list[str] = []

    def is_undone(self) -> bool:
        """Whether it was heard of, and mended; goes on with it."""
        if not self.seen:
            self._set(uuid.uuid4().hex)
            self._secure.cut.cut()
            self.seen.append("broken")
            self._since = time.monotonic()
        elif len(self.seen) == 1 and "login was refused" in self._place.reason(self._since):
            self._set(self._old)
            self.seen.append("mended")
        return len(self.seen) > 1

    def _set(self, password: str) -> None:
        self._secure.passwords[self._user] = password
        self._secure.admit(self._user)


def test_a_certificate_that_expires_in_mid_run_is_said_and_with_another_it_goes_on(
    tmp_path: Path, secure: SecureBroker, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native_refusals, "LASTING_S", 1.0)
    shop = Shop(tmp_path, secure, f"CN={named}")
    long = Connection(secure.cert_at, secure.by_certificate(secure.authority.sign(tmp_path / "x")))
    certificate = secure.authority.sign(tmp_path / named, lives_s=12)
    ends = time.time() + 12
    place = Connection(secure.cert_at, secure.by_certificate(certificate) | SOON)
    assert long.reach()
    shop.publish(place)

    cuts: list[int] = []

    def expired() -> bool:
        if shop.all_ended() and time.time() > ends and not cuts:
            cuts.append(secure.cert.cut())
        return False

    with pytest.raises(BrokerError, match=BY_CERTIFICATE):
        asyncio.run(shop.worked(place, expired))
    assert shop.all_ended()
    secure.authority.sign(tmp_path / named)  # the same file, read by who starts
    shop.publish(place)
    asyncio.run(shop.worked(place, shop.all_ended))
    report = verify(place, shop.workflow.spec)
    assert (report.ok, shop.ended()) == (True, shop.sent)
