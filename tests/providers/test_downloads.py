"""Bringing results home: resumed, checked, never with a key for strangers, never begun on a full disk."""

from __future__ import annotations

import asyncio
import functools
import gzip
import hashlib
import random
import shutil
import zlib
from collections import namedtuple
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from plain_server import Request, plain_server, reply
from provider_world import GOOD, make_key

from vidgen_core.config.schema import DownloadSettings
from vidgen_core.domain.errors import ErrorKind, FileError, RemoteError
from vidgen_core.media.files import PartFile
from vidgen_core.providers.http.addresses import is_private
from vidgen_core.providers.http.client import Http, Patience, Verb
from vidgen_core.providers.http.download import download, is_video

KEY = make_key()
CONTENT = hashlib.shake_256(b"video").digest(700_000)
Usage = namedtuple("Usage", "total used free")  # noqa: PYI024 - as shutil's


@dataclass
class Files:
    """One file behind a link, served as told."""

    content: bytes = CONTENT
    etag: str | None = '"one"'
    ranges: bool = True
    length: bool = True
    #: Bytes after which the connection is closed, once for each entry.
    cuts: list[int] = field(default_factory=list)
    #: Whole answers given first.
    first: list[bytes] = field(default_factory=list)

    async def __call__(self, request: Request, writer: asyncio.StreamWriter) -> None:
        if self.first:
            return writer.write(self.first.pop(0))
        status, start = self._begin(request)
        headers = {"ETag": self.etag} if self.etag else {}
        if status.startswith("416"):
            return writer.write(reply(b"", status, Content_Range=f"bytes */{len(self.content)}", **headers))
        body = self.content[start:]
        if status.startswith("206"):
            headers["Content_Range"] = f"bytes {start}-{len(self.content) - 1}/{len(self.content)}"
        if self.length:
            headers["Content_Length"] = str(len(body))
        head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        cut = self.cuts.pop(0) if self.cuts else len(body)
        writer.write(f"HTTP/1.1 {status}\r\nContent-Type: video/mp4\r\n{head}\r\n".encode() + body[:cut])
        if cut < len(body) or not self.length:
            await writer.drain()
            writer.close()
        return None

    def _begin(self, request: Request) -> tuple[str, int]:
        asked = request.headers.get("range")
        wanted = request.headers.get("if-range", self.etag)
        if not asked or not self.ranges or (wanted != self.etag):
            return "200 OK", 0
        start = int(asked.removeprefix("bytes=").removesuffix("-"))
        return ("206 Partial Content", start) if start < len(self.content) else ("416 Range Not Satisfiable", 0)


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    client = Http({Verb.DOWNLOAD: Patience(connect=30, write=30, read=30, total=None)})
    yield client
    await client.close()


@pytest.fixture
def part(tmp_path: Path) -> PartFile:
    return PartFile(tmp_path / "videos" / "1.0-v1.mp4")


@pytest.fixture
def fetch(http: Http, part: PartFile) -> Callable[..., object]:
    async def fetching(url: str, **more: object) -> int | None:
        return await download(http, url, part, home=url, **more)  # type: ignore[arg-type]

    return fetching


def left(part: PartFile) -> list[str]:
    return sorted(path.name for path in part.path.parent.iterdir())


async def test_a_file_comes_whole_with_a_note_of_where_it_came_from(fetch, part) -> None:
    async with plain_server(Files()) as server:
        assert await fetch(server.url) == len(CONTENT)
    assert part.path.read_bytes() == CONTENT
    assert left(part) == ["1.0-v1.mp4.part", "1.0-v1.mp4.part.json"]


async def test_the_key_stays_at_home(fetch) -> None:
    async with plain_server(Files()) as server:
        await fetch(server.url)
        assert "authorization" not in server.requests[0].headers
        assert server.requests[0].headers["accept-encoding"] == "identity"


