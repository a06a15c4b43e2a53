"""Signing in with a password, and what each role may do over our routes."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from server_client import HERE, WS, TestClient
from sqlalchemy import text
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.websockets import WebSocketDisconnect

from vidgen_core.domain.errors import Refused
from vidgen_core.domain.shots import Shot
from vidgen_core.domain.takes import Take
from vidgen_core.services.access.auth import Auth
from vidgen_core.services.access.permissions import Role, Visitor
from vidgen_core.services.access.sessions import COOKIE, Purpose, Sessions, login_of
from vidgen_core.services.facade import Vidgen
from vidgen_core.web import serve
from vidgen_core.web.sign_in import TRIES

WORDS = {Role.VIEWER: "look-look-look", Role.MAKER: "make-make-make", Role.OWNER: "own-own-own-own"}
Enter = Callable[..., TestClient]


@pytest.fixture
def sharing(vidgen: Vidgen) -> Auth:
    """A studio with a password for each role."""
    found = Auth(vidgen.settings_file)
    found.ensure_token()
    for role, word in WORDS.items():
        found.set_password(role, word)
    vidgen.settings_file.change({"sharing.sign_in": "password"})
    return found


@pytest.fixture
def shared(sharing: Auth) -> Iterator[TestClient]:
    serving = serve("127.0.0.1")
    # What Streamlit would answer.
    page = Route("/{path:path}", lambda _: PlainTextResponse("screen"))
    app = Starlette(routes=[*serving.routes, page], middleware=serving.middleware, lifespan=serving.lifespan)
    with TestClient(app, base_url=HERE, raise_server_exceptions=False, follow_redirects=False) as client:
        yield client


@pytest.fixture
def enter(shared: TestClient) -> Enter:
    def entering(role: Role, name: str = "Li Wei") -> TestClient:
        answer = shared.post("/sign-in", data={"name": name, "password": WORDS[role], "next": "/tasks?x=1"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/tasks?x=1")
        return shared

    return entering


def test_nobody_sees_anything_before_the_password(shared: TestClient, take: Take) -> None:
    assert shared.get("/").headers["location"].startswith("/sign-in")
    assert shared.get("/_stcore/host-config").status_code == 401
    assert shared.get("/media/some.png").status_code == 401
    assert shared.get(f"/app/static/media/take/{take.id}.mp4").status_code == 401
    assert shared.get("/api/status").status_code == 401
    with pytest.raises(WebSocketDisconnect), shared.websocket_connect(f"{WS}/api/ws?project=1"):
        pass
    with pytest.raises(WebSocketDisconnect), shared.websocket_connect(f"{WS}/_stcore/stream"):
        pass
    assert shared.get("/static/js/main.js").text == "screen"


def test_with_the_password_the_screens_media_and_events_open(
    shared: TestClient, enter: Enter, take: Take, shot: Shot
) -> None:
    enter(Role.VIEWER)
    assert shared.get("/").text == "screen"
    assert shared.get(f"/app/static/media/take/{take.id}.mp4").status_code == 200
    with shared.websocket_connect(f"{WS}/api/ws?project={shot.project_id}") as socket:
        assert socket.receive_json()["hello"] is True


def test_the_cookie_is_of_no_use_to_scripts_and_other_sites(shared: TestClient) -> None:
    headers = {"X-Forwarded-Proto": "https"}
    answer = shared.post("/sign-in", data={"password": WORDS[Role.MAKER]}, headers=headers)
    cookie = answer.headers["set-cookie"].lower()
    assert all(word in cookie for word in ("httponly", "samesite=lax", "secure", "path=/"))
    assert answer.headers["location"] == "/"


@pytest.mark.parametrize("where", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_signing_in_leads_nowhere_else(shared: TestClient, where: str) -> None:
    answer = shared.post("/sign-in", data={"password": WORDS[Role.VIEWER], "next": where})
    assert answer.headers["location"] == "/"


def test_a_wrong_password_opens_nothing_and_is_in_the_log(shared: TestClient, vidgen: Vidgen) -> None:
    answer = shared.post("/sign-in", data={"name": "<b>Eve</b>", "password": "guess-guess"})
    assert answer.status_code == 401
    assert "<b>Eve" not in answer.text
    assert "set-cookie" not in answer.headers
    line = vidgen.log.page(None, limit=1)[0]
    assert (line.code, line.params["who"]) == ("sign_in_failed", "<b>Eve</b>")
    assert "guess-guess" not in str(vidgen.log.page(None))


def test_guessing_is_slowed_down(shared: TestClient) -> None:
    # Where checking a password takes long, another try or two has been earned meanwhile.
    tries = (shared.post("/sign-in", data={"password": "guess"}).status_code for _ in range(6 * TRIES))
    answers = list(itertools.takewhile(lambda status: status == 401, tries))
    assert TRIES <= len(answers) < 6 * TRIES
    assert shared.post("/sign-in", data={"password": WORDS[Role.OWNER]}).status_code == 429


def test_a_form_of_another_site_cannot_sign_anybody_in(shared: TestClient) -> None:
    headers = {"Origin": "https://evil.example"}
    assert shared.post("/sign-in", data={"password": WORDS[Role.OWNER]}, headers=headers).status_code == 403


@pytest.mark.parametrize(
    ("role", "statuses"), [(Role.VIEWER, (200, 403, 403)), (Role.MAKER, (200, 200, 403)), (Role.OWNER, (200, 200, 200))]
)
def test_each_role_may_do_what_is_its_own(
    enter: Enter, vidgen: Vidgen, shot: Shot, role: Role, statuses: tuple[int, ...]
) -> None:
    client = enter(role)
    before = vidgen.settings_file.path.read_bytes()
    looks = client.get("/api/shots?project=ep01").status_code
    makes = client.post("/api/tasks", json={"project": "ep01", "shot_ids": [shot.id]}).status_code
    rules = client.post("/api/kie/config", json={"model": "veo3"}).status_code
    assert (looks, makes, rules) == statuses
    assert bool(vidgen.tasks.ids(shot.project_id)) is (role >= Role.MAKER)
    assert (vidgen.settings_file.path.read_bytes() == before) is (role < Role.OWNER)


@pytest.mark.parametrize(("role", "told"), [(Role.VIEWER, False), (Role.MAKER, False), (Role.OWNER, True)])
def test_only_owners_are_told_where_keys_go_and_which_there_are(
    enter: Enter, vidgen: Vidgen, role: Role, told: bool
) -> None:
    keys = [{"name": "main", "secret": "sk-good-aaaa1111"}]
    vidgen.settings_file.change({"providers.kie.keys": keys, "providers.kie.callback_url": "https://cb.example/x"})
    answer = enter(role).get("/api/kie/config").text
    assert [word in answer for word in ("api.kie.ai", "redpandaai", "cb.example", "1111")] == [told] * 4
    assert "veo3_fast" in answer


def test_who_did_what_is_in_the_log(enter: Enter, vidgen: Vidgen, shot: Shot) -> None:
    client = enter(Role.MAKER, "Li  Wei\n")
    client.post("/api/tasks", json={"project": "ep01", "shot_ids": [shot.id]})
    line = next(line for line in vidgen.log.page(shot.project_id) if line.code == "did_tasks_generate")
    assert (line.params["who"], line.params["what"]) == ("Li Wei", str(shot.id))
    texts = [one["text"] for one in client.get("/api/log?project=ep01").json()]
    assert any(text.startswith("Li Wei generated for shots") for text in texts)


def test_who_signs_out_is_out_wherever_the_cookie_was_copied_to(shared: TestClient, enter: Enter) -> None:
    enter(Role.OWNER)
    copied = shared.cookies[COOKIE]
    assert "Li Wei" in shared.get("/sign-in").text
    assert shared.post("/sign-in/out").status_code == 303
    assert shared.get("/api/status").status_code == 401
    assert shared.get("/api/status", headers={"Cookie": f"{COOKIE}={copied}"}).status_code == 401


def test_a_backup_holds_nothing_that_opens_a_session(enter: Enter, vidgen: Vidgen) -> None:
    cookie = enter(Role.OWNER).cookies[COOKIE]
    with vidgen.store.write() as tx:
        kept = str(list(tx.execute(text("SELECT * FROM sessions"))))
    assert "owner" in kept
    assert cookie not in kept


def test_another_password_ends_the_sessions_of_the_old_one(shared: TestClient, enter: Enter, sharing: Auth) -> None:
    enter(Role.VIEWER)
    sharing.set_password(Role.OWNER, "another-owner")
    assert shared.get("/api/status").status_code == 200
    sharing.set_password(Role.VIEWER, "another-viewer")
    assert shared.get("/api/status").status_code == 401


def test_a_cookie_that_nobody_was_given_is_none(shared: TestClient, sharing: Auth, vidgen: Vidgen) -> None:
    sessions = Sessions(vidgen.settings_file, vidgen.store)
    given = sessions.begin(Visitor(Role.VIEWER, "Eve"))
    for forged in (given[:-2] + "xx", "e30.x.y", sessions.begin(Visitor(Role.OWNER, "Eve"), "ticket"), ""):
        shared.cookies.set(COOKIE, forged)
        assert shared.get("/api/status").status_code == 401
        shared.cookies.clear()


def test_a_ticket_that_comes_twice_at_once_is_good_for_one(vidgen: Vidgen, monkeypatch: pytest.MonkeyPatch) -> None:
    sessions, both, plain = Sessions(vidgen.settings_file, vidgen.store), threading.Barrier(2), Sessions.find

    def find(self: Sessions, text: str, purpose: Purpose = "session") -> Visitor | None:
        found = plain(self, text, purpose)
        both.wait(30)
        return found

    monkeypatch.setattr(Sessions, "find", find)
    ticket = sessions.begin(Visitor(Role.MAKER, "Li"), "ticket")
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(sessions.redeem, [ticket, ticket]))
    assert sorted(one is None for one in found) == [False, True]


def test_a_ticket_is_good_for_oidc_only_and_for_once(shared: TestClient, sharing: Auth, vidgen: Vidgen) -> None:
    sessions = Sessions(vidgen.settings_file, vidgen.store)
    ticket = sessions.begin(Visitor(Role.MAKER, "Li"), "ticket")
    assert shared.post("/sign-in/ticket", data={"ticket": ticket}).status_code == 401
    vidgen.settings_file.change({"sharing.sign_in": "oidc", "sharing.makers": "li@studio.example"})
    assert shared.post("/sign-in/ticket", data={"ticket": ticket}).status_code == 401
    ticket = sessions.begin(Visitor(Role.MAKER, "Li"), "ticket")
    assert shared.post("/sign-in/ticket", data={"ticket": ticket}).status_code == 303
    assert shared.post("/sign-in/ticket", data={"ticket": ticket}).status_code == 401
    assert shared.get("/api/status").status_code == 200
    vidgen.settings_file.change({"sharing.makers": ""})
    assert shared.get("/api/status").status_code == 401


def test_with_oidc_streamlit_shows_its_own_way_in_and_our_routes_stay_closed(
    shared: TestClient, vidgen: Vidgen, take: Take
) -> None:
    vidgen.settings_file.change({"sharing.sign_in": "oidc"})
    assert shared.get("/").text == "screen"
    assert shared.get(f"/app/static/media/take/{take.id}.mp4").status_code == 401
    assert shared.get("/api/status").status_code == 401


def test_signing_out_with_oidc_ends_what_the_identity_provider_began(
    shared: TestClient, sharing: Auth, vidgen: Vidgen
) -> None:
    vidgen.settings_file.change({"sharing.sign_in": "oidc", "sharing.makers": "li@studio.example"})
    ticket = Sessions(vidgen.settings_file, vidgen.store).begin(Visitor(Role.MAKER, "Li"), "ticket")
    shared.post("/sign-in/ticket", data={"ticket": ticket})
    # Browsers hold the redirects that follow a form to its policy, and this one leads to the provider's address.
    assert "form-action *" in shared.get("/sign-in").headers["content-security-policy"]
    assert shared.post("/sign-in/out").headers["location"] == "/auth/logout"
    assert shared.get("/api/status").status_code == 401


def test_a_login_that_was_signed_out_of_opens_no_session_again(
    shared: TestClient, sharing: Auth, vidgen: Vidgen
) -> None:
    vidgen.settings_file.change({"sharing.sign_in": "oidc", "sharing.makers": "li@studio.example"})
    sessions, li = Sessions(vidgen.settings_file, vidgen.store), Visitor(Role.MAKER, "Li")
    claims = {"sub": "li", "iat": 1_700_000_000, "nonce": "one"}
    login, other = login_of(claims), login_of({**claims, "nonce": "two"})
    shared.post("/sign-in/ticket", data={"ticket": sessions.begin(li, "ticket", login)})
    # From the copied cookie of the identity provider's: a second session, and a ticket that is not used yet.
    copied, ticket = sessions.begin(li, "session", login), sessions.begin(li, "ticket", login)
    elsewhere = sessions.begin(li, "session", other)
    shared.post("/sign-in/out")

    shared.cookies.clear()
    for cookie, status in ((copied, 401), (elsewhere, 200)):
        assert shared.get("/api/status", headers={"Cookie": f"{COOKIE}={cookie}"}).status_code == status
    assert shared.post("/sign-in/ticket", data={"ticket": ticket}).status_code == 401
    assert shared.get("/api/status").status_code == 401
    assert sessions.has_ended(login_of(dict(reversed(claims.items()))))
    for purpose in ("ticket", "session"):
        with pytest.raises(Refused, match="sign_in_needed"):
            sessions.begin(li, purpose, login)  # type: ignore[arg-type]
    shared.post("/sign-in/ticket", data={"ticket": sessions.begin(li, "ticket", other)})
    assert shared.get("/api/status").status_code == 200


def test_a_session_that_takes_the_place_of_another_ends_no_login(
    shared: TestClient, sharing: Auth, vidgen: Vidgen
) -> None:
    vidgen.settings_file.change({"sharing.sign_in": "oidc", "sharing.makers": "li@studio.example"})
    sessions, login = Sessions(vidgen.settings_file, vidgen.store), login_of({"sub": "li"})
    for name in ("Li", "Li Wei"):
        ticket = sessions.begin(Visitor(Role.MAKER, name), "ticket", login)
        assert shared.post("/sign-in/ticket", data={"ticket": ticket}).status_code == 303
        assert shared.get("/api/status").status_code == 200


@pytest.mark.parametrize(
    ("email", "verified", "role"),
    [
        ("Li@Studio.example", True, Role.MAKER),
        ("li@studio.example", None, Role.MAKER),
        ("ow@studio.example", "true", Role.OWNER),
        ("li@studio.example", False, None),
        ("li@studio.example", "false", None),
        ("li@studio.example.evil.example", True, None),
        ("", True, None),
    ],
)
def test_an_address_has_the_highest_role_that_names_it_if_it_is_verified(
    sharing: Auth, vidgen: Vidgen, email: str, verified: object, role: Role | None
) -> None:
    vidgen.settings_file.change({"sharing.owners": "ow@studio.example", "sharing.makers": "@studio.example"})
    assert sharing.role_of(email, verified) is role


@pytest.mark.parametrize("lang", ["zh-CN", "en"])
def test_the_page_speaks_the_browser_s_language_and_loads_nothing(shared: TestClient, lang: str) -> None:
    answer = shared.get("/sign-in", headers={"Accept-Language": lang})
    assert f'lang="{lang}"' in answer.text
    assert "http" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
