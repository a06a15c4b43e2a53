"""No link leads into a network of our own, however it is written and whatever its name means a moment later."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from plain_server import Request, plain_server
from provider_world import make_key

from vidgen_core.domain.errors import RemoteError
from vidgen_core.media.files import PartFile
from vidgen_core.providers.http import addresses
from vidgen_core.providers.http.addresses import ANYWHERE_PUBLIC, AddressRefused, Client, Rules, is_private, kind_of
from vidgen_core.providers.http.client import Http
from vidgen_core.providers.http.download import download, is_video
from vidgen_core.providers.http.transport import AsyncClient

HOME = "https://api.example.com"
KEY = make_key()

LOOPBACK = [
    "2130706433", "0x7f000001", "0x7f.1", "127.1", "127.0.1", "0177.0.0.1", "017700000001", "127.0.0.1.", "0", "0.0.0.0",  # noqa: S104
    "[::ffff:127.0.0.1]", "[::1]", "[::]", "[::ffff:7f00:1]", "１２７.０.０.１", "127。0。0。1", "localhost", "LOCALHOST.", "a.localhost",
]  # fmt: skip


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What names mean in this test; a list with several entries that are popped means one after the other."""
    known: dict[str, list[str]] = {}
    real = socket.getaddrinfo

    def look_up(host: str, port: Any, *args: Any, **more: Any) -> Any:
        if host in known:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in known[host]]
        if host.endswith(".example.com"):
            raise socket.gaierror(socket.EAI_NONAME, "not known")
        return real(host, port, *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return known


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("8.8.8.8", "public"), ("2606:4700::1111", "public"), ("100.63.255.255", "public"), ("172.32.0.1", "public"),
        ("100.64.0.1", "carrier"), ("100.127.255.255", "carrier"), ("192.0.0.8", "reserved"), ("198.19.255.255", "benchmark"),
        ("224.0.0.1", "multicast"), ("239.255.255.255", "multicast"), ("240.0.0.1", "reserved"), ("255.255.255.255", "reserved"),
        ("169.254.169.254", "link"), ("0.1.2.3", "none"), ("203.0.113.9", "reserved"),
        ("64:ff9b::7f00:1", "loopback"), ("64:ff9b::808:808", "public"), ("64:ff9b:1::1", "reserved"),
        ("2002:7f00:1::1", "loopback"), ("2002:c0a8:1::1", "home"), ("2002:808:808::1", "public"),
        ("::ffff:10.0.0.1", "home"), ("::10.0.0.1", "home"), ("fec0::1", "home"), ("fd12::1", "home"), ("fe80::1", "link"),
        ("ff02::1", "multicast"), ("2001:0:a00:1:0:0:80ff:fffe", "loopback"), ("2001:db8::1", "reserved"), ("100::1", "reserved"),
        ("4000::1", "reserved"), ("2620:0:0:0:0:5efe:a00:1", "home"),
    ],
)  # fmt: skip
def test_every_special_network_is_known(address: str, kind: str) -> None:
    assert kind_of(ipaddress.ip_address(address)) == kind


@pytest.mark.parametrize("host", LOOPBACK)
def test_every_way_of_writing_this_machine_is_known(host: str) -> None:
    assert is_private(host)


@pytest.mark.parametrize("host", LOOPBACK)
async def test_no_way_of_writing_it_reaches_this_machine(tmp_path: Path, host: str) -> None:
    http = Http()
    try:
        async with plain_server(refusing) as server:
            link = f"http://{host}:{server.url.rpartition(':')[2]}/v.mp4"
            with pytest.raises(RemoteError) as caught, PartFile(tmp_path / "v.mp4") as part:
                await download(http, link, part, home=HOME)
            assert await is_video(http, link, home=HOME) is not True
            assert server.connections == 0
    finally:
        await http.close()
    assert caught.value.code in {"link_refused", "dns_failed"}


async def refusing(_request: Request, writer: Any) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: 1\r\n\r\nx")


