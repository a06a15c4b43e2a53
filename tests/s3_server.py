"""A private S3 server on a free port, which can be told to refuse and to break."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from uuid import uuid4
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest

KEY, SECRET = "a-key", "a-secret"
_CODES = {
    301: "PermanentRedirect",
    400: "AuthorizationHeaderMalformed",
    403: "RequestTimeTooSkewed",
    404: "NoSuchBucket",
    503: "SlowDown",
    507: "XMinioStorageFull",
}
FULL = 507


class S3:
    """The server."""

    def __init__(self) -> None:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import make_server

        self._app = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._respond, threaded=True)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        # All servers of a process have their buckets in common.
        self.bucket = f"studio-{uuid4().hex[:8]}"
        #: The status that is answered instead; 0: the connection breaks.
        self.fails: int | None = None
        #: Said of it, where the status alone says something else.
        self.why = ""
        #: The most bytes that it still takes of a file.
        self.room: int | None = None
        #: Cleared: nothing is answered until it is set.
        self.answers = threading.Event()
        self.answers.set()
        #: How many requests were answered so.
        self.failed = 0
        #: Called with the path of each file that is stored, before its sender is told.
        self.on_stored: Callable[[str], None] = lambda _: None
        #: Method, path and range of each request.
        self.requests: list[tuple[str, str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def _respond(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        self.requests.append((method, path, environ.get("HTTP_RANGE", "")))
        self.answers.wait()
        length = int(environ.get("CONTENT_LENGTH") or 0)
        fails = FULL if self.room is not None and length > self.room else self.fails
        if fails is None:
            answer: Iterable[bytes] = self._app(environ, start)
            if method == "PUT":
                self.on_stored(path)
            return answer
        self.failed += 1
        environ["wsgi.input"].read(length)
        if not fails:
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        code = self.why or _CODES.get(fails, "InternalError")
        start(f"{fails or 500} {code}", [("Content-Type", "application/xml")])
        if method == "HEAD":
            return []
        return [f"<Error><Code>{code}</Code><Message>No.</Message></Error>".encode()]

    def client(self) -> Any:
        """boto3's client, as somebody else who uses the bucket."""
        import boto3

        return boto3.client(
            "s3", endpoint_url=self.url, aws_access_key_id=KEY, aws_secret_access_key=SECRET, region_name="us-east-1"
        )

    def listed(self) -> list[str]:
        """What is in the bucket."""
        return sorted(one["Key"] for one in self.client().list_objects_v2(Bucket=self.bucket).get("Contents", []))

    def settings(self) -> dict[str, str]:
        """The environment of a machine that uses it."""
        return {
            "VIDGEN_SCALE__MEDIA": f"s3://{self.bucket}/film",
            "VIDGEN_SCALE__MEDIA_ENDPOINT": self.url,
            "VIDGEN_SCALE__MEDIA_KEY": KEY,
            "VIDGEN_SCALE__MEDIA_SECRET": SECRET,
        }

    def close(self) -> None:
        self.answers.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(60)


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3]:
    """A server with an empty bucket, which the settings of this process name."""
    for package in ("s3fs", "moto", "flask_cors"):
        pytest.importorskip(package, reason="needs the development packages of S3")
    server = S3()
    try:
        server.client().create_bucket(Bucket=server.bucket)
        for name, value in server.settings().items():
            monkeypatch.setenv(name, value)
        yield server
    finally:
        server.close()
