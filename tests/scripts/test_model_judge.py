"""Takes shown to a language model: asked by a click alone, paid once, and its answer kept with the take."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from vidgen_core.cli.program import run
from vidgen_core.domain.errors import Refused
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.shots import NewShot, Project
from vidgen_core.domain.takes import CheckResult, NewTake, Severity, Take, Verdict
from vidgen_core.domain.tasks import GenerationParams, NewTask, TaskStatus
from vidgen_core.fake_provider.server import RehearsalServer
from vidgen_core.fake_provider.storage.faulty_clips import write_clip
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.quality.model_judge import Judging
from vidgen_core.services.scripts.proposals import JUDGED, UnreadableAnswer, read_judgement


@pytest.fixture
def judging(app: Vidgen, monkeypatch: pytest.MonkeyPatch) -> Vidgen:
    for name, value in {"CHECKS__ASK_MODEL": "true", "WRITING__VISION": "true", "WRITING__PRICE_IN": "2",
                        "WRITING__PRICE_OUT": "8"}.items():  # fmt: skip
        monkeypatch.setenv(f"VIDGEN_{name}", value)
    return app


def take_of(app: Vidgen, project: Project, folder: Path, prompt: str) -> Take:
    """A finished take of two seconds that passed its checks."""
    path = folder / "1.mp4"
    frames = [Image.new("RGB", (48, 64), (4 * number, 90, 120)) for number in range(48)]
    write_clip(frames, path, 24)
    with app.store.write() as tx:
        shot = tx.shots.add(project.id, [NewShot(prompt=prompt)])[0]
        params = GenerationParams(prompt=prompt, aspect_ratio="3:4", size="")
        new = NewTask(
            project_id=project.id, shot_id=shot.id, provider=ProviderId("yunwu"), model="grok-video-3", params=params
        )
        [task] = tx.tasks.add([new])
        for status in (TaskStatus.PROCESSING, TaskStatus.DOWNLOADING, TaskStatus.COMPLETED):
            tx.tasks.move(task.id, status)
        take = tx.takes.add(
            NewTake(
                project_id=project.id, shot_id=shot.id, task_id=task.id, number=1, folder=str(folder), file=path.name,
                poster=None, seconds=2, width=48, height=64, bytes=1, sha256="a", provider=task.provider,
                model=task.model, prompt=prompt,
            )
        )  # fmt: skip
        tx.takes.judge(take, Verdict.PASS, [CheckResult(code="frozen", severity=Severity.PASS, value=0.1, limit=0.5)])
    return take


def ask(app: Vidgen, take: Take) -> Judging:
    app.model_judge.ask(take.project_id, [take.id])
    assert app.model_judge.wait(take.project_id, 60)
    found = app.model_judge.standing(take.project_id)
    assert found is not None
    return found


def calls(app: Vidgen, project: Project) -> list[tuple[str, str]]:
    with app.store.read() as tx:
        return [(call.kind, call.state) for call in tx.llm_calls.of_project(project.id)]


def test_the_answer_is_kept_with_the_take_and_counts_as_a_doubt(
    judging: Vidgen, project: Project, model: RehearsalServer, tmp_path: Path
) -> None:
    take = take_of(judging, project, tmp_path, "a dancer bad-hands")
    estimate = judging.model_judge.estimate(project.id, [take.id])

    assert ask(judging, take).done == 1

    kept = judging.takes.get(take.id)
    assert kept.answer is not None
    assert {name for name, fault in kept.answer.faults.items() if fault} == {"hands"}
    assert (kept.verdict, kept.warnings) == (Verdict.DOUBT, ("model_hands",))
    assert 4 <= len(model.stats()["images"]) <= 8
    with judging.store.read() as tx:
        [call] = tx.llm_calls.of_project(project.id)
    assert call.kind == "judge"
    assert call.cost is not None
    assert estimate.money is not None
    assert 0 < call.cost.amount <= estimate.money.amount


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("chat-invalid-json", "writing_answer_unreadable"),
        ("chat-cut-off", "writing_answer_cut_off"),
        ("chat-refusal", "writing_refused"),
        ("chat-lost", "connection_lost"),
    ],
)
def test_a_bad_answer_is_one_sentence_and_is_paid_once(
    judging: Vidgen, project: Project, model: RehearsalServer, tmp_path: Path, fault: str, code: str
) -> None:
    take = take_of(judging, project, tmp_path, f"a dancer [[{fault}]]")

    found = ask(judging, take)

    assert (found.failed, found.failure and found.failure.code) == (1, code)
    assert model.stats()["submits_total"] == 1
    assert len(calls(judging, project)) == 1
    kept = judging.takes.get(take.id)
    assert (kept.answer, kept.verdict) == (None, Verdict.PASS)
    assert judging.prompts.lost(project.id) == []


def test_a_limit_holds_the_question_back(
    judging: Vidgen, project: Project, model: RehearsalServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDGEN_BUDGET__LIMIT", "0.0001")
    take = take_of(judging, project, tmp_path, "a dancer")

    found = ask(judging, take)

    assert found.failure is not None
    assert found.failure.code.startswith("writing_budget_")
    assert model.stats()["submits_total"] == 0


def test_it_is_off_by_default(app: Vidgen, project: Project, tmp_path: Path) -> None:
    take = take_of(app, project, tmp_path, "a dancer")
    assert not app.model_judge.is_on
    with pytest.raises(Refused, match="judge_off"):
        app.model_judge.ask(project.id, [take.id])


def test_the_command_line_asks_about_takes_of_named_shots_and_picks_the_best(
    judging: Vidgen,
    project: Project,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("VIDGEN_HOME", str(judging.locations.home))
    take = take_of(judging, project, tmp_path, "a dancer bad-hands")

    def call(*arguments: str, status: int = 0) -> dict[str, object]:
        assert run([*arguments, "--yes", "--json", "--project", project.name]) == status
        answer: dict[str, object] = json.loads(capfd.readouterr().out)
        return answer

    assert call("judge", "--model", judging.shots.get(take.shot_id).number) == {"judged": 1, "failed": 0}
    assert judging.takes.get(take.id).verdict is Verdict.DOUBT
    assert call("judge", "--model") == {"judged": 0, "failed": 0}, "nothing is asked twice"
    assert call("pick", "--best", "--passed", status=1)["picked"] == []
    [picked] = call("pick", "--best")["picked"]  # type: ignore[misc]
    assert picked["verdict"] == "doubt"
    assert judging.shots.get(take.shot_id).chosen_take_id == take.id


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "yes",
        "[]",
        "{}",
        '{"prompt": true}',
        '{"prompt": {"ok": "perhaps"}}',
        "[" * 5000,
        '{"prompt": {"ok": null}}',
    ],
)
def test_nothing_is_guessed_from_an_answer_of_another_form(answer: str) -> None:
    with pytest.raises(UnreadableAnswer):
        read_judgement(answer)


def test_a_reason_is_kept_short_and_on_one_line() -> None:
    parts = ", ".join(f'"{name}": {{"ok": false, "reason": "{"a b " * 500}\\n"}}' for name in JUDGED)
    found = read_judgement(f"Sure!\n```json\n{{{parts}}}\n```")
    assert all(len(fault) <= 200 and "\n" not in fault for fault in found.values())
