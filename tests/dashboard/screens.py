"""The real dashboard without a browser: a data home of its own, the shell, and one page of it."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from vidgen_core.config.paths import Locations
from vidgen_core.dashboard.session import current_visit
from vidgen_core.dashboard.shell import header
from vidgen_core.dashboard.shots import take_actions
from vidgen_core.domain.attempts import Attempt, AttemptState
from vidgen_core.domain.errors import ErrorKind
from vidgen_core.domain.money import ChargeStatus, Money
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.shots import NewShot, Project
from vidgen_core.domain.takes import NewTake, Take
from vidgen_core.domain.tasks import Failure, GenerationParams, NewTask, Task, TaskStatus
from vidgen_core.services.facade import Vidgen
from vidgen_core.web.app_instance import close_vidgen, get_vidgen

HERE = Path(__file__).parent


class Screen:
    """One visitor on one page."""

    def __init__(self, app: Vidgen, project: Project) -> None:
        self.app = app
        self.project = project
        self.at = AppTest.from_file(str(HERE / "dashboard.py"), default_timeout=60)
        self.at.context = {"locale": "en-US"}
        self._acts = 0

    def open(self, page: str) -> AppTest:
        self.at.run()
        self.at.switch_page(f"../../pages/{page}.py").run()
        self.check()
        return self.at

    def run(self) -> AppTest:
        self.at.run()
        self.check()
        return self.at

    def press(self, key: str) -> AppTest:
        self.at.button(key=key).click().run()
        self.check()
        return self.at

    def give_key(self, *modes: ProviderId) -> None:
        """Enter a key of providers that take money."""
        key = {"name": "main", "secret": "sk-test-x4KR"}
        self.app.settings_file.change({f"providers.{mode}.keys": [key] for mode in modes})

    def choose(self, key: str, value: Any) -> AppTest:
        """Set a widget that AppTest has no list for: pills, segmented controls."""
        widget: Any = self.at.get_by_key(key)
        widget.set_value(value)
        return self.run()

    def act(self, callback: Callable[[], None]) -> AppTest:
        """Let the next run begin with a callback, as the grid does whose cells AppTest cannot edit."""
        self.at.session_state["_test_act"] = callback
        return self.run()

    def check(self) -> None:
        assert not self.at.exception, self.at.exception[0].message

    def generate_words(self, shot_id: int) -> str:
        """The words of the button that makes takes of a shot."""
        told = [json.loads(component.proto.bytes) for component in self.at.get("bidi_component")]
        return str(next(data["words"] for data in told if data.get("head") == shot_id))

    def header(self) -> dict[str, Any]:
        """What the header line is told."""
        told = [json.loads(component.proto.bytes) for component in self.at.get("bidi_component")]
        return next(data for data in told if "modes" in data)

    def head(self, **what: Any) -> AppTest:
        """Do something in the header line, as its component tells it."""
        return self.act(lambda: header.carry_out(what))

    def toasts(self) -> str:
        return "\n".join(toast.value for toast in self.at.toast)

    def words(self) -> str:
        """Everything that the page says, in one text."""
        kinds = ("markdown", "caption", "info", "warning", "error", "success", "title", "subheader", "toast")
        said = [str(getattr(element, "value", "")) for kind in kinds for element in self.at.get(kind)]
        drawn = [html.unescape(element.proto.body) for element in self.at.get("html")]
        return "\n".join([*said, *drawn])

    def takes(self) -> dict[str, dict[str, Any]]:
        """What the cards of the page show of takes and of pictures being drawn, by their label, e.g. ``v1``."""
        found = {}
        for data in self._told():
            states, acts = data["words"]["states"], data["words"]["acts"]
            for slot in (slot for shot in data["shots"] for slot in (*shot["pictures"], *shot["takes"])):
                in_words = {"state": states[slot["state"]][1], "menu": [acts[name] for name in slot["menu"]]}
                found[slot["label"]] = slot | in_words
        return found

    def _told(self) -> list[dict[str, Any]]:
        """What the components are told that know of takes: one on a page with cards."""
        told = [json.loads(component.proto.bytes) for component in self.at.get("bidi_component")]
        return [data for data in told if "below" in data]

    def summary(self) -> str:
        """What the cards of the page say of their takes together."""
        return "\n".join(shot["summary"] for data in self._told() for shot in data["shots"])

    def do(self, **what: Any) -> AppTest:
        """Do something with a take on a card, as its component tells it; the page is drawn again afterwards."""
        self._acts += 1
        self.act(lambda: take_actions.carry_out(current_visit(), [{"n": self._acts, **what}]))
        return self.at

    def tick(self, *shots: int) -> AppTest:
        """Tick the boxes of shots on their cards."""
        for shot in shots:
            self.do(do="tick", shot=shot, on=True)
        return self.at

    def ticked(self) -> set[int]:
        """The shots whose boxes are ticked."""
        return {shot for data in self._told() for shot in data["ticked"]}

    # --- what there is to be seen

    def add_tasks(self, count: int = 1, prompt: str = "slow zoom in", **asked_for: Any) -> list[Task]:
        """A shot with ``count`` tasks of the paid provider, each worth ¥0.40."""
        params = GenerationParams(prompt=prompt, aspect_ratio="9:16", size="1080P")
        cost = Money(amount="0.4", currency="CNY")
        new = {"provider": ProviderId("yunwu"), "model": "grok-video-3", "params": params, "cost": cost, **asked_for}
        with self.app.store.write() as tx:
            shot = tx.shots.add(self.project.id, [NewShot(number=None, prompt=prompt)])[0]
            return tx.tasks.add([NewTask(project_id=self.project.id, shot_id=shot.id, **new)] * count)

    def add_takes(self, count: int = 1, **asked_for: Any) -> tuple[int, list[Take]]:
        """A shot with finished videos, whose files are not there; its id and its takes."""
        tasks = self.add_tasks(count)
        with self.app.store.write() as tx:
            takes = [tx.takes.add(_finished(task, **asked_for)) for task in tasks]
            for task in tasks:
                for status in (TaskStatus.PROCESSING, TaskStatus.DOWNLOADING, TaskStatus.COMPLETED):
                    tx.tasks.move(task.id, status)
        return tasks[0].shot_id, takes

    def submit(self, task: Task, remote_id: str | None = "grok:1") -> Attempt:
        """Let a task go out as the runner does."""
        with self.app.store.write() as tx:
            tx.tasks.move(task.id, TaskStatus.PROCESSING)
            attempt = tx.attempts.begin(
                task.id, task.provider, task.model, "k1", "main ••x4KR", "https://yunwu.ai", task.cost
            )
            state = AttemptState.ACCEPTED if remote_id else AttemptState.UNKNOWN
            sent = {"images": 1, "image_bytes": 412_000, "aspect_ratio": "9:16"}
            tx.attempts.update(attempt.id, state=state, remote_id=remote_id, charge=ChargeStatus.ESTIMATED, sent=sent)
            tx.tasks.note(task.id, remote_id=remote_id, charge=ChargeStatus.ESTIMATED)
            return tx.attempts.get(attempt.id)

    def fail(
        self,
        task: Task,
        kind: ErrorKind,
        remote_id: str | None = "grok:1",
        code: str = "",
        params: dict[str, Any] | None = None,
    ) -> None:
        attempt = self.submit(task, remote_id)
        failure = Failure(kind=kind, code=code or kind.value, params=params or {})
        with self.app.store.write() as tx:
            tx.tasks.move(task.id, TaskStatus.FAILED, failure=failure)
            tx.attempts.update(
                attempt.id, state=AttemptState.FAILED, failure=failure, evidence='{"status": "failed", "why": "policy"}'
            )

    def status(self, task: Task) -> TaskStatus:
        return self.app.tasks.get(task.id).status


def _finished(task: Task, **asked_for: Any) -> NewTake:
    facts: dict[str, Any] = {
        "folder": "/videos",
        "file": f"{task.id}.mp4",
        "poster": None,
        "seconds": 5.0,
        "width": 720,
        "height": 1280,
        "bytes": 1000,
        "sha256": f"{task.id:064x}",
        "provider": ProviderId("yunwu"),
        "model": "grok-video-3",
        "seed": task.id,
    }
    return NewTake(
        project_id=task.project_id, shot_id=task.shot_id, task_id=task.id, number=task.take, **facts | asked_for
    )


@contextmanager
def open_screen(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:
    """A dashboard on a fresh home, whose runner stands still."""
    monkeypatch.setenv("VIDGEN_HOME", str(home))
    with Vidgen.open(Locations(home)) as vidgen:
        # A home with a project gets no sample, whose pictures take their time to be drawn.
        project = vidgen.projects.ensure("ep01")
    try:
        yield Screen(get_vidgen(), project)
    finally:
        close_vidgen()
