"""The page behind a link of a notice: read by anybody who has it, answered once, and good for one question."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from server_client import TestClient

from vidgen_core.domain.agents import Quote, QuoteState
from vidgen_core.domain.shots import Shot
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation import answers
from vidgen_core.services.generation.planning import GenerateOptions


@pytest.fixture
def quote(vidgen: Vidgen, shot: Shot, monkeypatch: pytest.MonkeyPatch) -> Quote:
    monkeypatch.setenv("VIDGEN_MODE", "yunwu")
    monkeypatch.setenv("VIDGEN_PROVIDERS__YUNWU__KEYS", '[{"name": "main", "secret": "sk-test-x4KR"}]')
    vidgen.settings_file.change({"notices.address": "https://studio.example"})
    vidgen.agents.add("planner")
    token = vidgen.quotes.make(shot.project_id, [shot.id], GenerateOptions(takes=1), agent="planner").token
    return vidgen.quotes.order(token, "planner").quote


def path_of(vidgen: Vidgen, quote: Quote) -> str:
    link = answers.link_of(vidgen.context, "order", quote.id)
    assert link is not None
    return link.removeprefix("https://studio.example")


def values(page: str) -> dict[str, str]:
    return dict(re.findall(r'name="(amount|currency)" value="([^"]*)"', page))


def test_the_link_shows_the_question_and_a_yes_orders_once(client: TestClient, vidgen: Vidgen, quote: Quote) -> None:
    path = path_of(vidgen, quote)
    foreign = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    page = client.get(path, headers=foreign)
    assert page.status_code == 200
    assert "planner wants to order 1 task" in page.text
    assert "≈¥0.40" in page.text
    # A preview of the link has changed nothing.
    client.head(path)
    assert vidgen.quotes.get(quote.id).state is QuoteState.WAITING

    done = client.post(path, data={"answer": "yes", **values(page.text)})
    assert (done.status_code, "ordered" in done.text) == (200, True)
    assert len(vidgen.quotes.get(quote.id).shot_ids) == len(vidgen.tasks.ids(None)) == 1
    again = client.post(path, data={"answer": "yes", **values(page.text)})
    assert (again.status_code, client.get(path).status_code) == (409, 409)
    assert len(vidgen.tasks.ids(None)) == 1
    assert "answered_yes" in {line.code for line in vidgen.log.page(None)}


def test_a_no_ends_the_question(client: TestClient, vidgen: Vidgen, quote: Quote) -> None:
    path = path_of(vidgen, quote)
    assert "Nothing was bought" in client.post(path, data={"answer": "no"}).text
    assert vidgen.quotes.get(quote.id).state is QuoteState.DECLINED


@pytest.mark.parametrize("form", [{}, {"answer": "maybe"}, {"answer": ["no", "yes"], "amount": "x"}, {"other": "no"}])
def test_a_form_that_says_neither_yes_nor_no_at_that_price_decides_nothing(
    client: TestClient, vidgen: Vidgen, quote: Quote, form: dict[str, object]
) -> None:
    client.post(path_of(vidgen, quote), data=form)
    assert vidgen.quotes.get(quote.id).state is QuoteState.WAITING


def test_a_link_of_an_agent_that_was_revoked_orders_nothing(client: TestClient, vidgen: Vidgen, quote: Quote) -> None:
    path = path_of(vidgen, quote)
    shown = values(client.get(path).text)
    vidgen.agents.revoke("planner")
    assert client.post(path, data={"answer": "yes", **shown}).status_code == 409
    assert (vidgen.quotes.get(quote.id).state, vidgen.tasks.ids(None)) == (QuoteState.DECLINED, [])


@pytest.mark.parametrize("amount", ["0.1", "", "much", "NaN"])
def test_another_price_than_the_one_shown_orders_nothing(
    client: TestClient, vidgen: Vidgen, quote: Quote, amount: str
) -> None:
    answer = client.post(path_of(vidgen, quote), data={"answer": "yes", "amount": amount, "currency": "CNY"})
    assert answer.status_code == 409
    assert vidgen.tasks.ids(None) == []


def test_a_forged_an_expired_and_a_foreign_link_answer_nothing(
    client: TestClient, vidgen: Vidgen, quote: Quote, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = path_of(vidgen, quote)
    kind, id_, until, mark, signature = path.rpartition("/")[2].split("-")
    for forged in (
        f"{kind}-{int(id_) + 1}-{until}-{mark}-{signature}",
        f"{kind}-{id_}-{int(until) + 1}-{mark}-{signature}",
        f"price-{id_}-{until}-{mark}-{signature}",
        f"{kind}-{id_}-{until}-1-{signature}",
        f"{kind}-{id_}-{until}-{signature}",
        f"{kind}-{id_}-{until}-{mark}-{'0' * 40}",
        f"{kind}-{id_}-{until}-{mark}-é",
        "x",
    ):
        assert client.get(f"/answer/{forged}").status_code == 404
        assert client.post(f"/answer/{forged}", data={"answer": "yes"}).status_code == 404
    assert client.post(path, data={"answer": "no"}, headers={"Origin": "https://evil.example"}).status_code == 403
    late = datetime.now(UTC).timestamp() + answers.VALID + 1
    monkeypatch.setattr(vidgen.store, "time", lambda: late)
    assert "expired" in client.get(path).text
    assert vidgen.quotes.get(quote.id).state is QuoteState.WAITING
