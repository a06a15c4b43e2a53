"""The ways on from a task that ended without a video, and the commands that take something away."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.services.app_doubles import PRICE, attempt_of, failed, in_doubt, paid_task, sent, timed_out
from vidgen_core.domain.attempts import AttemptState
from vidgen_core.domain.errors import ErrorKind, InputError, Refused
from vidgen_core.domain.money import ChargeStatus, Money
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.shots import Project, Shot, ShotParams
from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation import tasks
from vidgen_core.services.generation.recovery import StepName

pytestmark = pytest.mark.usefixtures("yunwu_key")

AddShot = Callable[..., Shot]


@pytest.fixture
def shot(add_shot: AddShot) -> Shot:
    return add_shot("1.0")


def names(app: Vidgen, task: object) -> list[StepName]:
    return [step.name for step in app.tasks.steps(task)]  # type: ignore[arg-type]


# --- which ways there are


def test_a_submit_in_doubt_goes_from_free_to_paid_and_asks(app: Vidgen, shot: Shot) -> None:
    steps = app.tasks.steps(in_doubt(app, shot))

    assert [step.name for step in steps] == [StepName.LOOK_AGAIN, StepName.ADOPT, StepName.SUBMIT_AGAIN]
    assert [step.free for step in steps] == [True, True, False]
    assert steps[-1].asks
    assert steps[-1].money is not None


def test_a_timed_out_job_is_looked_at_again_before_it_is_paid_again(app: Vidgen, shot: Shot) -> None:
    assert names(app, timed_out(app, shot)) == [StepName.LOOK_AGAIN, StepName.SUBMIT_AGAIN]


def test_a_file_that_did_not_come_is_fetched_again(app: Vidgen, shot: Shot) -> None:
    task = failed(app, shot, ErrorKind.FILE)

    assert names(app, task) == [StepName.DOWNLOAD_AGAIN, StepName.SUBMIT_AGAIN]


def test_a_link_that_was_not_understood_is_looked_for_or_entered_before_it_is_paid_again(
    app: Vidgen, shot: Shot
) -> None:
    task = failed(app, shot, ErrorKind.PROVIDER, code="link_not_understood", state=AttemptState.ABANDONED)

    steps = app.tasks.steps(task)

    assert [step.name for step in steps] == [StepName.LOOK_AGAIN, StepName.ENTER_LINK, StepName.SUBMIT_AGAIN]
    assert [step.asks for step in steps] == [False, False, True]
    assert [one.code for one in app.tasks.retry([task.id]).refused] == ["may_be_paid_twice"]


def test_an_entered_link_is_fetched_and_costs_nothing(app: Vidgen, shot: Shot) -> None:
    task = failed(app, shot, ErrorKind.PROVIDER, code="link_not_understood", state=AttemptState.ABANDONED)

    linked = app.tasks.enter_link(task.id, "  HTTPS://cdn.example.com/v.mp4\n")

    assert (linked.status, linked.result_url) == (TaskStatus.DOWNLOADING, "https://cdn.example.com/v.mp4")
    assert (linked.attempts, linked.failure) == (1, None)


@pytest.mark.parametrize("link", ["", "v.mp4 please", "file:///etc/passwd"])
def test_what_is_no_link_is_said_and_changes_nothing(app: Vidgen, shot: Shot, link: str) -> None:
    task = failed(app, shot, ErrorKind.PROVIDER, code="link_not_understood", state=AttemptState.ABANDONED)

    with pytest.raises(InputError) as caught:
        app.tasks.enter_link(task.id, link)

    assert caught.value.code == "result_link_invalid"
    assert app.tasks.get(task.id).status is TaskStatus.FAILED


def test_a_link_is_no_result_of_a_job_that_was_never_accepted(app: Vidgen, shot: Shot) -> None:
    task = failed(app, shot, ErrorKind.PARAMETER, remote_id=None, state=AttemptState.REFUSED)

    with pytest.raises(Refused) as caught:
        app.tasks.enter_link(task.id, "https://cdn.example.com/v.mp4")

    assert caught.value.code == "task_without_job"


def test_a_refused_prompt_can_only_be_submitted_again(app: Vidgen, shot: Shot) -> None:
    assert names(app, failed(app, shot, ErrorKind.MODERATION)) == [StepName.SUBMIT_AGAIN]


def test_a_task_that_goes_on_has_no_next_steps(app: Vidgen, shot: Shot) -> None:
    assert app.tasks.steps(sent(app, shot)) == ()


# --- submitting again


def test_a_failed_task_is_queued_again_with_its_past_in_the_ledger(app: Vidgen, shot: Shot) -> None:
    task = failed(app, shot, ErrorKind.MODERATION)

    outcome = app.tasks.retry([task.id])

    again = app.tasks.get(task.id)
    assert outcome.done == (task.id,)
    assert (again.status, again.failure, again.remote_id, again.attempts) == (TaskStatus.QUEUED, None, None, 1)
    assert attempt_of(app, task).remote_id == "grok:1"


def test_what_is_submitted_again_costs_what_it_was_offered_at_and_not_all_that_was_spent_on_it(
    app: Vidgen, shot: Shot
) -> None:
    task = failed(app, shot, ErrorKind.PROVIDER)
    with app.store.write() as tx:
        tx.tasks.note(task.id, cost=Money(amount=2 * PRICE.amount, currency=PRICE.currency))
    offered = app.tasks.steps(task)[-1].money

    assert app.tasks.retry([task.id]).done == (task.id,)

    assert app.tasks.get(task.id).cost == offered == PRICE


def test_what_is_ordered_keeps_what_was_known_to_be_lost(app: Vidgen, shot: Shot) -> None:
    """A model that takes no seed, and what the settings ask for besides."""
    app.shots.edit(shot.id, params=ShotParams(provider=ProviderId("yunwu"), model="veo3.1", seed=7))
    task = app.tasks.generate(shot.project_id, [shot.id]).tasks[0]
    losses = app.context.provider(task.provider).losses(task.model, task.params)

    assert "seed_not_taken" in losses
    assert task.params.warned == tuple(sorted(losses))


def test_a_submit_in_doubt_is_not_repeated_without_a_yes(app: Vidgen, shot: Shot) -> None:
    task = in_doubt(app, shot)

    refused = app.tasks.retry([task.id])
    assert [refusal.code for refusal in refused.refused] == ["may_be_paid_twice"]
    assert app.tasks.get(task.id).status is TaskStatus.FAILED

    assert app.tasks.retry([task.id], confirm=True).done == (task.id,)


def test_giving_up_a_submit_in_doubt_does_not_make_it_safe_to_repeat(app: Vidgen, shot: Shot) -> None:
    task = sent(app, shot, remote_id=None, state=AttemptState.ABANDONED)
    with app.store.write() as tx:
        tx.tasks.move(task.id, TaskStatus.CANCELLED, charge=ChargeStatus.UNKNOWN)

    assert [refusal.code for refusal in app.tasks.retry([task.id]).refused] == ["may_be_paid_twice"]
    assert app.tasks.steps(app.tasks.get(task.id))[-1].asks


def test_one_task_that_cannot_be_stops_no_other(app: Vidgen, shot: Shot) -> None:
    good, running = failed(app, shot, ErrorKind.PROVIDER), sent(app, shot)

    outcome = app.tasks.retry([running.id, good.id, 999])

    assert outcome.done == (good.id,)
    assert {(refusal.id, refusal.code) for refusal in outcome.refused} == {
        (running.id, "task_not_retryable"),
        (999, "task_unknown"),
    }


# --- free ways


def test_looking_again_polls_on_with_the_same_remote_job(app: Vidgen, shot: Shot) -> None:
    task = timed_out(app, shot)

    assert app.tasks.look_again([task.id]).done == (task.id,)

    again = app.tasks.get(task.id)
    assert (again.status, again.remote_id, again.failure) == (TaskStatus.PROCESSING, "grok:1", None)
    assert again.attempts == 1


def test_looking_again_at_a_lost_answer_asks_the_runner_to_reconcile(app: Vidgen, shot: Shot) -> None:
    task = in_doubt(app, shot)

    assert app.tasks.look_again([task.id]).done == (task.id,)

    again = app.tasks.get(task.id)
    assert (again.status, again.stage) == (TaskStatus.PROCESSING, "reconcile")
    assert attempt_of(app, task).state is AttemptState.UNKNOWN


def test_there_is_nothing_to_look_for_after_a_clear_refusal(app: Vidgen, shot: Shot) -> None:
    task = failed(app, shot, ErrorKind.PARAMETER, remote_id=None, state=AttemptState.REFUSED)

    assert [refusal.code for refusal in app.tasks.look_again([task.id]).refused] == ["nothing_to_look_for"]


def test_a_file_is_fetched_again_from_the_same_job(app: Vidgen, shot: Shot) -> None:
    task = failed(app, shot, ErrorKind.FILE, state=AttemptState.SUCCEEDED)

    assert app.tasks.download_again([task.id]).done == (task.id,)

    again = app.tasks.get(task.id)
    assert (again.status, again.result_url) == (TaskStatus.PROCESSING, None)
    assert attempt_of(app, task).state is AttemptState.SUCCEEDED


def test_nothing_is_fetched_for_a_task_without_a_finished_job(app: Vidgen, shot: Shot) -> None:
    task = timed_out(app, shot)

    assert [refusal.code for refusal in app.tasks.download_again([task.id]).refused] == ["nothing_to_download"]


def test_a_remote_id_is_adopted_by_the_task_in_doubt(app: Vidgen, shot: Shot) -> None:
    task = in_doubt(app, shot)

    adopted = app.tasks.adopt(task.id, " grok:77 ")

    assert (adopted.status, adopted.remote_id) == (TaskStatus.PROCESSING, "grok:77")
    attempt = attempt_of(app, task)
    assert (attempt.state, attempt.remote_id, attempt.charge) == (
        AttemptState.ACCEPTED,
        "grok:77",
        ChargeStatus.ESTIMATED,
    )


def test_a_remote_job_belongs_to_one_task_only(app: Vidgen, shot: Shot) -> None:
    sent(app, shot, "grok:1")
    task = in_doubt(app, shot)

    with pytest.raises(Refused, match="remote_id_known"):
        app.tasks.adopt(task.id, "grok:1")

    assert app.tasks.get(task.id).status is TaskStatus.FAILED


def test_adopting_needs_an_id_and_a_task_that_has_failed(app: Vidgen, shot: Shot) -> None:
    with pytest.raises(InputError, match="remote_id_empty"):
        app.tasks.adopt(in_doubt(app, shot).id, "  ")
    with pytest.raises(Refused, match="task_not_adoptable"):
        app.tasks.adopt(sent(app, shot, "grok:5").id, "grok:6")


def test_a_remote_job_made_elsewhere_becomes_a_new_take(
    app: Vidgen, shot: Shot, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = '[{"name": "main", "secret": "sk-abcdefghijkl"}, {"name": "second", "secret": "sk-mnopqrstuvwx"}]'
    monkeypatch.setenv("VIDGEN_PROVIDERS__LOCAL__KEYS", keys)

    task = app.tasks.adopt_new(shot.id, ProviderId("local"), "elsewhere:1", key="second")

    assert (task.status, task.take, task.remote_id) == (TaskStatus.PROCESSING, 1, "elsewhere:1")
    attempt = attempt_of(app, task)
    assert (attempt.state, attempt.charge) == (AttemptState.ACCEPTED, ChargeStatus.UNKNOWN)
    assert attempt.key_label == "second ••uvwx"
    with pytest.raises(InputError, match="key_unknown"):
        app.tasks.adopt_new(shot.id, ProviderId("local"), "elsewhere:2", key="third")


# --- cancelling and deleting


def test_what_was_not_sent_is_cancelled_at_once(app: Vidgen, shot: Shot) -> None:
    task = paid_task(app, shot)

    assert app.tasks.cancel([task.id]).done == (task.id,)
    assert app.tasks.get(task.id).status is TaskStatus.CANCELLED


def test_an_act_on_many_tasks_lets_others_write_in_between(
    app: Vidgen, shot: Shot, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [paid_task(app, shot).id for _ in range(5)]
    monkeypatch.setattr(tasks, "SLICE", 2)
    before = app.revision()

    outcome = app.tasks.cancel([*ids, 99, ids[0]])

    assert outcome.done == tuple(ids)
    assert [(refusal.id, refusal.code) for refusal in outcome.refused] == [(99, "task_unknown")]
    assert app.revision() - before == 3


def test_a_submitted_job_is_given_up_only_when_that_is_said(app: Vidgen, shot: Shot) -> None:
    task = sent(app, shot)

    refused = app.tasks.cancel([task.id])
    assert [refusal.code for refusal in refused.refused] == ["task_already_sent"]
    assert not app.tasks.get(task.id).cancel_requested

    assert app.tasks.cancel([task.id], give_up=True).done == (task.id,)
    asked = app.tasks.get(task.id)
    assert (asked.status, asked.cancel_requested) == (TaskStatus.PROCESSING, True)


def test_an_ended_task_cannot_be_cancelled(app: Vidgen, shot: Shot) -> None:
    task = failed(app, shot, ErrorKind.PROVIDER)

    assert [refusal.code for refusal in app.tasks.cancel([task.id]).refused] == ["task_has_ended"]


def test_a_paid_job_under_way_is_never_deleted(app: Vidgen, shot: Shot) -> None:
    task = sent(app, shot)

    assert [refusal.code for refusal in app.tasks.delete([task.id]).refused] == ["task_still_paid_for"]
    assert app.tasks.get(task.id).status is TaskStatus.PROCESSING


def test_deleted_tasks_come_back(app: Vidgen, project: Project, shot: Shot) -> None:
    queued, over = paid_task(app, shot), failed(app, shot, ErrorKind.PROVIDER)

    assert app.tasks.delete([queued.id, over.id]).done == (queued.id, over.id)
    assert app.tasks.page(project.id).total == 0

    app.tasks.restore([queued.id, over.id])
    assert app.tasks.get(queued.id).status is TaskStatus.CANCELLED
    assert app.tasks.get(over.id).status is TaskStatus.FAILED


def test_a_pinned_task_goes_first(app: Vidgen, shot: Shot) -> None:
    first, second = paid_task(app, shot), paid_task(app, shot)

    app.tasks.pin([second.id])
    with app.store.read() as tx:
        order = [task.id for task in tx.tasks.claimable(ProviderId("yunwu"), first.created_at, 10)]
    app.tasks.pin([second.id], pinned=False)

    assert order == [second.id, first.id]
    assert app.tasks.get(second.id).priority == 0
