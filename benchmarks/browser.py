"""What a visitor's browser sees of the dashboard: ``python benchmarks/browser.py [--shots 60] [-n 10]``.

A server of its own with a project of finished takes, and Chromium (``CHROMIUM``, else ``/usr/bin/chromium``) at 1440×900.
Times are measured in the page itself, from the event to the frame that shows its effect: a click until something changes, a
change of filter or page until all of the list is drawn. Beside them stand the bytes of our own scripts, and how far what was drawn
moved by itself (the browser's layout-shift entries) over a whole run of *Generate*.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from vidgen_core.config.paths import Locations
from vidgen_core.domain.shots import NewShot
from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation.planning import GenerateOptions

ROOT = Path(__file__).parents[1]
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--autoplay-policy=no-user-gesture-required",
]
QUICK = {"providers.local.duration": 1.0, "providers.local.fps": 8, "providers.local.size": "360P"}
#: Shots whose takes are rendered.
RENDERED = 20
#: Collects what moves by itself.
SHIFTS = """() => {
  window.shifts = []
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifts.push(entry.value)
  }).observe({ type: "layout-shift" })
}"""
#: Looks at every frame after an act whether it shows, and returns the milliseconds until the first that does.
UNTIL = """async ([act, shows]) => {
  const all = (at) => [...at.querySelectorAll("*")].flatMap((one) => [one, ...(one.shadowRoot ? all(one.shadowRoot) : [])])
  const find = (query) => all(document).filter((one) => one.matches(query))
  const run = (code) => new Function("find", `return (${code})`)(find)
  const begun = performance.now()
  run(act)
  for (;;) {
    const now = await new Promise(requestAnimationFrame)
    if (run(shows)) return performance.now() - begun
    if (now - begun > 30000) throw new Error(`never shown: ${shows}`)
  }
}"""
SCRIPTS = """() => performance.getEntriesByType("resource").filter((one) => one.name.includes("/media/part/") && one.name.includes(".js"))
  .map((one) => [one.decodedBodySize, one.encodedBodySize])"""
CARDS = "find('[class*=st-key-shot_]').filter((one) => one.querySelector('textarea')).length"
AT_REST = "find('[data-testid=stApp]')[0].dataset.testScriptState === 'notRunning' && !find('[data-testid=stSkeleton]').length"


@contextmanager
def serving(home: Path) -> Iterator[str]:
    """The address of a dashboard over a data home."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "vidgen_core", "serve", "--no-browser", "--port", str(port)]
    process = subprocess.Popen(
        command, cwd=ROOT, env=os.environ | {"VIDGEN_HOME": str(home)}, stdout=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    try:
        wait(lambda: answers(url))
        yield url
    finally:
        process.terminate()
        process.wait(60)


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/api/health", timeout=5, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def wait(condition: Callable[[], bool]) -> None:
    """Return when something is so."""
    end = time.monotonic() + 600
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.2)


def fill(app: Vidgen, folder: Path, shots: int) -> int:
    """A project of shots with pictures, the first of them with two takes each; returns its id."""
    project = app.projects.ensure("bench").id
    grey = Image.linear_gradient("L").resize((360, 640))
    pictures = []
    for number in range(RENDERED):
        Image.merge("RGB", (grey, Image.new("L", grey.size, 12 * number), grey)).save(folder / f"{number}.jpg")
        pictures.append(app.shots.keep_image(folder / f"{number}.jpg"))
    with app.store.write() as tx:
        new = [NewShot(prompt=f"shot {n}, zoom in", image=pictures[n % RENDERED]) for n in range(shots)]
        ids = [shot.id for shot in tx.shots.add(project, new)]
    app.tasks.generate(project, ids[:RENDERED], GenerateOptions(takes=2))
    return project


def measure(page: Page, n: int, act: str, shows: str, back: Callable[[], object]) -> list[float]:
    """Milliseconds of ``n`` acts after a first one that warms up; ``back`` undoes each."""
    found = []
    for _ in range(n + 1):
        found.append(page.evaluate(UNTIL, [act, shows]))
        back()
        page.evaluate(UNTIL, ["0", AT_REST])
        page.wait_for_timeout(300)
    return found[1:]


