"""The one HTTP client: what a lost answer means, how long it waits, and what it never tells."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import json
import logging
import socket
import ssl
import traceback
import zlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import respx
from plain_server import Request, plain_server, reply
from provider_world import GOOD, make_key

from vidgen_core import __version__
from vidgen_core.domain.errors import Delivery, ErrorKind, RemoteError
from vidgen_core.providers.http.client import Http, Patience, ProviderResponse, Verb, parse_retry_after
from vidgen_core.providers.http.multipart import data_uri_slot, json_body, multipart_body
from vidgen_core.providers.http.redact import cut, redact

KEY = make_key()
QUICK = Patience(connect=2, write=0.2, read=0.2, total=5)


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    client = Http()
    yield client
    await client.close()


@pytest.fixture
async def hasty() -> AsyncIterator[Http]:
    client = Http(dict.fromkeys(Verb, QUICK))
    yield client
    await client.close()


async def failing(http: Http, url: str, **more: object) -> RemoteError:
    with pytest.raises(RemoteError) as caught:
        await http.call(Verb.SUBMIT, "POST", url, key=KEY, json={"prompt": "x"}, **more)  # type: ignore[arg-type]
    assert caught.value.kind is ErrorKind.NETWORK
    return caught.value


def answering(data: bytes) -> Callable[[Request, asyncio.StreamWriter], object]:
    async def handler(_request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(data)

    return handler


# --- delivery --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "code", "delivery"),
    [
        (httpx.ConnectError("x"), "connect_failed", Delivery.NOT_SENT),
        (httpx.ConnectTimeout("x"), "connect_timeout", Delivery.NOT_SENT),
        (httpx.PoolTimeout("x"), "connections_busy", Delivery.NOT_SENT),
        (httpx.ProxyError("x"), "proxy_refused", Delivery.NOT_SENT),
        (httpx.UnsupportedProtocol("x"), "address_invalid", Delivery.NOT_SENT),
        (httpx.InvalidURL("x"), "address_invalid", Delivery.NOT_SENT),
        (httpx.WriteTimeout("x"), "answer_timeout", Delivery.UNKNOWN),
        (httpx.ReadTimeout("x"), "answer_timeout", Delivery.UNKNOWN),
        (httpx.WriteError("x"), "connection_lost", Delivery.UNKNOWN),
        (httpx.ReadError("x"), "connection_lost", Delivery.UNKNOWN),
        (httpx.CloseError("x"), "connection_lost", Delivery.UNKNOWN),
        (httpx.RemoteProtocolError("x"), "connection_lost", Delivery.UNKNOWN),
        (httpx.LocalProtocolError("x"), "connection_lost", Delivery.UNKNOWN),
        (httpx.DecodingError("x"), "connection_lost", Delivery.UNKNOWN),
        (ssl.SSLError("bad record mac"), "connection_lost", Delivery.UNKNOWN),
    ],
)
async def test_each_local_error_says_whether_the_request_can_have_arrived(http, error, code, delivery) -> None:
    with respx.mock:
        respx.post("https://api.example.com/x").mock(side_effect=error)
        raised = await failing(http, "https://api.example.com/x")
    assert (raised.code, raised.delivery) == (code, delivery)
    assert raised.params["host"] == "api.example.com"


async def test_a_name_nobody_knows_has_sent_nothing(http, monkeypatch) -> None:
    async def unknown(*_args: object, **_more: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", unknown)
    raised = await failing(http, "http://no-such-provider.example/x")
    assert (raised.code, raised.delivery) == ("dns_failed", Delivery.NOT_SENT)


async def test_a_broken_tls_greeting_has_sent_nothing(http) -> None:
    async with plain_server(answering(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as server:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            listening.setblocking(False)
            task = asyncio.ensure_future(_talk_nonsense(listening))
            raised = await failing(http, f"https://127.0.0.1:{listening.getsockname()[1]}/x")
            await task
        assert server.requests == []
    assert (raised.code, raised.delivery) == ("tls_failed", Delivery.NOT_SENT)


async def _talk_nonsense(listening: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    connection, _ = await loop.sock_accept(listening)
    with connection:
        await loop.sock_recv(connection, 1024)
        await loop.sock_sendall(connection, b"HTTP/1.1 400 Bad Request\r\n\r\n")


async def test_a_proxy_that_refuses_has_sent_nothing(monkeypatch) -> None:
    async with plain_server(answering(reply(status="407 Proxy Authentication Required"))) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        http = Http()
        raised = await failing(http, "https://api.example.com/x")
        await http.close()
        assert proxy.requests[0].line.startswith("CONNECT api.example.com:443")
        assert "authorization" not in proxy.requests[0].headers
    assert (raised.code, raised.delivery) == ("proxy_refused", Delivery.NOT_SENT)


async def test_a_proxy_from_the_environment_is_used(monkeypatch) -> None:
    async with plain_server(answering(reply(b'{"ok": 1}'))) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        http = Http()
        answer = await http.call(Verb.POLL, "GET", "http://api.example.com/x")
        await http.close()
    assert answer.json == {"ok": 1}
    assert proxy.requests[0].line.startswith("GET http://api.example.com/x")


async def test_a_proxy_nobody_can_use_is_said_to_be_at_fault(monkeypatch) -> None:
    monkeypatch.setenv("all_proxy", "carrier-pigeon://127.0.0.1:1")
    raised = await failing(Http(), "http://127.0.0.1:9/x")
    assert (raised.code, raised.delivery) == ("proxy_unusable", Delivery.NOT_SENT)


@pytest.mark.parametrize(
    "data",
    [b"", b"HTTP/1.1 200 OK\r\nContent-Le", b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{", b"SMTP ready\r\n\r\n"],
)
async def test_an_answer_broken_off_leaves_it_open(http, data) -> None:
    async def handler(_request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        writer.close()

    async with plain_server(handler) as server:
        raised = await failing(http, server.url)
    assert (raised.code, raised.delivery) == ("connection_lost", Delivery.UNKNOWN)


async def test_what_came_before_a_connection_broke_is_read_however_late(http) -> None:
    came = b"x" * 100_000

    async def cut(_request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + came)
        await writer.drain()
        writer.close()

    read = bytearray()

    async def read_all(response: httpx.Response) -> None:
        async for piece in response.aiter_raw():
            read.extend(piece)

    async with plain_server(cut) as server, http.stream(Verb.DOWNLOAD, "GET", server.url) as response:
        content = response.stream._stream._answer.content
        async with asyncio.timeout(30):
            while content.exception() is None:  # noqa: ASYNC110 - aiohttp tells nobody by itself
                await asyncio.sleep(0.01)
        with pytest.raises(httpx.RemoteProtocolError):
            await read_all(response)
    assert read == came


async def test_silence_leaves_it_open(hasty) -> None:
    async with plain_server(answering(b"")) as server:
        raised = await failing(hasty, server.url)
    assert (raised.code, raised.delivery) == ("answer_timeout", Delivery.UNKNOWN)


async def test_a_body_that_is_not_taken_leaves_it_open(hasty, tmp_path) -> None:
    big = tmp_path / "big.jpg"
    big.write_bytes(b"\0" * 20_000_000)

    async def handler(_request: Request, _writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with plain_server(handler, read_body=False) as server:
        with pytest.raises(RemoteError) as caught:
            await hasty.call(Verb.SUBMIT, "POST", server.url, key=KEY, json={"images": [data_uri_slot(big)]})
    assert (caught.value.code, caught.value.delivery) == ("answer_timeout", Delivery.UNKNOWN)


async def test_an_answer_that_trickles_for_ever_is_given_up() -> None:
    http = Http({Verb.POLL: Patience(connect=1, write=1, read=1, total=0.3)})

    async def handler(_request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with plain_server(handler) as server:
        with pytest.raises(RemoteError) as caught:
            await http.call(Verb.POLL, "GET", server.url)
    await http.close()
    assert caught.value.code == "answer_timeout"


async def test_a_copy_that_is_gone_has_sent_nothing(http, tmp_path) -> None:
    with pytest.raises(RemoteError) as caught:
        await http.call(
            Verb.SUBMIT, "POST", "http://127.0.0.1:9/x", json={"images": [data_uri_slot(tmp_path / "gone.jpg")]}
        )
    assert (caught.value.code, caught.value.delivery) == ("picture_copy_gone", Delivery.NOT_SENT)


class _Reset:
    """Closes a connection so that the other side sees a reset."""

    def __init__(self, after: int) -> None:
        self.after = after

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.after:
            await reader.readexactly(self.after)
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        writer.transport.abort()


@pytest.mark.parametrize("after", [0, 1, 100, 400_000])
async def test_a_reset_at_any_byte_leaves_it_open(http, tmp_path, after) -> None:
    picture = tmp_path / "p.jpg"
    picture.write_bytes(b"\0" * 4_000_000)
    server = await asyncio.start_server(_Reset(after), "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/x"
        with pytest.raises(RemoteError) as caught:
            await http.call(Verb.SUBMIT, "POST", url, json={"images": [data_uri_slot(picture)]})
    assert (caught.value.code, caught.value.delivery) == ("connection_lost", Delivery.UNKNOWN)


async def test_a_picture_that_vanishes_on_the_way_leaves_it_open(http, tmp_path) -> None:
    picture = tmp_path / "p.jpg"
    picture.write_bytes(b"\0" * 1000)
    body = json_body({"images": [data_uri_slot(picture)]})
    picture.unlink()
    async with plain_server(answering(reply())) as server:
        with pytest.raises(RemoteError) as caught:
            await http.call(Verb.SUBMIT, "POST", server.url, body=body)
    assert caught.value.delivery is Delivery.UNKNOWN


@pytest.mark.parametrize("verb", [Verb.SUBMIT, Verb.UPLOAD])
async def test_a_connection_lost_at_once_is_asked_once(http, verb) -> None:
    async def handler(_request: Request, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with plain_server(handler) as server:
        for method in ("POST", "PUT"):
            with pytest.raises(RemoteError):
                await http.call(verb, method, server.url, json={})
        assert len(server.requests) == 2
        assert server.connections == 2


async def test_a_cancelled_request_closes_its_connection(http) -> None:
    come, gone = asyncio.Event(), asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        come.set()
        await reader.read()
        gone.set()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/x"
        asking = asyncio.ensure_future(http.call(Verb.SUBMIT, "POST", url, json={}))
        await come.wait()
        asking.cancel()
        await asyncio.wait_for(gone.wait(), 30)


@pytest.mark.parametrize("read", [0, 100_000, 3_000_000])
@pytest.mark.parametrize("as_form", [False, True])
async def test_an_answer_that_comes_before_the_body_has_left_is_heard(http, tmp_path, read, as_form) -> None:
    picture = tmp_path / "p.jpg"
    picture.write_bytes(b"\0" * 8_000_000)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await reader.read(read)
        writer.write(reply(b'{"message":"too large"}', status="413 Too Large"))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/x"
        for _ in range(10):
            if as_form:
                form = multipart_body({}, picture, "p.jpg", "image/jpeg")
                answer = await http.call(Verb.UPLOAD, "POST", url, body=form)
            else:
                answer = await http.call(Verb.SUBMIT, "POST", url, json={"images": [data_uri_slot(picture)]})
            assert answer.status == 413


@pytest.mark.parametrize("query", ["sig=a%2Fb%3D&x=%E9%95%9C", "sig=a+b&u=1%2B1", "a=%7e~&b=%25"])
async def test_a_signed_link_leaves_as_it_was_given(http, query) -> None:
    async with plain_server(answering(reply())) as server:
        await http.call(Verb.POLL, "GET", f"{server.url}/a%2Fb/c?{query}")
        assert server.requests[0].line == f"GET /a%2Fb/c?{query} HTTP/1.1"


JSON = b'{"ok": true, "list": [' + b"1, " * 5000 + b"2]}"


@pytest.mark.parametrize(
    ("label", "body"),
    [
        ("gzip", gzip.compress(JSON)), ("x-gzip", gzip.compress(JSON)), ("deflate", zlib.compress(JSON)),
        ("deflate", zlib.compress(JSON, wbits=-15)), ("gzip", JSON), ("", gzip.compress(JSON)), ("deflate", JSON),
    ],
    ids=["gzip", "old", "zlib", "bare", "labelled", "unlabelled", "no deflate"],
)  # fmt: skip
async def test_a_compressed_answer_is_read_by_what_it_is_and_headers_may_be_long(http, label, body) -> None:
    heads = {"Content_Encoding": label} if label else {}
    async with plain_server(answering(reply(body, X_Long="y" * 20_000, **heads))) as server:
        answer = await http.call(Verb.POLL, "GET", server.url)
    assert answer.json["ok"] is True


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "utf-8-sig", "latin-1"])
async def test_an_answer_in_another_encoding_is_read(http, encoding) -> None:
    async with plain_server(answering(reply('{"ok": true, "note": "caf\u00e9"}'.encode(encoding)))) as server:
        answer = await http.call(Verb.POLL, "GET", server.url)
    assert answer.json["ok"] is True


@pytest.mark.parametrize("broken", [1, 8, 30])
async def test_of_a_damaged_answer_to_a_question_nothing_is_believed(http, broken) -> None:
    body = gzip.compress(JSON)
    damaged = body[:-broken] + bytes(255 - one for one in body[-broken:])
    async with plain_server(answering(reply(damaged, Content_Encoding="gzip"))) as server:
        with pytest.raises(RemoteError) as caught:
            await http.call(Verb.POLL, "GET", server.url)
    assert caught.value.code == "connection_lost"


async def test_what_unpacks_without_end_is_cut(http) -> None:
    body = gzip.compress(b"x" * 60_000_000)
    async with plain_server(answering(reply(body, Content_Encoding="gzip"))) as server:
        answer = await http.call(Verb.POLL, "GET", server.url)
    assert answer.json is None
    assert len(answer.text) < 100_000


# --- manners ---------------------------------------------------------------------------------------------------------


async def test_a_redirected_post_is_not_followed(http) -> None:
    async with plain_server(answering(reply(status="307 Temporary Redirect", Location="/elsewhere"))) as server:
        answer = await http.call(Verb.SUBMIT, "POST", server.url, key=KEY, json={})
        assert answer.status == 307
        assert len(server.requests) == 1


async def test_the_program_says_who_it_is(http) -> None:
    async with plain_server(answering(reply())) as server:
        await http.call(Verb.POLL, "GET", server.url, key=KEY)
        assert server.requests[0].headers["user-agent"] == f"vidgen/{__version__}"
        assert server.requests[0].headers["authorization"] == f"Bearer {GOOD}"


async def test_polls_share_a_connection_and_paid_requests_never_do(http) -> None:
    async with plain_server(answering(reply())) as server:
        for _ in range(3):
            await http.call(Verb.POLL, "GET", server.url)
        assert server.connections == 1
        for _ in range(3):
            await http.call(Verb.SUBMIT, "POST", server.url, json={})
        assert server.connections == 4


async def test_a_hundred_polls_at_once_are_all_answered(http) -> None:
    async with plain_server(answering(reply())) as server:
        answers = await asyncio.gather(*(http.call(Verb.POLL, "GET", server.url) for _ in range(100)))
    assert [answer.status for answer in answers] == [200] * 100


async def test_an_endless_answer_is_cut(http) -> None:
    async def handler(_request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")
        while True:
            writer.write(b" " * 1_000_000)
            await writer.drain()

    async with plain_server(handler) as server:
        answer = await http.call(Verb.POLL, "GET", server.url)
    assert answer.json is None
    assert len(answer.evidence) < 5000


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0), (" 1.5 ", 1.5), ("Sun, 22 Nov 2026 12:01:00 GMT", 60.0), ("Sun, 22 Nov 2026 11:00:00 GMT", 0.0),
        ("Sun, 22 Nov 2026 12:01:00", 60.0), ("soon", None), ("", None), (None, None), ("-5", None),
        ("99999999999", 99999999999.0), ("1e9", None), ("inf", None), ("nan", None), ("1" * 500, None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 251606951999.0), ("Fri, 31 Dec 99999 23:59:59 GMT", None),
        ("Sun, 22 Nov 2026 12:01:00 +99999999", None),
    ],
)  # fmt: skip
def test_the_asked_wait_is_read_in_both_forms(value, seconds) -> None:
    assert parse_retry_after(value, datetime(2026, 11, 22, 12, 0, tzinfo=UTC)) == seconds


async def test_a_request_id_is_found_in_the_headers(http) -> None:
    async with plain_server(answering(reply(X_Oneapi_Request_Id="2026-abc"))) as server:
        assert (await http.call(Verb.POLL, "GET", server.url)).request_id == "2026-abc"


# --- bodies ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 2, 3, 98_303, 98_304, 98_305, 1_000_000])
async def test_a_streamed_picture_arrives_byte_for_byte(http, tmp_path, size) -> None:
    picture = tmp_path / "p.jpg"
    picture.write_bytes(hashlib.shake_256(b"seed").digest(size))
    async with plain_server(answering(reply())) as server:
        payload = {"prompt": "镜头", "images": [data_uri_slot(picture)], "after": True}
        await http.call(Verb.SUBMIT, "POST", server.url, json=payload)
        body = server.requests[0].body
    expected = "data:image/jpeg;base64," + _base64(picture)
    assert json.loads(body) == {"prompt": "镜头", "images": [expected], "after": True}
    assert server.requests[0].headers["content-length"] == str(len(body))
    assert "transfer-encoding" not in server.requests[0].headers


def _base64(path: Path) -> str:
    import base64

    return base64.b64encode(path.read_bytes()).decode()


async def test_several_pictures_keep_their_places(tmp_path) -> None:
    paths = [tmp_path / f"{number}.jpg" for number in range(3)]
    for path in paths:
        path.write_text(path.name)
    body = json_body({"images": [data_uri_slot(path) for path in paths]})
    data = b"".join([piece async for piece in body.pieces()])
    assert json.loads(data)["images"] == ["data:image/jpeg;base64," + _base64(path) for path in paths]
    assert len(data) == body.length


async def test_a_form_is_one_that_others_can_read(tmp_path) -> None:
    from starlette.requests import Request as Form

    picture = tmp_path / "p.jpg"
    picture.write_bytes(b"\xff\xd8" + b"x" * 200_000)
    body = multipart_body({"uploadPath": "vidgen"}, picture, "abc.jpg", "image/jpeg")
    data = b"".join([piece async for piece in body.pieces()])
    assert len(data) == body.length

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": data, "more_body": False}

    scope = {"type": "http", "headers": [(b"content-type", body.content_type.encode())]}
    async with Form(scope, receive).form() as form:  # type: ignore[arg-type]
        assert form["uploadPath"] == "vidgen"
        assert await form["file"].read() == picture.read_bytes()  # type: ignore[union-attr]


# --- secrets ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def everything_logged() -> io.StringIO:
    """All that the libraries say at their most talkative, caught by a real handler."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    root = logging.getLogger()
    names = (
        "httpx",
        "httpcore",
        "httpcore.http11",
        "httpcore.connection",
        "aiohttp.client",
        "aiohttp.internal",
        "asyncio",
    )
    levels = {name: logging.getLogger(name).level for name in names} | {"": root.level}
    root.addHandler(handler)
    for name in levels:
        logging.getLogger(name or None).setLevel(logging.DEBUG)
    yield stream
    root.removeHandler(handler)
    for name, level in levels.items():
        logging.getLogger(name or None).setLevel(level)