@pytest.mark.parametrize(
    "link", ["http://user:secret@8.8.8.8/v.mp4", "http://good.example\\@127.0.0.1/", "http://127.0.0.1\t/v"]
)
async def test_links_that_two_readers_read_differently_are_refused(tmp_path: Path, link: str) -> None:
    http = Http()
    with pytest.raises(RemoteError) as caught, PartFile(tmp_path / "v.mp4") as part:
        await download(http, link, part, home=HOME)
    await http.close()
    assert caught.value.code == "link_refused"


async def test_a_name_with_one_private_address_is_refused(names: dict[str, list[str]]) -> None:
    names["rebind.example.com"] = ["93.184.216.34", "10.0.0.7"]
    with pytest.raises(AddressRefused):
        async with AsyncClient(ANYWHERE_PUBLIC) as client:
            await client.get("http://rebind.example.com/v.mp4")
    with pytest.raises(AddressRefused), Client() as client:
        client.get("http://rebind.example.com/v.mp4")


async def test_the_connection_goes_to_the_address_that_was_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([["127.0.0.1"]])
    monkeypatch.setattr(addresses, "resolve", lambda _host, _port: [ipaddress.ip_address(one) for one in next(answers)])
    async with plain_server(refusing) as server:
        port = server.url.rpartition(":")[2]
        async with AsyncClient(Rules(allow_private=True)) as client:
            answer = await client.get(f"http://cdn.example.com:{port}/v.mp4")
        assert answer.status_code == 200
        # A second look at the name would have found nothing left to say.
        assert server.requests[0].headers["host"] == f"cdn.example.com:{port}"


async def test_a_redirect_is_looked_at_like_a_link(tmp_path: Path, names: dict[str, list[str]]) -> None:
    names["inner.example.com"] = ["192.168.7.7"]

    async def sends_on(_request: Request, writer: Any) -> None:
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: http://inner.example.com/v.mp4\r\nContent-Length: 0\r\n\r\n")

    async with plain_server(sends_on) as server:
        http = Http()
        names["api.example.com"] = ["127.0.0.1"]
        home = f"http://api.example.com:{server.url.rpartition(':')[2]}"
        names["inner.example.com"] = ["169.254.169.254"]
        with pytest.raises(RemoteError) as caught, PartFile(tmp_path / "v.mp4") as part:
            await download(http, f"{home}/v.mp4", part, home=home)
        await http.close()
    assert (caught.value.code, caught.value.params["host"]) == ("link_refused", "inner.example.com")


@pytest.mark.parametrize(
    ("home", "address", "allowed"),
    [
        ("http://127.0.0.1:9000", "127.0.0.1", True),
        ("http://localhost:9000", "192.168.1.6", True),
        ("http://192.168.1.5", "192.168.1.6", True),
        ("http://192.168.1.5", "127.0.0.1", False),
        ("http://192.168.1.5", "169.254.169.254", False),
        ("http://127.0.0.1", "169.254.169.254", False),
        ("http://fake-ip.example.com", "198.18.3.4", True),
        ("https://api.example.com", "198.18.3.4", False),
        ("", "10.0.0.1", False),
        ("", "8.8.8.8", True),
    ],
)
def test_a_service_of_ones_own_network_may_lead_into_it(
    names: dict[str, list[str]], home: str, address: str, allowed: bool
) -> None:
    names["fake-ip.example.com"] = ["198.18.0.9"]
    names["api.example.com"] = ["93.184.216.34"]
    look: Callable[[], None] = lambda: addresses.check("x", [ipaddress.ip_address(address)], Rules(home=home))  # noqa: E731
    if allowed:
        look()
    else:
        with pytest.raises(AddressRefused):
            look()


async def test_behind_a_proxy_what_the_link_says_is_still_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    async with plain_server(refusing) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "")
        async with AsyncClient(ANYWHERE_PUBLIC) as client:
            for host in ("2130706433", "169.254.169.254", "printer.local"):
                with pytest.raises(AddressRefused):
                    await client.get(f"http://{host}/v.mp4")
            assert proxy.requests == []
            assert (await client.get("http://unknown-here.invalid/v.mp4")).status_code == 200
        assert proxy.requests[0].line.startswith("GET http://unknown-here.invalid/v.mp4")
