"""Notices over a real HTTP server: who is told of what, in which form, and that nobody is told twice."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest
from doubles import wait_until

from tests.services.app_doubles import sent
from vidgen_core.config.paths import Locations
from vidgen_core.db.repositories.batches import BatchEnd, BatchPart
from vidgen_core.db.worker_state import PROJECT_PAUSE
from vidgen_core.domain.agents import Quote
from vidgen_core.domain.errors import ErrorKind, InputError, Refused
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.shots import Project, Shot
from vidgen_core.domain.tasks import Failure, Task, TaskStatus
from vidgen_core.i18n import get_text
from vidgen_core.providers.base import WAITING_FOR_CONFIRMATION
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation.planning import GenerateOptions
from vidgen_core.services.notifications import notifications, sending
from vidgen_core.services.notifications.messages import Notification, of_batch, post_of, shorten

TOKEN = "5f4dcc3b-secret-token"
EN = get_text("en", strict=True)


class Group:
    """A webhook that remembers what it was told, and answers as the test says."""

    def __init__(self) -> None:
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.answers: list[tuple[int, bytes]] = []
        group = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                group.told.append((self.path, body))
                status, answer = group.answers.pop(0) if group.answers else (200, b'{"code": 0, "errcode": 0}')
                self.send_response(status)
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook/{TOKEN}"

    @property
    def events(self) -> list[str]:
        return [body.get("event", "") for _, body in self.told]


@pytest.fixture
def group() -> Iterator[Group]:
    made = Group()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@pytest.fixture
def told(app: Vidgen, group: Group, monkeypatch: pytest.MonkeyPatch) -> Vidgen:
    """The façade with that webhook, without long waits."""
    monkeypatch.setattr(sending, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(notifications, "LOOK_EVERY", 0.02)
    app.settings_file.change({"notices.url": group.url, "notices.kind": "generic"})
    return app


@contextmanager
def telling(app: Vidgen, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As while the runner works here."""
    monkeypatch.setattr(type(app.worker), "is_here", property(lambda _: True))
    app.notifications.start()
    try:
        yield
    finally:
        app.notifications.stop()


def batch(app: Vidgen, shot: Shot, takes: int = 3) -> list[Task]:
    return app.tasks.generate(shot.project_id, [shot.id], GenerateOptions(takes=takes)).tasks


def end(app: Vidgen, task: Task, status: TaskStatus = TaskStatus.COMPLETED, failure: Failure | None = None) -> None:
    with app.store.write() as tx:
        for step in (TaskStatus.PROCESSING, TaskStatus.DOWNLOADING):
            tx.tasks.move(task.id, step)
        tx.tasks.move(task.id, status, failure=failure)


MODERATED = Failure(kind=ErrorKind.MODERATION, code="moderation")


