"""One data home, one façade, one runner in a process."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from doubles import embedded_worker, wait_until
from server_client import TestClient
from starlette.applications import Starlette

import vidgen_core.web
from vidgen_core.config.paths import Locations
from vidgen_core.domain.errors import StoreError
from vidgen_core.services.facade import Vidgen
from vidgen_core.web import get_vidgen, serve
from vidgen_core.web.app_instance import close_vidgen, ensure_runner, opened_vidgen


def runners() -> int:
    return sum("runner" in thread.name.lower() for thread in threading.enumerate())


def test_ten_callers_at_once_get_the_same_instance(home: Locations, vidgen: Vidgen) -> None:
    close_vidgen()
    with ThreadPoolExecutor(10) as pool:
        instances = set(pool.map(lambda _: id(get_vidgen()), range(10)))
    assert len(instances) == 1


def test_a_first_start_brings_the_sample_project(home: Locations) -> None:
    vidgen = get_vidgen()
    [project] = vidgen.projects.all()
    shots = vidgen.shots.page(project.id)
    assert shots.total >= 3
    assert all(view.shot.image and view.shot.prompt for view in shots.items)


def test_a_hot_reload_brings_no_second_runner(vidgen: Vidgen, monkeypatch: pytest.MonkeyPatch) -> None:
    embedded_worker(monkeypatch, works=True)
    first = ensure_runner()
    one = runners()
    # What Streamlit does with project modules when one of them is saved; undone afterwards, in the parent as well.
    monkeypatch.setattr(vidgen_core, "web", vidgen_core.web)
    for name in [name for name in sys.modules if name.startswith("vidgen_core.web")]:
        monkeypatch.delitem(sys.modules, name)
    from vidgen_core.web import app_instance as reloaded

    assert reloaded.ensure_runner() is first
    assert runners() == one >= 1


def test_a_closed_instance_opens_again(vidgen: Vidgen) -> None:
    close_vidgen()
    assert get_vidgen() is not vidgen
    assert get_vidgen().projects.all()


def test_health_says_that_the_database_answers(client: TestClient) -> None:
    facts = client.get("/api/health").json()
    assert facts["ok"] is True
    assert facts["runner"] == {"here": False, "last_seen": None}


def test_a_server_starts_without_what_its_first_page_does_not_need() -> None:
    needless = {
        "aiohttp",
        "alembic",
        "av",
        "docx",
        "fastapi",
        "mcp",
        "openpyxl",
        "opentimelineio",
        "pygments",
        "reportlab",
    }
    code = (
        "import sys; import vidgen_core.dashboard.shell.shell; from vidgen_core.web import serve; serve('127.0.0.1');"
        f"print(sorted({needless!r} & sys.modules.keys()))"
    )
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert told.stdout.splitlines()[-1] == "[]"


def test_a_damaged_database_leaves_the_server_up_which_says_so_until_it_is_mended(home: Locations) -> None:
    home.database.write_bytes(b"this is no database" * 1000)
    serving = serve("127.0.0.1")
    app = Starlette(routes=serving.routes, middleware=serving.middleware, lifespan=serving.lifespan)
    with TestClient(app, base_url="http://127.0.0.1") as client:
        answer = client.get("/api/health")
        assert answer.status_code == 503
        assert answer.json()["error"]["message"].startswith("store_")
        home.database.unlink()
        wait_until(lambda: opened_vidgen() is not None)
        assert client.get("/api/health").json()["ok"] is True


def test_whoever_asks_of_a_database_that_cannot_be_opened_waits_for_no_other_try(home: Locations) -> None:
    home.database.write_bytes(b"this is no database" * 1000)
    with pytest.raises(StoreError):
        ensure_runner()
    home.database.unlink()
    for _ in range(2):
        with pytest.raises(StoreError):
            get_vidgen()
    try:
        assert ensure_runner() is get_vidgen()
    finally:
        close_vidgen()


def test_shots_have_a_name_in_addresses_too(client: TestClient) -> None:
    answer = client.get("/shots?project=ep01", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (307, "/?project=ep01")


def test_answers_wait_less_for_the_screens_while_a_server_runs(vidgen: Vidgen) -> None:
    before = sys.getswitchinterval()
    serving = serve("127.0.0.1")
    app = Starlette(routes=serving.routes, middleware=serving.middleware, lifespan=serving.lifespan)
    with TestClient(app, base_url="http://127.0.0.1"):
        assert sys.getswitchinterval() <= 0.001
    assert sys.getswitchinterval() == before


def test_the_handlers_that_were_there_still_hear_the_signal(vidgen: Vidgen) -> None:
    heard: list[int] = []
    before = signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    try:
        _raise_in_a_lifespan()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == [signal.SIGTERM]


def _raise_in_a_lifespan() -> None:
    import asyncio

    from vidgen_core.web.live.websocket import Live
    from vidgen_core.web.mcp import Mcp
    from vidgen_core.web.server import lifespan

    async def run() -> None:
        live = Live()
        async with lifespan(live, Mcp()):
            signal.raise_signal(signal.SIGTERM)
            async with asyncio.timeout(5):
                await live.ended()

    asyncio.run(run())
