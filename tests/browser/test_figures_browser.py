"""Figures in a real browser: drawn, narrowed, taken along; and the pack for a reseller from the task list."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from browser_studio import Studio, go, settled, until
from playwright.sync_api import Page, expect

from vidgen_core.domain.attempts import AttemptState
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.shots import Project
from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.services.generation.planning import GenerateOptions


def batch(studio: Studio, page: Page, name: str) -> Project:
    """Three shots with a finished take each, the first one's chosen."""
    vidgen, project = studio.vidgen, studio.project(name)
    shots = vidgen.shots.ids(project.id)
    vidgen.tasks.generate(project.id, shots, GenerateOptions(takes=1))
    until(page, lambda: vidgen.tasks.counts(project.id).get(TaskStatus.COMPLETED) == 3, "three videos")
    vidgen.takes.choose_number(shots[0], 1)
    return project


def test_what_it_brought_is_drawn_narrowed_and_taken_along(studio: Studio, page: Page) -> None:
    project = batch(studio, page, "figures")
    go(page, studio.at(project, "analytics"))
    expect(page.get_by_test_id("stMetric").filter(has_text="Success rate")).to_contain_text("100%")
    expect(page.get_by_test_id("stMetric").filter(has_text="Acceptance rate")).to_contain_text("33.3%")
    charts = page.locator("[data-testid=stVegaLiteChart] :is(canvas, svg)")
    expect(charts).not_to_have_count(0)
    assert all((box := chart.bounding_box()) and box["height"] > 30 for chart in charts.all())
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()
    listed = Path(download.value.path()).read_text(encoding="utf-8-sig")
    assert "Whole period,,Done,3," in listed
    page.get_by_role("combobox", name="Provider").click()
    page.get_by_role("option", name="KIE").click()
    settled(page)
    expect(page.get_by_text("Nothing of KIE Veo3 in this period")).to_be_visible()


def test_a_dispute_pack_is_taken_from_the_task_list(studio: Studio, page: Page) -> None:
    vidgen, project = studio.vidgen, studio.project("dispute", 1)
    [shot] = vidgen.shots.ids(project.id)
    go(page, studio.at(project, "tasks"))
    page.get_by_role("button", name="More tools").click()
    expect(page.get_by_role("button", name="Dispute pack")).to_be_disabled()
    task = vidgen.tasks.generate(project.id, [shot], GenerateOptions(takes=1), release=False).tasks[0]
    with vidgen.store.write() as tx:
        attempt = tx.attempts.begin(
            task.id, ProviderId("yunwu"), "grok-video-3", "k1", "main ••x4KR", "https://yunwu.ai", None
        )
        tx.attempts.update(
            attempt.id,
            state=AttemptState.FAILED,
            remote_id="grok:lost",
            intent_at=attempt.created_at,
            evidence='{"status": "failed"}',
        )
        tx.tasks.move(task.id, TaskStatus.CANCELLED)
    go(page, studio.at(project, "tasks"))
    page.get_by_role("button", name="More tools").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Dispute pack").click()
    with zipfile.ZipFile(io.BytesIO(Path(download.value.path()).read_bytes())) as archive:
        assert "grok:lost" in archive.read("attempts.csv").decode()
