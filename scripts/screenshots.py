"""``make screenshots``: the pictures of ``docs/screenshots``, from a rehearsal run in a home of their own.

A rehearsal server plays the provider, the sample project's shots are generated through it, one take fails, some are
chosen; then every screen is taken in Chinese and English, light and dark, wide and phone-wide.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from vidgen_core.config.paths import Locations
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.queries import ShotFilter
from vidgen_core.domain.tasks import LIVE, TaskStatus
from vidgen_core.fake_provider.options import RehearsalOptions
from vidgen_core.fake_provider.server import RehearsalServer
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation.planning import GenerateOptions

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "docs" / "screenshots"
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SCREENS = ["shots", "tasks", "add", "storyboard", "pick", "export", "log", "analytics", "settings"]
#: name → locale, colours, width, height
LOOKS = {
    "zh-light": ("zh-CN", "light", 1440, 1000),
    "en-dark": ("en-US", "dark", 1440, 1000),
    "zh-phone": ("zh-CN", "dark", 390, 844),
}
PROMPTS = {"2.0": "湖面，镜头缓缓拉远 [[moderated-output]]", "3.0": "星空下的山丘，手持镜头 [[slow:600]]"}


def main() -> int:
    """Take them all; returns an exit status."""
    TARGET.mkdir(parents=True, exist_ok=True)
    options = RehearsalOptions(job_seconds=(1.0, 3.0), video_scale=0.4)
    with tempfile.TemporaryDirectory() as folder, RehearsalServer(options) as rehearsal:
        home = Path(folder) / "home"
        os.environ.update(_settings(rehearsal.url, home))
        with _server() as url:
            _generate(home)
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
                for name, look in LOOKS.items():
                    _take(browser, url, name, *look)
                browser.close()
    return 0


def _settings(url: str, home: Path) -> dict[str, str]:
    return {
        "VIDGEN_HOME": str(home),
        "LANG": "zh_CN.UTF-8",
        "VIDGEN_MODE": "yunwu",
        "VIDGEN_RUNNER__POLL_INTERVAL": "1",
        "VIDGEN_RUNNER__TAKES_PER_SHOT": "3",
        "VIDGEN_PROVIDERS__YUNWU__BASE_URL": url,
        "VIDGEN_PROVIDERS__YUNWU__KEYS": json.dumps([{"name": "main", "secret": "sk-good-rehearsal-x4KR"}]),
    }


@contextmanager
def _server() -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "vidgen_core", "serve", "--no-browser", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        _until(lambda: _answers(f"{url}/api/health"), 60)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return int(answer.status) == 200
    except OSError:
        return False


def _until(condition: object, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.2)


def _generate(home: Path) -> None:
    """Takes of every shot but the last; one is refused, one goes on, two shots are decided."""
    with Vidgen.open(Locations(home)) as app:
        _until(lambda: app.projects.all(), 60)
        project = app.projects.all()[0]
        shots = app.shots.page(project.id, ShotFilter(), 20).items
        for view in shots:
            if view.shot.number in PROMPTS:
                app.shots.edit(view.shot.id, prompt=PROMPTS[view.shot.number])
        app.tasks.generate(
            project.id, [view.shot.id for view in shots[:-1]], GenerateOptions(provider=ProviderId("yunwu"))
        )

        def nearly_done() -> bool:
            tasks = [task for view in app.shots.page(project.id, ShotFilter(), 20).items for task in view.tasks]
            return sum(task.status in LIVE for task in tasks) <= 3

        _until(nearly_done, 180)
        for view in app.shots.page(project.id, ShotFilter(), 20).items[:2]:
            done = [take for take in view.takes if take]
            if done:
                app.takes.choose(view.shot.id, done[0].id)
        assert app.tasks.counts(project.id)[TaskStatus.COMPLETED] > 0


def _take(browser: Browser, url: str, look: str, locale: str, scheme: str, width: int, height: int) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": height},
        locale=locale,
        color_scheme=scheme,  # type: ignore[arg-type]
    )
    page = context.new_page()
    for screen in SCREENS:
        page.goto(url if screen == "shots" else f"{url}/{screen}")
        _settled(page)
        page.screenshot(path=TARGET / f"{screen}-{look}.png")
    context.close()


def _settled(page: Page) -> None:
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]", timeout=60_000)
    page.wait_for_function("document.querySelectorAll('[data-testid=stSkeleton]').length === 0", timeout=60_000)
    page.wait_for_function("[...document.images].every(picture => picture.complete)", timeout=60_000)
    page.wait_for_timeout(1500)


if __name__ == "__main__":
    sys.exit(main())