async def test_a_broken_download_goes_on_where_it_stopped(fetch, part) -> None:
    async with plain_server(Files(cuts=[300_000, 200_000])) as server:
        for received in (300_000, 500_000):
            with pytest.raises(RemoteError) as caught:
                await fetch(server.url)
            assert caught.value.kind is ErrorKind.NETWORK
            assert part.received == received
        assert await fetch(server.url) == len(CONTENT)
        assert [request.headers.get("range") for request in server.requests] == [None, "bytes=300000-", "bytes=500000-"]
        assert server.requests[1].headers["if-range"] == '"one"'
    assert part.path.read_bytes() == CONTENT


async def test_a_part_from_before_a_crash_is_gone_on_with(http, part) -> None:
    async with plain_server(Files(cuts=[300_000])) as server:
        with pytest.raises(RemoteError):
            await download(http, server.url, part, home=server.url)
        again = PartFile(part.target)
        assert await download(http, server.url, again, home=server.url) == len(CONTENT)
    assert again.path.read_bytes() == CONTENT


@pytest.mark.parametrize("etag", ['"two"', 'W/"two"', None])
async def test_another_file_behind_the_link_is_begun_anew(fetch, part, etag) -> None:
    files = Files(cuts=[300_000])
    async with plain_server(files) as server:
        with pytest.raises(RemoteError):
            await fetch(server.url)
        files.content, files.etag = bytes(reversed(CONTENT)) + b"more", etag
        assert await fetch(server.url) == len(CONTENT) + 4
    assert part.path.read_bytes() == files.content


async def test_a_weak_tag_is_compared_when_the_answer_is_there(fetch, part) -> None:
    files = Files(etag='W/"one"', cuts=[300_000])
    async with plain_server(files) as server:
        with pytest.raises(RemoteError):
            await fetch(server.url)
        files.content, files.etag = bytes(reversed(CONTENT)), 'W/"two"'
        assert await fetch(server.url) == len(CONTENT)
        assert "if-range" not in server.requests[1].headers
    assert part.path.read_bytes() == files.content


async def test_a_server_that_knows_no_ranges_sends_it_all_again(fetch, part) -> None:
    async with plain_server(Files(ranges=False, cuts=[300_000])) as server:
        with pytest.raises(RemoteError):
            await fetch(server.url)
        assert await fetch(server.url) == len(CONTENT)
    assert part.path.read_bytes() == CONTENT


async def test_a_part_that_is_whole_already_needs_no_bytes(fetch, part) -> None:
    part.append(CONTENT)
    part.close()
    async with plain_server(Files()) as server:
        assert await fetch(server.url) == len(CONTENT)
    assert part.path.read_bytes() == CONTENT


async def test_a_part_longer_than_the_file_is_begun_anew(fetch, part) -> None:
    part.append(CONTENT + b"of another file")
    part.close()
    async with plain_server(Files()) as server:
        assert await fetch(server.url) == len(CONTENT)
    assert part.path.read_bytes() == CONTENT


async def test_an_answer_that_begins_elsewhere_is_not_joined(fetch, part) -> None:
    part.append(CONTENT[:100])
    part.close()
    elsewhere = reply(b"x", "206 Partial Content", Content_Range="bytes 99-99/700000")
    async with plain_server(Files(first=[elsewhere])) as server:
        assert await fetch(server.url) == len(CONTENT)
    assert part.path.read_bytes() == CONTENT


async def test_a_server_that_never_agrees_is_given_up(fetch, part) -> None:
    part.append(CONTENT[:100])
    part.close()
    never = reply(b"", "416 Range Not Satisfiable")
    async with plain_server(Files(first=[never] * 10)) as server:
        with pytest.raises(RemoteError) as caught:
            await fetch(server.url)
        assert len(server.requests) <= 3
    assert caught.value.code == "download_failed"


async def test_without_a_length_the_end_is_the_end(fetch, part) -> None:
    async with plain_server(Files(length=False)) as server:
        assert await fetch(server.url) is None
    assert part.path.read_bytes() == CONTENT


