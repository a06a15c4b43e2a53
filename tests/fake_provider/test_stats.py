"""The rehearsal's counts are evidence, so they must be right, also when everything happens at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httpx
import pytest
from rehearsal_wire import Wire

from vidgen_core.fake_provider.options import RehearsalOptions
from vidgen_core.fake_provider.server import RehearsalServer, create_app, settings_hint


async def test_counts_are_right_when_everything_happens_at_once(start: Callable[..., Wire]) -> None:
    wire = start(kie_submits_per_10s=1000)
    headers = [{"Authorization": f"Bearer sk-{number % 4}"} for number in range(120)]
    limits = httpx.Limits(max_connections=40)
    async with httpx.AsyncClient(base_url=wire.url, limits=limits, trust_env=False, timeout=60.0) as client:

        async def order(number: int) -> None:
            path, body = "/v1/video/create", {"model": "veo3.1-fast", "prompt": f"shot {number % 20}"}
            if number % 3 == 0:
                path, body = "/api/v1/veo/generate", {"prompt": f"shot {number % 20}"}
            (await client.post(path, json=body, headers=headers[number])).raise_for_status()

        await asyncio.gather(*(order(number) for number in range(120)))
    stats = wire.server.stats()
    assert stats["submits"] == stats["accepted"] == {f"shot {number}": 6 for number in range(20)}
    assert (stats["submits_total"], stats["accepted_total"]) == (120, 120)
    assert stats["submits_by_key"] == stats["max_submits_per_10s"] == {f"sk-{number}": 30 for number in range(4)}
    assert stats["in_flight"] == stats["peak_in_flight"] == {"yunwu": 80, "kie": 40}
    assert stats["charged"] == {"yunwu": pytest.approx(32.0), "kie": 2400.0}
    wire.pass_time()
    later = wire.server.stats()
    assert later["in_flight"] == {"yunwu": 0, "kie": 0}
    assert later["peak_in_flight"] == {"yunwu": 80, "kie": 40}


async def test_a_balance_cannot_be_spent_twice_at_once(start: Callable[..., Wire]) -> None:
    wire = start(key_balances={"sk-good": 4.0})
    headers = {"Authorization": "Bearer sk-good"}
    async with httpx.AsyncClient(base_url=wire.url, headers=headers, trust_env=False, timeout=60.0) as client:
        body = {"model": "veo3.1-fast", "prompt": "a"}
        replies = await asyncio.gather(*(client.post("/v1/video/create", json=body) for _ in range(40)))
    assert sorted(reply.status_code for reply in replies) == [200] * 10 + [403] * 30


def test_jobs_one_after_the_other_never_count_as_two_at_once(wire: Wire) -> None:
    for number in range(5):
        wire.yunwu_submit(f"shot {number}")
        wire.pass_time()
    assert wire.server.stats()["peak_in_flight"] == {"yunwu": 1}


def test_submits_within_10_seconds_are_counted_by_a_moving_window(wire: Wire) -> None:
    for pause in (0.0, 6.0, 3.0, 2.0, 30.0):
        wire.pass_time(pause)
        wire.yunwu_submit("a")
    assert wire.server.stats()["max_submits_per_10s"] == {"sk-good": 3}


def test_refused_submits_are_counted_too(wire: Wire) -> None:
    wire.yunwu_submit("[[no-channel]]")
    wire.yunwu_submit("[[no-channel]]")
    stats = wire.server.stats()
    assert (stats["submits"], stats["accepted"]) == ({"[[no-channel]]": 2}, {})
    assert stats["faults"] == {"no-channel": 2}


def test_a_reset_really_forgets(wire: Wire) -> None:
    before = wire.server.stats()
    link = wire.yunwu_link("[[download-500:0]]", images=["https://example.com/x.png"])
    assert wire.fetch(link, Authorization="Bearer sk-good").status_code == 200
    wire.server.set_faults({"stuck": 1})
    wire.yunwu_look("nothing")
    assert wire.server.stats() != before
    wire.server.reset()
    assert wire.server.stats() == before
    assert wire.server.jobs() == []
    assert wire.fetch(link).status_code == 404
    assert wire.http.get("/_rehearsal/faults").json()["rates"] == {}
    assert wire.http.get("/api/log/token").json()["data"] == []


def test_old_jobs_are_forgotten_but_not_their_counts(start: Callable[..., Wire]) -> None:
    wire = start(keep=3)
    for number in range(10):
        wire.yunwu_submit(f"shot {number}")
        wire.pass_time()
    wire.yunwu_submit("the last")
    assert [job["prompt"] for job in wire.server.jobs()] == ["shot 7", "shot 8", "shot 9", "the last"]
    stats = wire.server.stats()
    assert (stats["accepted_total"], stats["charged"]["yunwu"]) == (11, pytest.approx(4.4))


async def test_only_this_machine_may_ask() -> None:
    app = create_app(RehearsalOptions())
    transport = httpx.ASGITransport(app, client=("192.0.2.7", 5000))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://rehearsal") as stranger,
    ):
        answers = [(await stranger.get(f"/_rehearsal/{name}")).status_code for name in ("stats", "jobs", "faults")]
        answers.append((await stranger.post("/_rehearsal/reset")).status_code)
    assert answers == [403] * 4


def test_nothing_is_left_behind() -> None:
    with RehearsalServer() as server:
        folder = server.state.folder
        assert folder.is_dir()
    assert not folder.exists()
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.url, trust_env=False)


def test_the_settings_point_all_providers_here() -> None:
    hint = settings_hint("http://127.0.0.1:9000")
    assert {name for name, value in hint.items() if value == "http://127.0.0.1:9000"} == {
        "VIDGEN_PROVIDERS__YUNWU__BASE_URL",
        "VIDGEN_PROVIDERS__YUNWU__UPLOAD_URL",
        "VIDGEN_PROVIDERS__KIE__BASE_URL",
        "VIDGEN_PROVIDERS__KIE__UPLOAD_URL",
        "VIDGEN_PROVIDERS__LOVART__BASE_URL",
        "VIDGEN_PROVIDERS__IMAGES__BASE_URL",
        "VIDGEN_WRITING__BASE_URL",
    }
