"""Parts of the browser tests: the server, the visitors, and ways to wait.

Pictures of the screens are kept when ``VIDGEN_SCREENSHOTS`` names a folder::

    VIDGEN_SCREENSHOTS=docs/screenshots pytest tests/browser/test_browser_pictures.py
"""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from vidgen_core.domain.attempts import AttemptState
from vidgen_core.domain.errors import ErrorKind
from vidgen_core.domain.money import ChargeStatus, Money
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.shots import NewShot, Project
from vidgen_core.domain.tasks import Failure, GenerationParams, NewTask, Task, TaskStatus
from vidgen_core.services.facade import Vidgen

ROOT = Path(__file__).parents[2]
CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
#: Read here, because no test sees the environment of the machine.
SCREENSHOTS = os.environ.get("VIDGEN_SCREENSHOTS")
#: Short, small films: what is looked at here is the screen.
QUICK = {"providers.local.duration": 1.0, "providers.local.fps": 8, "providers.local.size": "360P"}
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
)
#: Milliseconds for what the machine does under load; nothing waits this long in vain.
PATIENCE = 60_000
#: Said by Chromium about deep links: Streamlit first asks for its health below the page's name.
_KNOWN = re.compile(r"_stcore/(health|host-config)|status of 404")

expect.set_options(timeout=PATIENCE)


def picture(hue: int = 0, size: tuple[int, int] = (360, 640)) -> bytes:
    """A JPEG that differs by ``hue`` (0–255)."""
    grey = Image.linear_gradient("L").resize(size)
    image = Image.merge("HSV", (Image.new("L", size, hue % 256), Image.new("L", size, 150), grey)).convert("RGB")
    stream = io.BytesIO()
    image.save(stream, "JPEG")
    return stream.getvalue()


@dataclass
class Studio:
    """A running dashboard and, beside it, the façade on the same data home."""

    url: str
    home: Path
    vidgen: Vidgen
    process: subprocess.Popen[bytes]
    log: Path

    def project(self, name: str, shots: int = 3) -> Project:
        """A project of its own with pictures and prompts; another one when a test is tried again."""
        taken = {project.name for project in self.vidgen.projects.all()}
        names = (name if n == 1 else f"{name} {n}" for n in itertools.count(1))
        project = self.vidgen.projects.ensure(next(free for free in names if free not in taken))
        for index in range(shots):
            self.vidgen.shots.add(
                project.id, prompt=f"shot {index + 1}, camera slowly zooms in", image=picture(index * 40)
            )
        return project

    def at(self, project: Project, page: str = "") -> str:
        return f"{self.url}/{page}?project={project.name}"


def add_tasks(studio: Studio, project: Project, count: int, prompt: str = "slow zoom in") -> list[Task]:
    """Tasks of the paid provider that nobody releases, ¥0.40 each."""
    params = GenerationParams(prompt=prompt, aspect_ratio="9:16", size="1080P")
    cost = Money(amount="0.4", currency="CNY")  # type: ignore[arg-type]
    with studio.vidgen.store.write() as tx:
        shot = tx.shots.add(project.id, [NewShot(number=None, prompt=prompt)])[0]
        new = NewTask(
            project_id=project.id,
            shot_id=shot.id,
            provider=ProviderId("yunwu"),
            model="grok-video-3",
            params=params,
            status=TaskStatus.PENDING,
            cost=cost,
        )
        return tx.tasks.add([new] * count)


