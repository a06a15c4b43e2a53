"""The server is killed while a click is on its way: it counts exactly once, and the page says what the database holds."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from browser_studio import QUICK, Visitors, card, free_port, go, picture, start_server, stop_server, until
from doubles import wait_until
from playwright.sync_api import Locator, Page, WebSocketRoute, expect
from sqlalchemy import func, select

from vidgen_core.config.paths import Locations
from vidgen_core.db.schema.system import requests
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.shots import Project, Shot
from vidgen_core.domain.tasks import ENDED, Task
from vidgen_core.fake_provider.options import RehearsalOptions
from vidgen_core.fake_provider.server import RehearsalServer
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation.planning import GenerateOptions

#: When the server dies: nothing was written for the click; it is known and not carried out, as far as can be told;
#: everything was written, and the page has not heard of it.
MOMENTS = ["before the commit", "when the click is known", "after the commit"]


@dataclass
class Mortal:
    """A server that can be killed and comes back at the same address, and a page on it."""

    home: Path
    log: Path
    vidgen: Vidgen
    project: Project
    shot: Shot
    page: Page
    port: int = field(default_factory=free_port)
    #: Messages of the page to Streamlit.
    sent: int = 0
    #: The page hears no answer.
    unheard: bool = False

    def start(self) -> None:
        self.process, self.url = start_server(self.home, self.log, self.port)

    def open(self, path: str = "") -> None:
        self.page.route_web_socket(re.compile("/_stcore/stream"), self._carry)
        go(self.page, f"{self.url}/{path}?project={self.project.name}")

    def _carry(self, socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()

        def there(message: str | bytes) -> None:
            self.sent += 1
            server.send(message)

        def back(message: str | bytes) -> None:
            if not self.unheard:
                socket.send(message)

        socket.on_message(there)
        server.on_message(back)

    def click_and_die(self, button: Locator, moment: str, is_written: Callable[[], bool]) -> None:
        """Kill the server while a click is on its way."""
        sent, orders, self.unheard = self.sent, self.orders(), True
        happens = {
            "before the commit": lambda: self.sent > sent,
            "when the click is known": lambda: self.orders() > orders,
            "after the commit": is_written,
        }
        with ExitStack() as lock:
            if moment == "before the commit":
                # As long as another one writes, nothing can be written for the click.
                lock.enter_context(self.vidgen.store.write())
            killer = threading.Thread(target=lambda: wait_until(happens[moment]) and self.process.kill())
            killer.start()
            button.click()
            until(self.page, lambda: not killer.is_alive(), "the moment")
            self.process.wait(60)
        if moment != "when the click is known":
            assert is_written() is (moment == "after the commit")
        self.unheard = False
        expect(self.page.locator(".st-key-header_line .connection")).to_have_text("● Offline")

    def orders(self) -> int:
        """Clicks that the database knows of."""
        with self.vidgen.store.read() as tx:
            return int(tx.execute(select(func.count()).select_from(requests)).scalar_one())

    def tasks(self) -> list[Task]:
        return list(self.vidgen.shots.view(self.shot.id).tasks)


@contextmanager
def mortal(folder: Path, visitor: Visitors, settings: dict[str, object]) -> Iterator[Mortal]:
    home, log = folder / "home", folder / "log"
    with Vidgen.open(Locations(home)) as vidgen:
        vidgen.settings_file.change(settings)
        project = vidgen.projects.ensure("ep01")
        shot = vidgen.shots.add(project.id, prompt="rain", image=picture())
        server = Mortal(home, log, vidgen, project, shot, visitor())
        server.start()
        try:
            yield server
            assert "Traceback" not in log.read_text()
        finally:
            stop_server(server.process)
            # While the server was away the page could only complain.
            server.page.close()
            visitor.complaints.clear()


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_paid_order_on_its_way_to_a_server_that_is_killed_is_made_once(
    tmp_path: Path, visitor: Visitors, moment: str
) -> None:
    with RehearsalServer(RehearsalOptions(videos="shared", job_seconds=(0.5, 1))) as provider:
        yunwu = {"base_url": provider.url, "keys": [{"name": "main", "secret": "sk-good-aaaa1111"}]}
        settings = {f"providers.yunwu.{name}": value for name, value in yunwu.items()}
        settings |= {"mode": ProviderId("yunwu"), "runner.takes_per_shot": 2, "runner.poll_interval": 0.2}
        with mortal(tmp_path, visitor, settings) as server:
            page, own = server.page, card(server.page, server.shot.id)
            server.open()
            generate = own.get_by_role("button", name="Generate 2")
            server.click_and_die(generate, moment, lambda: len(server.tasks()) == 2)

            server.start()
            expect(own.get_by_role("article")).to_have_count(2)
            until(page, lambda: settled_tasks(server) == 2, "both tasks to end")
            assert len(server.tasks()) == 2
            # One that left just when the server died may have been lost on the way; none has been sent twice.
            lost = sum(task.failure is not None for task in server.tasks())
            assert moment == "after the commit" or not lost
            assert 2 - lost <= provider.stats()["submits_total"] <= 2
            expect(own.get_by_role("button", name="Play")).to_have_count(2 - lost)
            # The next click is an order of its own.
            generate.click()
            expect(own.get_by_role("article")).to_have_count(4)
            until(page, lambda: settled_tasks(server) == 4, "the others to end")
            assert 4 - lost <= provider.stats()["submits_total"] <= 4


def settled_tasks(server: Mortal) -> int:
    """Tasks that have ended, or wait for a person because their answer was lost."""
    return sum(task.status in ENDED for task in server.tasks())


@pytest.mark.parametrize(("moment", "another"), [*((moment, False) for moment in MOMENTS), (MOMENTS[-1], True)])
def test_a_choice_on_its_way_to_a_server_that_is_killed_counts_once(
    tmp_path: Path, visitor: Visitors, moment: str, another: bool
) -> None:
    with mortal(tmp_path, visitor, QUICK) as server:
        page, takes, shots = server.page, server.vidgen.takes, server.vidgen.shots
        server.vidgen.tasks.generate(server.project.id, [server.shot.id], GenerateOptions(takes=3))
        until(page, lambda: len(takes.takes_of(server.shot.id)) == 3, "the takes")
        mine, theirs, _ = takes.takes_of(server.shot.id)
        server.open("pick")
        expect(page.locator("video")).to_have_count(3)
        page.get_by_role("checkbox", name="Auto-advance").uncheck()
        choose = page.get_by_role("article", name=f"v{mine.number}", exact=True).get_by_role("button", name="Choose")
        server.click_and_die(choose, moment, lambda: shots.get(server.shot.id).chosen_take_id == mine.id)

        # Told again it does not replace the later choice of somebody else.
        wanted = theirs if another else mine
        if another:
            takes.choose(server.shot.id, theirs.id)
        server.start()
        expect(page.locator(".st-key-header_line .connection")).to_have_text("● Ready")
        # What comes after it has been heard, so it has been heard as well.
        page.get_by_role("button", name="One more").click()
        expect(page.locator("video")).to_have_count(4)
        assert shots.get(server.shot.id).chosen_take_id == wanted.id
        expect(page.locator(".take.chosen")).to_have_count(1)
        expect(page.get_by_role("article", name=f"v{wanted.number}", exact=True)).to_contain_text("★ chosen")
        assert len(server.tasks()) == 4
