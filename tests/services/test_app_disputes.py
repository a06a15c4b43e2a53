"""What a reseller is given: every line that was sent and brought nothing, and nothing that is secret."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zipfile import ZipFile

import pytest

from vidgen_core.domain.attempts import Attempt, AttemptState
from vidgen_core.domain.errors import ErrorKind, InputError
from vidgen_core.domain.money import ChargeStatus, Money
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.shots import Project, Shot
from vidgen_core.domain.tasks import Failure, NewTask, Task, TaskStatus
from vidgen_core.i18n import get_text
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation.planning import GenerateOptions

EN = get_text("en", strict=True)
SECRET = "sk-live-verysecretkey-x4KR"
REMOTE = Failure(kind=ErrorKind.PROVIDER, code="remote_cancelled")
TODAY = datetime.now(UTC).astimezone().date()

Send = Callable[..., tuple[Task, Attempt]]


@pytest.fixture
def send(app: Vidgen, add_shot: Callable[..., Shot]) -> Send:
    """A task whose attempt was sent and ended somehow."""
    app.settings_file.change({"providers.yunwu.keys": [{"name": "main", "secret": SECRET}]})

    def sent(
        state: AttemptState = AttemptState.FAILED,
        charge: ChargeStatus = ChargeStatus.CHARGED,
        evidence: str = '{"status": "failed"}',
        failure: Failure = REMOTE,
        prompt: str = "pan",
        ago: int = 0,
    ) -> tuple[Task, Attempt]:
        shot = add_shot(prompt=prompt)
        params = app.tasks.generate(shot.project_id, [shot.id], GenerateOptions(takes=1), release=False).tasks[0].params
        price = Money(amount=Decimal("0.40"), currency="CNY")
        with app.store.write() as tx:
            task = tx.tasks.add(
                [
                    NewTask(
                        project_id=shot.project_id,
                        shot_id=shot.id,
                        provider=ProviderId("yunwu"),
                        model="grok-video-3",
                        params=params,
                        cost=price,
                    )
                ]
            )[0]
            tx.tasks.move(task.id, TaskStatus.PROCESSING)
            attempt = tx.attempts.begin(
                task.id, ProviderId("yunwu"), "grok-video-3", "k1", "main ••x4KR", "https://a.b", price
            )
            tx.attempts.update(
                attempt.id,
                state=state,
                charge=charge,
                evidence=evidence,
                failure=failure,
                remote_id="=cmd|job-1",
                intent_at=datetime.now(UTC) - timedelta(days=ago),
            )
            tx.tasks.move(task.id, TaskStatus.FAILED, failure=failure)
        return task, attempt

    return sent


def opened(pack: bytes) -> tuple[list[dict[str, Any]], list[list[str]], str]:
    with ZipFile(io.BytesIO(pack)) as archive:
        assert archive.namelist() == ["README.txt", "attempts.csv", "attempts.json"]
        listed = archive.read("attempts.csv").decode("utf-8-sig")
        return (
            json.loads(archive.read("attempts.json")),
            list(csv.reader(io.StringIO(listed))),
            archive.read("README.txt").decode(),
        )


def test_the_pack_names_jobs_times_keys_charges_and_raw_answers(app: Vidgen, send: Send) -> None:
    task, _ = send()
    [line], rows, note = opened(app.disputes.pack(EN))
    assert (line["task"], line["remote_id"], line["key"]) == (str(task.id), "=cmd|job-1", "main ••x4KR")
    assert (line["cost"], line["currency"], line["charge"]) == ("0.4", "CNY", "charged")
    assert line["answer"] == '{"status": "failed"}'
    assert line["sent_at"].endswith("Z")
    assert rows[0][9] == "Remote id"
    assert rows[1][9] == "'=cmd|job-1", "no spreadsheet takes it for a formula"
    assert "1 × charged (named by the provider): 0.4 CNY" in note


def test_no_secret_leaves_with_it(app: Vidgen, send: Send) -> None:
    send(evidence=f'{{"echo": "Bearer {SECRET}", "url": "https://cdn.x/v.mp4?Signature=abcdef0123456789"}}')
    pack = app.disputes.pack(EN)
    with ZipFile(io.BytesIO(pack)) as archive:
        everything = b"".join(archive.read(name) for name in archive.namelist()).decode()
    assert SECRET not in everything
    assert "abcdef0123456789" not in everything
    assert "cdn.x/v.mp4" in everything


def test_only_what_was_sent_in_vain_is_in_it_unless_tasks_or_all_are_asked_for(app: Vidgen, send: Send) -> None:
    failed, _ = send()
    done, _ = send(AttemptState.SUCCEEDED)
    refused, _ = send(AttemptState.REFUSED, charge=ChargeStatus.NONE)

    def tasks(**wanted: Any) -> list[str]:
        return [line["task"] for line in opened(app.disputes.pack(EN, **wanted))[0]]

    assert tasks() == [str(failed.id)]
    assert tasks(task_ids=[done.id, refused.id]) == [str(done.id), str(refused.id)]
    assert len(tasks(successes=True)) == 3


def test_it_can_be_narrowed_to_a_period_a_provider_and_a_class(app: Vidgen, project: Project, send: Send) -> None:
    old, _ = send(ago=9)
    new, _ = send(failure=Failure(kind=ErrorKind.MODERATION, code="moderation"))

    def tasks(**wanted: Any) -> list[str]:
        return [line["task"] for line in opened(app.disputes.pack(EN, project.id, **wanted))[0]]

    assert tasks(since=TODAY - timedelta(days=1)) == [str(new.id)]
    assert tasks(until=TODAY - timedelta(days=8)) == [str(old.id)]
    assert tasks(kinds=[ErrorKind.MODERATION]) == [str(new.id)]
    with pytest.raises(InputError, match="dispute_empty"):
        tasks(provider=ProviderId("kie"))
    with pytest.raises(InputError, match="dispute_empty"):
        app.disputes.pack(EN, app.projects.ensure("other").id)


def test_whoever_can_only_be_given_a_file_gets_one_that_says_it_is_empty(
    app: Vidgen, project: Project, send: Send
) -> None:
    assert not app.disputes.any(project.id)
    lines, _, note = opened(app.disputes.pack(EN, project.id, empty=True))
    assert (lines, "0 attempts." in note) == ([], True)
    send()
    assert app.disputes.any(project.id)


def test_deleted_tasks_stay_in_it(app: Vidgen, send: Send) -> None:
    task, _ = send()
    app.tasks.delete([task.id])
    assert opened(app.disputes.pack(EN))[0][0]["task"] == str(task.id)


def test_a_pack_that_is_too_long_says_so(app: Vidgen, send: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vidgen_core.services.reports.disputes.MOST", 2)
    for _ in range(3):
        send()
    lines, _, note = opened(app.disputes.pack(get_text("zh", strict=True)))
    assert len(lines) == 2
    assert "还有更多记录" in note
