"""A key is taken however the field is left, tested at once, and the header says what came of it."""

from __future__ import annotations

import socket
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


def autofill(page: Page, field: Locator, key: str, event: str = "input") -> None:
    """As a password manager does it: the field never has the focus."""
    field.evaluate(
        """(field, [text, event]) => {
          Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(field, text)
          field.dispatchEvent(new Event(event, { bubbles: true }))
        }""",
        [key, event],
    )
    page.get_by_role("dialog").get_by_role("button", name="Save").click()


def autofill_at_its_end(page: Page, field: Locator, key: str) -> None:
    """As one that tells nothing but the end of its change."""
    autofill(page, field, key, "change")


@pytest.mark.parametrize("entered", [tab_and_save, enter, autofill, autofill_at_its_end])
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


WORDS = {
    "en-US": ("Enter a key", "API key", "Key refused", "No network", "Connected · "),
    "zh-CN": ("填写密钥", "API 密钥", "密钥被拒绝", "网络不通", "已连接 · "),
}


@pytest.mark.parametrize("locale", WORDS)
def test_the_header_says_what_a_key_met_at_its_provider(paid: PaidHome, visitor: Visitors, locale: str) -> None:
    url, vidgen = paid
    enter_a_key, label, refused, no_network, connected = WORDS[locale]
    there = vidgen.settings().providers.yunwu.base_url
    vidgen.settings_file.change({"providers.yunwu.keys": []})
    page = go(visitor(locale=locale), f"{url}/?project=ep01")
    connection = page.locator(".st-key-header_line .connection")

    def meets(key: str) -> None:
        page.locator(".st-key-message_line").get_by_role("button", name=enter_a_key).click()
        enter(page, page.get_by_role("dialog").get_by_label(label, exact=True), key)

    meets("sk-bad-bbbb2222")
    expect(connection).to_have_text(f"● {refused}")
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        # Bound and then closed: nobody listens there.
        nowhere = f"http://127.0.0.1:{reserved.getsockname()[1]}"
    for address, word in ((nowhere, no_network), (there, connected)):
        vidgen.settings_file.change({"providers.yunwu.base_url": address, "providers.yunwu.keys": []})
        meets(KEY)
        expect(connection).to_contain_text(f"● {word}")
