"""What an answer means: from machine codes, words and statuses to an error kind, and what may follow from it.

The order is fixed, because on these gateways a 429 can be a wrong value and a 200 any error at all: first the local
exception (``http.local_error``), then what is wrapped in the answer's texts, then machine codes in the body, then words in
the text, the HTTP status last. Each provider brings a ``Table`` of its own cases; the cases here are what all of them share.

An answer to a submit is *accepted*, *refused* or *unknown* (``job_in``, ``refusal``): after a good status words alone never
make a refusal. A job that failed is ordered again only for a reason known to be passing (``failed_verdict``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from vidgen_core.domain.errors import Delivery, ErrorKind, RemoteError
from vidgen_core.domain.money import ChargeStatus
from vidgen_core.domain.tasks import Failure
from vidgen_core.providers.base import RemoteStatus
from vidgen_core.providers.http import error_words
from vidgen_core.providers.http.cleaning import identifier, identifier_in_address, whole
from vidgen_core.providers.http.client import ProviderResponse
from vidgen_core.providers.http.error_body import ErrorBody, at, error_body_in, own_words, squash, usual
from vidgen_core.providers.http.job_status import is_of_the_job, read, values


@dataclass(frozen=True)
class Classification:
    """What is made of an answer."""

    kind: ErrorKind
    #: ``error.<code>`` in the catalogues.
    code: str
    #: For a submit: whether the order can have been accepted.
    delivery: Delivery = Delivery.REFUSED
    #: Whether the same order may succeed when it is tried again without a change.
    retryable: bool = False
    #: What is known about the money of a submit answered so.
    charge: ChargeStatus = ChargeStatus.NONE


@dataclass(frozen=True)
class Rule:
    """A verdict with its conditions; those that are given must all hold."""

    verdict: Classification
    codes: frozenset[str] = frozenset()
    words: re.Pattern[str] | None = None
    statuses: frozenset[int] = frozenset()

    def holds(self, said: ErrorBody) -> bool:
        return (
            (not self.codes or not self.codes.isdisjoint(said.codes))
            and (self.words is None or self.words.search(said.text) is not None)
            and (not self.statuses or said.status in self.statuses)
        )


@dataclass(frozen=True)
class Table:
    """The cases of one provider, in order within each stage; shared cases come after a stage's own."""

    #: Its name as a mode, or the host that answers; sentences say what people call it.
    provider: str
    by_code: tuple[Rule, ...]
    by_words: tuple[Rule, ...]
    by_status: tuple[Rule, ...] = ()

    @property
    def worded(self) -> tuple[Rule, ...]:
        return (*self.by_words, *COMMON_WORDS)

    @property
    def cases(self) -> tuple[Rule, ...]:
        return (*self.by_code, *self.worded, *self.by_status, *COMMON_STATUSES)


def words(*alternatives: str) -> re.Pattern[str]:
    """A pattern for any of the given expressions, whatever their case."""
    return re.compile("|".join(alternatives), re.IGNORECASE)


def rule(
    verdict: Classification, *codes: str, said: re.Pattern[str] | None = None, statuses: Iterable[int] = ()
) -> Rule:
    """A case with its codes in lower case."""
    return Rule(verdict, frozenset(code.lower() for code in codes), said, frozenset(statuses))


MODERATION: Final = error_words.MODERATION
#: An input picture that the provider could not get or read.
IMAGE_TROUBLE: Final = error_words.IMAGE_TROUBLE

