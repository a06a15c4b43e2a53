"""A fake language model: ``POST /v1/chat/completions`` as OpenAI and its aggregators have it.

A question without a system message asks for a picture, see ``images``. Of the others, a script between ``<script>`` marks
becomes one shot a line, a line between ``<line>`` marks a video prompt, and a prompt between ``<prompt>`` marks is returned
as its translation.
"""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from vidgen_core.fake_provider import images
from vidgen_core.fake_provider.accounts import key_fault
from vidgen_core.fake_provider.faults import CATALOGUE, CHAT
from vidgen_core.fake_provider.refusals import ODD_TEXT, shared_error
from vidgen_core.fake_provider.storage.pictures import from_data_uri, is_data_uri
from vidgen_core.fake_provider.submissions import Submission, parse_object, proxy_page, receive_submission, rehearsal_of
from vidgen_core.fake_provider.wire import AnyJSON, Delayed, Hangup, Piece, Pieces

_TAG: Final = re.compile(r"\[\[[^\[\]]*\]\]")
#: Lines of a script in which nothing is seen or heard.
_NOT_SHOWN: Final = re.compile(
    r"^(?:第.{1,4}[场幕集]|场景|内景|外景|INT\.|EXT\.|时间|地点|人物|编剧|《|切至|全剧终|[A-Z .]+:?$|\()", re.MULTILINE
)
_SLOW_BYTES: Final = 16


def _error(status: int, message: str, code: str | None) -> Response:
    return JSONResponse({"error": {"message": message, "type": "invalid_request_error", "code": code}}, status)


_REFUSALS: Final = {
    "key-invalid": (401, "无效的令牌", "invalid_api_key"),
    "key-missing": (401, "未提供令牌", "invalid_api_key"),
    "balance-empty": (403, "用户额度不足", "insufficient_user_quota"),
    "rate-limit": (429, "Rate limit reached for requests", "rate_limit_exceeded"),
    "chat-key-invalid": (401, "无效的令牌", "invalid_api_key"),
    "chat-rate-limit": (429, "Rate limit reached for requests", "rate_limit_exceeded"),
    "chat-content": (400, "Your request was rejected by our safety system", "content_policy_violation"),
    "chat-no-money": (403, "Insufficient credits. Please top up.", None),
    "chat-no-format": (400, "'response_format' of type 'json_schema' is not supported with this model", None),
    "chat-no-vision": (400, "This model does not support image_url", None),
}


async def complete(request: Request) -> Response:
    """Answer a question, with the faults that it asks for."""
    raw = await request.body()
    body = await asyncio.to_thread(parse_object, raw) or {}
    if not _has_rules(body):
        # Image models are asked without instructions.
        return await images.complete(request)
    words, pictures = _question(body)
    submission = receive_submission(request, CHAT, words)
    fault_of_key = key_fault(submission.key)
    if fault_of_key:
        return _error(*_REFUSALS.get(fault_of_key, _REFUSALS["key-invalid"]))
    if not words or not isinstance(body.get("model"), str):
        return _error(400, "messages and model are required", "invalid_request")
    refused = _refused(submission, body, pictures)
    if refused is not None:
        return refused
    rehearsal = rehearsal_of(request)
    for picture in pictures:
        seen = await asyncio.to_thread(from_data_uri, picture)
        if seen is None:
            return _error(400, "invalid image_url", "invalid_image")
        rehearsal.counters.saw_image(seen.facts())
    rehearsal.counters.accepted[words] += 1
    return _sent(_completion(body, words, submission), submission)


def _has_rules(body: dict[str, Any]) -> bool:
    """Whether a system message says how to answer, as in questions to language models."""
    messages = body.get("messages")
    return isinstance(messages, list) and any(
        isinstance(message, dict) and message.get("role") == "system" for message in messages
    )


