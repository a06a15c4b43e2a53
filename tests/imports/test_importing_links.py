"""Pictures behind links: fetched from the public internet alone, within bounds, and only when they are pictures."""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from importing_factories import codes, draw

from vidgen_core.domain.errors import InputError
from vidgen_core.providers.http.addresses import PUBLIC, kind_of
from vidgen_core.services.imports.plan import ImportPlan
from vidgen_core.services.imports.readers.links import LinkFetcher, fetch_links
from vidgen_core.services.imports.readers.pictures import Surroundings
from vidgen_core.services.imports.readers.reader import read_list


class Site(BaseHTTPRequestHandler):
    """Answers as the tests' ``pages`` say."""

    def do_GET(self) -> None:
        server: Any = self.server
        server.asked.append((self.path, self.headers["Host"]))
        page = server.pages.get(self.path)
        status, headers, body = page or (404, {}, b"")
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing on the terminal."""


class Web:
    def __init__(self, server: Any) -> None:
        self.pages: dict[str, tuple[int, dict[str, str], bytes]] = server.pages
        self.asked: list[tuple[str, str]] = server.asked
        self.port: int = server.server_address[1]

    def link(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.pages, server.asked = {"/a.png": (200, {}, draw(tmp_path / "a.png").read_bytes())}, []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield Web(server)
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "staging").mkdir()
    return tmp_path / "staging"


def refusal(folder: Path, link: str, **bounds: Any) -> str:
    with LinkFetcher(folder, **bounds) as fetcher, pytest.raises(InputError) as caught:
        fetcher.fetch(link)
    assert list(folder.iterdir()) == [], "nothing half is left"
    return caught.value.code


def names(monkeypatch: pytest.MonkeyPatch, addresses: dict[str, list[str]]) -> None:
    """Let names mean addresses of our choice; everything else stays as it is."""
    real: Callable[..., Any] = socket.getaddrinfo

    def resolve(host: str, port: int, *rest: Any, **more: Any) -> Any:
        if host in addresses:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses[host]]
        return real(host, port, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


def test_a_picture_comes_as_a_file_when_private_links_are_allowed(web: Web, folder: Path) -> None:
    with LinkFetcher(folder, allow_private=True) as fetcher:
        path = fetcher.fetch(web.link("/a.png"))

    assert path.read_bytes() == web.pages["/a.png"][2]
    assert web.asked == [("/a.png", f"127.0.0.1:{web.port}")]


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]"],  # noqa: S104
)
def test_this_machine_is_not_asked_under_any_of_its_names(web: Web, folder: Path, host: str) -> None:
    assert refusal(folder, f"http://{host}:{web.port}/a.png") in {"link_private", "link_unknown_host"}
    assert web.asked == []


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("10.0.0.1", False),
        ("172.16.3.4", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("240.0.0.1", False),
        ("0.0.0.0", False),  # noqa: S104
        ("::1", False),
        ("::", False),
        ("fe80::1", False),
        ("fd00::1", False),
        ("ff02::1", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::a00:1", False),
        ("64:ff9b::808:808", True),
        ("2002:a00:1::", False),
    ],
)
def test_addresses_of_private_networks_are_told_from_public_ones(address: str, public: bool) -> None:
    assert (kind_of(ipaddress.ip_address(address)) == PUBLIC) is public


def test_one_private_address_among_public_ones_is_enough_to_refuse(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names(monkeypatch, {"two-faced.example": ["8.8.8.8", "192.168.1.1"]})

    assert refusal(folder, "http://two-faced.example/a.png") == "link_private"


def test_the_address_that_was_checked_is_the_one_that_is_asked(
    web: Web, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names(monkeypatch, {"pictures.example": ["127.0.0.1"]})
    with LinkFetcher(folder, allow_private=True) as fetcher:
        fetcher.fetch(f"http://pictures.example:{web.port}/a.png")

    assert web.asked == [("/a.png", f"pictures.example:{web.port}")], "under its name, at that address"


def test_redirects_are_followed_and_checked_again(web: Web, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    web.pages["/moved"] = (302, {"Location": "/a.png"}, b"")
    web.pages["/inward"] = (302, {"Location": "http://inner.example/secret"}, b"")
    web.pages["/file"] = (302, {"Location": "file:///etc/passwd"}, b"")
    names(monkeypatch, {"outer.example": ["127.0.0.1"], "inner.example": ["10.0.0.1"]})
    # As if the test's own server were a public one.
    monkeypatch.setattr(
        "vidgen_core.providers.http.addresses.kind_of",
        lambda address: PUBLIC if str(address) == "127.0.0.1" else "home",
    )

    with LinkFetcher(folder) as fetcher:
        assert fetcher.fetch(f"http://outer.example:{web.port}/moved").stat().st_size
        (next(folder.iterdir())).unlink()
    assert refusal(folder, f"http://outer.example:{web.port}/inward") == "link_private"
    assert refusal(folder, f"http://outer.example:{web.port}/file") == "link_invalid"


@pytest.mark.parametrize("to", ["http://[::1/a.png", "//[", "http://[v1.x]/a.png", "http://a:b/a.png"])
def test_a_redirect_to_what_is_no_address_leads_nowhere(web: Web, folder: Path, to: str) -> None:
    web.pages["/moved"] = (302, {"Location": to}, b"")

    assert refusal(folder, web.link("/moved"), allow_private=True) in (
        "link_unreachable",
        "link_invalid",
        "link_unknown_host",
    )


def test_a_circle_of_redirects_ends(web: Web, folder: Path) -> None:
    web.pages["/round"] = (302, {"Location": "/round"}, b"")

    assert refusal(folder, web.link("/round"), allow_private=True) == "link_too_many_redirects"
    assert len(web.asked) == 6


def test_what_is_too_large_is_refused_before_and_while_it_comes(web: Web, folder: Path) -> None:
    web.pages["/announced"] = (200, {}, b"x" * 5000)
    web.pages["/endless"] = (200, {"Content-Length": "", "Connection": "close"}, b"x" * 5000)

    assert refusal(folder, web.link("/announced"), allow_private=True, largest=4000) == "link_too_large"
    assert refusal(folder, web.link("/endless"), allow_private=True, largest=4000) == "link_too_large"


def test_what_takes_too_long_is_refused(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]

        assert refusal(folder, f"http://127.0.0.1:{port}/a", allow_private=True, longest=0.3) == "link_too_slow"


@pytest.mark.parametrize("link", ["ftp://x.example/a", "http://", "https://user:pass@x.example/a", "javascript:1", "x"])
def test_what_is_no_web_link_is_refused(folder: Path, link: str) -> None:
    assert refusal(folder, link, allow_private=True) == "link_invalid"


def listed(text: str, folder: Path) -> ImportPlan:
    return read_list(text.encode(), "text", Surroundings(folder))


def test_a_link_that_does_not_answer_is_kept_and_what_is_no_picture_is_refused(web: Web, folder: Path) -> None:
    web.pages["/page"] = (200, {"Content-Type": "image/png"}, b"<html>not a picture</html>")
    text = f"{web.link('/a.png')} zoom in\n{web.link('/gone.png')}\n{web.link('/page')}\nno link\n{web.link('/a.png')}\tpan"

    plan = fetch_links(listed(text, folder), folder, allow_private=True)

    assert codes(plan) == [
        (1, "ok", []),
        (2, "warning", ["link_no_picture", "link_kept"]),
        (3, "rejected", ["image_not_a_picture"]),
        (4, "ok", []),
        (5, "ok", []),
    ]
    assert [shot.prompt for shot in plan.ok] == ["zoom in", "", "no link", "pan"]
    assert (plan.shots[1].image_url, plan.shots[1].image) == (web.link("/gone.png"), None)
    assert plan.shots[0].image == plan.shots[4].image, "fetched once"
    assert plan.shots[0].facts is not None
    assert len(list(folder.iterdir())) == 1


def test_links_that_need_not_be_fetched_are_passed_over(web: Web, folder: Path) -> None:
    plan = fetch_links(listed(web.link("/a.png"), folder), folder, allow_private=True, passed_over=[web.link("/a.png")])

    assert (web.asked, plan.shots[0].image, plan.shots[0].verdict) == ([], None, "ok")
