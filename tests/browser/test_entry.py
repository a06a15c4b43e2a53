"""Who may press a button: pages of other ports may not, nor may those whose way in was taken away."""

from __future__ import annotations

import http.server
import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from browser_studio import Studio, Visitors, go
from doubles import wait_until
from playwright.sync_api import expect
from raw_screen import ConnectionClosed, InvalidStatus, RawScreen
from team import PASSWORDS, sign_in, team, with_passwords

from vidgen_core.dashboard.shots.take_actions import KEY
from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.services.access.auth import Auth
from vidgen_core.services.access.permissions import Role
from vidgen_core.services.access.sessions import COOKIE

#: Opens both sockets and keeps what comes of it.
THEIRS = """<!doctype html><link rel="icon" href="data:,"><script>
window.heard = []
window.ended = 0
for (const path of ["/_stcore/stream", "/api/ws?project=1"]) {
  const socket = new WebSocket("ws://%s" + path, path.includes("stream") ? ["streamlit"] : [])
  socket.onopen = () => window.heard.push("open")
  socket.onmessage = (event) => window.heard.push(event.data)
  socket.onclose = () => window.ended += 1
}
window.got = []
for (const path of ["/_stcore/host-config", "/_stcore/health", "/api/health", "/api/status"])
  fetch("http://%s" + path).then((answer) => answer.text()).then((text) => window.got.push(text), () => window.got.push(null))
</script>"""


@contextmanager
def page_elsewhere(content: str) -> Iterator[str]:
    """A page on another port of this machine."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(content.encode())

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_a_page_of_another_port_reads_nothing_and_presses_nothing(studio: Studio, visitor: Visitors, name: str) -> None:
    place = studio.url.removeprefix("http://").replace("127.0.0.1", name)
    page = visitor()
    with page_elsewhere(THEIRS % (place, place)) as url:
        page.goto(url)
        page.wait_for_function("() => window.ended === 2 && window.got.length === 4")
        assert page.evaluate("() => window.heard") == []
        assert page.evaluate("() => window.got") == [None] * 4
    # Chromium complains of what it was refused.
    visitor.complaints.clear()


def test_streamlit_s_socket_is_for_our_own_pages_and_for_programs(studio: Studio) -> None:
    for origin in ("http://localhost:1", studio.url.replace("http", "https"), f"{studio.url}0", "null"):
        with pytest.raises(InvalidStatus) as refused:
            RawScreen(studio.url, origin=origin)
        assert refused.value.response.status_code == 403
    for own in (studio.url, None):
        with RawScreen(studio.url, origin=own) as screen:
            screen.run()
            screen.hear_until("Generate")


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A server with a password for each role."""
    with team(tmp_path_factory.mktemp("locked"), with_passwords) as studio:
        yield studio


def cookie_of(studio: Studio, role: Role) -> str:
    form = {"name": "Ma", "password": PASSWORDS[role]}
    return httpx.post(f"{studio.url}/sign-in", data=form, trust_env=False).cookies[COOKIE]


@pytest.fixture
def given_back(locked: Studio) -> Iterator[None]:
    """Makers may come in again afterwards."""
    yield
    Auth(locked.vidgen.settings_file).set_password(Role.MAKER, PASSWORDS[Role.MAKER])
    locked.vidgen.worker.resume()


@pytest.fixture
def maker(locked: Studio, given_back: None) -> str:
    """The cookie of a maker."""
    return cookie_of(locked, Role.MAKER)


def take_away(studio: Studio, cookie: str, how: str) -> None:
    sharing = Auth(studio.vidgen.settings_file)
    if how == "another password":
        sharing.set_password(Role.MAKER, "another-password")
    elif how == "account removed":
        sharing.set_password(Role.MAKER, "")
    else:
        httpx.post(f"{studio.url}/sign-in/out", headers={"Cookie": f"{COOKIE}={cookie}"}, trust_env=False)


@pytest.mark.parametrize("how", ["another password", "account removed", "signed out"])
def test_whose_way_in_was_taken_away_can_neither_click_nor_listen(locked: Studio, maker: str, how: str) -> None:
    project = locked.project("revoked", 1)
    with RawScreen(locked.url, cookie=maker) as screen, RawScreen(locked.url, cookie=maker) as listener:
        for one in (screen, listener):
            one.run()
            one.id_of("generate_all")
        take_away(locked, maker, how)
        screen.press("generate_all")
        with pytest.raises(ConnectionClosed) as closed:
            list(screen.all_heard(10))
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008
        # Who only listens is closed as well.
        with pytest.raises(ConnectionClosed):
            list(itertools.chain(listener.all_heard(10)))
        with pytest.raises(InvalidStatus):
            RawScreen(locked.url, cookie=maker)
    assert not any(locked.vidgen.tasks.counts(project.id).values())


def test_a_maker_s_click_counts_while_they_may_be_here(locked: Studio, maker: str) -> None:
    project = locked.project("click", 1)
    with RawScreen(locked.url, cookie=maker) as screen:
        screen.run()
        screen.press("generate_all")
        wait_until(lambda: any(locked.vidgen.tasks.counts(project.id).values()))


@pytest.mark.usefixtures("given_back")
def test_an_open_tab_of_a_maker_without_a_way_in_goes_to_the_sign_in_page(locked: Studio, visitor: Visitors) -> None:
    page, project = visitor(), locked.project("tab", 1)
    sign_in(page, locked.at(project), "Ma", Role.MAKER)
    go(page, locked.at(project))
    pause = page.get_by_role("button", name="Pause", exact=True)
    expect(pause).to_be_visible()
    take_away(locked, "", "another password")
    expect(page.get_by_label("Password")).to_be_visible()
    expect(pause).to_have_count(0)
    assert locked.vidgen.worker.status(project.id).paused is None
    # Chromium complains of the sockets that were closed on it, as long as the page is there.
    page.close()
    visitor.complaints.clear()


def test_the_cookie_stays_below_its_path(tmp_path_factory: pytest.TempPathFactory) -> None:
    with team(tmp_path_factory.mktemp("below"), with_passwords, "/team/studio") as studio:
        form = {"password": PASSWORDS[Role.OWNER]}
        answer = httpx.post(f"{studio.url}/sign-in", data=form, trust_env=False)
        kept = answer.headers["set-cookie"].lower()
        assert "path=/team/studio;" in f"{kept};"
        assert "httponly" in kept


def test_a_click_that_meets_a_change_of_page_counts(studio: Studio) -> None:
    project = studio.project("leaving", 1)
    [shot] = studio.vidgen.shots.ids(project.id)
    studio.vidgen.worker.pause()
    try:
        with RawScreen(studio.url) as screen:
            screen.run(f"project={project.name}")
            click = {"n": 1, "do": "generate", "shot": shot}
            screen.leave_with(KEY, "tasks", acts={"acts": [click]})
            wait_until(lambda: studio.vidgen.tasks.counts(project.id)[TaskStatus.QUEUED] == 3)
    finally:
        studio.vidgen.worker.resume()
