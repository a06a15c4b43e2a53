"""A key is taken however the field is left, tested at once, and the header says what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest
from browser_studio import Visitors, go, start_server, stop_server, until
from playwright.sync_api import Locator, Page, expect

from vidgen_core.config.paths import Locations
from vidgen_core.domain.providers import ProviderId
from vidgen_core.fake_provider.options import RehearsalOptions
from vidgen_core.fake_provider.server import RehearsalServer
from vidgen_core.services.facade import Vidgen

KEY = "sk-good-aaaa1111"


class PaidHome(NamedTuple):
    """Address of a dashboard in a paid mode without a key, and the façade on its home."""

    url: str
    vidgen: Vidgen


@pytest.fixture(scope="module")
def paid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PaidHome]:
    home = tmp_path_factory.mktemp("paid")
    with (
        RehearsalServer(RehearsalOptions(videos="shared")) as provider,
        Vidgen.open(Locations(home / "home")) as vidgen,
    ):
        vidgen.settings_file.change({"providers.yunwu.base_url": provider.url, "mode": ProviderId("yunwu")})
        vidgen.projects.ensure("ep01")
        process, url = start_server(home / "home", home / "log")
        try:
            yield PaidHome(url, vidgen)
        finally:
            stop_server(process)


def paste(page: Page, field: Locator, text: str) -> None:
    field.focus()
    page.keyboard.insert_text(text)


def tab_and_save(page: Page, field: Locator, key: str) -> None:
    paste(page, field, key)
    page.keyboard.press("Tab")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()


def enter(page: Page, field: Locator, key: str) -> None:
    paste(page, field, key)
    page.keyboard.press("Enter")


def autofill(page: Page, field: Locator, key: str) -> None:
    """As a password manager does it: the field never has the focus."""
    field.evaluate(
        """(field, text) => {
          Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(field, text)
          field.dispatchEvent(new Event("input", { bubbles: true }))
        }""",
        key,
    )
    page.get_by_role("dialog").get_by_role("button", name="Save").click()


@pytest.mark.parametrize("entered", [tab_and_save, enter, autofill])
def test_a_key_is_taken_and_tested_at_once(
    paid: PaidHome, visitor: Visitors, entered: Callable[[Page, Locator, str], None]
) -> None:
    url, vidgen = paid
    vidgen.settings_file.change({"providers.yunwu.keys": []})
    page = go(visitor(), f"{url}/?project=ep01")
    header = page.locator(".st-key-header_line")
    expect(header.get_by_role("button", name="● No key")).to_be_visible()
    page.locator(".st-key-message_line").get_by_role("button", name="Enter a key").click()
    entered(page, page.get_by_role("dialog").get_by_label("API key", exact=True), KEY)
    until(page, lambda: bool(vidgen.settings().providers.yunwu.keys), "the saved key")
    assert vidgen.settings().providers.yunwu.keys[0].secret.get_secret_value() == KEY
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(header.get_by_text("● Connected · ")).to_be_visible()
    expect(page.get_by_test_id("stToast").filter(has_text="Connected. Balance")).to_be_visible()


def test_a_key_that_is_refused_is_said_to_be(paid: PaidHome, visitor: Visitors) -> None:
    url, vidgen = paid
    vidgen.settings_file.change({"providers.yunwu.keys": []})
    page = go(visitor(), f"{url}/?project=ep01")
    page.locator(".st-key-message_line").get_by_role("button", name="Enter a key").click()
    enter(page, page.get_by_role("dialog").get_by_label("API key", exact=True), "sk-bad-bbbb2222")
    expect(page.locator(".st-key-header_line").get_by_text("● Key refused")).to_be_visible()
