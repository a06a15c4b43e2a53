"""What both protocols do with a submit: count it, refuse it, lose it, or accept it and answer, in that order."""

from __future__ import annotations

import asyncio
import math
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from vidgen_core.fake_provider.accounts import verdict
from vidgen_core.fake_provider.faults import CATALOGUE, Verb
from vidgen_core.fake_provider.jobs import Job, Order
from vidgen_core.fake_provider.messages import said
from vidgen_core.fake_provider.state import Rehearsal
from vidgen_core.fake_provider.wire import Hangup, Late

#: What a proxy in front of a provider shows instead of the provider.
PROXY_PAGE = "<html><head><title>{status}</title></head><body><center><h1>{status}</h1></center></body></html>"


class Dialect(Protocol):
    """One provider's words."""

    name: str

    def refusal(self, fault: str, request_id: str) -> Response: ...

    def accepted(self, job: Job, request_id: str) -> Response: ...

    def error(self, status: int, code: str | int, message: str, escaped: str = "") -> Response:
        """Any error in this provider's envelope."""

    def words(self, message: str) -> Response:
        """Success in this provider's envelope, with words alone."""

    def new_id(self, order: Order) -> str: ...


@dataclass(frozen=True)
class Arrival:
    """A submit that reached the provider and has been counted."""

    key: str
    prompt: str
    #: The how-manieth submit of this prompt it is, from 1.
    number: int
    faults: dict[str, str | None]
    request_id: str
    #: The key as it was sent.
    sent_key: str = ""
    model: str = ""

    def argument(self, fault: str) -> str:
        """What the tag says after the colon, else the catalogue's default."""
        return self.faults.get(fault) or CATALOGUE[fault].default or ""


def rehearsal_of(request: Request) -> Rehearsal:
    found: Rehearsal = request.app.state.rehearsal
    return found


def key_of(request: Request) -> str:
    """The bearer's key; empty without one. Lovart's access key ``ak_name`` counts as the key ``sk-name``."""
    sent = sent_key_of(request)
    return f"sk-{sent[3:]}" if "x-access-key" in request.headers and sent.startswith("ak") else sent


def sent_key_of(request: Request) -> str:
    """The bearer's key or Lovart's access key, letter by letter; empty without one."""
    if access := request.headers.get("x-access-key", ""):
        return access
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def arrive(request: Request, provider: str, prompt: str, model: str = "") -> Arrival:
    """Count a submit and settle what will befall it."""
    rehearsal, key = rehearsal_of(request), key_of(request)
    number = rehearsal.counters.submitted(prompt, key, rehearsal.now())
    faults = rehearsal.faults_of(provider, prompt, number)
    rehearsal.counters.faults.update(faults.keys())
    return Arrival(key, prompt, number, faults, rehearsal.request_id(), sent_key_of(request), model)


def proxy_page(status: int) -> Response:
    """HTML where JSON was expected."""
    return HTMLResponse(PROXY_PAGE.format(status=status), status_code=status)


async def refuse(arrival: Arrival, dialect: Dialect, rehearsal: Rehearsal) -> Response | None:
    """The answer to a submit that must not become a job; None when it may."""
    born_with = verdict(arrival.key)
    if born_with and born_with != "balance-empty":
        return dialect.refusal(born_with, arrival.request_id)
    for fault in arrival.faults:
        if CATALOGUE[fault].verb is Verb.SUBMIT and fault != "slow-accept" and not _let_through(fault, arrival):
            return _refused_by(fault, arrival, dialect, rehearsal)
    if "slow-accept" in arrival.faults:
        await asyncio.sleep(_seconds(arrival, "slow-accept"))
    # Nothing may be awaited from here until the job is recorded, or two submits could spend the same money.
    rehearsal.settle()
    if rehearsal.accounts.balance(dialect.name, arrival.key) < rehearsal.options.price[dialect.name]:
        return dialect.refusal("balance-empty", arrival.request_id)
    return None


def _let_through(fault: str, arrival: Arrival) -> bool:
    return fault == "retry-after" and arrival.number > 1


def _refused_by(fault: str, arrival: Arrival, dialect: Dialect, rehearsal: Rehearsal) -> Response:
    if fault == "reset-before-accept":
        return Hangup(reset=True)
    if fault == "bad-gateway":
        return proxy_page(int(_seconds(arrival, fault)))
    if fault == "html":
        return proxy_page(200)
    if fault == "colleague-in-log":
        order = Order(prompt="a colleague's order", model=arrival.model)
        rehearsal.accept(dialect.name, arrival.key, order, {}, dialect.new_id(order), arrival.request_id)
        return Hangup(reset=True)
    if fault == "retry-after":
        answer = dialect.refusal("rate-limit-retry-after", arrival.request_id)
        answer.headers["Retry-After"] = arrival.argument(fault)
        return answer
    if found := said(fault, arrival.argument(fault), arrival.sent_key):
        return dialect.error(found.status, found.code, found.message, arrival.sent_key if fault == "echo-key" else "")
    if fault == "violation-fee":
        rehearsal.accounts.charge(
            dialect.name,
            arrival.key,
            rehearsal.options.price[dialect.name],
            job_id="",
            request_id=arrival.request_id,
            model="",
            at=rehearsal.now(),
        )
    return dialect.refusal(fault, arrival.request_id)


def _seconds(arrival: Arrival, fault: str) -> float:
    try:
        return float(arrival.argument(fault) or "0")
    except ValueError:
        return float(CATALOGUE[fault].default or 0)


def accept(arrival: Arrival, order: Order, dialect: Dialect, rehearsal: Rehearsal) -> tuple[Job, Response]:
    """Record the job, charge it, and answer or lose the answer."""
    job_id = str(uuid.uuid4().int % 10**15) if "id-number" in arrival.faults else dialect.new_id(order)
    job = rehearsal.accept(dialect.name, arrival.key, order, arrival.faults, job_id, arrival.request_id)
    job.sent_key = arrival.sent_key
    return job, _answer(job, lambda: dialect.accepted(job, arrival.request_id), dialect, arrival.request_id)


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
        return dialect.words(job.argument("queued-words"))
    if job.has("slow-answer"):
        return Late(regular(), job.number("slow-answer"))
    return regular()
