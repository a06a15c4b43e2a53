"""The catalogue of everything a rehearsal can do wrong, and how a fault is asked for.

A fault befalls a job in one of three ways: a tag inside its prompt (``[[stuck]]``, ``[[poll-500:3]]``), a share of all
jobs (``--fault stuck:0.1``), or the same share set while the rehearsal runs (``POST /_rehearsal/faults``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from vidgen_core.domain.errors import InputError

YUNWU: Final = "yunwu"
KIE: Final = "kie"
LOVART: Final = "lovart"
IMAGES: Final = "images"
CHAT: Final = "chat"
BOTH: Final = (YUNWU, KIE)
ALL: Final = (YUNWU, KIE, LOVART)


class Verb(StrEnum):
    """The moment at which a fault shows."""

    #: The submit is refused or lost; no job exists.
    SUBMIT = "submit"
    #: The job exists; the answer to its submit is at fault or of another shape.
    ANSWER = "answer"
    #: A look at the job goes wrong or is answered in another shape.
    POLL = "poll"
    #: How the job ends.
    RESULT = "result"
    #: The bytes of the result.
    DOWNLOAD = "download"
    #: A picture on its way to KIE or Lovart.
    UPLOAD = "upload"
    #: Balance and log.
    ACCOUNT = "account"
    #: What Lovart's agent does with a job.
    AGENT = "agent"
    #: How a language model answers.
    CHAT = "chat"
    #: What stands in the way on Lovart's page.
    PAGE = "page"


@dataclass(frozen=True)
class Fault:
    """One way to misbehave; ``default`` is the argument where a tag names none (None: it takes none or needs none)."""

    name: str
    verb: Verb
    sentence: str
    providers: tuple[str, ...] = ALL
    default: str | None = None


@dataclass(frozen=True)
class Rule:
    """A fault that befalls a share of all jobs (0–1)."""

    name: str
    rate: float = 1.0
    argument: str | None = None


def _only(provider: str, verb: Verb, **sentences: str) -> tuple[Fault, ...]:
    return tuple(
        Fault(name.replace("_", "-"), verb, sentence, providers=(provider,)) for name, sentence in sentences.items()
    )


#: Refusals; ``[[name:N]]`` refuses only the first N submits of that prompt.
_SUBMIT: Final = (
    Fault("key-invalid", Verb.SUBMIT, "The key is refused as invalid (Yunwu 401, KIE code 401)."),
    Fault("ip-forbidden", Verb.SUBMIT, "The caller's address is not on the key's list (Yunwu 403, KIE code 401)."),
    *_only(
        YUNWU,
        Verb.SUBMIT,
        key_expired="401: the key has expired.",
        key_disabled="401: the key is switched off.",
        group_forbidden="403: the key has no right to this group.",
        model_forbidden="403: the key has no right to this model.",
        user_banned="403: the account is banned.",
        key_exhausted="401 that means money: the key's own quota is used up.",
        pre_consume_failed="403 `pre_consume_token_quota_failed`: the price could not be set aside.",
        saturated_quota="429 with the words of saturation but the code of an empty account.",
        size_required="400 `invalid_size`: the size is missing.",
        model_missing="400 `missing_model`: no model was named.",
        parameter_as_429="429 that means a wrong value: `duration_out_of_range`.",
        no_price="429 that means a wrong model: no price is configured for it.",
        base_resp_429="429 whose body says `base_resp.status_code` 400: a wrong value.",
        saturated="429: the upstream of this group is saturated.",
        saturated_500="500 with the words of saturation.",
        saturated_404="404 with the words of saturation: nobody serves this model now.",
        no_channel="503 `model_not_found`: no channel for this model.",
        prompt_blocked="500 `prompt_blocked`: the prompt is refused.",
        violation_fee="400 `violation_fee`: the prompt is refused and a fee of one job is kept.",
        body_too_large="413: the request body is too large.",
        upstream_failed="500 `do_request_failed`: the relay could not reach its upstream; no job exists.",
        error_in_200="200 with `status: error` and a text instead of a job.",
    ),
    *_only(
        KIE,
        Verb.SUBMIT,
        subkey_cap="Code 433: the key has reached its own cap.",
        parameter_as_500="Code 500 that means a wrong value.",
        english_only="Code 400: only English prompts are supported.",
        feature_disabled="Code 505: the feature is switched off.",
        paused="Code 500: the interface is temporarily paused.",
        maintenance="Code 455: maintenance.",
        flow_rejected="Code 422: rejected by Flow, which means content.",
        unsafe_image="Code 400: the picture is refused as unsafe.",
        image_unfetchable="Code 451: the picture could not be fetched.",
    ),
    *_only(
        LOVART,
        Verb.SUBMIT,
        thread_busy="409, code 2011: the thread has a running task already.",
        project_gone="404: the project does not exist.",
        signature_stale="401: the caller's clock is wrong.",
    ),
    Fault("balance-empty", Verb.SUBMIT, "The account is empty (Yunwu 403 `insufficient_user_quota`, KIE code 402)."),
    Fault("parameter", Verb.SUBMIT, "A value is not allowed (Yunwu 400 `invalid_request`, KIE code 422)."),
    Fault("rate-limit", Verb.SUBMIT, "Too many requests, without `Retry-After` (Yunwu 429, KIE code 429)."),
    Fault("rate-limit-retry-after", Verb.SUBMIT, "HTTP 429 with `Retry-After: 1`."),
    Fault("moderated-input", Verb.SUBMIT, "The prompt is refused on grounds of content (HTTP or code 400)."),
    Fault("server-error", Verb.SUBMIT, "An internal error without a machine code; no job exists."),
    Fault("bad-gateway", Verb.SUBMIT, "HTML with status ARG from a proxy; no job exists.", default="502"),
    Fault("html", Verb.SUBMIT, "200 with an HTML page instead of JSON; no job exists."),
    Fault("reset-before-accept", Verb.SUBMIT, "The connection is reset; no job exists."),
    Fault(
        "refusal-inside",
        Verb.SUBMIT,
        "451 (KIE: code 451) with the upstream's refusal as JSON text: `parameter`, `moderation` or `money`.",
        default="parameter",
    ),
    Fault("business-code", Verb.SUBMIT, "200 with `code: -2001` and no data: refused."),
    Fault(
        "limit-as-429",
        Verb.SUBMIT,
        "429 that means a wrong value, in the words ARG and without a code for it.",
        default="video duration 15s exceeds the limit of 6s for this account tier",
    ),
    Fault(
        "retry-after",
        Verb.SUBMIT,
        "The first submit of the prompt is answered 429 with `Retry-After: ARG`.",
        default="3600",
    ),
    Fault("odd-text", Verb.SUBMIT, "Refused with code `²` and text that no database can keep."),
    Fault("echo-key", Verb.SUBMIT, "Refused with an error that repeats the caller's key in several forms."),
    Fault(
        "colleague-in-log",
        Verb.SUBMIT,
        "The connection is reset, no job exists; the log has a job of other words on the same key and model.",
        providers=(YUNWU,),
    ),
    Fault("slow-accept", Verb.SUBMIT, "The job comes to exist only ARG seconds after the request.", default="30"),
)

_ANSWER: Final = (
    Fault("reset-after-accept", Verb.ANSWER, "The job exists and is charged; the connection is reset unanswered."),
    Fault("close-after-accept", Verb.ANSWER, "The job exists and is charged; the connection is closed unanswered."),
    Fault("gateway-after-accept", Verb.ANSWER, "The job exists; a proxy answers HTML with status ARG.", default="504"),
    Fault("error-after-accept", Verb.ANSWER, "The job exists; the answer is an internal error as JSON."),
    Fault("html-after-accept", Verb.ANSWER, "The job exists; the answer is 200 with an HTML page."),
    Fault("empty-after-accept", Verb.ANSWER, "The job exists; the answer is 200 with no body."),
    Fault("no-task-id", Verb.ANSWER, "The job exists; the answer is JSON that names no job."),
    Fault(
        "queued-words",
        Verb.ANSWER,
        "The job exists; the answer is 200 with the words ARG and names no job.",
        default="The server is busy, your task is in the queue",
    ),
    Fault("id-nan", Verb.ANSWER, "The job exists; its id in the answer is NaN.", providers=BOTH),
    Fault("id-number", Verb.ANSWER, "The job's id is a whole number.", providers=BOTH),
    Fault("slow-answer", Verb.ANSWER, "The job exists at once; the answer comes ARG seconds later.", default="30"),
    Fault("reply-task-id", Verb.ANSWER, "The id comes as `task_id` (KIE: `data.task_id`).", providers=BOTH),
    Fault("reply-data-id", Verb.ANSWER, "The id comes as `data.task_id` (KIE: `data.recordId`).", providers=BOTH),
    *_only(
        YUNWU,
        Verb.ANSWER,
        reply_seconds="Times are in seconds, whatever the model.",
        reply_milliseconds="Times are in milliseconds, whatever the model.",
    ),
)

_POLL: Final = (
    Fault("poll-500", Verb.POLL, "The first ARG looks are answered with an internal error.", default="2"),
    Fault("poll-429", Verb.POLL, "The first ARG looks are answered: too many requests.", default="2"),
    Fault("poll-html", Verb.POLL, "The first ARG looks are answered 200 with an HTML page.", default="2"),
    Fault("poll-gateway", Verb.POLL, "The first ARG looks are answered 502 with HTML.", default="2"),
    Fault("poll-reset", Verb.POLL, "The connection is reset on the first ARG looks.", default="2"),
    Fault("poll-not-found", Verb.POLL, "The first ARG looks do not find the job (KIE: record is null).", default="2"),
    Fault("slow-poll", Verb.POLL, "Each look is answered ARG seconds late.", default="5"),
    Fault("progress-percent", Verb.POLL, 'Progress comes as text, such as "75%".', providers=BOTH),
    Fault("progress-missing", Verb.POLL, "Progress is not named.", providers=BOTH),
    Fault("progress-null", Verb.POLL, "Progress is null.", providers=BOTH),
    Fault("status-unknown", Verb.POLL, "While it runs, its status is a word nobody knows."),
    Fault("status-missing", Verb.POLL, "While it runs, no status is named."),
    Fault("url-late", Verb.POLL, "The first ARG looks after its end say success without a link.", default="2"),
    Fault(
        "poll-retry-after",
        Verb.POLL,
        "The first look is answered 429 with `Retry-After: ARG`.",
        default="3600",
    ),
    Fault("done-marker", Verb.POLL, "No status is named; the end is `done: true`.", providers=BOTH),
    Fault(
        "link-as",
        Verb.POLL,
        "The link is written `relative`, as `host` (`//host/…`), in `capitals`, between `blanks`, or with a `key`: "
        "relative to the API and only for the key that ordered.",
        providers=BOTH,
        default="relative",
    ),
    Fault("url-in", Verb.POLL, "The link stands at ARG instead of its usual place.", providers=BOTH, default="url"),
    *_only(
        YUNWU,
        Verb.POLL,
        id_without_prefix="The job's id in the answer lacks the part before the colon.",
        status_nested="The status stands at `data.status`.",
        status_uppercase="Status words are those of the task table: NOT_START, IN_PROGRESS, SUCCESS, FAILURE.",
        upsampling_completed="Its last running word is `video_upsampling_completed`, without a link.",
    ),
    Fault(
        "status-in",
        Verb.POLL,
        "The status stands at ARG instead of `status`.",
        providers=(YUNWU,),
        default="output.task_status",
    ),
    Fault(
        "hd-processing",
        Verb.POLL,
        "The first ARG asks for the 1080p file say that it is processing.",
        providers=(KIE,),
        default="2",
    ),
)

_RESULT: Final = (
    Fault("failed", Verb.RESULT, "The job fails without a reason; the money comes back."),
    Fault("failed-no-refund", Verb.RESULT, "The job fails without a reason; the money is kept."),
    Fault("failed-parameter", Verb.RESULT, "The job fails of a value; the money comes back."),
    Fault("failed-overloaded", Verb.RESULT, "The job fails because the upstream is saturated; the money comes back."),
    Fault("failed-timeout", Verb.RESULT, "The job fails of the provider's own deadline; the money comes back."),
    Fault("moderated-output", Verb.RESULT, "The job fails because its video is refused; the money comes back."),
    Fault(
        "failed-words",
        Verb.RESULT,
        "The job fails with the words ARG and no code for them; the money comes back.",
        default="No video could be generated for this prompt. You will not be charged.",
    ),
    Fault(
        "failed-odd-text",
        Verb.RESULT,
        "The job fails with code `²` and text that no database can keep; the money comes back.",
    ),
    Fault("failed-echo-key", Verb.RESULT, "The job fails and repeats the caller's key; the money comes back."),
    Fault(
        "filtered-count",
        Verb.RESULT,
        "No status is named; the end is `done: true` with `raiMediaFilteredCount: 1`; the money comes back.",
        providers=BOTH,
    ),
    Fault("completed-without-url", Verb.RESULT, "The job says success for ever without naming a link."),
    Fault("stuck", Verb.RESULT, "The job runs for ever."),
    Fault("slow", Verb.RESULT, "The job takes ARG seconds.", default="600"),
    Fault("identical-file", Verb.RESULT, "The video is the same stock clip for every prompt."),
    Fault("same-clip", Verb.RESULT, "The video is the same stock clip for every prompt, in another file for each job."),
    Fault("upside-down", Verb.RESULT, "The video shows the picture upside down."),
    Fault("wrong-ratio", Verb.RESULT, "The video stands where it should lie, or lies where it should stand."),
    *_only(
        YUNWU,
        Verb.RESULT,
        moderated_silent="Success, progress 100 and `moderated: true`, but no link.",
    ),
    Fault("cancelled", Verb.RESULT, "The job ends as cancelled; the money comes back.", providers=(YUNWU, LOVART)),
    Fault(
        "error-in",
        Verb.RESULT,
        "The job fails and says why at ARG instead of `error`.",
        providers=(YUNWU,),
        default="fail_reason",
    ),
)

_DOWNLOAD: Final = (
    Fault("link-404", Verb.DOWNLOAD, "The first ARG downloads find nothing.", default="2"),
    Fault("link-expired", Verb.DOWNLOAD, "The first ARG links of the job are expired: 403.", default="1"),
    Fault("link-dead", Verb.DOWNLOAD, "Every link of the job answers 403."),
    Fault("download-500", Verb.DOWNLOAD, "The first ARG downloads are answered 500.", default="2"),
    Fault("download-reset", Verb.DOWNLOAD, "The connection is reset on the first ARG downloads.", default="1"),
    Fault("download-redirect", Verb.DOWNLOAD, "The link answers 302 to another link."),
    Fault("truncated", Verb.DOWNLOAD, "The first ARG downloads stop halfway, the length being named.", default="1"),
    Fault("truncated-reset", Verb.DOWNLOAD, "The first ARG downloads are reset halfway.", default="1"),
    Fault("truncated-file", Verb.DOWNLOAD, "The file itself is cut in half and its length says so."),
    Fault("empty-file", Verb.DOWNLOAD, "The file has no bytes."),
    Fault("html-file", Verb.DOWNLOAD, "The file is an HTML page that calls itself video/mp4."),
    Fault("garbage-file", Verb.DOWNLOAD, "The file is noise that calls itself video/mp4."),
    Fault("slow-body", Verb.DOWNLOAD, "The body trickles: a kilobyte each ARG seconds.", default="1"),
    Fault("stalled-body", Verb.DOWNLOAD, "Half the body comes, the rest ARG seconds later.", default="60"),
    Fault("trickle", Verb.DOWNLOAD, "The body comes a byte each ARG seconds.", default="5"),
    Fault("endless-body", Verb.DOWNLOAD, "The length is not named and the body never ends."),
    Fault(
        "huge-length",
        Verb.DOWNLOAD,
        "The length is named as ARG bytes; the file comes and then nothing more.",
        default="10000000000000",
    ),
    Fault("gzip-file", Verb.DOWNLOAD, "The body is the file in gzip, named in `Content-Encoding`."),
    Fault("no-range", Verb.DOWNLOAD, "Range is ignored: the whole file comes, 200."),
    Fault("no-length", Verb.DOWNLOAD, "The length is not named."),
)

_OTHER: Final = (
    Fault("upload-500", Verb.UPLOAD, "An upload fails: code 500. By share only.", providers=(KIE, LOVART)),
    Fault(
        "upload-html", Verb.UPLOAD, "An upload is answered with an HTML page. By share only.", providers=(KIE, LOVART)
    ),
    Fault(
        "upload-no-money",
        Verb.UPLOAD,
        "An upload is refused for money: HTTP 403, insufficient credits. By share only.",
        providers=(KIE, LOVART),
    ),
    Fault("upload-file-url", Verb.UPLOAD, "The link comes as `fileUrl`. By share only.", providers=(KIE,)),
    Fault("balance-unknown", Verb.ACCOUNT, "The balance cannot be asked for. By share only.", providers=BOTH),
    Fault("log-unknown", Verb.ACCOUNT, "The log cannot be asked for. By share only.", providers=(YUNWU,)),
    Fault("prices-unknown", Verb.ACCOUNT, "There is no price list. By share only.", providers=(YUNWU,)),
    Fault("prices-html", Verb.ACCOUNT, "The price list is an HTML page. By share only.", providers=(YUNWU,)),
    Fault("prices-odd", Verb.ACCOUNT, "Prices come in wrong types and sizes. By share only.", providers=(YUNWU,)),
)

_AGENT: Final = (
    Fault(
        "done-too-early", Verb.AGENT, "The first ARG looks say done and take it back.", providers=(LOVART,), default="1"
    ),
    Fault("confirmation", Verb.AGENT, "The agent wants a yes for ARG credits.", providers=(LOVART,), default="25"),
    Fault(
        "only-words",
        Verb.AGENT,
        "The agent answers ARG instead of making a video.",
        providers=(LOVART,),
        default="Which of the two moods do you prefer?",
    ),
)

_PAGE: Final = (
    Fault("page-sign-in", Verb.PAGE, "The page asks for signing in, once. By share only.", providers=(LOVART,)),
    Fault("page-captcha", Verb.PAGE, "The page asks for proof of a person, once. By share only.", providers=(LOVART,)),
    Fault("page-paywall", Verb.PAGE, "The page asks for money instead of sending, once.", providers=(LOVART,)),
    Fault(
        "page-changed",
        Verb.PAGE,
        "The thing that the selectors call ARG has another name. By share only.",
        providers=(LOVART,),
        default="send",
    ),
)

_IMAGES: Final = (
    *_only(IMAGES, Verb.SUBMIT, moderation_blocked="400 `moderation_blocked`: the safety system refuses the picture."),
    *_only(
        IMAGES,
        Verb.ANSWER,
        declined="The order is charged; the model says in words that it will not draw, or sends no picture.",
        content_filter="The order is charged; the answer ends with `content_filter` and has no picture.",
        base64_broken="The picture's base64 text has a foreign letter in it.",
        not_a_picture="What is called a picture is none.",
        as_link="The answer names a link instead of the picture's bytes.",
        link_gone="The answer names a link that answers 404.",
        link_relative="The answer names a link relative to the API's host.",
        in_parts="A chat model sends the picture as a part of its content instead of in Markdown.",
        in_images="A chat model sends the picture in `message.images`.",
    ),
)

#: Those without an argument befall only the first N questions with ``[[name:N]]``.
_CHAT: Final = (
    *_only(
        CHAT,
        Verb.CHAT,
        chat_key_invalid="401: the key is refused as invalid.",
        chat_rate_limit="429: too many requests.",
        chat_no_format="400: `response_format` is not supported by this model.",
        chat_no_vision="400: the model does not look at pictures.",
        chat_content="400 `content_policy_violation`: the question is refused.",
        chat_refusal="The model refuses in `message.refusal`.",
        chat_filter="`finish_reason` is `content_filter` and half the answer is there.",
        chat_cut_off="`finish_reason` is `length` and half the answer is there.",
        chat_invalid_json="The answer is no JSON: a comma is missing.",
        chat_prose="The JSON stands in a fence, with thoughts before and words behind it.",
        chat_invented="There is one shot more, of words that the script does not have.",
        chat_lost_line="The last line of the script has no shot.",
        chat_disorder="Numbers go backwards, and one is there twice.",
        chat_wild_values="Lengths and ratios are no lengths and ratios.",
        chat_empty="200 without a choice.",
        chat_lost="The answer was made and charged; the connection is reset unanswered.",
    ),
    *_only(
        CHAT,
        Verb.CHAT,
        chat_no_money="403: the credits are not enough.",
        chat_business_code="200 with `code: -2001` and no choice.",
        chat_odd_text="The answer has a lone surrogate and control characters in its words.",
        chat_echo_key="400 with an error that repeats the caller's key in several forms.",
    ),
    Fault(
        "chat-refusal-inside",
        Verb.CHAT,
        "451 with the upstream's refusal as JSON text: `parameter`, `moderation` or `money`.",
        (CHAT,),
        "parameter",
    ),
    Fault(
        "chat-limit-as-429", Verb.CHAT, "429 that means a wrong value, in the words ARG.", (CHAT,), "prompt is too long"
    ),
    Fault(
        "chat-retry-after", Verb.CHAT, "The first question is answered 429 with `Retry-After: ARG`.", (CHAT,), "3600"
    ),
    Fault(
        "chat-queued-words", Verb.CHAT, "200 with the words ARG and no choice.", (CHAT,), "in the queue, please wait"
    ),
    Fault("chat-gateway", Verb.CHAT, "The answer was made; a proxy answers HTML with status ARG.", (CHAT,), "504"),
    Fault("chat-slow", Verb.CHAT, "The answer comes ARG seconds late.", (CHAT,), "30"),
    Fault("chat-drip", Verb.CHAT, "The answer drips: a few bytes each ARG seconds.", (CHAT,), "1"),
)


def _of_images_too(fault: Fault) -> Fault:
    """What befalls every submit and every answer befalls those of image endpoints too."""
    shared = fault.providers is ALL and fault.verb in (Verb.SUBMIT, Verb.ANSWER)
    return replace(fault, providers=(*ALL, IMAGES)) if shared else fault


#: Every fault by its name, in the order in which they are tried.
CATALOGUE: Final[Mapping[str, Fault]] = MappingProxyType(
    {
        fault.name: _of_images_too(fault)
        for fault in (*_SUBMIT, *_ANSWER, *_POLL, *_RESULT, *_DOWNLOAD, *_OTHER, *_AGENT, *_PAGE, *_IMAGES, *_CHAT)
    }
)

_TAG: Final = re.compile(r"\[\[([a-z0-9-]+)(?::([^\[\]]*))?\]\]")
_RULE: Final = re.compile(r"(?P<name>[a-z0-9-]+)(?:=(?P<argument>[^:]+))?(?::(?P<rate>[0-9.]+))?")


def known(name: str) -> Fault:
    """The fault of that name; InputError ``rehearsal_fault_unknown`` without one."""
    if name not in CATALOGUE:
        raise InputError("rehearsal_fault_unknown", name=name)
    return CATALOGUE[name]


def parse_rule(text: str) -> Rule:
    """Read ``name``, ``name:0.1``, ``name=argument`` or ``name=argument:0.1``; a missing rate means always.

    InputError ``rehearsal_fault_unreadable`` or ``rehearsal_fault_unknown``.
    """
    match = _RULE.fullmatch(text.strip())
    if match is None:
        raise InputError("rehearsal_fault_unreadable", text=text)
    return make_rule(match["name"], match["rate"] or "1", match["argument"])


def make_rule(name: str, rate: str | float, argument: str | None = None) -> Rule:
    """A rule with its name known and its rate between 0 and 1; the same errors as ``parse_rule``."""
    known(name)
    try:
        share = float(rate)
    except (TypeError, ValueError):
        share = -1.0
    if not 0.0 <= share <= 1.0:
        raise InputError("rehearsal_fault_unreadable", text=f"{name}:{rate}")
    return Rule(name, share, argument)


def tags(prompt: str) -> dict[str, str | None]:
    """The tags of a prompt with their arguments, known or not."""
    return {match[1]: match[2] for match in _TAG.finditer(prompt)}