async def test_a_file_that_somebody_in_between_has_touched_is_one(fetch, part) -> None:
    answer = reply(
        CONTENT, "203 Non-Authoritative Information", Content_Type="video/mp4", Content_Length=str(len(CONTENT))
    )
    async with plain_server(Files(first=[answer])) as server:
        assert await fetch(server.url) == len(CONTENT)
    assert part.path.read_bytes() == CONTENT


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden", "404 Not Found", "410 Gone"])
async def test_a_link_that_is_no_longer_good_asks_for_a_fresh_one(fetch, status) -> None:
    async with plain_server(Files(first=[reply(b"no", status)])) as server:
        with pytest.raises(RemoteError) as caught:
            await fetch(server.url)
    assert (caught.value.code, caught.value.kind) == ("link_expired", ErrorKind.FILE)


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "application/json"])
async def test_a_page_instead_of_a_video_is_a_link_that_lost_its_file(fetch, part, kind) -> None:
    async with plain_server(Files(first=[reply(b"<html>", Content_Type=kind)])) as server:
        with pytest.raises(RemoteError) as caught:
            await fetch(server.url)
    assert caught.value.code == "link_expired"
    assert part.received == 0


@pytest.mark.parametrize(
    ("answer", "kind", "wait"),
    [
        (reply(b"", "500 Oops"), ErrorKind.NETWORK, None),
        (reply(b"", "503 Busy", Retry_After="7"), ErrorKind.NETWORK, 7.0),
        (reply(b"", "429 Slow Down", Retry_After="3"), ErrorKind.RATE_LIMIT, 3.0),
    ],
)
async def test_trouble_on_the_way_is_trouble_that_may_pass(fetch, answer, kind, wait) -> None:
    async with plain_server(Files(first=[answer])) as server:
        with pytest.raises(RemoteError) as caught:
            await fetch(server.url)
    assert (caught.value.code, caught.value.kind, caught.value.retry_after) == ("download_failed", kind, wait)


