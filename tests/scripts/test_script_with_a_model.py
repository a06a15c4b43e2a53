"""A script becomes a storyboard through a language model, whatever the model does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path

import pytest

from tests.scripts.sample_scripts import LIGHTHOUSE
from vidgen_core.config.paths import Locations
from vidgen_core.domain.money import Money
from vidgen_core.domain.scripts import LlmCallState, PieceState, ScriptState
from vidgen_core.domain.shots import Project
from vidgen_core.fake_provider.server import RehearsalServer
from vidgen_core.providers.http.client import Patience, Verb
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.scripts.proposals import ProposedShot
from vidgen_core.services.scripts.scripts import ScriptView
from vidgen_core.services.scripts.storyboard_check import check_storyboard

SCENE = "第一场 内景 灯塔 夜\n灯室里堆满旧信，积着灰尘。\n小满：这些信都是写给谁的？\n窗外一道闪电照亮海面。"


def read(app: Vidgen, project: Project, text: str, **more: bool) -> ScriptView:
    script = app.scripts.start(project.id, text, "灯塔", **more)
    assert app.scripts.wait(script.id, 60)
    return app.scripts.get(script.id)


def reasons(app: Vidgen, view: ScriptView) -> set[str]:
    return {reason.code for row in app.scripts.board(view.script.id).plan.shots for reason in row.reasons}


def asked(model: RehearsalServer) -> list[int]:
    """How often each question was asked."""
    return list(model.stats()["submits"].values())


def test_a_script_goes_in_pieces_each_asked_once_and_no_line_is_lost(
    app: Vidgen, project: Project, model: RehearsalServer
) -> None:
    view = read(app, project, LIGHTHOUSE)

    assert (view.script.state, view.done, len(view.pieces)) == (ScriptState.READY, len(view.pieces), 3)
    assert asked(model) == [1, 1, 1]
    stored = app.scripts.store(view.script.id)
    assert (
        check_storyboard(LIGHTHOUSE, [ProposedShot(number=1, script=shot.script) for shot in stored.added]).lost == []
    )
    first = stored.added[0]
    assert (first.number, first.params.aspect_ratio, first.params.duration) == ("1.0", "9:16", 5)
    assert "电影感光线" in first.picture_prompt
    covered = app.scripts.coverage(view.script.id)
    assert [entry.shots for entry in covered if entry.line.number == 9] == [("1.0",)]


def test_every_question_is_in_the_ledger_with_its_tokens_and_its_price(
    app: Vidgen, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDGEN_WRITING__PRICE_IN", "1000000")
    read(app, project, SCENE)

    with app.store.read() as tx:
        (call,) = tx.llm_calls.of_project(project.id)
        [line] = tx.ledger.sums(project.id)
    assert (call.state, call.kind, call.key_label) == (LlmCallState.ANSWERED, "script", "rehearsal ••rsal")
    assert '"shots"' in (call.answer or "")
    assert (line.n, line.money) == (1, call.cost)
    assert call.cost == Money(amount=Decimal(call.tokens_in or 0), currency="CNY")


#: Fault → how often it is asked, state of the piece, code of its failure, reasons in the plan.
FAULTS: Mapping[str, tuple[int, PieceState, str | None, set[str]]] = {
    "chat-prose": (1, PieceState.DONE, None, set()),
    "chat-no-format": (2, PieceState.DONE, None, set()),
    "chat-rate-limit:2": (3, PieceState.DONE, None, set()),
    "chat-rate-limit": (4, PieceState.FAILED, "rate_limited", {"script_piece_unanswered"}),
    "chat-invalid-json:1": (2, PieceState.DONE, None, set()),
    "chat-invalid-json": (2, PieceState.FAILED, "writing_answer_unreadable", {"script_piece_unanswered"}),
    "chat-cut-off:1": (2, PieceState.DONE, None, set()),
    "chat-cut-off": (2, PieceState.FAILED, "writing_answer_cut_off", {"script_piece_unanswered"}),
    "chat-refusal": (1, PieceState.FAILED, "writing_refused", {"script_piece_unanswered"}),
    "chat-filter": (1, PieceState.FAILED, "writing_filtered", {"script_piece_unanswered"}),
    "chat-content": (1, PieceState.FAILED, "content_refused", {"script_piece_unanswered"}),
    "chat-key-invalid": (1, PieceState.FAILED, "key_rejected", {"script_piece_unanswered"}),
    "chat-empty": (1, PieceState.UNKNOWN, "answer_unreadable", {"script_piece_unanswered"}),
    "chat-lost": (1, PieceState.UNKNOWN, "connection_lost", {"script_piece_unanswered"}),
    "chat-gateway": (1, PieceState.UNKNOWN, "gateway_failed", {"script_piece_unanswered"}),
    "chat-slow:30": (1, PieceState.UNKNOWN, "answer_timeout", {"script_piece_unanswered"}),
    "chat-drip:0.2": (1, PieceState.UNKNOWN, "answer_timeout", {"script_piece_unanswered"}),
    "chat-invented": (1, PieceState.DONE, None, {"script_line_invented"}),
    "chat-lost-line": (1, PieceState.DONE, None, {"script_line_lost"}),
    "chat-disorder": (1, PieceState.DONE, None, {"script_number_out_of_order", "script_number_twice"}),
    "chat-wild-values": (1, PieceState.DONE, None, {"ratio_invalid", "script_seconds_out_of_range"}),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_the_model_does_ends_in_its_class_and_the_plan_has_every_line(
    app: Vidgen, project: Project, model: RehearsalServer, fault: str
) -> None:
    times, state, code, expected = FAULTS[fault]
    if code == "answer_timeout":
        app.llm_queue.patience = {Verb.SUBMIT: Patience(connect=5, write=5, read=1, total=1)}
    text = f"{SCENE}[[{fault}]]"
    view = read(app, project, text)

    assert sum(asked(model)) == times
    (piece,) = view.pieces
    assert (piece.state, piece.failure and piece.failure.code) == (state, code)
    assert reasons(app, view) == expected
    kept = [ProposedShot(number=1, script=row.script) for row in app.scripts.board(view.script.id).plan.ok]
    assert check_storyboard(text, kept).lost == []


def test_a_lost_answer_is_not_asked_for_again_until_a_person_says_so(
    app: Vidgen, project: Project, model: RehearsalServer
) -> None:
    view = read(app, project, f"{SCENE}[[chat-lost]]")
    app.scripts.resume(view.script.id)
    assert app.scripts.wait(view.script.id, 30)
    assert sum(asked(model)) == 1

    app.scripts.resume(view.script.id, ask_lost=True)
    assert app.scripts.wait(view.script.id, 30)
    assert sum(asked(model)) == 2
    with app.store.read() as tx:
        assert [call.settled for call in tx.llm_calls.of_project(project.id)] == [False, True]


def test_a_refused_key_is_passed_over(app: Vidgen, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = '[{"name": "old", "secret": "sk-bad"}, {"name": "new", "secret": "sk-good"}]'
    monkeypatch.setenv("VIDGEN_WRITING__KEYS", keys)

    assert read(app, project, SCENE).script.state is ScriptState.READY
    with app.store.read() as tx:
        states = [(call.key_label.split()[0], call.state) for call in tx.llm_calls.of_project(project.id)]
    assert states == [("new", LlmCallState.ANSWERED), ("old", LlmCallState.REFUSED)]


def test_the_same_script_given_again_goes_on_where_it_was(
    app: Vidgen, project: Project, model: RehearsalServer
) -> None:
    text = LIGHTHOUSE.replace("窗外一道闪电", "[[chat-refusal:1]]窗外一道闪电")
    first = read(app, project, text)
    again = read(app, project, text)

    assert first.script.id == again.script.id
    assert (first.done, again.done) == (2, 3)
    assert sorted(asked(model)) == [1, 1, 2]


def test_a_stopped_script_asks_nothing_more_and_keeps_its_answers(
    app: Vidgen, project: Project, model: RehearsalServer
) -> None:
    text = LIGHTHOUSE.replace("海浪拍打礁石", "[[chat-slow:1]]海浪拍打礁石")
    script = app.scripts.start(project.id, text, "灯塔")
    _until(lambda: sum(asked(model)) == 1)
    app.scripts.cancel(script.id)
    assert app.scripts.wait(script.id, 30)

    view = app.scripts.get(script.id)
    assert ([piece.state for piece in view.pieces], view.script.state) == (
        [PieceState.DONE, PieceState.WAITING, PieceState.WAITING],
        ScriptState.STOPPED,
    )
    assert view.interrupted


def test_after_a_crash_only_pieces_without_an_answer_are_asked_and_the_lost_one_asks_first(
    locations: Locations, model: RehearsalServer, tmp_path: Path
) -> None:
    path = tmp_path / "灯塔.txt"
    path.write_text(LIGHTHOUSE.replace("窗外一道闪电", "[[chat-slow:3]]窗外一道闪电"), "utf-8")
    environment = {**os.environ, "VIDGEN_HOME": str(locations.home)}
    command = [sys.executable, "-m", "vidgen_core", "script", str(path), "--json"]

    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    _until(lambda: sum(asked(model)) == 2)
    process.send_signal(signal.SIGKILL)
    process.wait()

    second = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert second.returncode == 1, second.stderr
    assert asked(model) == [1, 1, 1]
    with Vidgen.open(locations) as app:
        (script,) = app.scripts.all(app.projects.ensure("default").id)
    states = [piece.state for piece in script.pieces]
    assert states == [PieceState.DONE, PieceState.UNKNOWN, PieceState.DONE]

    third = subprocess.run(
        [*command, "--ask-lost"], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert third.returncode == 0, third.stderr
    assert "no proposed shot" not in third.stderr.lower()
    assert sorted(asked(model)) == [1, 1, 2]


def test_an_answer_that_came_before_a_crash_is_used(app: Vidgen, project: Project, model: RehearsalServer) -> None:
    view = read(app, project, SCENE)
    with app.store.write() as tx:
        # As a process leaves it that ends between writing down the answer and reading it.
        tx.scripts.set_piece(view.pieces[0].id, PieceState.ASKING)
        tx.scripts.set_state(view.script.id, ScriptState.RUNNING)

    assert read(app, project, SCENE).done == 1
    assert asked(model) == [1]


def _until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.02)


@pytest.mark.parametrize("bad", ["\ud83d", "\x00", "\x1b[31m", "\u202e", "\x85"], ids=ascii)
def test_what_no_line_should_hold_is_in_neither_name_nor_words(app: Vidgen, project: Project, bad: str) -> None:
    text = f"INT. HOUSE - DAY\n\nAnna{bad} lights the lamp.\n"
    script = app.scripts.start(project.id, text, f"The {bad} lamp\n", offline=True)
    app.scripts.store(script.id)
    [view] = app.shots.page(project.id).items
    for kept in (app.scripts.get(script.id).script.name, script.text, view.shot.script):
        assert not set(bad) & {"\ud83d", "\x00", "\x1b", "\u202e", "\x85"} & set(kept)
    assert "lights the lamp." in view.shot.script
