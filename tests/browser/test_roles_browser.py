"""Who may do what, as people meet it: by password, and by an account of their organisation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import tomlkit
from browser_studio import Studio, Visitors, card, go
from identity_provider import Client, IdentityProvider, providing
from playwright.sync_api import Page, expect
from team import PASSWORDS, sign_in, team, with_passwords

from vidgen_core.domain.shots import Project
from vidgen_core.services.access.auth import Auth
from vidgen_core.services.access.permissions import Role
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation.planning import GenerateOptions

_HELLO = """(project) => new Promise((heard, failed) => {
  const socket = new WebSocket(`${location.origin.replace("http", "ws")}/api/ws?project=${project}`)
  socket.onmessage = (event) => { heard(JSON.parse(event.data)); socket.close() }
  socket.onclose = failed
})"""


def answers(page: Page, studio: Studio, project: Project, shot: int, task: int) -> dict[str, Any]:
    """What our routes say to the cookie that this browser has."""
    kept = {"project": project.name, "shot_ids": [shot], "takes": 1, "release": False}
    return {
        "looks": page.request.get(f"{studio.url}/api/shots?project={project.name}").status,
        "film": page.request.get(f"{studio.url}/api/tasks/{task}/video").status,
        "hears": page.evaluate(_HELLO, project.id)["hello"],
        "makes": page.request.post(f"{studio.url}/api/tasks", data=kept).status,
        "rules": page.request.post(f"{studio.url}/api/kie/config", data={"model": "veo3"}).status,
    }


def shut_out(page: Page, studio: Studio, task: int) -> None:
    """The same routes, to a browser without a right."""
    for path in ("/api/status", f"/api/tasks/{task}/video", "/app/static/media/original/1"):
        assert page.request.get(studio.url + path).status == 401


def leave(page: Page, name: str) -> None:
    """By the name in the sidebar."""
    page.get_by_role("link", name=name).click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Password")).to_be_visible()


def no_settings(page: Page, studio: Studio, project: Project) -> None:
    """Neither a way to them, nor by their address."""
    expect(page.get_by_role("link", name="Settings")).to_have_count(0)
    expect(page.get_by_role("button", name="Video settings")).to_have_count(0)
    expect(page.get_by_role("radio", name="KIE")).to_be_disabled()
    go(page, studio.at(project, "settings"))
    expect(page.get_by_text("There is no page at this address")).to_be_visible()
    expect(page.get_by_text("API key")).to_have_count(0)
    go(page, studio.at(project))


@pytest.fixture
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A server with a password for each role."""
    with team(tmp_path_factory.mktemp("locked"), with_passwords) as studio:
        yield studio


@pytest.mark.extended
def test_a_viewer_a_maker_and_an_owner_come_in_by_their_passwords(
    locked: Studio, visitor: Visitors, keep_picture: Callable[[Page, str], None]
) -> None:
    page, project = visitor(), locked.project("roles", 1)
    [shot] = locked.vidgen.shots.ids(project.id)
    [made] = locked.vidgen.tasks.generate(project.id, [shot], GenerateOptions(takes=1)).tasks
    generate = card(page, shot).get_by_role("button", name="Generate")
    play = card(page, shot).get_by_role("button", name="Play")

    page.goto(locked.at(project))
    page.get_by_label("name").fill("Vi")
    page.get_by_label("Password").fill("a guess")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("The password is wrong. Check it, or ask an owner.")
    expect(page.get_by_label("name")).to_have_value("Vi")
    keep_picture(page, "sign-in")
    shut_out(page, locked, made.id)
    # Chromium says of every such answer that it is one.
    assert all("401" in said for said in visitor.complaints)
    visitor.complaints.clear()

    page.get_by_label("Password").fill(PASSWORDS[Role.VIEWER])
    page.get_by_role("button", name="Sign in").click()
    expect(play).to_have_count(1)
    expect(page.get_by_role("button", name="Generate")).to_have_count(0)
    expect(page.get_by_role("button", name="Pause", exact=True)).to_have_count(0)
    expect(card(page, shot).get_by_role("textbox")).to_be_disabled()
    keep_picture(page, "viewer")
    no_settings(page, locked, project)
    go(page, locked.at(project, "pick"))
    expect(page.locator("video").first).to_be_visible()
    expect(page.get_by_role("button", name="Choose")).to_have_count(0)
    keep_picture(page, "viewer-picks")
    go(page, locked.at(project))
    can = answers(page, locked, project, shot, made.id)
    assert can == {"looks": 200, "film": 200, "hears": True, "makes": 403, "rules": 403}
    leave(page, "Vi · viewer")
    shut_out(page, locked, made.id)

    sign_in(page, locked.at(project), "Ma", Role.MAKER)
    generate.click()
    expect(play).to_have_count(2)
    no_settings(page, locked, project)
    can = answers(page, locked, project, shot, made.id)
    assert can == {"looks": 200, "film": 200, "hears": True, "makes": 200, "rules": 403}
    leave(page, "Ma · maker")

    sign_in(page, locked.at(project), "Ow", Role.OWNER)
    page.get_by_role("link", name="Settings").click()
    expect(page.get_by_role("tab", name="Sharing")).to_be_visible()
    can = answers(page, locked, project, shot, made.id)
    assert can == {"looks": 200, "film": 200, "hears": True, "makes": 200, "rules": 200}
    Auth(locked.vidgen.settings_file).set_password(Role.OWNER, "another password")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    expect(page.get_by_role("tab", name="Sharing")).to_have_count(0)
    shut_out(page, locked, made.id)
    # Chromium complains of the sockets that were closed on it, as long as the page is there.
    page.close()
    visitor.complaints.clear()