async def test_a_stalled_download_is_given_up_and_its_bytes_are_kept(part) -> None:
    http = Http({Verb.DOWNLOAD: Patience(connect=1, write=1, read=0.2, total=None)})

    async def stalling(_request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 700000\r\n\r\n" + CONTENT[:300_000])

    async with plain_server(stalling) as server:
        with pytest.raises(RemoteError) as caught:
            await download(http, server.url, part, home=server.url)
    await http.close()
    assert caught.value.code == "answer_timeout"
    assert part.received > 0


# --- redirects ---------------------------------------------------------------------------------------------------------


def moved(to: str) -> bytes:
    return reply(b"", "302 Found", Location=to)


async def test_redirects_are_followed_and_the_key_goes_no_further_than_home(http, part) -> None:
    async with plain_server(Files()) as storage, plain_server(Files(first=[moved(f"{storage.url}/v.mp4")])) as api:
        await download(http, f"{api.url}/content", part, key=KEY, home=api.url)
        assert api.requests[0].headers["authorization"] == f"Bearer {GOOD}"
        assert "authorization" not in storage.requests[0].headers
    assert part.path.read_bytes() == CONTENT


async def test_a_relative_redirect_stays_at_home_with_its_key(http, part) -> None:
    async with plain_server(Files(first=[moved("/elsewhere")])) as api:
        await download(http, f"{api.url}/content", part, key=KEY, home=api.url)
        assert [request.headers["authorization"] for request in api.requests] == [f"Bearer {GOOD}"] * 2


async def test_going_round_in_circles_ends(fetch) -> None:
    async with plain_server(Files(first=[moved("/again")] * 50)) as server:
        with pytest.raises(RemoteError) as caught:
            await fetch(server.url)
        assert len(server.requests) == 6
    assert caught.value.code == "link_refused"


@pytest.mark.parametrize(
    "status", ["300 Multiple Choices", "302 Found", "304 Not Modified", "305 Use Proxy", "399 Odd"]
)
async def test_a_redirect_that_leads_nowhere_is_a_download_that_failed(http, fetch, status) -> None:
    async with plain_server(Files(first=[reply(b"", status)] * 8)) as server:
        with pytest.raises(RemoteError) as caught:
            await fetch(server.url)
        assert await is_video(http, server.url, home=server.url) is False
    assert caught.value.code == "download_failed"


@pytest.mark.parametrize("to", ["http://[::1/v.mp4", "http://[v1.x]/v.mp4", "http://a:b/", "//[", "http://\\x/"])
async def test_a_redirect_to_what_is_no_address_is_not_followed(http, fetch, to) -> None:
    async with plain_server(Files(first=[moved(to)] * 4)) as server:
        with pytest.raises(RemoteError) as caught:
            await fetch(server.url)
        assert not await is_video(http, server.url, home=server.url)
    # The client refuses some before we look.
    assert caught.value.code in ("link_refused", "connection_lost")


@pytest.mark.parametrize("link", ["file:///etc/passwd", "ftp://example.com/v.mp4", "//nothing", ""])
async def test_only_web_links_are_followed(http, part, link) -> None:
    with pytest.raises(RemoteError) as caught:
        await download(http, link, part, home="https://api.example.com")
    assert caught.value.code == "link_refused"


async def test_a_public_provider_cannot_send_us_into_the_own_network(http, part) -> None:
    async with plain_server(Files()) as server:
        with pytest.raises(RemoteError) as caught:
            await download(http, server.url, part, home="https://api.example.com")
        assert server.requests == []
    assert (caught.value.code, caught.value.params["reason"]) == ("link_refused", "private")


@pytest.mark.parametrize(
    ("host", "private"),
    [
        ("127.0.0.1", True), ("localhost", True), ("10.1.2.3", True), ("192.168.0.1", True), ("172.31.0.1", True),
        ("169.254.169.254", True), ("::1", True), ("fd00::1", True), ("nas.local", True), (None, True),
        ("8.8.8.8", False), ("cdn.example.com", False), ("172.32.0.1", False), ("198.18.0.7", True),
        ("2606:4700::1111", False),
    ],
)  # fmt: skip
def test_private_addresses_are_known(host, private) -> None:
    assert is_private(host) is private


# --- the disk ----------------------------------------------------------------------------------------------------------


async def test_a_full_disk_is_noticed_before_the_bytes_come(fetch, part, monkeypatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(10**9, 10**9, 1000))
    async with plain_server(Files()) as server:
        with pytest.raises(FileError) as caught:
            await fetch(server.url)
    assert caught.value.code == "disk_full"
    assert part.received == 0


async def test_breaking_off_keeps_what_came(http, part) -> None:
    sent = asyncio.Event()

    async def slow(_request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 700000\r\n\r\n" + CONTENT[:600_000])
        await writer.drain()
        sent.set()

    async with plain_server(slow) as server:
        task = asyncio.create_task(download(http, server.url, part, home=server.url))
        await sent.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    received = part.path.read_bytes() if part.path.exists() else b""
    assert received == CONTENT[: len(received)]


# --- sizes, rates, encodings -------------------------------------------------------------------------------------------


async def test_a_size_above_the_cap_is_refused_before_its_bytes_come(http, part) -> None:
    declared = b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: 10995116277760\r\n\r\n"

    async def declaring(_request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(declared)

    async with plain_server(declaring) as server:
        with pytest.raises(RemoteError) as caught:
            await download(http, server.url, part, home=server.url)
    assert (caught.value.code, caught.value.kind) == ("download_too_large", ErrorKind.FILE)
    assert part.received == 0


async def test_a_file_without_a_length_ends_at_the_cap(http, part) -> None:
    async with plain_server(without_length) as server:
        with pytest.raises(RemoteError) as caught:
            await download(http, server.url, part, home=server.url, limits=DownloadSettings(max_bytes=300_000))
    assert caught.value.code == "download_too_large"
    assert part.received == 0


async def without_length(_request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nConnection: close\r\n\r\n" + CONTENT)
    await writer.drain()
    writer.close()


async def test_a_trickle_makes_room_and_keeps_its_bytes(http, part, monkeypatch) -> None:
    monkeypatch.setattr("vidgen_core.providers.http.download.RATE_WINDOW", 0.3)

    async def trickling(_request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: 100000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with plain_server(trickling) as server:
        with pytest.raises(RemoteError) as caught:
            await download(http, server.url, part, home=server.url)
    assert (caught.value.code, caught.value.kind) == ("download_slow", ErrorKind.NETWORK)
    assert 0 < part.received < 100


async def test_without_a_least_rate_a_trickle_comes_to_its_end(http, part, monkeypatch) -> None:
    monkeypatch.setattr("vidgen_core.providers.http.download.RATE_WINDOW", 0.01)

    async def trickling(_request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: 5\r\n\r\n")
        for _ in range(5):
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with plain_server(trickling) as server:
        await download(http, server.url, part, home=server.url, limits=DownloadSettings(min_rate=0))
    assert part.received == 5


@pytest.mark.parametrize(
    ("name", "packed"),
    [
        ("gzip", gzip.compress),
        ("X-GZIP", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", functools.partial(zlib.compress, wbits=-15)),
        ("gzip, identity", gzip.compress),
        ("gzip", bytes),
        ("deflate", bytes),
        ("utf-8", bytes),
        ("none", bytes),
    ],
)
async def test_a_packed_file_is_unpacked(http, part, name, packed) -> None:
    body = packed(CONTENT)

    async def packing(_request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(body, **{"Content-Encoding": name}))

    async with plain_server(packing) as server:
        assert await download(http, server.url, part, home=server.url) is None
    assert part.path.read_bytes() == CONTENT


async def test_a_packed_file_that_broke_off_is_begun_anew(http, part) -> None:
    body, asked = gzip.compress(random.Random(7).randbytes(300_000)), []

    async def packing(request: Request, writer: asyncio.StreamWriter) -> None:
        asked.append(request.headers.get("range"))
        whole = reply(body, **{"Content-Encoding": "gzip"})
        writer.write(whole if len(asked) > 1 else whole[:200_000])
        await writer.drain()
        if len(asked) == 1:
            writer.close()

    async with plain_server(packing) as server:
        with pytest.raises(RemoteError):
            await download(http, server.url, part, home=server.url)
        assert part.received > 0
        await download(http, server.url, part, home=server.url)
    assert asked == [None, None]
    assert part.path.read_bytes() == gzip.decompress(body)


async def test_a_disk_that_fills_up_on_the_way_is_noticed(http, part, monkeypatch) -> None:
    monkeypatch.setattr("vidgen_core.providers.http.download.SPACE_EVERY", 1000)
    free = iter([10**12] * 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(10**12, 0, next(free, 1000)))
    async with plain_server(Files()) as server:
        with pytest.raises(FileError) as caught:
            await download(http, server.url, part, home=server.url)
    assert caught.value.code == "disk_full"
    assert part.received > 0


async def test_the_apis_own_file_that_refuses_a_key_comes_without_it(http, part) -> None:
    asked: list[bool] = []

    async def presigned(request: Request, writer: asyncio.StreamWriter) -> None:
        asked.append("authorization" in request.headers)
        writer.write(reply(b"no", "400 Bad Request") if asked[-1] else reply(CONTENT))

    async with plain_server(presigned) as server:
        await download(http, f"{server.url}/v.mp4", part, key=KEY, home=server.url)
    assert asked == [True, False]


async def test_another_port_of_the_same_host_gets_no_key(http, part) -> None:
    async with plain_server(Files()) as api, plain_server(Files()) as other:
        await download(http, f"{other.url}/v.mp4", part, key=KEY, home=api.url)
        assert "authorization" not in other.requests[0].headers


async def test_a_foreign_link_that_leads_back_brings_no_key_along(http, part) -> None:
    async with plain_server(Files()) as api, plain_server(Files(first=[moved(f"{api.url}/v1/account")])) as other:
        await download(http, f"{other.url}/v.mp4", part, key=KEY, home=api.url)
        assert "authorization" not in api.requests[0].headers
