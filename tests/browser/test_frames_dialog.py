"""The dialog with the pictures that a video is made from: they are given, greyed with their reason, and taken away."""

from __future__ import annotations

from pathlib import Path

import pytest
from browser_studio import Studio, card, go, picture, until
from playwright.sync_api import Locator, Page, expect

from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.shots import ReferenceRole, ShotParams
from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.services.generation.planning import GenerateOptions

KIE = ProviderId("kie")
TAKES_ALL, TAKES_ONE = "bytedance/seedance-2-5", "hailuo/2-3-image-to-video-pro"


def opened(page: Page, shot: int) -> Locator:
    card(page, shot).get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Frames and references…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("Add a picture as")).to_be_visible()
    return dialog


def give(dialog: Locator, *files: Path) -> None:
    dialog.locator(".st-key-add_drop_material input[multiple]").set_input_files(list(files))


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"图 {n}.jpg" for n in range(4)]
    for n, path in enumerate(paths):
        path.write_bytes(picture(60 * n + 20))
    return paths


def test_every_picture_of_a_shot_is_given_and_taken_away(studio: Studio, page: Page, files: list[Path]) -> None:
    vidgen, project = studio.vidgen, studio.project("frames", 2)
    first, second = vidgen.shots.ids(project.id)
    vidgen.tasks.generate(project.id, [first], GenerateOptions(takes=1))
    until(page, lambda: vidgen.tasks.counts(project.id).get(TaskStatus.COMPLETED) == 1, "a take")
    vidgen.shots.edit(second, params=ShotParams(provider=KIE, model=TAKES_ALL))
    before = vidgen.shots.get(second).image
    go(page, studio.at(project))

    dialog = opened(page, second)
    give(dialog, *files[:2])
    until(page, lambda: vidgen.shots.get(second).last_frame is not None, "the last frame is the first of two files")
    expect(dialog.get_by_role("img", name="Last frame")).to_be_visible()

    dialog.get_by_role("button", name="Reference", exact=True).click()
    dialog.get_by_role("radio", name="Style").or_(dialog.get_by_role("button", name="Style")).first.click()
    give(dialog, *files[2:])
    until(page, lambda: len(vidgen.shots.get(second).references) == 2, "two references")
    assert {one.role for one in vidgen.shots.get(second).references} == {ReferenceRole.STYLE}
    expect(dialog.get_by_role("img", name="Style 2")).to_be_visible()
    expect(dialog.get_by_text("no provider has a field for it")).to_be_visible()

    dialog.get_by_role("button", name="First frame", exact=True).click()
    dialog.get_by_role("button", name="Its last frame").click()
    until(page, lambda: vidgen.shots.get(second).image != before, "the first frame of the take before")

    tiles = dialog.locator(".st-key-material_pictures")
    tiles.get_by_role("button", name="Remove").nth(1).click()
    until(page, lambda: vidgen.shots.get(second).last_frame is None, "no last frame")
    expect(dialog.get_by_role("img", name="Last frame")).to_have_count(0)

    dialog.get_by_role("button", name="Close", exact=True).last.click()
    expect(dialog).to_have_count(0)
    expect(card(page, second).get_by_role("img", name="Style 1")).to_be_visible()


def test_what_a_model_does_not_take_is_greyed_and_a_file_that_is_no_picture_answered(
    studio: Studio, page: Page, tmp_path: Path
) -> None:
    project = studio.project("greyed frames", 1)
    [shot] = studio.vidgen.shots.ids(project.id)
    studio.vidgen.shots.edit(shot, params=ShotParams(provider=KIE, model=TAKES_ONE))
    go(page, studio.at(project))

    dialog = opened(page, shot)
    expect(dialog.get_by_role("button", name="Last frame", exact=True)).to_be_disabled()
    dialog.locator(".st-key-material_slot_last_frame").hover()
    expect(page.get_by_text("takes no last frame")).to_be_visible()

    before = studio.vidgen.shots.get(shot)
    broken = tmp_path / "note.jpg"
    broken.write_bytes(b"just some words")
    give(dialog, broken)
    expect(page.get_by_test_id("stToast")).to_be_visible()
    assert studio.vidgen.shots.get(shot) == before