ACCOUNTS = {
    "li@studio.example": True,
    "ow@studio.example": True,
    "eve@evil.example": True,
    "new@studio.example": False,
}


@pytest.fixture
def federated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A server whose people are known to an identity provider."""
    provider = IdentityProvider(Client("vidgen", "a secret of the two", ""), ACCOUNTS)

    def prepare(vidgen: Vidgen, port: int) -> None:
        back = f"http://127.0.0.1:{port}/oauth2callback"
        provider.client = provider.client._replace(redirect_uri=back)
        auth = {
            "redirect_uri": back,
            "cookie_secret": "a long random text of this test",
            "client_id": provider.client.id,
            "client_secret": provider.client.secret,
            "server_metadata_url": f"{provider.url}/.well-known/openid-configuration",
        }
        (vidgen.locations.home / "secrets.toml").write_text(tomlkit.dumps({"auth": auth}))
        vidgen.settings_file.change(
            {"sharing.sign_in": "oidc", "sharing.owners": "ow@studio.example", "sharing.makers": "@studio.example"}
        )

    with providing(provider), team(tmp_path_factory.mktemp("federated"), prepare) as studio:
        yield studio


def enter_as(page: Page, studio: Studio, email: str) -> None:
    expect(page.get_by_text("Sign in with your organisation’s account.")).to_be_visible()
    shut_out(page, studio, 1)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name=email).click()
    page.wait_for_url(f"{studio.url}/**")


def test_an_account_of_the_organisation_has_the_role_of_its_address(
    federated: Studio, visitor: Visitors, keep_picture: Callable[[Page, str], None]
) -> None:
    page, project = visitor(), federated.project("accounts", 1)
    [shot] = federated.vidgen.shots.ids(project.id)

    page.goto(federated.url)
    for stranger in ("eve@evil.example", "new@studio.example"):
        enter_as(page, federated, stranger)
        expect(page.get_by_text(f"{stranger} has no right here.")).to_be_visible()
        keep_picture(page, "stranger")
        expect(card(page, shot)).to_have_count(0)
        shut_out(page, federated, 1)
        page.get_by_role("link", name="Sign out").click()

    enter_as(page, federated, "li@studio.example")
    card(page, shot).get_by_role("button", name="Generate").click()
    expect(card(page, shot).get_by_role("button", name="Play")).to_have_count(1)
    no_settings(page, federated, project)
    keep_picture(page, "maker")
    [made] = federated.vidgen.tasks.ids(project.id)
    can = answers(page, federated, project, shot, made)
    assert can == {"looks": 200, "film": 200, "hears": True, "makes": 200, "rules": 403}
    copied = page.context.cookies()
    page.get_by_role("link", name="Li · maker").click()
    page.get_by_role("button", name="Sign out").click()

    # What was copied before no longer works, with Streamlit's own cookie alone neither.
    streamlit_s = [cookie for cookie in copied if cookie["name"].startswith("_streamlit_user")]
    for width, cookies in ((1301, copied), (1302, streamlit_s)):
        assert cookies
        thief = visitor(width=width)
        thief.context.add_cookies(cookies)
        thief.goto(federated.url)
        expect(thief.get_by_text("Sign in with your organisation’s account.")).to_be_visible()
        expect(card(thief, shot)).to_have_count(0)
        shut_out(thief, federated, made)

    enter_as(page, federated, "ow@studio.example")
    page.get_by_role("link", name="Settings").click()
    expect(page.get_by_role("tab", name="Sharing")).to_be_visible()
    assert answers(page, federated, project, shot, made)["rules"] == 200
