"""A small OpenID Connect provider: discovery, a page to pick an account on, codes with PKCE, signed tokens, keys."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import html
import json
import secrets
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey


class Client(NamedTuple):
    """The application that is registered with the provider."""

    id: str
    secret: str
    redirect_uri: str


class IdentityProvider:
    """Vouches for everybody among its accounts who is picked on its page.

    :param accounts: e-mail address → whether it is verified
    """

    def __init__(self, client: Client, accounts: dict[str, bool]) -> None:
        self.client = client
        self.accounts = accounts
        self.url = ""
        self.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
        #: Of which applications people have signed out.
        self.left: list[str] = []
        self._codes: dict[str, dict[str, str]] = {}

    def metadata(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
            "end_session_endpoint": f"{self.url}/end",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }

    def page(self, asked: dict[str, str]) -> str:
        """Where people pick one of their accounts."""
        assert asked["client_id"] == self.client.id
        assert asked["redirect_uri"] == self.client.redirect_uri
        ways = (f'<p><a href="{html.escape(self.way_back(asked, name))}">{name}</a></p>' for name in self.accounts)
        return f'<!doctype html><link rel="icon" href="data:,"><title>Accounts</title>{"".join(ways)}'

    def way_back(self, asked: dict[str, str], email: str) -> str:
        code = secrets.token_urlsafe(8)
        self._codes[code] = {**asked, "email": email}
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def tokens(self, given: dict[str, str], authorization: str) -> dict[str, Any]:
        """What a code is exchanged for, once."""
        pair = base64.b64encode(f"{self.client.id}:{self.client.secret}".encode()).decode()
        assert authorization == f"Basic {pair}"
        asked = self._codes.pop(given["code"])
        proof = hashlib.sha256(given["code_verifier"].encode()).digest()
        assert base64.urlsafe_b64encode(proof).rstrip(b"=").decode() == asked["code_challenge"]
        email = asked["email"]
        claims = {
            "iss": self.url,
            "sub": email,
            "aud": self.client.id,
            "exp": int(time.time()) + 600,
            "iat": int(time.time()),
            "nonce": asked["nonce"],
            "email": email,
            "email_verified": self.accounts[email],
            "name": email.partition("@")[0].title(),
        }
        token = jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.key)
        return {"access_token": secrets.token_urlsafe(8), "token_type": "Bearer", "expires_in": 600, "id_token": token}


class _Handler(BaseHTTPRequestHandler):
    provider: IdentityProvider

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/.well-known/openid-configuration":
            self._answer("application/json", json.dumps(self.provider.metadata()))
        elif parts.path == "/jwks":
            keys = {"keys": [self.provider.key.as_dict(private=False)]}
            self._answer("application/json", json.dumps(keys))
        elif parts.path == "/authorize":
            self._answer("text/html; charset=utf-8", self.provider.page(asked))
        elif parts.path == "/end":
            self.provider.left.append(asked["client_id"])
            self.send_response(302)
            self.send_header("Location", asked["post_logout_redirect_uri"])
            self.end_headers()
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        given = {name: values[0] for name, values in parse_qs(body).items()}
        tokens = self.provider.tokens(given, self.headers.get("Authorization", ""))
        self._answer("application/json", json.dumps(tokens))

    def _answer(self, kind: str, text: str) -> None:
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Silent: what matters is asserted."""


@contextlib.contextmanager
def providing(provider: IdentityProvider) -> Iterator[IdentityProvider]:
    """The provider at an address of this machine."""
    handler = type("Handler", (_Handler,), {"provider": provider})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        provider.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield provider
        finally:
            server.shutdown()
            thread.join(10)
