"""Certificates and signed tokens for tests: an authority, those it signs, and a stranger."""

from __future__ import annotations

import base64
import json
import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID


class Authority:
    """Signs certificates; its own is `certificate`."""

    def __init__(self, path: Path) -> None:
        self._key = rsa.generate_private_key(65_537, 2_048)
        self._name = _named(path.name)
        self.certificate = path.with_suffix(".crt")
        signed = _builder(self._name, self._name, self._key, lives_s=86_400, is_authority=True)
        self.certificate.write_bytes(signed.sign(self._key, SHA256()).public_bytes(Encoding.PEM))

    def sign(self, path: Path, lives_s: float = 86_400, password: str = "") -> Path:
        """A certificate for the last part of `path`, and its key in `path`.key; the certificate."""
        key = rsa.generate_private_key(65_537, 2_048)
        signed = _builder(_named(path.name), self._name, key, lives_s=lives_s)
        how = BestAvailableEncryption(password.encode()) if password else NoEncryption()
        path.with_suffix(".key").write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how)
        )
        certificate = path.with_suffix(".crt")
        certificate.write_bytes(signed.sign(self._key, SHA256()).public_bytes(Encoding.PEM))
        return certificate


def self_signed(path: Path) -> Path:
    """A certificate that signs itself, with its key in front in `path`.pem."""
    key = rsa.generate_private_key(65_537, 2_048)
    name = _named(path.name)
    signed = _builder(name, name, key, lives_s=172_800, is_authority=True).sign(key, SHA256())
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.with_suffix(".key").write_bytes(secret)
    certificate = path.with_suffix(".crt")
    certificate.write_bytes(signed.public_bytes(Encoding.PEM))
    path.with_suffix(".pem").write_bytes(secret + certificate.read_bytes())
    return certificate


class Issuer:
    """Signs tokens; who wants to check them finds its key in the file `keys`."""

    name, audience = "https://issuer.example", "kafka"

    def __init__(self, keys: Path) -> None:
        self._key = rsa.generate_private_key(65_537, 2_048)
        numbers = self._key.public_key().public_numbers()
        public = {"kty": "RSA", "kid": "1", "use": "sig", "alg": "RS256"}
        public |= {"n": _number(numbers.n), "e": _number(numbers.e)}
        keys.write_text(json.dumps({"keys": [public]}))

    def token(self, subject: str, lives_s: float = 600) -> str:
        """A token that says who somebody is."""
        now = int(time.time())
        head = {"alg": "RS256", "typ": "JWT", "kid": "1"}
        claims: dict[str, object] = {
            "sub": subject,
            "iss": self.name,
            "aud": self.audience,
            "scope": "kafka",
        }
        claims |= {"aud": self.audience, "iat": now - 5, "exp": int(now + lives_s)}
        text = ".".join(_encoded(json.dumps(part).encode()) for part in (head, claims))
        signature = self._key.sign(text.encode(), padding.PKCS1v15(), SHA256())
        return f"{text}.{_encoded(signature)}"


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _number(value: int) -> str:
    return _encoded(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _builder(
    name: x509.Name, issuer: x509.Name, key: rsa.RSAPrivateKey, *, lives_s: float,
    is_authority: bool = False,
) -> x509.CertificateBuilder:  # fmt: skip
    here = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    now = datetime.now(UTC)
    number = x509.random_serial_number()
    made = (
        x509.CertificateBuilder(issuer, name, key.public_key(), number)
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now + timedelta(seconds=lives_s))
        .add_extension(x509.SubjectAlternativeName(here), critical=False)
    )
    constraints = x509.BasicConstraints(ca=is_authority, path_length=None)
    return made.add_extension(constraints, critical=True)
