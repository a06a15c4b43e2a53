"""Lovart's way of signing requests, and the headers its files want.

Each call carries the hex HMAC-SHA256, keyed with the secret key, over three lines: method, path without query, seconds since
1970 (source: the client that Lovart publishes, github.com/lovartai/lovart-skill). The body is not signed.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Generator, Mapping
from typing import Final

import httpx
from pydantic import SecretStr

from vidgen_core.domain.errors import Delivery, ErrorKind, RemoteError
from vidgen_core.providers.base import Key
from vidgen_core.providers.http.client import USER_AGENT, Http, Verb

#: The published client calls itself a browser, and so does this one, adding its own name.
AGENT: Final = f"Mozilla/5.0 (compatible; {USER_AGENT})"
#: Files are given only to callers who come from here.
REFERER: Final = "https://www.lovart.ai/"


def halves(key: Key) -> tuple[str, SecretStr]:
    """The access key and the secret key of a pair written ``access:secret``.

    :raises RemoteError: ``key_pair_needed`` (kind auth); nothing was sent
    """
    access, colon, secret = key.secret.get_secret_value().partition(":")
    if not (access and colon and secret):
        raise RemoteError("key_pair_needed", kind=ErrorKind.AUTH, delivery=Delivery.REFUSED, provider="lovart")
    return access, SecretStr(secret)


def sign(secret: SecretStr, method: str, path: str, timestamp: str) -> str:
    """The signature of one call."""
    lines = f"{method}\n{path}\n{timestamp}"
    return hmac.new(secret.get_secret_value().encode(), lines.encode(), hashlib.sha256).hexdigest()


class Signed(httpx.Auth):
    """Signs a request at the last moment, so that its time is fresh."""

    def __init__(self, key: Key) -> None:
        self._access, self._secret = halves(key)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        method, path, timestamp = request.method, request.url.path, str(int(time.time()))
        request.headers["X-Access-Key"] = self._access
        request.headers["X-Timestamp"] = timestamp
        request.headers["X-Signature"] = sign(self._secret, method, path, timestamp)
        request.headers["X-Signed-Method"] = method
        request.headers["X-Signed-Path"] = path
        yield request


class SignedHttp(Http):
    """The HTTP client with Lovart's signature in place of a bearer's key."""

    def _auth(self, key: Key) -> httpx.Auth:
        return Signed(key)

    def _own_headers(self, verb: Verb) -> Mapping[str, str]:
        return {"User-Agent": AGENT} | ({"Referer": REFERER} if verb is Verb.DOWNLOAD else {})

    def _secrets(self, key: Key) -> tuple[str, ...]:
        """The pair, and each half of it."""
        access, secret = halves(key)
        return (key.secret.get_secret_value(), access, secret.get_secret_value())
