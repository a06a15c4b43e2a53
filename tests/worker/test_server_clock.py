"""Several workers whose database server has its clock set, hours forward and back, while they work."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from doubles import queue_takes, wait_until
from postgres_server import Postgres, own_server, shared_studio
from test_many_workers import CAP, PATIENCE, Studio, studio_at

from vidgen_core.config.paths import Locations
from vidgen_core.domain.agents import QuoteState
from vidgen_core.domain.errors import VidgenError
from vidgen_core.domain.money import ChargeStatus, Money
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.queries import TaskFilter
from vidgen_core.services.access.permissions import Role, Visitor
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation import answers
from vidgen_core.services.generation.planning import GenerateOptions

_LIBRARY = next(iter(Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)
HOURS = 7 * 3600

pytestmark = [
    pytest.mark.slow,
    pytest.mark.extended,
    pytest.mark.timeout(900),
    pytest.mark.skipif(_LIBRARY is None, reason="needs libfaketime (apt install faketime)"),
]


class WallClock:
    """The clock of the processes that are started with ``environment``."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.set(0)

    def set(self, seconds: float) -> None:
        """Let it be ahead of this machine's by so much."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{seconds:+.0f}\n")
        fresh.chmod(0o644)
        fresh.replace(self._file)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(_LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }


@pytest.fixture
def clock() -> Iterator[WallClock]:
    # Where the server's user can read it.
    file = Path(f"/dev/shm/vidgen-clock-{os.getpid()}")
    yield WallClock(file)
    file.unlink()


@pytest.fixture
def server(clock: WallClock) -> Iterator[Postgres]:
    with own_server(environment=clock.environment) as server:
        yield server


@pytest.fixture
def studio(server: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Studio]:
    with studio_at(server.new("vidgen_template"), tmp_path, monkeypatch) as studio:
        yield studio


@pytest.mark.parametrize("by", [HOURS, -HOURS, 30 * 3600, -30 * 3600])
def test_the_servers_clock_is_set_while_jobs_run(studio: Studio, clock: WallClock, by: int) -> None:
    studio.begin()
    clock.set(by)
    studio.check()


@pytest.mark.parametrize("by", [HOURS, -HOURS])
def test_a_worker_that_is_killed_then_is_taken_over(studio: Studio, clock: WallClock, by: int) -> None:
    studio.begin()
    clock.set(by)
    studio.kill("a")
    wait_until(lambda: studio.carried()["b"] == CAP, PATIENCE)
    studio.check()


@pytest.mark.parametrize("by", [HOURS, -HOURS])
def test_a_leader_that_stands_still_then_is_taken_over(studio: Studio, clock: WallClock, by: int) -> None:
    studio.begin()
    clock.set(by)
    studio.workers["a"].send_signal(signal.SIGSTOP)
    wait_until(lambda: studio.holders() <= {"b"} and studio.leads("b"), PATIENCE)
    studio.workers["a"].send_signal(signal.SIGCONT)
    studio.check()


@pytest.mark.parametrize("by", [HOURS, -HOURS])
def test_it_is_set_while_nobody_works(studio: Studio, clock: WallClock, by: int) -> None:
    studio.begin()
    studio.kill("a")
    studio.kill("b")
    clock.set(by)
    studio.start("c")
    studio.check()


@pytest.fixture
def studio_app(server: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vidgen]:
    """A machine of the studio whose own clock nobody has set."""
    variables = {"VIDGEN_BUDGET__PER_DAY": "10", "VIDGEN_BUDGET__LIMIT": "10", "VIDGEN_NOTICES__ADDRESS": "http://here"}
    for name, value in {**shared_studio(server.new("vidgen_template"), tmp_path), **variables}.items():
        monkeypatch.setenv(name, value)
    with Vidgen.open(Locations(tmp_path / "studio_app").create()) as app:
        yield app


@pytest.mark.parametrize("by", [60 * 24 * 3600, -60 * 24 * 3600])
def test_what_a_server_gives_expires_by_the_clock_of_the_server(studio_app: Vidgen, clock: WallClock, by: int) -> None:
    clock.set(by)
    project = studio_app.projects.ensure("film").id
    shot = studio_app.shots.add(project, prompt="pan left").id
    link = studio_app.reviews.share(project, days=3)
    session = studio_app.sessions.begin(Visitor(Role.MAKER, "Ann"))
    answer = (answers.link_of(studio_app.context, "order", 1) or "").rpartition("/")[2]
    quoted = studio_app.quotes.make(project, [shot], GenerateOptions(provider=ProviderId("local")))
    order = studio_app.quotes.order(quoted.token).quote
    late = studio_app.quotes.make(project, [shot], GenerateOptions(provider=ProviderId("local")))

    def opens() -> list[bool]:
        """Whether the session, the review link, the link to an answer and the quote are still good for something."""
        found = [studio_app.sessions.find(session) is not None, studio_app.reviews.links(project)[0].works]
        for ask in (lambda: studio_app.answers.read(answer), lambda: studio_app.quotes.order(late.token)):
            with pytest.raises(VidgenError) as caught:
                ask()
            found.append(caught.value.code not in ("answer_expired", "quote_expired"))
        return found

    assert order.state is QuoteState.ORDERED
    assert studio_app.reviews.open(studio_app.reviews.token(link)).id == link.id
    with studio_app.store.read() as tx:
        assert {abs((tx.now() - at).total_seconds()) < HOURS for at in (order.created_at, link.created_at)} == {True}
        task = tx.tasks.many(tx.tasks.ids(project, TaskFilter()))[0]
        assert abs((tx.now() - task.created_at).total_seconds()) < HOURS
    # The quote of a moment ago is too old, the other three are not.
    clock.set(by + 2 * HOURS)
    assert opens() == [True, True, True, False]
    clock.set(by + 8 * 24 * 3600)
    assert opens() == [False] * 4


@pytest.mark.parametrize("by", [30 * 3600, -30 * 3600])
def test_every_interface_counts_the_budget_by_the_day_of_the_server(
    studio_app: Vidgen, clock: WallClock, by: int
) -> None:
    app = studio_app
    some, most = (Money(amount=Decimal(n), currency="CNY") for n in (1, 9))
    clock.set(by)
    app.agents.add("bot", Role.MAKER, Decimal(10), Decimal(10), None)
    with app.store.write() as tx:
        [task] = queue_takes(tx)
        held = ChargeStatus.ESTIMATED
        tx.attempts.begin(task.id, task.provider, task.model, "k1", "main", None, some, charge=held)
        tx.llm_calls.begin(task.project_id, "prompt", "m1", "main", "http://here", cost=some, agent="bot")
    of_all, of_day = app.budget.standing(None).standings
    assert of_day.spent == of_all.spent
    assert of_day.spent.amount == 2
    today, ever = app.agents.statuses(app.agents.get("bot"))
    assert today.spent == ever.spent == some
    assert 'vidgen_budget_spent{currency="CNY",scope="day"} 2.0' in app.metrics.text()[0].decode()
    # What a person allows to pass the limit today is allowed by the same day.
    with app.store.write() as tx:
        tx.llm_calls.begin(task.project_id, "prompt", "m1", "main", "http://here", cost=most)
    assert app.budget.go_on(task.project_id).standings[1].extra == 1
    # The next day of the server is another one for all.
    clock.set(by + 48 * 3600)
    assert app.budget.standing(None).standings[1].spent.amount == 0