CONTENT_REFUSED: Final = Classification(ErrorKind.MODERATION, "content_refused")
IMAGE_REFUSED: Final = Classification(ErrorKind.MODERATION, "image_refused")
KEY_REJECTED: Final = Classification(ErrorKind.AUTH, "key_rejected")
KEY_WITHOUT_RIGHT: Final = Classification(ErrorKind.AUTH, "key_without_right")
ADDRESS_NOT_ALLOWED: Final = Classification(ErrorKind.AUTH, "address_not_allowed")
BALANCE_EMPTY: Final = Classification(ErrorKind.BALANCE, "balance_empty")
KEY_USED_UP: Final = Classification(ErrorKind.BALANCE, "key_used_up")
RATE_LIMITED: Final = Classification(ErrorKind.RATE_LIMIT, "rate_limited", retryable=True)
#: A status of 429 whose words, if there are any, nobody knows: it may be about what was sent, and then no waiting helps.
RATE_LIMITED_UNCLEAR: Final = Classification(ErrorKind.RATE_LIMIT, "rate_limited_unclear", retryable=True)
SATURATED: Final = Classification(ErrorKind.OVERLOADED, "provider_saturated", retryable=True)
PARAMETER_REFUSED: Final = Classification(ErrorKind.PARAMETER, "parameter_refused")
REQUEST_TOO_LARGE: Final = Classification(ErrorKind.FILE, "request_too_large")
IMAGE_NOT_FETCHED: Final = Classification(ErrorKind.FILE, "picture_not_fetched")
JOB_UNKNOWN: Final = Classification(ErrorKind.PROVIDER, "remote_job_unknown")
ADDRESS_WRONG: Final = Classification(ErrorKind.PARAMETER, "address_wrong")
_MAY_BE_ACCEPTED: Final = {"delivery": Delivery.UNKNOWN, "retryable": True, "charge": ChargeStatus.UNKNOWN}
#: A submit that timed out somewhere on the way may have been accepted, and charged.
REMOTE_TIMEOUT: Final = Classification(
    ErrorKind.TIMEOUT, "remote_timeout", delivery=Delivery.UNKNOWN, charge=ChargeStatus.UNKNOWN
)
GATEWAY_FAILED: Final = Classification(ErrorKind.NETWORK, "gateway_failed", **_MAY_BE_ACCEPTED)  # type: ignore[arg-type]
SERVER_ERROR: Final = Classification(ErrorKind.PROVIDER, "server_error", **_MAY_BE_ACCEPTED)  # type: ignore[arg-type]
UNREADABLE: Final = Classification(ErrorKind.NETWORK, "answer_unreadable", **_MAY_BE_ACCEPTED)  # type: ignore[arg-type]
#: A good status and neither an id nor a refusal in clear: the job may exist.
REPLY_WITHOUT_ID: Final = Classification(ErrorKind.NETWORK, "answer_without_id", **_MAY_BE_ACCEPTED)  # type: ignore[arg-type]
#: A refusal in clear whose reason nobody knows.
REFUSED_UNDER_200: Final = Classification(ErrorKind.PROVIDER, "submit_refused")
#: The services behind a relay do not serve it; nothing is said about our key or our money.
UPSTREAM_UNAVAILABLE: Final = Classification(ErrorKind.OVERLOADED, "upstream_unavailable", retryable=True)
#: A job ended without a video and without a reason that is known to be passing.
JOB_FAILED: Final = Classification(ErrorKind.PROVIDER, "provider_failed", charge=ChargeStatus.UNKNOWN)
#: A job ended by an internal error of the provider.
JOB_BROKE: Final = Classification(ErrorKind.PROVIDER, "provider_broke", retryable=True, charge=ChargeStatus.UNKNOWN)

#: Tried after a provider's own words.
COMMON_WORDS: Final = (
    rule(IMAGE_REFUSED, said=error_words.IMAGE_UNWANTED),
    rule(CONTENT_REFUSED, said=MODERATION),
    rule(PARAMETER_REFUSED, said=error_words.OUT_OF_RANGE),
    rule(BALANCE_EMPTY, said=error_words.BALANCE),
    rule(KEY_REJECTED, said=error_words.KEY),
    rule(IMAGE_NOT_FETCHED, said=IMAGE_TROUBLE),
    rule(RATE_LIMITED, said=error_words.RATE),
    rule(PARAMETER_REFUSED, said=error_words.LOOSE_REQUEST),
    rule(SATURATED, said=error_words.CAPACITY),
)

#: Names of machine codes whatever the provider, without case and separators; tried after a provider's own codes.
_NAMED: Final = (
    (CONTENT_REFUSED, error_words.MODERATION_CODE),
    (BALANCE_EMPTY, error_words.BALANCE_CODE),
    (KEY_REJECTED, error_words.KEY_CODE),
    (RATE_LIMITED, error_words.RATE_CODE),
    (SATURATED, error_words.CAPACITY_CODE),
    (PARAMETER_REFUSED, error_words.PARAMETER_CODE),
)