def _question(body: dict[str, Any]) -> tuple[str, list[str]]:
    """The words of the first question, which a repair repeats, and its pictures."""
    messages = body.get("messages")
    asked = [message for message in messages if isinstance(message, dict)] if isinstance(messages, list) else []
    first = next((message for message in asked if message.get("role") == "user"), {})
    content = first.get("content")
    if isinstance(content, str):
        return content, []
    parts = [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    words = "\n".join(str(part.get("text")) for part in parts if part.get("type") == "text")
    links = [str((part.get("image_url") or {}).get("url")) for part in parts if part.get("type") == "image_url"]
    return words, [link for link in links if is_data_uri(link)]


def _refused(submission: Submission, body: dict[str, Any], pictures: list[str]) -> Response | None:
    """The response of a fault that refuses; None without one."""
    for fault in submission.faults:
        if fault in _REFUSALS and _applies(fault, body, pictures):
            return _error(*_REFUSALS[fault])
        found = shared_error(fault.removeprefix("chat-"), submission.argument(fault), submission.sent_key)
        if found is not None and found.status == 200:
            return AnyJSON({"code": found.code, "message": found.message, "data": None})
        if found is not None and fault != "chat-odd-text":
            error = {"message": found.message, "type": "upstream_error", "code": found.code}
            return AnyJSON({"error": error}, found.status, escaped=submission.sent_key if "echo" in fault else "")
    if "chat-retry-after" in submission.faults and submission.number == 1:
        answer = _error(*_REFUSALS["chat-rate-limit"])
        answer.headers["Retry-After"] = submission.argument("chat-retry-after")
        return answer
    if "chat-queued-words" in submission.faults:
        return AnyJSON({"code": "", "message": submission.argument("chat-queued-words"), "data": None})
    return None


def _applies(fault: str, body: dict[str, Any], pictures: list[str]) -> bool:
    if fault == "chat-no-format":
        return "response_format" in body
    return bool(pictures) if fault == "chat-no-vision" else True


# --- answers


def _completion(body: dict[str, Any], words: str, submission: Submission) -> dict[str, Any]:
    answer = _answer(words, body, submission)
    if "chat-odd-text" in submission.faults and "prompt" in answer:
        answer["prompt"] += ODD_TEXT
    text, finish = _with_text_faults(answer, submission)
    message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None}
    if "chat-refusal" in submission.faults:
        message = {"role": "assistant", "content": None, "refusal": "I'm sorry, but I can't help with that."}
    sent = sum(len(str(message.get("content"))) for message in body["messages"] if isinstance(message, dict))
    usage = {"prompt_tokens": sent // 2, "completion_tokens": len(text) // 2, "total_tokens": (sent + len(text)) // 2}
    choice = {"index": 0, "message": message, "finish_reason": finish}
    choices = [] if "chat-empty" in submission.faults else [choice]
    head = {"id": f"chatcmpl-{submission.request_id}", "object": "chat.completion", "model": body["model"]}
    return head | {"choices": choices, "usage": usage}


def _answer(words: str, body: dict[str, Any], submission: Submission) -> dict[str, Any]:
    if script := _between("script", words):
        return {"shots": _shots(script, submission)}
    if asked := _between("asked", words):
        # A question that the prompt of the take names is answered with a fault: ``bad-hands``.
        names = ("prompt", "person", "hands", "face", "body", "text")
        return {one: {"ok": f"bad-{one}" not in asked, "reason": f"The {one} is wrong."} for one in names}
    if prompt := _between("prompt", words):
        tongue = "English" if "into English" in json.dumps(body["messages"]) else "中文"
        return {"prompt": f"{tongue}：{_TAG.sub('', prompt)}"}
    line = _between("line", words) or words
    return {"prompt": f"{_TAG.sub('', line).strip()} 镜头缓缓推进。"}


def _between(mark: str, words: str) -> str:
    _, opened, rest = words.partition(f"<{mark}>")
    inside, closed, _ = rest.partition(f"</{mark}>")
    return inside.removeprefix("\n").removesuffix("\n") if opened and closed else ""


def _shots(script: str, submission: Submission) -> list[dict[str, Any]]:
    lines = [line.strip() for line in script.split("\n") if line.strip() and not _NOT_SHOWN.match(line.strip())]
    if "chat-lost-line" in submission.faults:
        lines = lines[:-1]
    if "chat-invented" in submission.faults:
        lines.insert(1, "一只机械巨龙撞碎了整座城市的玻璃穹顶")
    shots = [_shot(number, line) for number, line in enumerate(lines, start=1)]
    if "chat-disorder" in submission.faults and len(shots) > 1:
        shots[0]["number"], shots[-1]["number"] = len(shots), len(shots)
    if "chat-wild-values" in submission.faults:
        shots = [shot | {"ratio": "cinemascope", "seconds": 3600} for shot in shots]
    return shots


def _shot(number: int, line: str) -> dict[str, Any]:
    words = _TAG.sub("", line).strip()
    return {
        "number": number,
        "script": line,
        "picture_prompt": f"{words} 电影感光线，中景。",
        "video_prompt": f"{words} 镜头缓缓推进。",
        "ratio": "9:16",
        "seconds": 5,
    }


def _with_text_faults(answer: dict[str, Any], submission: Submission) -> tuple[str, str]:
    """The answer as text, and why it ended."""
    text = json.dumps(answer, ensure_ascii=False)
    if "chat-invalid-json" in submission.faults:
        return text.replace(*(('", "', '" "') if '", "' in text else ("}, ", "} ")), 1), "stop"
    if "chat-prose" in submission.faults:
        return f"<think>A list [or not]…</think>Sure! Here it is:\n```json\n{text}\n```\nAnything else?", "stop"
    for fault, why in (("chat-cut-off", "length"), ("chat-filter", "content_filter")):
        if fault in submission.faults:
            return text[: len(text) // 2], why
    return text, "stop"


def _sent(completion: dict[str, Any], submission: Submission) -> Response:
    """The response, or its loss on the way."""
    faults = submission.faults
    if "chat-lost" in faults:
        return Hangup(reset=True)
    if "chat-gateway" in faults:
        return proxy_page(int(_number(submission, "chat-gateway")))
    if "chat-drip" in faults:
        data = json.dumps(completion).encode()
        pause = _number(submission, "chat-drip")
        pieces = [Piece(data[at : at + _SLOW_BYTES], pause) for at in range(0, len(data), _SLOW_BYTES)]
        return Pieces(pieces, headers={"Content-Type": "application/json", "Content-Length": str(len(data))})
    answer = AnyJSON(completion)
    return Delayed(answer, _number(submission, "chat-slow")) if "chat-slow" in faults else answer


def _number(submission: Submission, fault: str) -> float:
    default = CATALOGUE[fault].default or "0"
    try:
        return float(submission.faults[fault] or default)
    except ValueError:
        return float(default)


ROUTES: Final = (Route("/v1/chat/completions", complete, methods=["POST"]),)
