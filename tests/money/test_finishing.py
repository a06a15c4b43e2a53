"""Takes that are made from takes: extended, enlarged, fetched in a higher resolution; same gate, ledger and worker."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from rehearsed import Home, rehearsed_home

from vidgen_core.config.paths import Locations
from vidgen_core.domain.attempts import AttemptState
from vidgen_core.domain.errors import ErrorKind, InputError
from vidgen_core.domain.money import ChargeStatus
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.takes import Take
from vidgen_core.domain.tasks import FinishVerb, GenerationParams, ParentTake, TaskStatus
from vidgen_core.fake_provider.server import RehearsalServer
from vidgen_core.i18n import Text
from vidgen_core.providers.kie.adapter import Kie
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation.finishing import FinishOptions
from vidgen_core.services.schemas.tasks import TaskResponse

KIE = ProviderId("kie")
KEYS = ["sk-good-aaaa1111", "sk-good-dddd4444"]


@pytest.fixture
def world(locations: Locations, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Home, Vidgen, RehearsalServer]]:
    with rehearsed_home(locations, monkeypatch, {"keys": KEYS}) as (home, server):
        yield home, Vidgen(locations, home.store, home.settings_file), server


def take_of(home: Home, app: Vidgen, model: str, prompt: str = "a lake", **params: Any) -> Take:
    """A finished take of a model."""
    (task,) = home.queue(KIE, [prompt])
    with home.store.write() as tx:
        tx.tasks.note(task.id, model=model, params=task.params.model_copy(update=params))
    (done,) = home.finish([task])
    assert done.status is TaskStatus.COMPLETED, done.failure
    take = app.takes.of_task(task.id)
    assert take is not None
    return take


PAID = [
    ("veo-3-1", FinishVerb.EXTEND, "veo/extend", 60),
    ("veo-3-1", FinishVerb.FETCH_1080P, "veo/get-1080p-video", 5),
    ("veo-3-1", FinishVerb.FETCH_4K, "veo/get-4k-video", 120),
    ("veo3_fast", FinishVerb.EXTEND, "veo3_fast", 60),
    ("veo3_fast", FinishVerb.FETCH_1080P, "veo/get-1080p-video", 0),
    ("veo3_fast", FinishVerb.FETCH_4K, "veo/get-4k-video", 120),
    ("grok-imagine/image-to-video", FinishVerb.EXTEND, "grok-imagine/extend", 20),
    ("grok-imagine/image-to-video", FinishVerb.UPSCALE, "grok-imagine/upscale", 10),
    ("happyhorse/image-to-video", FinishVerb.UPSCALE, "topaz/video-upscale", 40),
]


def test_every_way_to_finish_makes_a_take_that_names_its_parent(world, monkeypatch: pytest.MonkeyPatch) -> None:
    home, app, server = world
    monkeypatch.setattr("vidgen_core.providers.kie.adapter.LARGER_EVERY", 0.0)
    with home.running():
        takes = {model: take_of(home, app, model) for model in dict.fromkeys(row[0] for row in PAID)}
        for model, verb, by, price in PAID:
            before = server.stats()["charged"]["kie"]
            made = app.finishing.order(takes[model].id, FinishOptions(verb=verb, prompt=f"{verb} {model}"))
            assert made.refused == ()
            (done,) = home.finish(list(made.tasks))
            assert (done.status, done.model) == (TaskStatus.COMPLETED, by), done.failure
            assert server.stats()["charged"]["kie"] - before == pytest.approx(price)
            child = app.takes.of_task(done.id)
            assert child is not None
            assert (child.parent_id, child.shot_id) == (takes[model].id, takes[model].shot_id)
            with home.store.read() as tx:
                (attempt,) = tx.attempts.of_task(done.id)
            assert attempt.state is AttemptState.SUCCEEDED
            assert attempt.charge in (ChargeStatus.CHARGED, ChargeStatus.ESTIMATED, ChargeStatus.ASSUMED)
            told = TaskResponse.of(done, Text("en"), "ep01")
            assert told.parent == takes[model].number
            assert "parent" not in told.params


@pytest.mark.extended
def test_what_a_provider_finishes_is_the_video_it_was_made_from(
    locations: Locations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vidgen_core.providers.kie.adapter.LARGER_EVERY", 0.0)
    rendered = {"videos": "render", "video_seconds": 0.5, "video_scale": 0.1}
    with rehearsed_home(locations, monkeypatch, {"keys": KEYS}, **rendered) as (home, _), home.running():
        app = Vidgen(locations, home.store, home.settings_file)
        for model, verb, more, stands_in, marks in (
            ("veo-3-1", FinishVerb.EXTEND, {}, True, ()),
            ("veo3_fast", FinishVerb.EXTEND, {}, True, ()),
            # Smaller than asked for, as all videos of this rehearsal.
            ("veo3_fast", FinishVerb.FETCH_4K, {}, True, ("size_differs",)),
            ("grok-imagine/image-to-video", FinishVerb.UPSCALE, {}, True, ()),
            ("grok-imagine/image-to-video", FinishVerb.EXTEND, {"seconds": 10.0}, True, ("length_differs",)),
            ("veo3_fast", FinishVerb.EXTEND, {"prompt": "on [[silent]]"}, False, ("silent",)),
        ):
            asked_for = FinishOptions(**{"verb": verb, "prompt": "on"} | more)
            made = app.finishing.order(take_of(home, app, model).id, asked_for)
            (done,) = home.finish(list(made.tasks))
            child = app.takes.of_task(done.id)
            assert child is not None, done.failure
            assert (child.stands_in, child.warnings) == (stands_in, marks), (model, verb)


def test_what_can_be_done_is_offered_with_its_price(world) -> None:
    home, app, _server = world
    with home.running():
        take = take_of(home, app, "veo-3-1")
    offers = {one.verb: one for one in app.finishing.offers(take.id)}
    assert set(offers) == set(FinishVerb)
    assert offers[FinishVerb.FETCH_4K].price.amount == Decimal(120)
    assert all(one.problem is None for one in offers.values())
    estimate = app.finishing.estimate(take.id, FinishOptions(verb=FinishVerb.FETCH_4K))
    assert (estimate.tasks, estimate.money.amount) == (1, Decimal(120))
    assert app.finishing.preflight(take.id, FinishOptions(verb=FinishVerb.FETCH_4K)).tasks == 1


def test_the_account_that_made_the_take_goes_on_from_it(world) -> None:
    home, app, server = world
    with home.running():
        takes = [take_of(home, app, "veo-3-1", f"a lake {place}") for place in range(2)]
        for take in takes:
            made = app.finishing.order(take.id, FinishOptions(verb=FinishVerb.EXTEND, prompt=f"on {take.id}"))
            (done,) = home.finish(list(made.tasks))
            assert done.status is TaskStatus.COMPLETED, done.failure
    keys = {job["prompt"]: job["key"] for job in server.jobs()}
    assert all(keys[f"on {take.id}"] == keys[f"a lake {place}"] for place, take in enumerate(takes))


def test_a_lost_answer_is_not_ordered_twice(world) -> None:
    home, app, server = world
    with home.running():
        take = take_of(home, app, "veo-3-1")
        asked_for = FinishOptions(verb=FinishVerb.EXTEND, prompt="on [[reset-after-accept]]")
        made = app.finishing.order(take.id, asked_for)
        (done,) = home.finish(list(made.tasks))
    assert done.failure is not None
    assert done.failure.kind is ErrorKind.SUBMIT_UNKNOWN
    assert server.stats()["submits"]["on [[reset-after-accept]]"] == 1


def test_editing_the_shot_leaves_what_is_made_from_a_take(world) -> None:
    home, app, _server = world
    with home.running():
        take = take_of(home, app, "veo-3-1")
    made = app.finishing.order(take.id, FinishOptions(verb=FinishVerb.EXTEND, prompt="the boat leaves"))
    app.shots.edit(take.shot_id, prompt="a mountain")
    assert app.tasks.get(made.tasks[0].id).params.prompt == "the boat leaves"


def test_nobody_offers_what_nobody_can_do(world) -> None:
    home, app, _server = world
    with home.running():
        take = take_of(home, app, "happyhorse/image-to-video")
    assert FinishVerb.FETCH_4K not in {one.verb for one in app.finishing.offers(take.id)}
    with pytest.raises(InputError, match="finish_not_offered"):
        app.finishing.order(take.id, FinishOptions(verb=FinishVerb.FETCH_4K))


def test_a_job_that_is_no_longer_stored_is_refused_before_money(world) -> None:
    home, _app, _server = world
    kie = Kie(home.settings_file.current, home.locations)
    old = ParentTake(
        verb=FinishVerb.EXTEND, take=1, number=1, provider=KIE, model="veo-3-1", remote_id="t1", video="/gone.mp4",
        made_at=datetime.now(UTC) - timedelta(days=15), seconds=8,
    )  # fmt: skip
    params = GenerationParams(prompt="on", aspect_ratio="9:16", size="720P", parent=old)
    assert "finish_too_late" in {one.code for one in kie.check("veo/extend", params) if one.fatal}
    assert "finish_too_late" not in {one.code for one in kie.check("topaz/video-upscale", params)}
    assert kie.check("veo/extend", params.model_copy(update={"parent": None}))[0].fatal
    assert Path(old.video).name == "gone.mp4"


def test_an_enlarged_take_is_paid_by_its_own_length_whatever_is_asked(world) -> None:
    home, app, _ = world
    with home.running():
        take = take_of(home, app, "happyhorse/image-to-video")
    usual, asked = (
        app.finishing.estimate(take.id, FinishOptions(verb=FinishVerb.UPSCALE, seconds=seconds))
        for seconds in (None, 1.0)
    )
    assert asked.money == usual.money
    assert [(one.problem.code, one.problem.fatal) for one in asked.problems] == [("finish_seconds_not_taken", False)]
    with pytest.raises(InputError, match="duration_invalid"):
        app.finishing.estimate(take.id, FinishOptions(verb=FinishVerb.UPSCALE, seconds=float("nan")))


def test_seconds_that_an_extension_is_not_told_are_said_to_be_left_out(world) -> None:
    home, app, _ = world
    with home.running():
        take = take_of(home, app, "veo3_fast")
    (seen,) = app.finishing.estimate(take.id, FinishOptions(verb=FinishVerb.EXTEND, seconds=4.0)).problems
    assert (seen.problem.code, seen.problem.fatal) == ("finish_seconds_not_taken", False)