#: The last resort. A status of 4xx that gateways use for *no* is a refusal even when its body is a page of HTML.
COMMON_STATUSES: Final = (
    rule(KEY_REJECTED, statuses=[401]),
    rule(BALANCE_EMPTY, statuses=[402]),
    rule(KEY_WITHOUT_RIGHT, statuses=[403]),
    # 303 sends to the result of what was done; the others send the request itself elsewhere.
    rule(ADDRESS_WRONG, statuses=[301, 302, 307, 308, 404, 405]),
    rule(REQUEST_TOO_LARGE, statuses=[413]),
    rule(RATE_LIMITED_UNCLEAR, statuses=[429]),
    rule(PARAMETER_REFUSED, statuses=[400, 406, 411, 415, 422, 431]),
    rule(REFUSED_UNDER_200, statuses=[407, 410, 412, 414, 416, 417, 421, 423, 424, 426, 428, 451]),
    rule(GATEWAY_FAILED, statuses=[502, 503, 504, *range(520, 531)]),
    rule(SERVER_ERROR, statuses=range(500, 600)),
    rule(UNREADABLE),
)

#: Kinds that say what is wrong, against kinds that say that something is.
_DEFINITE: Final = frozenset(
    {ErrorKind.MODERATION, ErrorKind.PARAMETER, ErrorKind.BALANCE, ErrorKind.AUTH, ErrorKind.FILE}
)
#: What an upstream holds against its caller says nothing about us.
_UPSTREAM: Final = frozenset({ErrorKind.AUTH, ErrorKind.BALANCE, ErrorKind.RATE_LIMIT})
#: Codes under which a relay passes on what the service behind it said to the relay.
_RELAYED: Final = frozenset({"fail_to_fetch_task", "do_request_failed"})


def classify(table: Table, said: ErrorBody) -> Classification:
    """The verdict: what is wrapped before what is around it, codes and words before the status."""
    found = classify_texts(table, said)
    if found is not None:
        return found
    verdict = next(case.verdict for case in (*table.by_status, *COMMON_STATUSES) if case.holds(said))
    # What was sent does not get better by waiting, whatever the status around those words.
    sent = any(error_words.measures(layer.text) for layer in said.layers)
    return PARAMETER_REFUSED if verdict.kind is ErrorKind.RATE_LIMIT and sent else verdict


def classify_texts(table: Table, said: ErrorBody) -> Classification | None:
    """As ``classify``, without the status."""
    found = [verdict for layer in said.layers if (verdict := _of_layer(table, layer)) is not None]
    relayed = not _RELAYED.isdisjoint(said.codes)
    best = next((verdict for verdict in found if verdict.kind in _DEFINITE), found[0] if found else None)
    if best is not None and relayed and best.kind in (ErrorKind.AUTH, ErrorKind.BALANCE):
        return UPSTREAM_UNAVAILABLE
    return best


def _of_layer(table: Table, said: ErrorBody) -> Classification | None:
    """Codes first; words that say what is wrong go before codes that only say that something is."""
    coded, worded = _by_code(table, said), _by_words(table, said)
    if coded is None or worded is None:
        return coded or worded
    if coded.kind not in _DEFINITE and worded.kind in _DEFINITE:
        return worded
    return worded if (coded.kind, worded.kind) == (ErrorKind.AUTH, ErrorKind.BALANCE) else coded


def _by_code(table: Table, said: ErrorBody) -> Classification | None:
    for one in table.by_code:
        if one.holds(said):
            return one.verdict
    names = ["".join(filter(str.isalnum, code)) for code in said.codes if not code.isdigit()]
    return next((verdict for verdict, name in _NAMED if any(name.search(code) for code in names)), None)


def _by_words(table: Table, said: ErrorBody) -> Classification | None:
    found = [one.verdict for one in table.worded if one.holds(said)] if said.text else []
    # What is said of how often somebody asked goes before the loose words behind it.
    telling = {*_DEFINITE, ErrorKind.RATE_LIMIT}
    best = next((verdict for verdict in found if verdict.kind in telling), found[0] if found else None)
    if best is not None and best.kind is not ErrorKind.MODERATION:
        # Money that is wanted is often said to be required, or not allowed for.
        return next((verdict for verdict in found if verdict.kind is ErrorKind.BALANCE), best)
    return best


# --- a submit: accepted, refused or unknown -------------------------------------------------------------------------

#: Codes that say that all is well.
_GOOD_CODES: Final = frozenset({
    "", "success", "succeeded", "ok", "accepted", "created", "submitted", "queued", "pending", "processing", "null",
    "none",
})  # fmt: skip
_ID_PATHS: Final = (
    "id", "task_id", "taskId", "data.id", "data.task_id", "data.taskId", "job_id", "jobId", "data.job_id", "data.jobId",
    "data.recordId", "output.task_id", "result.id", "result.task_id", "result.taskId", "data.data.id", "data.data.task_id",
    "data.task.id", "task.id", "data.video_id", "video_id",
)  # fmt: skip
_TASK_PATHS: Final = tuple(path for path in _ID_PATHS if "task" in path.lower() or "job" in path.lower())
_THREAD_PATHS: Final = ("thread_id", "threadId", "data.thread_id", "data.threadId")


