"""Handle a submit in every protocol: count it, refuse it, lose it, or accept it and answer, in that order."""

from __future__ import annotations

import asyncio
import json
import math
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from vidgen_core.fake_provider.accounts import key_fault
from vidgen_core.fake_provider.faults import CATALOGUE, Verb
from vidgen_core.fake_provider.jobs import Job, Order
from vidgen_core.fake_provider.refusals import shared_error
from vidgen_core.fake_provider.state import Rehearsal
from vidgen_core.fake_provider.wire import Delayed, Hangup

#: The page of a proxy in front of a provider.
PROXY_PAGE = "<html><head><title>{status}</title></head><body><center><h1>{status}</h1></center></body></html>"


class Dialect(Protocol):
    """The wire format of one provider."""

    name: str

    def refusal(self, fault: str, request_id: str) -> Response: ...

    def accepted(self, job: Job, request_id: str) -> Response: ...

    def error(self, status: int, code: str | int, message: str, escaped: str = "") -> Response:
        """Any error in this provider's envelope."""

    def text_only(self, message: str) -> Response:
        """Success in this provider's envelope, with a message alone."""

    def new_id(self, order: Order) -> str: ...


@dataclass(frozen=True)
class Submission:
    """A submit that was received and counted."""

    key: str
    prompt: str
    #: Which submit of this prompt it is, counted from 1.
    number: int
    faults: dict[str, str | None]
    request_id: str
    #: The key exactly as sent.
    sent_key: str = ""
    model: str = ""

    def argument(self, fault: str) -> str:
        """What the tag says after the colon, else the catalogue's default."""
        return self.faults.get(fault) or CATALOGUE[fault].default or ""


class Answered(Exception):
    """A request has its answer, whatever its route was going to do."""

    def __init__(self, response: Response) -> None:
        self.response = response


async def answered(_request: Request, error: Exception) -> Response:
    """The handler of ``Answered``."""
    assert isinstance(error, Answered)
    return error.response


def rehearsal_of(request: Request) -> Rehearsal:
    found: Rehearsal = request.app.state.rehearsal
    return found


def key_of(request: Request) -> str:
    """The bearer's key; empty without one. Lovart's access key ``ak_name`` counts as the key ``sk-name``."""
    sent = sent_key_of(request)
    return f"sk-{sent[3:]}" if "x-access-key" in request.headers and sent.startswith("ak") else sent


def sent_key_of(request: Request) -> str:
    """The bearer's key or Lovart's access key exactly as sent; empty without one."""
    if access := request.headers.get("x-access-key", ""):
        return access
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def bad_key(request: Request) -> str | None:
    """The fault of a key that may ask for nothing; an empty account may still ask for what is free."""
    fault = key_fault(key_of(request))
    return None if fault == "balance-empty" else fault


def parse_object(raw: bytes) -> dict[str, Any] | None:
    """The JSON object in a body; None where it holds none."""
    try:
        body = json.loads(raw)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


async def json_object(request: Request) -> dict[str, Any] | None:
    """The body of a request as a JSON object; None where it is none."""
    return parse_object(await request.body())


def uploaded_picture(request: Request, link: str, prefix: str) -> str | None:
    """The key of an uploaded picture by its link; only links to this server are followed."""
    parts, rehearsal = urlsplit(link), rehearsal_of(request)
    if parts.netloc != request.url.netloc or not parts.path.startswith(prefix):
        return None
    found = rehearsal.uploads.find(unquote(parts.path.removeprefix(prefix)), rehearsal.now())
    return found.picture if found else None


def receive_submission(request: Request, provider: str, prompt: str, model: str = "") -> Submission:
    """Count a submit and choose its faults."""
    rehearsal, key = rehearsal_of(request), key_of(request)
    number = rehearsal.counters.submitted(prompt, key, rehearsal.now())
    faults = rehearsal.faults_of(provider, prompt, number)
    rehearsal.counters.faults.update(faults.keys())
    return Submission(key, prompt, number, faults, rehearsal.request_id(), sent_key_of(request), model)


def proxy_page(status: int) -> Response:
    """HTML where JSON was expected."""
    return HTMLResponse(PROXY_PAGE.format(status=status), status_code=status)