@pytest.mark.parametrize(
    "data",
    [
        reply(json.dumps({"error": f"bad key {GOOD}"}).encode(), status="401 Unauthorized"),
        reply(f"<html>{GOOD}</html>".encode()),
        b"",
    ],
)
async def test_no_key_stands_in_any_log_repr_or_trace(everything_logged, data) -> None:
    http = Http()

    async def handler(_request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        writer.close()

    async with plain_server(handler) as server:
        shown = await _everything_shown(http, server.url)
    await http.close()
    logged = everything_logged.getvalue()
    assert "selector" in logged, "nothing is caught"
    assert GOOD not in logged
    assert GOOD not in shown


async def _everything_shown(http: Http, url: str) -> str:
    try:
        answer = await http.call(Verb.SUBMIT, "POST", f"{url}/x", key=KEY, json={"prompt": "x"})
    except RemoteError as error:
        trace = traceback.TracebackException.from_exception(error, capture_locals=True)
        return f"{error!r} {error} {error.evidence} {error.params} {''.join(trace.format())}"
    return f"{answer!r} {answer.text} {answer.evidence} {http!r} {vars(http)!r}"


async def test_signed_links_are_not_logged_whole(everything_logged) -> None:
    http = Http()
    async with plain_server(answering(reply())) as server:
        await http.call(Verb.POLL, "GET", f"{server.url}/v.mp4?Signature=verysecret&Expires=1")
    await http.close()
    assert "/v.mp4" in everything_logged.getvalue()
    assert "verysecret" not in everything_logged.getvalue()


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (f"key {GOOD} is bad", "key **** is bad"),
        ("Authorization: Bearer abcdef123456", "Authorization: Bearer ****"),
        ("sk-abcdefghijklmnop", "sk-****"),
        ('{"image": "data:image/png;base64,' + "A" * 500 + '"}', '{"image": "data:image/png;base64,…"}'),
        ('"https://a.example/v.mp4?sig=1&x=2"', '"https://a.example/v.mp4?…"'),
        ('"https:\\/\\/a.example\\/v.mp4?sig=1"', '"https:\\/\\/a.example\\/v.mp4?…"'),
        ("x" * 500, "…"),
        ("nothing to hide", "nothing to hide"),
    ],
)
def test_what_is_kept_of_an_answer_holds_no_secret(text, kept) -> None:
    assert redact(text, GOOD) == kept


def test_evidence_is_cut_at_whole_characters() -> None:
    assert len(cut("镜" * 5000).encode()) <= 4096
    assert ProviderResponse(500, {}, None, "镜" * 5000).evidence.endswith("…")
