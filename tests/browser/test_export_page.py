"""The Export screen: what is chosen, an export with its download, and making room."""

from __future__ import annotations

import io
import zipfile

import opentimelineio as otio
import pytest
from browser_studio import Studio, go, until
from playwright.sync_api import Page, expect

from vidgen_core.domain.shots import Project
from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.services.exports.exports import Export
from vidgen_core.services.exports.film import EVERYTHING, Format
from vidgen_core.services.generation.planning import GenerateOptions


def film(studio: Studio, page: Page, name: str) -> Project:
    """Three shots with two takes each; the first two have one chosen."""
    vidgen, project = studio.vidgen, studio.project(name)
    shots = vidgen.shots.ids(project.id)
    vidgen.tasks.generate(project.id, shots, GenerateOptions(takes=2))
    until(page, lambda: vidgen.tasks.counts(project.id).get(TaskStatus.COMPLETED) == 6, "six videos")
    for shot in shots[:2]:
        vidgen.takes.choose_number(shot, 1)
    return project


@pytest.mark.smoke
def test_a_zip_is_exported_and_downloaded(studio: Studio, page: Page) -> None:
    project = film(studio, page, "export zip")
    go(page, studio.at(project, "export"))
    expect(page.get_by_text("2 of 3")).to_be_visible()
    expect(page.get_by_text("One shot has no chosen take: 3.0")).to_be_visible()
    page.get_by_text("Options", exact=True).click()
    page.get_by_role("textbox", name="File names").fill("{order:02d}-{shot}")
    expect(page.get_by_text("01-1.0.mp4")).to_be_visible()

    page.locator(".st-key-export_start_zip button").click()
    link = page.get_by_role("link", name="Download")
    expect(link).to_be_visible()

    answer = page.request.get(studio.url + str(link.get_attribute("href")))
    with zipfile.ZipFile(io.BytesIO(answer.body())) as archive:
        assert archive.namelist() == ["01-1.0.mp4", "02-2.0.mp4", "manifest.json", "manifest.csv"]


def test_everything_is_exported_beside_its_button_and_an_edited_cut_comes_back(studio: Studio, page: Page) -> None:
    project, vidgen = film(studio, page, "export 全部"), studio.vidgen
    shots = vidgen.shots.ids(project.id)
    vidgen.shots.edit(shots[0], script="走吧。")
    go(page, studio.at(project, "export"))
    page.get_by_role("button", name="Export everything").click()
    until(page, lambda: len(done(studio, project)) == len(EVERYTHING), "everything")
    for kind, rows in EVERYTHING:
        what = rows if kind is Format.XLSX else kind
        beside = page.locator(f".st-key-export_row_{what}")
        expect(beside.get_by_role("link", name="Download")).to_be_visible()
        expect(beside.get_by_role("button", name="Export again")).to_be_visible()
    told = {export.format: export for export in done(studio, project)}
    link = page.locator(".st-key-export_row_otio").get_by_role("link", name="Download")
    timeline = page.request.get(studio.url + str(link.get_attribute("href"))).text()
    assert otio.adapters.read_from_string(timeline, "otio_json").duration().to_seconds() == pytest.approx(2, abs=0.3)
    assert zipfile.is_zipfile(told[Format.JIANYING].path)

    # The two shots change places in an editor.
    edited = otio.adapters.read_from_string(timeline, "otio_json")
    for track in edited.tracks:
        track[:] = [item.clone() for item in reversed(list(track))]
    page.get_by_text("Timeline back from the editor").click()
    page.locator(".st-key-export_edit input[type=file]").set_input_files(
        {"name": "edited.otio", "mimeType": "application/json", "buffer": edited.to_json_string().encode()}
    )
    page.locator(".st-key-edit_apply button").click()
    until(page, lambda: vidgen.shots.ids(project.id) == [shots[1], shots[0], shots[2]], "the new order")


def done(studio: Studio, project: Project) -> list[Export]:
    return [export for export in studio.vidgen.exports.all(project.id) if export.state == "done"]


def test_a_wrong_pattern_is_said_before_the_click(studio: Studio, page: Page) -> None:
    project = film(studio, page, "export pattern")
    go(page, studio.at(project, "export"))
    page.get_by_text("Options", exact=True).click()
    page.get_by_role("textbox", name="File names").fill("{nope}")
    expect(page.get_by_role("alert").filter(has_text="order")).to_be_visible()
    expect(page.locator(".st-key-export_start_zip button")).to_be_disabled()


def test_nothing_chosen_says_what_to_do(studio: Studio, page: Page) -> None:
    project = studio.project("export nothing")
    go(page, studio.at(project, "export"))
    expect(page.get_by_text("Nothing is chosen yet")).to_be_visible()
    page.locator(".st-key-export_start_mp4 button").click()
    expect(page.get_by_text("Choose a take for at least one shot").first).to_be_visible()


def test_room_is_made_after_a_look_and_a_question(studio: Studio, page: Page) -> None:
    project = film(studio, page, "export room")
    go(page, studio.at(project, "export"))
    page.get_by_text("Free up space").click()
    page.get_by_role("button", name="Show what would be deleted").click()
    page.get_by_role("button", name="Delete 2 files").click()
    page.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_text("2 files were deleted").first).to_be_visible()
    takes = [take for shot in studio.vidgen.shots.ids(project.id) for take in studio.vidgen.takes.takes_of(shot)]
    there = [take for take in takes if studio.vidgen.takes.file(take).is_file()]
    assert len(there) == 4
    assert {take.id for take in takes if take.chosen} <= {take.id for take in there}