def show(name: str, found: list[float], bar: str) -> None:
    worst = sorted(found)[max(0, round(0.95 * len(found)) - 1)]
    print(f"{name:<48} {statistics.median(found):8.0f} {worst:8.0f}   {bar}", flush=True)


def run(page: Page, url: str, n: int, done: Callable[[], bool]) -> None:
    def go(path: str) -> None:
        page.goto(f"{url}/{path}?project=bench")
        page.evaluate(UNTIL, ["0", AT_REST])

    go("")
    page.evaluate(UNTIL, ["0", f"{CARDS} === 20 && find('.slot').length >= 40"])
    print(f"{f'n = {n}':<48} {'median':>8} {'p95':>8}   bar (ms)")
    page.evaluate(SHIFTS)
    generate = "find('button.generate')"
    made = measure(
        page, 3, f"({generate}[0].click(), {generate}[0])", f"{generate}[0].classList.contains('sent')", lambda: None
    )
    show("Generate: the click shows", made, "150")
    stars = "find('.choose[aria-pressed]')"
    toggle = f"(window.before = {stars}[0].getAttribute('aria-pressed'), {stars}[0].click())"
    show(
        "choose a take: the star",
        measure(page, n, toggle, f"{stars}[0].getAttribute('aria-pressed') !== before", lambda: None),
        "150",
    )
    wait(done)
    page.wait_for_timeout(2000)
    print(f"{'layout shift over the run':<48} {sum(page.evaluate('() => window.shifts')):8.3f}   {'':>8} 0.02 in all")
    pills = "find('.st-key-tool_left_shots button[role=radio]')"
    twenty = f"{CARDS} === 20 && {AT_REST} && "
    # Those without takes are more than a page of them; that the list is filtered is said above it.
    found = measure(
        page,
        n,
        f"{pills}[2].click()",
        f"{twenty}find('.st-key-filtered').length",
        lambda: page.evaluate(UNTIL, [f"{pills}[0].click()", f"{twenty}!find('.st-key-filtered').length"]),
    )
    show("filter: all of the list is drawn", found, "600")
    to_shots, to_tasks = (
        f"find('.st-key-sidebar_pages a').find((one) => one.textContent.includes('{title}')).click()"
        for title in ("Shots", "Tasks")
    )
    page.evaluate(UNTIL, [to_tasks, f"{AT_REST} && !{CARDS}"])
    found = measure(
        page,
        n,
        to_shots,
        f"{CARDS} === 20 && find('.slot').length >= 40 && {AT_REST}",
        lambda: page.evaluate(UNTIL, [to_tasks, f"{AT_REST} && !{CARDS}"]),
    )
    show("page: Tasks to Shots, all of it is drawn", found, "600")
    go("pick")
    page.evaluate(UNTIL, ["0", "find('.take video').length"])
    number = "find('.head h2')[0]"
    key = "document.dispatchEvent(new KeyboardEvent('keydown', { key: 'j', bubbles: true, composed: true }))"
    found = [
        page.evaluate(UNTIL, [f"(window.before = {number}.textContent, {key})", f"{number}.textContent !== before"])
        for _ in range(n)
    ]
    show("review: the next shot stands there", found, "150")
    for name in ("", "storyboard", "pick", "add"):
        go(name)
        page.wait_for_timeout(1500)
        sizes = page.evaluate(SCRIPTS)
        plain, packed = (sum(one[at] for one in sizes) / 1000 for at in (0, 1))
        print(
            f"{f'scripts of our own, page {name or chr(34) + chr(34)}':<48} {plain:8.1f} {packed:8.1f}   60 (kB; as sent)"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shots", type=int, default=60)
    parser.add_argument("-n", type=int, default=10)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        with Vidgen.open(Locations(home)) as app:
            app.settings_file.change(QUICK)
            project = fill(app, Path(folder), asked.shots)
            with serving(home) as url, sync_playwright() as playwright:

                def done() -> bool:
                    counts = app.tasks.counts(project)
                    return not any(
                        counts[one] for one in (TaskStatus.QUEUED, TaskStatus.PROCESSING, TaskStatus.DOWNLOADING)
                    )

                wait(done)
                browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
                page = browser.new_page(viewport={"width": 1440, "height": 900}, locale="en-US")
                run(page, url, asked.n, done)
                browser.close()


if __name__ == "__main__":
    main()