def id_at(body: Any, *paths: str) -> str | None:
    """The id at the first of the paths that holds one; it is opaque and kept as it is."""
    return next((found for path in paths if (found := identifier(at(body, path))) is not None), None)


#: What providers call a job where they name its id.
JOB_NAMES: Final = ("task", "job", "generation", "prediction", "record", "video")
#: Names that say only that there is an answer.
_AROUND: Final = frozenset({"data", "result", "results", "output", "response"})


def job_in(
    answer: ProviderResponse, *paths: str, names: Sequence[str] = JOB_NAMES, looks: Sequence[str] = ()
) -> str | None:
    """The id of the job that an answer to a submit names, None where it names none.

    It is searched for at the paths, and where nothing in the answer refuses anywhere else, too. A status that leaves the
    outcome open does not take an id back.

    :param paths: where this provider has it; else where any has
    :param names: what this provider calls a job; else what any calls it
    :param looks: addresses with ``{id}`` at which its jobs are asked for, below that of the order last: a ``Location`` may name one
    """
    if answer.ok:
        body = answer.rest if answer.json is None else answer.json
        body = body[0] if isinstance(body, list) and len(body) == 1 else body
        if isinstance(body, Mapping) and "jsonrpc" in body:
            # Its id is our request's (jsonrpc.org/specification, 5).
            body = {name: value for name, value in body.items() if name != "id"}
        found = next((ids for path in paths or _ID_PATHS if (ids := _ids_at(body, path))), {})
        if found or refuses(body):
            # Of several jobs none may be left out: a person decides.
            return None if len(found) != 1 or _is_of_a_refusal(body, answer.status) else next(iter(found))
        return _job_anywhere(body, names) or identifier_in_address(answer.headers.get("location", ""), looks)
    if answer.status in (408, 425, 499) or answer.status >= 500 or _says_well(answer.json):
        return id_at(answer.json, *([path for path in paths if not path.endswith(".id")] or _TASK_PATHS))
    return None


def _ids_at(body: Any, path: str) -> dict[str, None]:
    """The ids at a path, of all entries where lists stand on the way."""
    found = [body]
    for name in path.split("."):
        entries = (one for value in found for one in (value if isinstance(value, list) else (value,)))
        found = [one[name] for one in entries if isinstance(one, Mapping) and name in one]
    values_there = (one for value in found for one in (value if isinstance(value, list) else (value,)))
    return dict.fromkeys(named for one in values_there if (named := identifier(one)) is not None)


def _says_well(body: Any) -> bool:
    """Whether an envelope says by its code that all is well; the status around it may be that of a relay."""
    code = whole(at(body, "code"))
    return code is not None and not _code_says_no(code) and not refuses(body)


def _is_of_a_refusal(body: Any, status: int) -> bool:
    """Whether an answer that refuses in clear can name by its id only itself: nothing in it speaks of a job."""
    if not isinstance(body, Mapping) or id_at(body, *_TASK_PATHS) or read(body).word is not None:
        return False
    return _refuses_in_clear(body) and not _under_way(error_body_in(body, status))


def _job_anywhere(body: Any, names: Sequence[str]) -> str | None:
    """The one id of a job at a place that nobody has listed; None where there are several."""
    found = [one for one in values(body) if is_of_the_job(one.path)]
    for name in names:
        ids = {named for one in found if _is_id_of(name, one.path) and (named := identifier(one.value)) is not None}
        if ids:
            return ids.pop() if len(ids) == 1 else None
    if names is JOB_NAMES:
        plain = {named for one in found if _is_plain_id(one.path) and (named := identifier(one.value)) is not None}
        if plain:
            return plain.pop() if len(plain) == 1 else None
    return error_words.bare_id(at(body, "data"))


def _is_id_of(name: str, path: Sequence[str]) -> bool:
    """Whether a place is the id of what is called so: ``taskId``, ``task_ids``, ``task.id``."""
    place = [squash(part) for part in path]
    ids = ("id", "ids", "uid", "uuid")
    if not place:
        return False
    if place[-1] in ids:
        return len(place) > 1 and place[-2] in (name, f"{name}s", f"{name}id")
    return place[-1].startswith(name) and place[-1].endswith(ids[:2])


