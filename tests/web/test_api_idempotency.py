"""``Idempotency-Key``: a POST that is repeated is carried out once, across threads, restarts and crashes."""

from __future__ import annotations

import asyncio
import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, Literal

import pytest
from server_client import HERE, TestClient
from starlette.applications import Starlette

from vidgen_core.db.repositories.access import Begun
from vidgen_core.db.transaction import CURRENT, Transaction
from vidgen_core.domain.errors import Refused
from vidgen_core.services.access.requests import Requests
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation.tasks import Tasks
from vidgen_core.web import serve

BODY = {"project": "ep01", "shots": ["1.0"], "takes": 1}


def order(client: TestClient, key: str = "k-1", **changes: Any) -> Any:
    return client.post("/api/tasks", json=BODY | changes, headers={"Idempotency-Key": key})


def queued(vidgen: Vidgen) -> int:
    return len(vidgen.tasks.ids(None))


def test_the_same_request_is_answered_alike_and_makes_nothing_new(client: TestClient, vidgen: Vidgen) -> None:
    first, second = order(client), order(client)

    assert first.status_code == second.status_code == 200
    assert first.json() == second.json()
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert queued(vidgen) == 1


def test_another_key_or_none_orders_again(client: TestClient, vidgen: Vidgen) -> None:
    order(client)
    order(client, "k-2")
    for _ in range(2):
        client.post("/api/tasks", json=BODY)

    assert queued(vidgen) == 4


def test_another_body_or_address_with_the_same_key_is_refused(client: TestClient, vidgen: Vidgen) -> None:
    order(client)

    for answer in (
        order(client, takes=2),
        client.post("/api/tasks/preflight", json=BODY, headers={"Idempotency-Key": "k-1"}),
        client.post("/api/tasks?x=1", json=BODY, headers={"Idempotency-Key": "k-1"}),
    ):
        assert answer.status_code == 422
        assert "Idempotency-Key" in answer.json()["error"]["message"]
    assert queued(vidgen) == 1


def test_a_refusal_is_answered_alike_too(client: TestClient, vidgen: Vidgen) -> None:
    first, second = order(client, shots=["99"]), order(client, shots=["99"])

    assert (first.status_code, first.json()) == (second.status_code, second.json()) == (404, first.json())
    assert second.headers["idempotency-replayed"] == "true"


@pytest.mark.parametrize("key", ["", " ", "two words", "é", "x" * 256])
def test_a_key_that_is_none_is_refused_in_a_sentence(client: TestClient, vidgen: Vidgen, key: str) -> None:
    answer = client.post("/api/tasks", json=BODY, headers=[("Idempotency-Key", key.encode())])

    assert answer.status_code == 422
    assert answer.json()["error"]["message"]
    assert queued(vidgen) == 0


def test_two_at_once_order_once(client: TestClient, vidgen: Vidgen, monkeypatch: pytest.MonkeyPatch) -> None:
    inside, go = threading.Event(), threading.Event()
    plain = Tasks.generate

    def slow(self: Tasks, *args: Any, **more: Any) -> Any:
        inside.set()
        assert go.wait(30)
        return plain(self, *args, **more)

    monkeypatch.setattr(Tasks, "generate", slow)
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(order, client)
        assert inside.wait(30)
        others = [pool.submit(order, client) for _ in range(2)]
        go.set()
        answers = [one.result(30) for one in (first, *others)]

    assert {answer.status_code for answer in answers} == {200}
    assert all(answer.json() == answers[0].json() for answer in answers)
    assert queued(vidgen) == 1


def test_one_that_comes_while_the_answer_is_being_kept_waits_for_it(
    client: TestClient, vidgen: Vidgen, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeping, looked, claims = threading.Event(), threading.Event(), itertools.count()
    plain_end, plain_claim = Requests.end, Requests.claim

    class Waited(asyncio.Event):
        async def wait(self) -> Literal[True]:
            looked.set()
            return await super().wait()

    def slow_end(self: Requests, *args: Any) -> None:
        keeping.set()
        # The other one waits for this one, or asks a second time when it does not know of it.
        assert looked.wait(30)
        plain_end(self, *args)

    def claim(self: Requests, *args: Any) -> Any:
        known = plain_claim(self, *args)
        if next(claims) == 2:
            looked.set()
        return known

    monkeypatch.setattr(Requests, "end", slow_end)
    monkeypatch.setattr(Requests, "claim", claim)
    names = SimpleNamespace(Event=Waited, sleep=asyncio.sleep, shield=asyncio.shield)
    monkeypatch.setattr("vidgen_core.web.api.idempotency.asyncio", names)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(order, client)
        assert keeping.wait(30)
        second = pool.submit(order, client)
        answers = [one.result(30) for one in (first, second)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()


def another_server(vidgen: Vidgen) -> TestClient:
    """The same home after a restart."""
    serving = serve("127.0.0.1")
    app = Starlette(routes=serving.routes, middleware=serving.middleware, lifespan=serving.lifespan)
    return TestClient(app, base_url=HERE, raise_server_exceptions=False)


def test_answers_outlive_a_restart_and_end_after_a_day(
    client: TestClient, vidgen: Vidgen, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = order(client)
    again = order(another_server(vidgen))
    assert again.json() == first.json()

    now = Transaction.now
    monkeypatch.setattr(Transaction, "now", lambda tx: now(tx) + timedelta(hours=25))
    assert "idempotency-replayed" not in order(client).headers
    assert queued(vidgen) == 2


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_in_the_middle_never_orders_twice(
    client: TestClient, vidgen: Vidgen, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """The process ends before or after the transaction that queues, so no answer is kept."""
    plain = Tasks.generate

    def crashing(self: Tasks, *args: Any, **more: Any) -> Any:
        if moment == "after":
            plain(self, *args, **more)
        raise RuntimeError("the process ends here")

    with monkeypatch.context() as patched:
        patched.setattr("vidgen_core.web.api.idempotency._end", lambda *_args: None)
        patched.setattr(Tasks, "generate", crashing)
        order(client)

    with another_server(vidgen) as after:
        answer = order(after)

    assert queued(vidgen) == 1
    if moment == "after":
        assert answer.status_code == 409
        assert "nothing was done a second time" in answer.json()["error"]["message"].lower()
    else:
        assert answer.status_code == 200


def test_who_was_taken_over_can_write_no_more(vidgen: Vidgen) -> None:
    with vidgen.store.write() as tx:
        known = tx.requests.begin("owner:", "k", "digest", "first")
        tx.requests.take_over(known, "second")
    token = CURRENT.set(Begun(known.id, "first"))
    try:
        with pytest.raises(Refused, match="request_taken_over"):
            vidgen.projects.ensure("from the first")
    finally:
        CURRENT.reset(token)
    assert vidgen.projects.find("from the first") is None


def test_every_post_is_documented_with_the_header(client: TestClient) -> None:
    posts = [path["post"] for path in client.get("/api/openapi.json").json()["paths"].values() if "post" in path]

    assert posts
    for post in posts:
        assert [one for one in post["parameters"] if (one["name"], one["in"]) == ("Idempotency-Key", "header")]