def test_the_end_of_a_batch_is_told_with_counts_and_the_three_lists(
    told: Vidgen, group: Group, add_shot: Callable[..., Shot], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = batch(told, add_shot("7.0"))
    with telling(told, monkeypatch):
        end(told, first)
        end(told, second, TaskStatus.FAILED, MODERATED)
        told.tasks.cancel([third.id])
        wait_until(lambda: group.told)
    [(_, said)] = group.told
    assert said["counts"] == {"done": 1, "failed": 1, "never_submitted": 1}
    assert said["done"] == [{"take": "7.0-v1", "error": None}]
    assert said["failed"][0]["take"] == "7.0-v2"
    assert said["failed"][0]["error"] == EN.failure(MODERATED)
    assert said["never_submitted"] == [{"take": "7.0-v3", "error": None}]
    assert "Done 1 · failed 1 · never submitted 1" in said["text"]


def test_a_batch_is_told_once_also_across_restarts_and_retries(
    told: Vidgen, group: Group, locations: Locations, add_shot: Callable[..., Shot], monkeypatch: pytest.MonkeyPatch
) -> None:
    [task] = batch(told, add_shot(), 1)
    with telling(told, monkeypatch):
        end(told, task, TaskStatus.FAILED, MODERATED)
        wait_until(lambda: group.told)
    with Vidgen.open(locations) as again, telling(again, monkeypatch):
        again.tasks.retry([task.id])
        end(again, task)
        [other] = batch(again, add_shot(), 1)
        end(again, other)
        wait_until(lambda: len(group.told) == 2)
    assert [body["batch"] for _, body in group.told] == [task.batch, other.batch]


def test_two_notifiers_tell_once(told: Vidgen, add_shot: Callable[..., Shot]) -> None:
    [task] = batch(told, add_shot(), 1)
    end(told, task)
    now = datetime.now(UTC)
    with told.store.write() as tx:
        assert tx.batches.unnotified() == [task.batch]
        assert [tx.batches.mark_notified(task.batch, now) for _ in range(2)] == [True, False]
        assert tx.batches.unnotified() == []


def test_what_ends_as_the_program_stops_is_still_told(
    told: Vidgen, group: Group, add_shot: Callable[..., Shot], monkeypatch: pytest.MonkeyPatch
) -> None:
    [task] = batch(told, add_shot(), 1)
    with telling(told, monkeypatch):
        end(told, task)
    assert group.events == ["batch_ended"]


def test_nothing_is_told_of_batches_that_are_small_or_not_wanted_or_were_never_begun(
    told: Vidgen, project: Project, group: Group, add_shot: Callable[..., Shot], monkeypatch: pytest.MonkeyPatch
) -> None:
    told.settings_file.change({"notices.least_tasks": 2})
    told.tasks.generate(project.id, [add_shot().id], GenerateOptions(takes=5), release=False)
    [small] = batch(told, add_shot(), 1)
    large = batch(told, add_shot(), 2)
    with telling(told, monkeypatch):
        for task in (small, *large):
            end(told, task)
        wait_until(lambda: group.told)
        told.settings_file.change({"notices.on_batch_end": False})
        [last] = batch(told, add_shot(), 1)
        end(told, last)
    assert [body["batch"] for _, body in group.told] == [large[0].batch]


def hold(app: Vidgen, mode: ProviderId, until: str | None = None) -> None:
    kept = {"code": "pause_disk_full", "params": {"folder": "/v"}, "since": "2026-01-01T00:00:00Z", "until": until}
    with app.store.write() as tx:
        tx.state.put(f"provider_pause.{mode}", kept)


def test_a_provider_that_stands_still_is_told_once_and_again_only_after_it_went_on(
    told: Vidgen, group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifications, "_SAME", 0.01)
    with telling(told, monkeypatch):
        hold(told, ProviderId("kie"))
        wait_until(lambda: group.told)
        with told.store.write() as tx:
            tx.state.put("provider_pause.kie", None)
        wait_until(lambda: note(told) is None)
        hold(told, ProviderId("kie"))
        wait_until(lambda: len(group.told) == 2)
    said = group.told[0][1]
    assert (said["event"], said["provider"], said["reason"]) == ("paused", "kie", "pause_disk_full")
    assert said["text"].startswith("Vidgen: KIE Veo3 is paused. The disk")


def test_a_project_at_its_budget_is_told_once(
    told: Vidgen, project: Project, group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = {"limit": "10", "currency": "CNY", "project": "ep01"}
    with telling(told, monkeypatch), told.store.write() as tx:
        tx.state.put(PROJECT_PAUSE.name(project.id), {"code": "budget_somehow", "params": params})
    with telling(told, monkeypatch):
        wait_until(lambda: group.told)
    assert [body["project"] for _, body in group.told] == ["ep01"]
    assert group.told[0][1]["text"].startswith("Vidgen: ep01 has paused.")


def note(app: Vidgen) -> Any:
    with app.store.read() as tx:
        return tx.state.get("notice.kie")


def test_a_short_pause_that_ends_by_itself_and_one_by_hand_are_nobodys_news(
    told: Vidgen, group: Group, add_shot: Callable[..., Shot], monkeypatch: pytest.MonkeyPatch
) -> None:
    with telling(told, monkeypatch):
        hold(told, ProviderId("kie"), until="2099-01-01T00:00:00Z")
        told.worker.pause()
        [task] = batch(told, add_shot(), 1)
        end(told, task)
        wait_until(lambda: group.told)
        assert group.events == ["batch_ended"]
        monkeypatch.setattr(notifications, "LASTING", 0.0)
        wait_until(lambda: len(group.told) == 2)
    assert group.events == ["batch_ended", "paused"]


# --- sending


def test_a_busy_group_is_asked_again_and_a_refusal_is_not(told: Vidgen, group: Group) -> None:
    group.answers = [(503, b""), (429, b"")]
    sending.send(Notification(event="test", text="x"), told.settings())
    assert len(group.told) == 3
    group.answers = [(200, b'{"code": 19021, "msg": "sign match fail"}')]
    with pytest.raises(Refused) as refused:
        sending.send(Notification(event="test", text="x"), told.settings())
    assert refused.value.params == {"host": "127.0.0.1", "why": "code 19021"}
    assert len(group.told) == 4


def test_a_group_that_is_gone_is_one_line_in_the_log_with_its_host_alone(
    told: Vidgen,
    group: Group,
    add_shot: Callable[..., Shot],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    group.answers = [(404, b"no such hook")]
    [task] = batch(told, add_shot(), 1)
    with telling(told, monkeypatch):
        end(told, task)
        wait_until(lambda: [line for line in told.log.page(None) if line.code == "notice_failed"])
    lines = [line for line in told.log.page(None) if line.code.startswith("notice")]
    assert [line.params for line in lines] == [{"host": "127.0.0.1", "why": "HTTP 404"}]
    assert TOKEN not in caplog.text
    assert TOKEN not in str([line.model_dump() for line in told.log.page(None)])


def test_a_dead_address_never_holds_up_the_end(
    told: Vidgen, group: Group, add_shot: Callable[..., Shot], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "FIRST_WAIT", 30.0)
    told.settings_file.change({"notices.url": "http://127.0.0.1:9/hook"})
    [task] = batch(told, add_shot(), 1)
    begun = time.monotonic()
    with telling(told, monkeypatch):
        end(told, task)
    assert time.monotonic() - begun < 3


def test_the_test_message_goes_out_at_once_or_says_what_is_wrong(told: Vidgen, group: Group) -> None:
    assert told.notifications.test() == "127.0.0.1"
    assert group.events == ["test"]
    told.settings_file.change({"notices.url": ""})
    with pytest.raises(InputError, match="notices_unset"):
        told.notifications.test()


# --- forms


@pytest.mark.parametrize("answer", [b"x" * 3_000_000, b"[" * 50_000, b'{"code": 0' + b" " * 3_000_000])
def test_an_answer_that_goes_on_and_on_is_read_no_further(told: Vidgen, group: Group, answer: bytes) -> None:
    group.answers = [(200, answer)]
    assert told.notifications.test() == "127.0.0.1"
    assert len(group.told) == 1


def test_feishu_signs_in_the_body_and_dingtalk_in_the_address(told: Vidgen, group: Group) -> None:
    for kind in ("feishu", "dingtalk"):
        told.settings_file.change({"notices.kind": kind, "notices.secret": "SEC1"})
        told.notifications.test()
    (_, feishu), (path, dingtalk) = group.told
    key = f"{feishu['timestamp']}\nSEC1".encode()
    assert feishu["sign"] == base64.b64encode(hmac.new(key, b"", hashlib.sha256).digest()).decode()
    assert feishu["msg_type"] == "text"
    assert "test message" in feishu["content"]["text"]
    asked = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
    signed = hmac.new(b"SEC1", f"{asked['timestamp']}\nSEC1".encode(), hashlib.sha256).digest()
    assert asked["sign"] == base64.b64encode(signed).decode()
    assert abs(int(asked["timestamp"]) / 1000 - time.time()) < 60
    assert dingtalk == {"msgtype": "text", "text": {"content": dingtalk["text"]["content"]}}


def test_wecom_gets_no_more_bytes_than_it_takes_and_slack_no_markup() -> None:
    long = Notification(event="test", text="\n".join(f"镜头 {n} <!channel> & 完成" for n in range(500)))
    wecom = post_of("wecom", long, "", 0).body
    assert wecom["msgtype"] == "text"
    assert 1_900 < len(wecom["text"]["content"].encode()) <= 2_048
    slack = post_of("slack", Notification(event="test", text="<!channel> & me"), "", 0).body
    assert slack == {"text": "&lt;!channel&gt; &amp; me"}
    for called in ('<at user_id="all">all</at>', "< AT id=all></at>"):
        feishu = post_of("feishu", Notification(event="test", text=f"a < b {called}"), "", 0).body
        assert "<a" not in feishu["content"]["text"].lower().replace(" ", "")
        assert feishu["content"]["text"].startswith("a < b")


def test_a_text_is_cut_between_lines() -> None:
    assert shorten("one\ntwo\nthree", 99) == "one\ntwo\nthree"
    assert shorten("one\ntwo\nthree", 12) == "one\ntwo\n…"
    assert len(shorten("镜" * 50, 20).encode()) <= 20


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_long_lists_say_how_many_more_there_are(lang: str) -> None:
    part = BatchPart(45, tuple((f"{n}.0-v1", None) for n in range(20)))
    notice = of_batch(BatchEnd(3, "ep01", part, BatchPart(0, ()), part), get_text(lang, strict=True))
    assert notice.more == {"done": 25, "failed": 0, "never_submitted": 25}
    assert notice.text.count("25") == 2
    assert len(notice.done) == 20


# --- questions and limits


def waiting_order(app: Vidgen, shot: Shot) -> Quote:
    app.agents.add("planner")
    token = app.quotes.make(shot.project_id, [shot.id], GenerateOptions(takes=1), agent="planner").token
    return app.quotes.order(token, "planner").quote


def test_an_agents_question_is_told_once_with_a_link_to_the_answer(
    told: Vidgen, group: Group, add_shot: Callable[..., Shot], yunwu_key: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    told.settings_file.change({"mode": "yunwu", "notices.address": "https://studio.example/vidgen/"})
    quote = waiting_order(told, add_shot("1"))
    with telling(told, monkeypatch):
        wait_until(lambda: group.told)
    with telling(told, monkeypatch):
        pass
    [(_, said)] = group.told
    assert said["event"] == "agent_asks"
    assert "planner wants to order 1 task" in said["text"]
    assert said["link"].startswith(f"https://studio.example/vidgen/answer/order-{quote.id}-")
    assert told.answers.read(said["link"].rpartition("/")[2]).price == quote.price


def begun(app: Vidgen) -> bool:
    """Whether the notices have looked for limits."""
    with app.store.read() as tx:
        return tx.state.get("notice.limits") is not None


def test_a_limit_that_comes_near_is_told_and_old_lines_are_not(
    told: Vidgen, group: Group, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def near(percent: int) -> None:
        amounts = {name: {"amount": "8", "currency": "CNY"} for name in ("limit", "spent")}
        with told.store.write() as tx:
            tx.log.add(LogLevel.WARNING, "budget_near_project", project_id=project.id, percent=percent, **amounts)
            # The claim that writes such a line changes its task as well, and the log alone is no change.
            assert tx.rev

    near(81)
    with telling(told, monkeypatch):
        wait_until(lambda: begun(told))
        near(93)
        wait_until(lambda: group.told)
    with telling(told, monkeypatch):
        pass
    assert [(body["event"], body["project"]) for _, body in group.told] == [("budget_near", "ep01")]
    assert "93" in group.told[0][1]["text"]


def test_a_job_that_waits_for_its_price_is_told_once(
    told: Vidgen, group: Group, add_shot: Callable[..., Shot], monkeypatch: pytest.MonkeyPatch
) -> None:
    task = sent(told, add_shot("3"))
    with told.store.write() as tx:
        tx.tasks.note(task.id, stage=WAITING_FOR_CONFIRMATION)
    with telling(told, monkeypatch):
        wait_until(lambda: group.told)
        with told.store.write() as tx:
            tx.tasks.note(task.id, progress=3)
    assert [body["event"] for _, body in group.told] == ["price_to_confirm"]
    assert "shot 3" in group.told[0][1]["text"]


@pytest.mark.parametrize(
    ("kind", "path", "body"),
    [
        ("telegram", "/hook/5f4dcc3b-secret-token", {"chat_id": "-42", "text": "Vidgen: hello\nhttps://s.example/a"}),
        ("bark", "/hook/5f4dcc3b-secret-token?chat_id=-42", {"title": "Vidgen", "url": "https://s.example/a"}),
        ("ntfy", "/", {"topic": "hook/5f4dcc3b-secret-token", "click": "https://s.example/a"}),
    ],
)
def test_services_get_what_their_documentation_says(
    told: Vidgen, group: Group, kind: str, path: str, body: dict[str, str]
) -> None:
    told.settings_file.change({"notices.kind": kind, "notices.url": f"{group.url}?chat_id=-42"})
    group.answers = [(200, b'{"code": 200, "ok": true}')]
    notice = Notification(event="agent_asks", text="Vidgen: hello", link="https://s.example/a")
    sending.send(notice, told.settings(), tries=1)
    [(asked, given)] = group.told
    assert (asked, given | body) == (path, given)


class MailServer(socketserver.StreamRequestHandler):
    """As much of SMTP (RFC 5321) as a mail needs."""

    mails: ClassVar[list[str]] = []

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        for line in self.rfile:
            word = line.strip().upper()
            if word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                self.mails.append(b"".join(iter(self.rfile.readline, b".\r\n")).decode())
            self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")
            if word == b"QUIT":
                return


def test_a_notice_goes_by_mail(told: Vidgen) -> None:
    MailServer.mails.clear()
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), MailServer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        port = server.server_address[1]
        told.settings_file.change({"notices.kind": "mail", "notices.url": f"smtp://127.0.0.1:{port}/me@example.com"})
        sending.send(Notification(event="test", text="A batch\nhas ended", link="https://s.example/a"), told.settings())
        server.shutdown()
        thread.join()
    [mail] = MailServer.mails
    assert "Subject: A batch\r\n" in mail
    assert "https://s.example/a" in mail


def test_a_mail_never_goes_to_where_clouds_keep_their_keys(told: Vidgen) -> None:
    told.settings_file.change({"notices.kind": "mail", "notices.url": "smtp://169.254.169.254/me@example.com"})
    with pytest.raises(Refused, match="notice_failed"):
        sending.send(Notification(event="test", text="x"), told.settings(), tries=1)
