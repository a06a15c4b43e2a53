"""A review link opens the takes of one project for people without an account, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from server_client import HERE, TestClient
from starlette.applications import Starlette

from vidgen_core.cli import session as cli_session
from vidgen_core.cli.program import run
from vidgen_core.db.transaction import Transaction
from vidgen_core.domain.errors import NotFound, Refused
from vidgen_core.domain.takes import NewTake, ReviewLink, Take
from vidgen_core.services.access.auth import Auth
from vidgen_core.services.access.permissions import Role, Visitor, as_visitor
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation.planning import GenerateOptions
from vidgen_core.web import review, serve

ANN = {"reviewer": "ann-ann-ann", "name": "Ann"}
BO = {"reviewer": "bo-bo-bo-bo", "name": "Bo"}


@pytest.fixture
def studio(vidgen: Vidgen) -> Iterator[TestClient]:
    """The server as reviewers reach it: from elsewhere, through a proxy, where everybody else has to sign in."""
    Auth(vidgen.settings_file).set_password(Role.VIEWER, "look-look-look")
    vidgen.settings_file.change({"sharing.sign_in": "password"})
    serving = serve("127.0.0.1")
    app = Starlette(routes=serving.routes, middleware=serving.middleware, lifespan=serving.lifespan)
    headers = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"}
    proxy = ("127.0.0.1", 50_000)
    with TestClient(
        app, base_url=HERE, headers=headers, raise_server_exceptions=False, follow_redirects=False, client=proxy
    ) as client:
        yield client


@pytest.fixture
def link(vidgen: Vidgen, take: Take) -> ReviewLink:
    return vidgen.reviews.share(take.project_id)


@pytest.fixture
def page(vidgen: Vidgen, link: ReviewLink) -> str:
    return f"/review/{vidgen.reviews.token(link)}"


@pytest.fixture
def foreign(vidgen: Vidgen, take: Take) -> Take:
    """A take of another project, in the same file."""
    project = vidgen.projects.ensure("secret")
    shot = vidgen.shots.add(project.id, prompt="nobody is to see this")
    [task] = vidgen.tasks.generate(project.id, [shot.id], GenerateOptions(takes=1)).tasks
    same = {name: getattr(take, name) for name in NewTake.model_fields}
    with vidgen.store.write() as tx:
        return tx.takes.add(NewTake(**same | {"project_id": project.id, "shot_id": shot.id, "task_id": task.id}))


def say(client: TestClient, page: str, what: str, **body: Any) -> int:
    return client.post(f"{page}/{what}", json=body).status_code


def test_a_link_shows_takes_votes_and_comments_and_gains_no_session(
    studio: TestClient, page: str, take: Take, vidgen: Vidgen
) -> None:
    opened = studio.get(page)
    assert (opened.status_code, "review_link.js" in opened.text) == (200, True)
    assert "script-src 'self'" in opened.headers["content-security-policy"]
    assert opened.headers["referrer-policy"] == "same-origin"
    [shot] = studio.get(f"{page}/data").json()["shots"]
    [shown] = shot["takes"]
    assert shown["id"] == take.id
    part = studio.get(shown["video"], headers={"Range": "bytes=0-9"})
    assert (part.status_code, len(part.content)) == (206, 10)
    assert studio.get(shown["poster"]).headers["content-type"] == "image/jpeg"

    assert say(studio, page, "vote", **ANN, take=take.id, vote=1) == 200
    assert say(studio, page, "vote", **ANN, take=take.id, favourite=True) == 200
    assert say(studio, page, "vote", **BO, take=take.id, vote=-1) == 200
    assert say(studio, page, "comment", **BO, take=take.id, at=0.4, text="the hand is odd") == 200

    [shot] = studio.get(f"{page}/data", headers={"X-Reviewer": ANN["reviewer"]}).json()["shots"]
    assert shot["takes"][0]["votes"] == [
        {"name": "Ann", "vote": 1, "favourite": True, "mine": True},
        {"name": "Bo", "vote": -1, "favourite": False, "mine": False},
    ]
    [comment] = shot["takes"][0]["comments"]
    assert (comment["name"], comment["at"], comment["text"], comment["mine"]) == ("Bo", 0.4, "the hand is odd", False)
    # Whoever knew a reviewer's id could speak for them.
    assert BO["reviewer"] not in studio.get(f"{page}/data").text
    [seen] = [one for one in vidgen.reviews.of_project(take.project_id) if one.said]
    assert [vote.name for vote in seen.said[take.id].votes] == ["Ann", "Bo"]
    assert not studio.cookies
    # What everybody else has to sign in for stays closed.
    assert studio.get("/api/shots").status_code == 401
    assert studio.get(f"/app/static/media/take/{take.id}.mp4").status_code == 401
    assert studio.get("/metrics").status_code == 401


def test_one_favourite_a_shot_and_a_vote_can_be_taken_back(studio: TestClient, page: str, take: Take) -> None:
    for body in ({"vote": 1}, {"vote": 0}, {"favourite": True}, {"favourite": False}):
        assert say(studio, page, "vote", **ANN, take=take.id, **body) == 200
    [shot] = studio.get(f"{page}/data").json()["shots"]
    assert shot["takes"][0]["votes"] == []


def spoiled(token: str) -> list[str]:
    number, expires, signature = token.split("-", 2)
    flipped = ("A" if signature[0] != "A" else "B") + signature[1:]
    return [
        f"{number}-{expires}-{flipped}",
        f"{number}-{int(expires) + 1}-{signature}",
        f"{int(number) + 1}-{expires}-{signature}",
        f"{number}-{expires}-",
        f"{number}-{expires}",
        "x",
        "..%2f..%2fapi",
        "9" * 400,
        "1-1-" + "é" * 43,
    ]


@pytest.mark.parametrize("how", ["forged", "expired", "revoked", "project deleted", "token renewed"])
def test_a_link_that_does_not_work_shows_nothing(
    studio: TestClient,
    vidgen: Vidgen,
    link: ReviewLink,
    page: str,
    take: Take,
    how: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    token = vidgen.reviews.token(link)
    pages = [page]
    if how == "forged":
        pages = [f"/review/{bad}" for bad in spoiled(token)]
    elif how == "expired":
        monkeypatch.setattr(Transaction, "now", lambda _: link.expires_at)
    elif how == "revoked":
        vidgen.reviews.revoke(link.id)
    elif how == "project deleted":
        vidgen.projects.delete(take.project_id)
    else:
        Auth(vidgen.settings_file).renew_token()
    for bad in pages:
        for path in ("", "/data", f"/take/{take.id}.mp4", f"/poster/{take.id}.jpg"):
            answer = studio.get(f"{bad}{path}")
            assert answer.status_code in (404, 429), (bad, path)
            assert "ep01" not in answer.text
            assert answer.headers["content-type"] not in ("video/mp4", "image/jpeg")
        assert say(studio, bad, "vote", **ANN, take=take.id, vote=1) in (404, 429)
    with vidgen.store.read() as tx:
        assert tx.reviews.of_takes([take.id]) == {}


def test_another_projects_takes_are_not_there(studio: TestClient, page: str, foreign: Take) -> None:
    assert studio.get(f"{page}/take/{foreign.id}.mp4").status_code == 404
    assert studio.get(f"{page}/poster/{foreign.id}.jpg").status_code == 404
    assert say(studio, page, "vote", **ANN, take=foreign.id, vote=1) == 404
    assert say(studio, page, "comment", **ANN, take=foreign.id, at=0, text="here") == 404
    assert "nobody is to see this" not in studio.get(f"{page}/data").text


def test_a_password_is_asked_for_before_anything_is_shown(
    studio: TestClient, vidgen: Vidgen, take: Take, link: ReviewLink
) -> None:
    kept = vidgen.reviews.share(take.project_id, password="open sesame")
    assert kept.password != "open sesame"
    page = f"/review/{vidgen.reviews.token(kept)}"
    asked = studio.get(page)
    assert ('type="password"' in asked.text, "review_link.js" in asked.text) == (True, False)
    for path in ("/data", f"/take/{take.id}.mp4", f"/poster/{take.id}.jpg"):
        assert studio.get(f"{page}{path}").status_code == 401
    assert say(studio, page, "vote", **ANN, take=take.id, vote=1) == 401
    wrong = studio.post(f"{page}/enter", data={"password": "open barley"})
    assert (wrong.status_code, "set-cookie" in wrong.headers) == (401, False)
    entered = studio.post(f"{page}/enter", data={"password": "open sesame"})
    assert (entered.status_code, entered.headers["location"]) == (303, page)
    cookie = entered.headers["set-cookie"]
    assert cookie.startswith("vidgen_review=")
    assert all(part in cookie for part in (f"Path={page}", "HttpOnly", "SameSite=lax", "Secure"))
    grant = {"Cookie": cookie.partition(";")[0]}
    assert studio.get(f"{page}/data", headers=grant).status_code == 200
    # It opens no other link with a password, and nothing else.
    other = f"/review/{vidgen.reviews.token(vidgen.reviews.share(take.project_id, password='open sesame'))}"
    assert studio.get(f"{other}/data", headers=grant).status_code == 401
    assert studio.get("/api/shots", headers=grant).status_code == 401


def test_whoever_guesses_on_is_not_told_that_a_password_was_right(
    studio: TestClient, vidgen: Vidgen, take: Take
) -> None:
    page = f"/review/{vidgen.reviews.token(vidgen.reviews.share(take.project_id, password='open sesame'))}"

    def enter(password: str, caller: str = "203.0.113.7") -> int:
        headers = {"X-Forwarded-For": caller}
        return studio.post(f"{page}/enter", data={"password": password}, headers=headers).status_code

    assert enter("open sesame") == 303
    assert {enter("x" * 1001) for _ in range(review.WRONG)} == {401, 429}
    assert enter("open sesame") == 429
    # The others of this link are not locked out by them.
    assert enter("open sesame", "198.51.100.9") == 303


def test_wrong_links_are_counted(studio: TestClient, vidgen: Vidgen, take: Take) -> None:
    page = f"/review/{vidgen.reviews.token(vidgen.reviews.share(take.project_id, password='open sesame'))}"
    said = [studio.get(f"/review/1-1-{'A' * 43}").status_code for _ in range(20)]
    assert said[0] == 404
    assert said[-1] == 429
    # From elsewhere it goes on.
    assert studio.get(page, headers={"X-Forwarded-For": "198.51.100.9"}).status_code == 200


def test_what_a_reviewer_writes_is_text(studio: TestClient, page: str, take: Take, vidgen: Vidgen) -> None:
    name, words = "<b>Ann</b>\r\n\x1b[31m" + "x" * 200, "<img src=x onerror=alert(1)>\x00\x07" + "y" * 5000
    body = {"reviewer": ANN["reviewer"], "name": name, "take": take.id}
    assert say(studio, page, "comment", **body, at=1e9, text=words) == 200
    [shown] = studio.get(f"{page}/data").json()["shots"][0]["takes"]
    [comment] = shown["comments"]
    assert len(comment["name"]) <= 60
    assert not set("\r\n\x1b\x00\x07") & set(comment["name"] + comment["text"])
    assert len(comment["text"]) == 1000
    assert comment["at"] <= take.seconds
    assert "onerror" not in studio.get(page).text


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"reviewer": "short", "name": "Ann", "take": 1, "vote": 1},
        {"reviewer": "../../../../etc", "name": "Ann", "take": 1, "vote": 1},
        {**ANN, "name": " ", "take": 1, "vote": 1},
        {**ANN, "take": "1", "vote": 1},
        {**ANN, "take": True, "vote": 1},
        {**ANN, "take": 10**30, "vote": 1},
        {**ANN, "take": 1, "vote": "up"},
        {**ANN, "take": 1, "vote": 10**400},
        {**ANN, "take": 1},
    ],
)
def test_votes_that_are_none_are_refused_in_a_sentence(
    studio: TestClient, page: str, body: dict[str, Any], take: Take
) -> None:
    answer = studio.post(f"{page}/vote", json=body)
    assert answer.status_code in (404, 422)
    assert answer.json()["error"]["message"]


def test_bodies_that_are_no_json_or_too_long_are_refused(studio: TestClient, page: str) -> None:
    assert studio.post(f"{page}/vote", content=b"\xff{").status_code == 400
    assert studio.post(f"{page}/vote", content=b"[" * 9000).status_code == 400
    assert studio.post(f"{page}/comment", content=b"x" * 20_000).status_code == 413


@pytest.mark.parametrize("name", ["Ann", " ann ", "ＡＮＮ", "A n n", "A\u202enn"])
def test_a_name_belongs_to_whoever_used_it_first_on_a_link(
    studio: TestClient, page: str, take: Take, vidgen: Vidgen, name: str
) -> None:
    said = {"take": take.id, "at": 0, "text": "soft", "vote": 1}
    assert say(studio, page, "comment", **ANN, **said) == 200
    for what in ("vote", "comment"):
        refused = studio.post(f"{page}/{what}", json={**BO, **said, "name": name})
        assert refused.status_code == 409
        assert "already" in refused.json()["error"]["message"]
    assert (say(studio, page, "vote", **BO, **said), say(studio, page, "vote", **ANN, **said)) == (200, 200)
    other = f"/review/{vidgen.reviews.token(vidgen.reviews.share(take.project_id))}"
    assert say(studio, other, "vote", **{**BO, "name": name}, **said) == 200


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
def test_a_page_from_elsewhere_neither_votes_nor_embeds(
    studio: TestClient, page: str, take: Take, headers: dict[str, str]
) -> None:
    body = {**ANN, "take": take.id, "vote": 1}
    assert studio.post(f"{page}/vote", json=body, headers=headers).status_code == 403
    assert studio.get(f"{page}/take/{take.id}.mp4", headers=headers).status_code == 403
    # A link in a chat leads here.
    walked = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert studio.get(page, headers=walked).status_code == 200


def test_a_comment_is_taken_back_by_whoever_wrote_it(studio: TestClient, page: str, take: Take) -> None:
    id_ = studio.post(f"{page}/comment", json={**ANN, "take": take.id, "at": 0, "text": "x"}).json()["id"]
    remove = {"method": "DELETE", "url": f"{page}/comment/{id_}"}
    assert studio.request(**remove, json={"reviewer": BO["reviewer"]}).status_code == 404
    assert studio.request(**remove, json={"reviewer": ANN["reviewer"]}).status_code == 200
    assert studio.get(f"{page}/data").json()["shots"][0]["takes"][0]["comments"] == []


@pytest.mark.parametrize("path", ["/team/studio", ""])
def test_it_works_below_a_path(vidgen: Vidgen, link: ReviewLink, take: Take, path: str) -> None:
    serving = serve("127.0.0.1", "/team/studio")
    app = Starlette(routes=serving.routes, middleware=serving.middleware, lifespan=serving.lifespan)
    page = f"{path}/review/{vidgen.reviews.token(link)}"
    with TestClient(app, base_url=HERE, raise_server_exceptions=False) as client:
        assert f'data-base="/team/studio/review/{vidgen.reviews.token(link)}"' in client.get(page).text
        [shot] = client.get(f"{page}/data").json()["shots"]
        assert shot["takes"][0]["video"].startswith("/team/studio/review/")
        assert client.get(shot["takes"][0]["video"]).status_code == 200


def test_a_link_ends_when_it_is_said_to(vidgen: Vidgen, take: Take) -> None:
    link = vidgen.reviews.share(take.project_id, days=3, name="client\r\nA")
    assert 2.9 < (link.expires_at - datetime.now(UTC)).total_seconds() / 86_400 <= 3
    assert link.name == "client A"
    for days in (0, -1, 91, float("nan")):
        with pytest.raises(Exception, match="review_days"):
            vidgen.reviews.share(take.project_id, days=days)


def test_links_are_made_listed_and_revoked_through_the_api(client: TestClient, take: Take) -> None:
    made = client.post("/api/review-links", json={"project": "ep01", "days": 2, "name": "client"}).json()
    assert made["url"].startswith(f"{HERE}/review/{made['id']}-")
    page = made["url"].removeprefix(HERE)
    assert say(client, page, "vote", **ANN, take=take.id, vote=1) == 200
    assert say(client, page, "comment", **ANN, take=take.id, at=0.2, text="fine") == 200
    [found] = client.get("/api/reviews?project=ep01").json()
    assert (found["take_id"], found["votes"][0]["name"], found["comments"][0]["at"]) == (take.id, "Ann", 0.2)
    assert [one["works"] for one in client.get("/api/review-links?project=ep01").json()] == [True]
    assert client.delete(f"/api/review-links/{made['id']}").json()["works"] is False
    assert client.get(page).status_code == 404
    assert client.delete("/api/review-links/99").status_code == 404


def test_a_viewer_makes_no_links(vidgen: Vidgen, take: Take) -> None:
    app = as_visitor(vidgen, Visitor(Role.VIEWER, "Vic"))
    for attempt in (lambda: app.reviews.share(take.project_id), lambda: app.reviews.links(take.project_id)):
        with pytest.raises(Refused, match="role_forbids_maker"):
            attempt()


def test_the_command_line_makes_a_link(
    vidgen: Vidgen, take: Take, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    cli_session.text.cache_clear()
    address = "https://studio.example/vidgen/"
    assert run(["review", "share", "--project", "ep01", "--address", address, "--json"]) == 0
    made = json.loads(capfd.readouterr().out)
    token = made["url"].removeprefix("https://studio.example/vidgen/review/")
    assert vidgen.reviews.open(token).project_id == take.project_id
    assert run(["review", "revoke", str(made["id"])]) == 0
    with pytest.raises(NotFound):
        vidgen.reviews.open(token)