async def admit(submission: Submission, dialect: Dialect, rehearsal: Rehearsal, order: Order | None = None) -> None:
    """Answer a submit that must not become a job.

    :param order: what is asked for, where its price depends on that
    :raises Answered:
    """
    fault_of_key = key_fault(submission.key)
    if fault_of_key and fault_of_key != "balance-empty":
        raise Answered(dialect.refusal(fault_of_key, submission.request_id))
    for fault in submission.faults:
        if CATALOGUE[fault].verb is Verb.SUBMIT and fault != "slow-accept" and not _passes(fault, submission):
            raise Answered(_refused_by(fault, submission, dialect, rehearsal))
    if "slow-accept" in submission.faults:
        await asyncio.sleep(_seconds(submission, "slow-accept"))
    # Nothing may be awaited from here until the job is recorded, or two submits could spend the same money.
    rehearsal.settle()
    if rehearsal.accounts.balance(dialect.name, submission.key) < rehearsal.price(dialect.name, order):
        raise Answered(dialect.refusal("balance-empty", submission.request_id))


def _passes(fault: str, submission: Submission) -> bool:
    return fault == "retry-after" and submission.number > 1


def _refused_by(fault: str, submission: Submission, dialect: Dialect, rehearsal: Rehearsal) -> Response:
    if fault == "reset-before-accept":
        return Hangup(reset=True)
    if fault == "bad-gateway":
        return proxy_page(int(_seconds(submission, fault)))
    if fault == "html":
        return proxy_page(200)
    if fault == "colleague-in-log":
        order = Order(prompt="a colleague's order", model=submission.model)
        rehearsal.accept(dialect.name, submission.key, order, {}, dialect.new_id(order), submission.request_id)
        return Hangup(reset=True)
    if fault == "retry-after":
        answer = dialect.refusal("rate-limit-retry-after", submission.request_id)
        answer.headers["Retry-After"] = submission.argument(fault)
        return answer
    if found := shared_error(fault, submission.argument(fault), submission.sent_key):
        return dialect.error(
            found.status, found.code, found.message, submission.sent_key if fault == "echo-key" else ""
        )
    if fault == "violation-fee":
        fee = rehearsal.options.price[dialect.name]
        rehearsal.accounts.book(dialect.name, submission.key, fee, submission.request_id, rehearsal.now())
    return dialect.refusal(fault, submission.request_id)


def _seconds(submission: Submission, fault: str) -> float:
    try:
        return float(submission.argument(fault) or "0")
    except ValueError:
        return float(CATALOGUE[fault].default or 0)


def accept(submission: Submission, order: Order, dialect: Dialect, rehearsal: Rehearsal) -> tuple[Job, Response]:
    """Record the job, charge it, and answer or lose the answer."""
    job_id = str(uuid.uuid4().int % 10**15) if "id-number" in submission.faults else dialect.new_id(order)
    job = rehearsal.accept(dialect.name, submission.key, order, submission.faults, job_id, submission.request_id)
    job.sent_key = submission.sent_key
    return job, _answer(job, lambda: dialect.accepted(job, submission.request_id), dialect, submission.request_id)


def id_in_answer(job: Job) -> str | float:
    """The job's id as the answer to its submit has it."""
    if job.has("id-nan"):
        return math.nan
    return int(job.id) if job.has("id-number") else job.id


def _answer(job: Job, regular: Callable[[], Response], dialect: Dialect, request_id: str) -> Response:
    if job.has("reset-after-accept"):
        return Hangup(reset=True)
    if job.has("close-after-accept"):
        return Hangup(reset=False)
    if job.has("gateway-after-accept"):
        return proxy_page(int(job.number("gateway-after-accept")))
    if job.has("error-after-accept"):
        return dialect.refusal("server-error", request_id)
    if job.has("html-after-accept"):
        return proxy_page(200)
    if job.has("empty-after-accept"):
        return Response(b"")
    if job.has("queued-words"):
        return dialect.text_only(job.argument("queued-words"))
    if job.has("slow-answer"):
        return Delayed(regular(), job.number("slow-answer"))
    return regular()
