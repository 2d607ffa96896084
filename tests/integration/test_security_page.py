"""What docs/guide/security.md says of every wrong setting is what is said, and within 15 s."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from minuet.settings.environment import variable_of
from tests.integration.certificates import Issuer
from tests.integration.in_time import Ended, timed
from tests.integration.orders_run import ROOT
from tests.integration.secure_broker import SecureBroker
from tests.integration.token_endpoint import token_endpoint

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

PAGE = ROOT / "docs" / "guide" / "security.md"
SECTION = PAGE.read_text(encoding="utf-8").partition("## What is set wrong")[2]
ROWS = re.findall(r"^\| ([^|`]+) \| `([^`]+)` \| [\d.]+ \|$", SECTION, re.MULTILINE)
NOBODY = "127.0.0.1:1"
SECRET = "of the client"

Wrong = tuple[str, dict[str, str]]


def without(options: dict[str, str], *beginnings: str) -> dict[str, str]:
    return {name: text for name, text in options.items() if not name.startswith(beginnings)}


def by_password(secure: SecureBroker, kafka: str) -> dict[str, Wrong]:
    here, good = secure.bootstrap, secure.options("nobody")
    return {
        "a host that is not known": ("no-such-host.invalid:9094", good),
        "a port where nobody listens": (NOBODY, good),
        "TLS, and the broker has none": (kafka, without(good, "sasl.") | TLS),
        "a login, and the broker takes none": (kafka, good | NO_TLS),
        "no security, and the broker wants TLS": (here, {}),
        "a login without TLS, and the broker wants it": (here, good | NO_TLS),
        "no login, and the broker wants one": (here, without(good, "sasl.") | TLS),
        "no authority": (here, without(good, "ssl.")),
        "another authority": (here, good | {"ssl.ca.location": str(secure.stranger)}),
        "another mechanism": (here, good | {"sasl.mechanism": "PLAIN"}),
        "a user who is not known": (here, good | {"sasl.username": "anybody"}),
        "a wrong password": (here, good | {"sasl.password": "wrong"}),
        "a right that is missing": (here, good),
    }


TLS = {"security.protocol": "SSL"}
NO_TLS = {"security.protocol": "SASL_PLAINTEXT"}


def by_certificate(secure: SecureBroker, folder: Path) -> dict[str, Wrong]:
    here, none = secure.cert_at, {**TLS, "ssl.ca.location": secure.plain["ssl.ca.location"]}
    expired = secure.authority.sign(folder / "expired", lives_s=-60)
    return {
        "no certificate, and the broker wants one": (here, none),
        "a certificate that has expired": (here, secure.by_certificate(expired)),
        "a certificate of another authority": (here, secure.by_certificate(secure.stranger)),
    }


def by_token(secure: SecureBroker, url: str, secret: str) -> Wrong:
    return secure.token_at, {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "OAUTHBEARER",
        "ssl.ca.location": secure.plain["ssl.ca.location"],
        "sasl.oauthbearer.method": "oidc",
        "sasl.oauthbearer.client.id": "ann",
        "sasl.oauthbearer.client.secret": secret,
        "sasl.oauthbearer.token.endpoint.url": url,
    }


def typed(folder: Path, wrong: Wrong) -> Ended:
    """Type `minuet worker` with these settings; secrets stand in files."""
    where, options = wrong
    environ = {"PYTHONPATH": str(ROOT), "MINUET_BOOTSTRAP_SERVERS": where}
    for name, text in options.items():
        variable = variable_of(("kafka", name))
        if name in ("sasl.password", "sasl.oauthbearer.client.secret"):
            (folder / "secret").write_text(text)
            variable, text = f"{variable}_FILE", str(folder / "secret")
        environ[variable] = text
    words = ("worker", "orders", "--simulated", "--state", "none")
    return timed([sys.executable, "-m", "minuet", *words], ROOT, environ)


def test_every_row_is_what_is_said(secure: SecureBroker, kafka: str, tmp_path: Path) -> None:
    wrong = {**by_password(secure, kafka), **by_certificate(secure, tmp_path)}
    with (
        token_endpoint(secure.issuer, SECRET) as endpoint,
        token_endpoint(Issuer(tmp_path / "keys.json"), SECRET) as stranger,
    ):
        wrong["a wrong secret of a client"] = by_token(secure, endpoint.url, "guessed")
        wrong["a token endpoint that is away"] = by_token(secure, f"http://{NOBODY}/", SECRET)
        wrong["a token of another issuer"] = by_token(secure, stranger.url, SECRET)
        assert [name for name, _ in ROWS] == [*wrong]
        differs = []
        for name, said in ROWS:
            done = typed(tmp_path, wrong[name])
            [told] = [line for line in done.errors.splitlines() if line.startswith("minuet: ")]
            told = told.replace(wrong[name][0], "kafka:9094")
            expected = ".*".join(map(re.escape, said.split("…")))
            if not re.fullmatch(expected, told) or done.code != 1 or not done.in_time:
                differs.append((name, done))
        assert differs == []