def fail(studio: Studio, tasks: list[Task], kind: ErrorKind) -> None:
    """Let tasks go out and fail, as the runner writes it down."""
    failure = Failure(kind=kind, code=kind.value)
    with studio.vidgen.store.write() as tx:
        for task in tasks:
            tx.tasks.move(task.id, TaskStatus.QUEUED)
            tx.tasks.move(task.id, TaskStatus.PROCESSING)
            attempt = tx.attempts.begin(task.id, task.provider, task.model, "k1", "main ••x4KR", None, task.cost)
            sent = {"images": 1, "image_bytes": 412_000}
            tx.attempts.update(
                attempt.id, state=AttemptState.FAILED, remote_id=f"grok:{task.id}", sent=sent,
                charge=ChargeStatus.ESTIMATED, failure=failure, evidence='{"status": "failed"}',
            )  # fmt: skip
            tx.tasks.note(task.id, remote_id=f"grok:{task.id}")
            tx.tasks.move(task.id, TaskStatus.FAILED, failure=failure)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start_server(home: Path, log: Path, port: int | None = None, **more: str) -> tuple[subprocess.Popen[bytes], str]:
    """``streamlit run`` on a free port; returns when it answers."""
    port = port or free_port()
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("VIDGEN_", "STREAMLIT_"))}
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", "streamlit_app.py", "--server.port", str(port)],
            cwd=ROOT,
            env=clean | {"VIDGEN_HOME": str(home)} | more,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    url = f"http://127.0.0.1:{port}"
    wait_for_server(process, url, log)
    return process, url


def wait_for_server(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """Return when the server at ``url`` answers."""
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{url}/api/health", timeout=5, trust_env=False).status_code == 200:
                return
        time.sleep(0.1)
    raise RuntimeError(f"The server did not start:\n{log.read_text()}")


def stop_server(process: subprocess.Popen[bytes]) -> None:
    """Ask it to end and wait; uvicorn ends in order and then lets the signal have its usual effect."""
    process.send_signal(signal.SIGTERM)
    try:
        assert process.wait(40) in (0, -signal.SIGTERM)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(10)


@dataclass
class Visitors:
    """The pages of one test; what their consoles complain of fails it.

    Visitors with the same looks share a browser context from test to test: the screens' scripts are fetched and compiled
    once, which takes longer than most tests.
    """

    browser: Browser
    contexts: dict[tuple[int, int, str, str, bool], BrowserContext]
    pages: list[Page]
    complaints: list[str]

    def __call__(
        self,
        *,
        width: int = 1440,
        height: int = 1000,
        scheme: str = "light",
        locale: str = "en-US",
        touch: bool = False,
    ) -> Page:
        looks = (width, height, scheme, locale, touch)
        context = self.contexts.get(looks) or self._context(*looks)
        self.contexts[looks] = context
        page = context.new_page()
        self.pages.append(page)
        page.on("console", lambda message: self._heard(message.type, message.text, message.location.get("url", "")))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self._asked(request.url))
        return page

    def _context(self, width: int, height: int, scheme: str, locale: str, touch: bool) -> BrowserContext:
        context = self.browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,  # type: ignore[arg-type]
            locale=locale,
            timezone_id="Asia/Shanghai",
            has_touch=touch,
        )
        context.set_default_timeout(PATIENCE)
        return context

    def leave(self) -> None:
        """Close the pages; nothing that a browser remembers is left to the next test."""
        for page in self.pages:
            if page.url.startswith("http") and not page.is_closed():
                page.evaluate("() => { localStorage.clear(); sessionStorage.clear() }")
            page.close()
        for context in self.contexts.values():
            context.clear_cookies()

    def _heard(self, kind: str, text: str, url: str) -> None:
        if kind == "error" and not (_KNOWN.search(text) and "_stcore" in text + url):
            self.complaints.append(f"{text} {url}")

    def _asked(self, url: str) -> None:
        if not url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:")):
            self.complaints.append(f"asked an outside address: {url}")


def go(page: Page, url: str) -> Page:
    """Open an address and wait until its script has run."""
    page.goto(url)
    settled(page)
    return page


def settled(page: Page) -> None:
    """Wait until Streamlit is at rest."""
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")


def until(page: Page, condition: Callable[[], bool], what: str = "it") -> None:
    """Wait for something outside of the page, while the page lives on."""
    end = time.monotonic() + PATIENCE / 1000
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what}"
        page.wait_for_timeout(100)


def plays(page: Page) -> None:
    """Return when the one video of the page is under way."""
    video = page.locator("video")
    expect(video).to_have_count(1)
    until(page, lambda: video.evaluate("video => video.currentTime > 0.2"), "a video that plays")


def card(page: Page, shot_id: int) -> Locator:
    return page.locator(f".st-key-shot_{shot_id}")