def _is_plain_id(path: Sequence[str]) -> bool:
    place = [squash(part) for part in path]
    return bool(place) and place[-1] == "id" and _AROUND.issuperset(place[:-1])


def refuses(body: Any) -> bool:
    """Whether anything in an envelope says that what was asked for is not done."""
    unsuccessful = any(at(body, name) is False for name in ("success", "ok"))
    return unsuccessful or bool(at(body, "error")) or any(_is_bad(at(body, path)) for path in _BUSINESS_CODES)


def refusal(table: Table, answer: ProviderResponse, said: ErrorBody) -> RemoteError:
    """The error for an answer to a submit that names no job; its ``delivery`` says whether it is a refusal in clear."""
    return as_error(table, submit_verdict(table, answer, said), answer, said)


def submit_verdict(table: Table, answer: ProviderResponse, said: ErrorBody) -> Classification:
    """What an answer to a submit that names no job means for the order."""
    known = any(_by_code(table, layer) is not None for layer in said.layers)
    if not answer.ok:
        verdict = classify(table, said)
        open_status = answer.status >= 500 or answer.status in (408, 409, 425, 499)
        unsure = not known and verdict.kind not in _DEFINITE
        going = _under_way(said)
        # A job that is under way stands beside it: it may be this one, but for a conflict with one that is there.
        silent, waits = not said.text and not said.codes, read(answer.json).status in _UNDER_WAY
        # A plain id is the answer's own unless a word says where a job stands.
        named = id_at(answer.json, *(_ID_PATHS if waits else ()), *_TASK_PATHS, *_THREAD_PATHS)
        made = answer.status != 409 and named and (going or silent or waits)
        # A limit that is told by the status alone is asked again by itself.
        open_words = (open_status and unsure) or verdict is RATE_LIMITED_UNCLEAR
        return REPLY_WITHOUT_ID if made or (open_words and going) else verdict
    body = usual(answer.json)
    if not body and not isinstance(answer.json, Mapping):
        return UNREADABLE
    if not known and (_under_way(said) or not _says_no(table, body, said)):
        return REPLY_WITHOUT_ID
    verdict = classify(table, said)
    return REFUSED_UNDER_200 if verdict is UNREADABLE else verdict


_UNDER_WAY: Final = frozenset({RemoteStatus.QUEUED, RemoteStatus.RUNNING})


def _under_way(said: ErrorBody) -> bool:
    """Whether the words can mean that the order was taken."""
    return any(error_words.under_way(layer.text) for layer in said.layers)


def _says_no(table: Table, body: Mapping[str, Any], said: ErrorBody) -> bool:
    """Whether an answer under a good status refuses in a way that machines are told by.

    :param body: in its ``usual`` envelope
    """
    brought = body.get("data") or any(isinstance(body.get(name), dict | list) and body[name] for name in _CONTENT)
    if (not brought and any(_code_says_no(body.get(name)) for name in _CODE_NAMES)) or _refuses_in_clear(body):
        return True
    unsuccessful = any(body.get(name) is False for name in ("success", "issuccess", "ok"))
    if unsuccessful and any(_is_bad(code) for code in said.codes):
        return True
    status = whole(body.get("status")) or 0
    ended = any(str(body.get(name)).lower() in ("error", "failed", "failure", "fail") for name in ("status", "result"))
    marked = unsuccessful or ended or bool(body.get("error")) or 400 <= status < 500
    worded = classify_texts(table, said) if marked else None
    return worded is not None and worded.kind in _DEFINITE


def _refuses_in_clear(body: Mapping[str, Any]) -> bool:
    """Whether an answer says by a code that it is an error."""
    error = body.get("error")
    if isinstance(error, Mapping) and any(_is_bad(error.get(name)) for name in ("code", "type", "status")):
        return True
    is_error = "error" in (body.get("object"), body.get("type")) or body.get("success") is False
    return is_error and any(_is_bad(at(body, path)) for path in (*_BUSINESS_CODES, *_CODE_NAMES))


_BUSINESS_CODES: Final = (
    "code", "errcode", "err_code", "error_code", "errorCode", "errno", "ret", "retcode", "status_code", "base_resp.status_code",
)  # fmt: skip
#: The same in the ``usual`` envelope.
_CODE_NAMES: Final = ("code", "errcode", "errorcode", "errno", "ret", "retcode", "returncode", "statuscode")
#: What an order brings where it went well.
_CONTENT: Final = ("result", "results", "output", "payload", "resp")


