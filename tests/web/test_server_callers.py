"""Whose tries are counted: each visitor's own, behind whatever proxies, and nobody gets more of them by a header."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx
import pytest
from served import on_a_port
from server_client import HERE, TestClient
from starlette.applications import Starlette

from vidgen_core.domain.errors import SettingsError
from vidgen_core.services.access.auth import Auth
from vidgen_core.services.access.permissions import Role
from vidgen_core.services.facade import Vidgen
from vidgen_core.web import serve
from vidgen_core.web.sign_in import TRIES, TRIES_OF_ALL

ANNE, BOB = "203.0.113.7", "198.51.100.8"
Peer = Callable[[str], TestClient]


@pytest.fixture
def peers(vidgen: Vidgen) -> Iterator[Peer]:
    """Clients of one server that asks for a password, by the address of the machine they come from."""
    vidgen.settings_file.change({"sharing.sign_in": "password", "sharing.trusted_proxies": "10.0.0.5, 172.16.0.0/12"})
    serving = serve("127.0.0.1")
    app = Starlette(routes=serving.routes, middleware=serving.middleware, lifespan=serving.lifespan)
    with ExitStack() as stack:
        stack.enter_context(TestClient(app, base_url=HERE))
        yield lambda address: TestClient(app, base_url=HERE, client=(address, 4711), follow_redirects=False)


def guess(client: TestClient | httpx.Client, forwarded: str | None = None) -> int:
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    status: int = client.post("/sign-in", data={"password": "guess"}, headers=headers).status_code
    return status


def guess_until_stopped(client: TestClient | httpx.Client, forwarded: Callable[[int], str | None]) -> None:
    """On a busy machine another try or two has been earned meanwhile."""
    statuses = (guess(client, forwarded(turn)) for turn in range(6 * TRIES))
    allowed = list(itertools.takewhile(lambda status: status == 401, statuses))
    assert TRIES <= len(allowed) < 6 * TRIES


@pytest.mark.parametrize("proxy", ["127.0.0.1", "::1", "10.0.0.5", "172.18.0.1", "::ffff:172.18.0.1"])
def test_two_visitors_behind_a_trusted_proxy_have_tries_of_their_own(peers: Peer, proxy: str) -> None:
    client = peers(proxy)
    guess_until_stopped(client, lambda _: ANNE)
    assert guess(client, BOB) == 401


def test_a_proxy_before_a_proxy_is_looked_through(peers: Peer) -> None:
    client = peers("127.0.0.1")
    guess_until_stopped(client, lambda _: f"{ANNE}, 10.0.0.5")
    assert guess(client, f"{BOB}, 10.0.0.5") == 401
    assert guess(client, ANNE) == 429


def test_a_forged_header_from_outside_changes_nothing(peers: Peer) -> None:
    guess_until_stopped(peers(BOB), lambda turn: f"203.0.113.{turn}")
    # The one whose address was forged can still sign in.
    assert guess(peers("127.0.0.1"), "203.0.113.1") == 401


def test_what_a_visitor_wrote_before_the_proxy_added_to_it_counts_for_nothing(peers: Peer) -> None:
    guess_until_stopped(peers("127.0.0.1"), lambda turn: f"203.0.113.{turn}, 10.0.0.5, {BOB}")


def test_the_addresses_of_one_home_network_count_as_one_visitor(peers: Peer) -> None:
    client = peers("127.0.0.1")
    guess_until_stopped(client, lambda turn: f"2001:db8:1:2::{turn + 1:x}")
    assert guess(client, "2001:db8:1:3::1") == 401


def test_the_name_that_was_typed_outlives_the_wait(peers: Peer) -> None:
    client = peers(ANNE)
    guess_until_stopped(client, lambda _: None)
    answer = client.post("/sign-in", data={"name": "Li Wei", "password": "guess"})
    assert (answer.status_code, 'value="Li Wei"' in answer.text) == (429, True)


def test_a_real_server_counts_in_the_same_way(vidgen: Vidgen) -> None:
    vidgen.settings_file.change({"sharing.sign_in": "password", "sharing.trusted_proxies": "10.0.0.5"})
    with on_a_port() as url, httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
        guess_until_stopped(client, lambda turn: f"203.0.113.{turn}, {BOB}, 10.0.0.5")
        assert guess(client, f"{ANNE}, 10.0.0.5") == 401


@pytest.mark.parametrize("wrong", ["*", "0.0.0.0/0", "::/0", "10.0.0.5, proxy.example", "10.0.0.5/8"])
def test_nobody_is_trusted_by_name_or_all_at_once(vidgen: Vidgen, wrong: str) -> None:
    with pytest.raises(SettingsError):
        vidgen.settings_file.change({"sharing.trusted_proxies": wrong})


def test_guesses_from_many_addresses_lock_nobody_out_who_has_been_here(
    peers: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(_: Auth, given: str) -> Role | None:
        return Role.OWNER if given == "right" else None

    # The real check is slow on purpose.
    monkeypatch.setattr(Auth, "check_password", check)

    def enter(address: str) -> int:
        status: int = peers(address).post("/sign-in", data={"password": "right"}).status_code
        return status

    assert enter(ANNE) == 303
    guesses = [guess(peers(f"192.0.{n // 200}.{n % 200 + 1}")) for n in range(3 * TRIES_OF_ALL)]
    assert guesses.count(401) >= TRIES_OF_ALL - 1, "one of them was Anne"
    assert guesses[-1] == 429
    # A stranger waits; those who are known, and whoever sits at this machine, do not.
    assert [enter(BOB), enter(ANNE), enter("127.0.0.1")] == [429, 303, 303]
