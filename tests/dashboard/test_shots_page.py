"""The logic of the Shots screen, without a browser."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from PIL import Image
from screens import Screen, open_screen

from vidgen_core.dashboard.components import media
from vidgen_core.dashboard.shots import dialogs, list_tools, take_actions
from vidgen_core.domain.errors import ErrorKind
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.queries import TaskFilter
from vidgen_core.domain.shots import NewShot, Shot, ShotParams
from vidgen_core.domain.tasks import Failure, TaskStatus
from vidgen_core.services.system.cleanup import CLEANED


@pytest.fixture
def screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:
    with open_screen(tmp_path / "home", monkeypatch) as screen:
        screen.give_key(ProviderId("yunwu"))
        yield screen


def picture() -> bytes:
    stream = io.BytesIO()
    Image.linear_gradient("L").resize((180, 320)).convert("RGB").save(stream, "JPEG")
    return stream.getvalue()


def add(screen: Screen, *prompts: str) -> list[Shot]:
    with screen.app.store.write() as tx:
        return tx.shots.add(screen.project.id, [NewShot(prompt=prompt) for prompt in prompts])


def drawn(screen: Screen) -> list[int]:
    """Ids of the shots whose cards are on the page."""
    boxes = [area.key or "" for area in screen.at.text_area]
    return [int(key.removeprefix("prompt_")) for key in boxes if key.startswith("prompt_")]


def counts(screen: Screen) -> dict[TaskStatus, int]:
    return {status: number for status, number in screen.app.tasks.counts(screen.project.id).items() if number}


def test_an_empty_project_says_what_to_do_and_offers_the_button(screen: Screen) -> None:
    screen.run()
    assert "No shots yet" in screen.words()
    assert any("Drop everything here" in str(one.proto) for one in screen.at.get("bidi_component"))


def test_generate_queues_the_takes_at_once_and_the_card_shows_them(screen: Screen) -> None:
    [shot] = add(screen, "rain")
    screen.run()
    assert screen.generate_words(shot.id) == "Generate 3 · free"
    screen.do(do="generate", shot=shot.id)
    assert counts(screen) == {TaskStatus.QUEUED: 3}
    assert "3 takes · 🕐 Queued 3" in screen.summary()
    assert list(screen.takes()) == ["v1", "v2", "v3"]


def test_a_shot_without_picture_and_prompt_is_refused_with_a_sentence(screen: Screen) -> None:
    [shot] = add(screen, "")
    screen.run()
    screen.do(do="generate", shot=shot.id)
    assert screen.toasts()
    assert not counts(screen)


def test_a_paid_provider_names_its_price_before_the_click(screen: Screen) -> None:
    [shot] = add(screen, "rain")
    screen.app.settings_file.change({"mode": "yunwu"})
    screen.run()
    assert screen.generate_words(shot.id) == "Generate 3 · ≈¥1.20"


def test_a_model_without_a_known_price_says_so(screen: Screen) -> None:
    with screen.app.store.write() as tx:
        params = ShotParams(provider=ProviderId("yunwu"), model="brand-new-model")
        [shot] = tx.shots.add(screen.project.id, [NewShot(prompt="rain", params=params)])
    screen.run()
    assert screen.generate_words(shot.id).endswith("price unknown")


def test_the_prompt_is_kept_when_it_is_changed(screen: Screen) -> None:
    [shot] = add(screen, "rain")
    screen.run()
    screen.at.text_area(key=f"prompt_{shot.id}").set_value("snow").run()
    assert screen.app.shots.get(shot.id).prompt == "snow"


def test_a_run_that_was_cut_short_leaves_no_empty_box_behind(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    [shot] = add(screen, "rain")
    with monkeypatch.context() as cut:
        cut.setattr(st, "text_area", lambda *_, **__: st.stop())
        screen.run()
    screen.run()
    # A browser shows what the element says, whatever the server remembers, and sends it with the next event.
    sent = screen.at.text_area(key=f"prompt_{shot.id}").proto
    assert (sent.default, sent.set_value) == ("rain", False)


def test_a_prompt_that_changed_underneath_is_shown_beside_and_not_over_what_was_typed(screen: Screen) -> None:
    [shot] = add(screen, "rain")
    screen.run()
    screen.app.shots.edit(shot.id, prompt="hail")
    screen.at.text_area(key=f"prompt_{shot.id}").set_value("snow").run()
    assert screen.app.shots.get(shot.id).prompt == "hail"
    assert "“hail”" in screen.words()
    screen.press(f"theirs_{shot.id}")
    assert screen.at.text_area(key=f"prompt_{shot.id}_1").value == "hail"
    assert "“hail”" not in screen.words()


def test_keeping_mine_stores_it_and_a_long_other_prompt_leaves_room_for_the_button(screen: Screen) -> None:
    [shot] = add(screen, "rain")
    screen.run()
    screen.app.shots.edit(shot.id, prompt="hail " * 2000)
    screen.at.text_area(key=f"prompt_{shot.id}").set_value("snow").run()
    assert 200 < len(screen.at.warning[0].value) < 400
    screen.press(f"mine_{shot.id}")
    assert screen.app.shots.get(shot.id).prompt == "snow"


def test_a_state_that_is_the_same_under_another_count_is_no_choice(screen: Screen) -> None:
    add(screen, "rain")
    screen.run()
    screen.act(list_tools.state_chosen)
    assert "state" not in screen.at.query_params
    screen.choose("state", "failed")
    assert screen.at.query_params["state"] == "failed"


def test_twenty_cards_stand_on_a_page_and_the_rest_on_the_next(screen: Screen) -> None:
    shots = add(screen, *(f"shot {number}" for number in range(25)))
    screen.run()
    assert drawn(screen) == [shot.id for shot in shots[:20]]
    screen.choose("page_0", 2)
    assert drawn(screen) == [shot.id for shot in shots[20:]]


def test_a_new_filter_begins_at_the_first_page(screen: Screen) -> None:
    shots = add(screen, *(f"shot {number}" for number in range(25)))
    screen.run()
    screen.choose("page_0", 2)
    screen.choose("state", "without_takes")
    assert drawn(screen) == [shot.id for shot in shots[:20]]


def test_a_filter_that_comes_back_without_any_selected_shows_everything(screen: Screen) -> None:
    [shot] = add(screen, "rain")
    screen.run()
    screen.at.session_state["state"] = None
    screen.run()
    assert drawn(screen) == [shot.id]


def test_the_search_reads_numbers_and_prompts(screen: Screen) -> None:
    rain, snow = add(screen, "夜雨", "snow")
    screen.run()
    screen.at.text_input(key="find").set_value("夜雨").run()
    assert drawn(screen) == [rain.id]
    screen.at.text_input(key="find").set_value(snow.number).run()
    assert drawn(screen) == [snow.id]


def test_a_filter_that_finds_nothing_offers_the_way_back(screen: Screen) -> None:
    [shot] = add(screen, "rain")
    screen.run()
    screen.choose("state", "chosen")
    assert "No shot matches" in screen.words()
    screen.press("show_everything")
    assert drawn(screen) == [shot.id]


def test_an_address_with_a_filter_nobody_knows_shows_everything(screen: Screen) -> None:
    [shot] = add(screen, "rain")
    screen.at.query_params["state"] = "nonsense"
    screen.run()
    assert drawn(screen) == [shot.id]


def test_a_failed_take_says_why_and_offers_free_ways_before_paid_ones(screen: Screen) -> None:
    [task] = screen.add_tasks()
    screen.fail(task, ErrorKind.TIMEOUT)
    screen.run()
    shown = screen.takes()["v1"]
    assert shown["steps"] == [["look_again", "Look again · free"], ["submit_again", "Generate again · ≈¥0.40"]]
    assert shown["why"].startswith("No result came within the time limit")


def test_a_shot_that_would_be_refused_is_not_called_free(screen: Screen) -> None:
    screen.give_key(ProviderId("kie"))
    asked_for = ShotParams(provider=ProviderId("kie"), model="bytedance/seedance-2", duration=45.0)
    shot = screen.app.shots.add(screen.project.id, prompt="rain", params=asked_for)
    screen.run()
    assert screen.generate_words(shot.id) == "Generate"


def test_a_take_that_waits_for_a_person_says_why_and_is_started_on_its_card(screen: Screen) -> None:
    [task] = screen.add_tasks()
    screen.give_key(ProviderId("yunwu"))
    with screen.app.store.write() as tx:
        failure = Failure(
            kind=ErrorKind.PARAMETER, code="asked_left_out", params={"cause": "seed_not_taken", "model": "m"}
        )
        tx.tasks.move(task.id, TaskStatus.PENDING, failure=failure)
    screen.run()
    shown = screen.takes()["v1"]
    assert shown["state"] == "Waiting"
    assert shown["steps"] == [["start", "Start · ≈¥0.40"]]
    assert "m takes no seed; it is left out. Start it" in shown["why"]

    screen.do(do="step", task=task.id, name="start")
    assert screen.status(task) is TaskStatus.QUEUED


def test_looking_again_opens_the_take_again_free_of_charge(screen: Screen) -> None:
    [task] = screen.add_tasks()
    screen.fail(task, ErrorKind.TIMEOUT)
    screen.run()
    screen.do(do="step", task=task.id, name="look_again")
    assert screen.status(task) is TaskStatus.PROCESSING
    assert len(screen.app.tasks.attempts(task.id)) == 1


def test_generating_again_what_may_have_been_accepted_asks_first(screen: Screen) -> None:
    [task] = screen.add_tasks()
    screen.fail(task, ErrorKind.SUBMIT_UNKNOWN, remote_id=None)
    screen.run()
    screen.do(do="step", task=task.id, name="submit_again")
    assert screen.status(task) is TaskStatus.FAILED
    assert "may pay for the same video twice" in screen.words()
    screen.press("confirm_act")
    assert screen.status(task) is TaskStatus.QUEUED


def test_a_failed_take_can_be_taken_off(screen: Screen) -> None:
    [task] = screen.add_tasks()
    screen.fail(task, ErrorKind.MODERATION)
    screen.run()
    screen.do(do="remove", task=task.id)
    assert not screen.app.tasks.counts(screen.project.id).get(TaskStatus.FAILED)


def test_a_take_whose_file_was_cleaned_up_offers_neither_player_nor_download(screen: Screen) -> None:
    _, [kept, gone] = screen.add_takes(2)
    with screen.app.store.write() as tx:
        tx.takes.update(gone.id, warnings=(CLEANED,))
    screen.run()
    here, away = screen.takes()["v1"], screen.takes()["v2"]
    assert (here["video"], here["choosable"]) == (media.video_url(kept), True)
    assert media.download_url(kept).endswith(here["download"])
    assert (away["video"], away["download"], away["choosable"]) == (None, None, False)
    assert "The file was cleaned up" in away["warnings"][0]


def test_the_menu_of_a_take_opens_its_history(screen: Screen) -> None:
    [task] = screen.add_tasks()
    screen.fail(task, ErrorKind.TIMEOUT)
    screen.run()
    assert "History…" in screen.takes()["v1"]["menu"]
    screen.do(do="history", task=task.id)
    assert "grok:1" in "".join(code.value for code in screen.at.code)


def test_one_more_take_is_one_more(screen: Screen) -> None:
    [shot] = add(screen, "rain")
    screen.run()
    screen.act(lambda: take_actions.generate(shot.id, 1))
    assert counts(screen) == {TaskStatus.QUEUED: 1}


def test_a_duplicate_stands_behind_its_original(screen: Screen) -> None:
    first, second = add(screen, "rain", "snow")
    screen.app.shots.set_image(first.id, picture())
    screen.run()
    screen.act(lambda: take_actions.duplicate(first.id))
    order = screen.app.shots.ids(screen.project.id)
    copy = screen.app.shots.get(order[1])
    assert [order[0], order[2]] == [first.id, second.id]
    assert (copy.prompt, copy.image) == ("rain", screen.app.shots.get(first.id).image)


def test_a_deleted_shot_can_be_undone(screen: Screen) -> None:
    [shot] = add(screen, "rain")
    screen.run()
    screen.act(lambda: dialogs.delete(shot.id))
    assert screen.app.shots.ids(screen.project.id) == []
    screen.run()
    screen.press("undo_delete")
    assert screen.app.shots.ids(screen.project.id) == [shot.id]


def test_a_shot_whose_paid_take_is_under_way_is_not_deleted(screen: Screen) -> None:
    [task] = screen.add_tasks()
    screen.submit(task)
    screen.run()
    screen.act(lambda: dialogs.delete(task.shot_id))
    assert screen.app.shots.ids(screen.project.id) == [task.shot_id]
    assert "under way" in screen.toasts()


def test_parameters_of_one_shot_are_its_own(screen: Screen) -> None:
    first, second = add(screen, "rain", "snow")
    screen.run()
    screen.act(lambda: dialogs.ask_for_parameters(first.id))
    screen.at.selectbox(key=f"params_{first.id}_aspect_ratio").set_value("1:1")
    screen.at.selectbox(key=f"params_{first.id}_takes").set_value(1)
    screen.at.button(key=f"params_{first.id}_save").click().run()
    screen.check()
    params = screen.app.shots.get(first.id).params
    assert (params.aspect_ratio, params.takes) == ("1:1", 1)
    assert screen.app.shots.get(second.id).params == ShotParams()


def test_a_card_of_a_shot_that_is_gone_says_so(screen: Screen) -> None:
    first, second = add(screen, "rain", "snow")
    screen.run()
    screen.app.shots.delete([first.id])
    screen.do(do="generate", shot=second.id)
    assert drawn(screen) == [second.id]


# --- many cards at once


def test_ticked_cards_generate_together_for_the_price_on_the_button(screen: Screen) -> None:
    first, second, third = add(screen, "rain", "snow", "wind")
    screen.app.settings_file.change({"mode": "yunwu"})
    screen.run()
    assert not [button for button in screen.at.button if button.key == "selected_generate"]
    screen.tick(first.id, third.id)
    assert "2 shots selected" in screen.words()
    assert screen.at.button(key="selected_generate").label == "Generate 6 · ≈¥2.40"
    screen.press("selected_generate")
    assert counts(screen) == {TaskStatus.QUEUED: 6}
    assert "6 takes queued" in screen.toasts()
    assert not screen.app.tasks.ids(screen.project.id, TaskFilter(shot_id=second.id))


def test_ticks_stay_while_pages_are_turned_and_filters_changed(screen: Screen) -> None:
    shots = add(screen, *(f"shot {number}" for number in range(22)))
    screen.run()
    screen.tick(shots[0].id)
    screen.choose("page_0", 2)
    screen.tick(shots[21].id)
    screen.choose("page_0", 1)
    assert shots[0].id in screen.ticked()
    assert "2 shots selected" in screen.words()
    screen.press("tick_all")
    screen.run()
    assert "22 shots selected" in screen.words()
    screen.press("tick_none")
    screen.run()
    assert not screen.ticked()


def test_a_box_is_unticked_and_one_of_another_project_is_not_ticked(screen: Screen) -> None:
    [first, second] = add(screen, "rain", "snow")
    elsewhere = screen.app.shots.add(screen.app.projects.ensure("ep02").id, prompt="wind")
    screen.app.projects.archive(elsewhere.project_id)
    screen.run()
    screen.tick(first.id, second.id)
    screen.do(do="tick", shot=first.id, on=False)
    screen.do(do="tick", shot=elsewhere.id, on=True)
    assert screen.ticked() == {second.id}
    assert "1 shot selected" in screen.words()


def test_takes_of_ticked_cards_are_cancelled_and_made_again_with_their_price_shown(screen: Screen) -> None:
    failed, also, waiting = (screen.add_tasks()[0] for _ in range(3))
    for task in (failed, also):
        screen.fail(task, ErrorKind.PROVIDER)
    screen.run()
    screen.tick(failed.shot_id, also.shot_id, waiting.shot_id)
    screen.press("tasks_do_cancel")
    assert screen.status(waiting) is TaskStatus.CANCELLED
    screen.run()
    assert screen.at.button(key="tasks_do_retry").label == "Generate again 3…"
    screen.press("tasks_do_retry")
    assert screen.at.button(key="retry_act").label == "Generate 3 again · ≈¥1.20"
    screen.press("retry_act")
    assert counts(screen) == {TaskStatus.QUEUED: 3}


def test_ticked_cards_are_deleted_together_but_for_what_is_paid_for_and_come_back(screen: Screen) -> None:
    first, second = add(screen, "rain", "snow")
    [held] = screen.add_tasks()
    screen.submit(held)
    screen.run()
    screen.tick(first.id, second.id, held.shot_id)
    assert screen.at.button(key="selected_delete").label == "Delete 3"
    screen.press("selected_delete")
    assert screen.app.shots.ids(screen.project.id) == [held.shot_id]
    assert "under way" in screen.toasts()
    screen.run()
    assert "2 shots deleted" in screen.words()
    screen.press("undo_delete")
    assert len(screen.app.shots.ids(screen.project.id)) == 3


def test_what_no_model_takes_is_said_before_the_click(screen: Screen) -> None:
    fine, empty = add(screen, "rain", "")
    screen.run()
    screen.tick(fine.id, empty.id)
    assert screen.at.button(key="selected_generate").label == "Generate 3 · free"
    assert any("1 of them cannot be generated" in one.proto.help for one in screen.at.markdown)