def _code_says_no(value: Any) -> bool:
    number = whole(value)
    return number is not None and number != 0 and not 200 <= number < 300


def _is_bad(value: Any) -> bool:
    number = whole(value)
    if number is not None:
        return _code_says_no(number)
    return isinstance(value, str) and value.strip().lower() not in _GOOD_CODES


def error_of(table: Table, answer: ProviderResponse, said: ErrorBody) -> RemoteError:
    """The error for an answer to a question that was free."""
    return as_error(table, classify(table, said), answer, said)


def as_error(table: Table, verdict: Classification, answer: ProviderResponse, said: ErrorBody) -> RemoteError:
    """``verdict`` as an error that carries the answer's evidence."""
    return RemoteError(
        verdict.code,
        kind=verdict.kind,
        delivery=verdict.delivery,
        retry_after=answer.retry_after,
        evidence=answer.evidence,
        request_id=answer.request_id,
        **params_of(table, said),
    )


def params_of(table: Table, said: ErrorBody) -> dict[str, Any]:
    """What sentences are filled with; nothing secret."""
    return {"provider": table.provider, "status": said.status, "said": own_words(said)}


# --- a job that failed ----------------------------------------------------------------------------------------------


def failure_of(table: Table, said: ErrorBody) -> Failure:
    """Why a job that was accepted ended without a video.

    An upstream that refuses *its* caller says nothing about our key or our money: such texts mean that the provider
    has no capacity for us at the moment.
    """
    return as_failure(table, failed_verdict(table, said), said)


def as_failure(table: Table, verdict: Classification, said: ErrorBody) -> Failure:
    """``verdict`` as the end of a job that was accepted."""
    return Failure(
        kind=verdict.kind,
        code=verdict.code,
        params=params_of(table, said),
        retryable=verdict.retryable,
        charged=ChargeStatus.UNKNOWN if verdict.charge is ChargeStatus.NONE else verdict.charge,
    )


#: Kinds of a failed job that pass by themselves, unless its words blame what was sent.
_PASSING: Final = frozenset({ErrorKind.OVERLOADED, ErrorKind.TIMEOUT})


def failed_verdict(table: Table, said: ErrorBody) -> Classification:
    """As ``classify``, for the reason of a failed job; ``retryable`` only where the reason is known to be passing.

    A status does not count, and whatever nobody has listed is ``provider_failed``: the same order again is money again. Words
    of passing count where no other word stands beside them that may be about what was sent.
    """
    found = classify_texts(table, said) or _passing_verdict(said)
    known = any(_by_code(table, layer) is not None for layer in said.layers) or _speaks_of_itself(said)
    if found.kind in _UPSTREAM:
        # How often it was asked passes by itself; an account without money or rights does not.
        return replace(
            UPSTREAM_UNAVAILABLE, retryable=found.kind is ErrorKind.RATE_LIMIT and known and not _blames(said)
        )
    if found.kind in _PASSING:
        return replace(found, retryable=known and not _blames(said), delivery=Delivery.REFUSED)
    if found.kind is ErrorKind.NETWORK or found.kind is ErrorKind.PROVIDER:
        return _passing_verdict(said)
    return found


def _passing_verdict(said: ErrorBody) -> Classification:
    """By words, or by a code where there are no words to speak against it."""
    if _blames(said):
        return JOB_FAILED
    texts = [layer.text for layer in said.layers]
    names = ["".join(filter(str.isalnum, code)) for layer in said.layers for code in layer.codes]
    if _speaks_of_itself(said):
        if any(error_words.timed_out(text) for text in texts):
            return replace(REMOTE_TIMEOUT, retryable=True, delivery=Delivery.REFUSED)
        if any(error_words.short_of_capacity(text) for text in texts):
            return SATURATED
        if any(error_words.internal(text) for text in texts):
            return JOB_BROKE
    bare = not any(text.strip() for text in texts)
    if any(error_words.INTERNAL_CODE.search(name) for name in names) or (bare and _SERVER_CODES.intersection(names)):
        return JOB_BROKE
    return JOB_FAILED


_SERVER_CODES: Final = frozenset({"500", "502", "503", "504"})


def _speaks_of_itself(said: ErrorBody) -> bool:
    return all(error_words.speaks_of_itself(layer.text) for layer in said.layers)


def _blames(said: ErrorBody) -> bool:
    return any(error_words.blames(layer.text) for layer in said.layers)
