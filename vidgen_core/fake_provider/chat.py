"""A pretend language model: ``POST /v1/chat/completions`` as OpenAI and its aggregators speak it.

A question without a system message is one for a picture, see ``images``. Others it reads as any model would: a script between ``<script>`` marks becomes one shot a line, a line between
``<line>`` marks a video prompt, a prompt between ``<prompt>`` marks comes back as its translation.
"""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from vidgen_core.fake_provider.accounts import verdict
from vidgen_core.fake_provider.faults import CATALOGUE, CHAT
from vidgen_core.fake_provider.images import api
from vidgen_core.fake_provider.messages import ODD_TEXT, said
from vidgen_core.fake_provider.storage.pictures import from_data_uri, is_data_uri
from vidgen_core.fake_provider.submissions import Arrival, arrive, proxy_page, rehearsal_of
from vidgen_core.fake_provider.wire import AnyJSON, Hangup, Late, Piece, Pieces

_TAG: Final = re.compile(r"\[\[[^\[\]]*\]\]")
#: Lines of a script in which nothing is seen or heard.
_NOT_SHOWN: Final = re.compile(
    r"^(?:第.{1,4}[场幕集]|场景|内景|外景|INT\.|EXT\.|时间|地点|人物|编剧|《|切至|全剧终|[A-Z .]+:?$|\()", re.MULTILINE
)
_BYTES_A_DRIP: Final = 16


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
    """Answer a question, or misbehave as its words ask for."""
    raw = await request.body()
    body = await asyncio.to_thread(_parse, raw)
    if not _has_rules(body):
        # A bare wish, as those who draw are asked.
        return await api.complete(request)
    words, pictures = _question(body)
    arrival = arrive(request, CHAT, words)
    born_with = verdict(arrival.key)
    if born_with:
        return _error(*_REFUSALS.get(born_with, _REFUSALS["key-invalid"]))
    if not words or not isinstance(body.get("model"), str):
        return _error(400, "messages and model are required", "invalid_request")
    refused = _refused(arrival, body, pictures)
    if refused is not None:
        return refused
    rehearsal = rehearsal_of(request)
    for picture in pictures:
        seen = await asyncio.to_thread(from_data_uri, picture)
        if seen is None:
            return _error(400, "invalid image_url", "invalid_image")
        rehearsal.counters.saw_image(seen.facts())
    rehearsal.counters.accepted[words] += 1
    return _sent(_completion(body, words, arrival), arrival)


def _parse(raw: bytes) -> dict[str, Any]:
    try:
        found = json.loads(raw)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _has_rules(body: dict[str, Any]) -> bool:
    """Whether a system message says how to answer: models that write are asked so."""
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


def _refused(arrival: Arrival, body: dict[str, Any], pictures: list[str]) -> Response | None:
    """The answer of a fault that answers nothing; None without one."""
    for fault in arrival.faults:
        if fault in _REFUSALS and _befalls(fault, body, pictures):
            return _error(*_REFUSALS[fault])
        found = said(fault.removeprefix("chat-"), arrival.argument(fault), arrival.sent_key)
        if found is not None and found.status == 200:
            return AnyJSON({"code": found.code, "message": found.message, "data": None})
        if found is not None and fault != "chat-odd-text":
            error = {"message": found.message, "type": "upstream_error", "code": found.code}
            return AnyJSON({"error": error}, found.status, escaped=arrival.sent_key if "echo" in fault else "")
    if "chat-retry-after" in arrival.faults and arrival.number == 1:
        answer = _error(*_REFUSALS["chat-rate-limit"])
        answer.headers["Retry-After"] = arrival.argument("chat-retry-after")
        return answer
    if "chat-queued-words" in arrival.faults:
        return AnyJSON({"code": "", "message": arrival.argument("chat-queued-words"), "data": None})
    return None


def _befalls(fault: str, body: dict[str, Any], pictures: list[str]) -> bool:
    if fault == "chat-no-format":
        return "response_format" in body
    return bool(pictures) if fault == "chat-no-vision" else True


# --- what is answered


def _completion(body: dict[str, Any], words: str, arrival: Arrival) -> dict[str, Any]:
    answer = _answer(words, body, arrival)
    if "chat-odd-text" in arrival.faults and "prompt" in answer:
        answer["prompt"] += ODD_TEXT
    text, finish = _spoilt(answer, arrival)
    message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None}
    if "chat-refusal" in arrival.faults:
        message = {"role": "assistant", "content": None, "refusal": "I'm sorry, but I can't help with that."}
    sent = sum(len(str(message.get("content"))) for message in body["messages"] if isinstance(message, dict))
    usage = {"prompt_tokens": sent // 2, "completion_tokens": len(text) // 2, "total_tokens": (sent + len(text)) // 2}
    choice = {"index": 0, "message": message, "finish_reason": finish}
    choices = [] if "chat-empty" in arrival.faults else [choice]
    head = {"id": f"chatcmpl-{arrival.request_id}", "object": "chat.completion", "model": body["model"]}
    return head | {"choices": choices, "usage": usage}


def _answer(words: str, body: dict[str, Any], arrival: Arrival) -> dict[str, Any]:
    if script := _between("script", words):
        return {"shots": _shots(script, arrival)}
    if prompt := _between("prompt", words):
        tongue = "English" if "into English" in json.dumps(body["messages"]) else "中文"
        return {"prompt": f"{tongue}：{_TAG.sub('', prompt)}"}
    line = _between("line", words) or words
    return {"prompt": f"{_TAG.sub('', line).strip()} 镜头缓缓推进。"}


def _between(mark: str, words: str) -> str:
    _, opened, rest = words.partition(f"<{mark}>")
    inside, closed, _ = rest.partition(f"</{mark}>")
    return inside.removeprefix("\n").removesuffix("\n") if opened and closed else ""


def _shots(script: str, arrival: Arrival) -> list[dict[str, Any]]:
    lines = [line.strip() for line in script.split("\n") if line.strip() and not _NOT_SHOWN.match(line.strip())]
    if "chat-lost-line" in arrival.faults:
        lines = lines[:-1]
    if "chat-invented" in arrival.faults:
        lines.insert(1, "一只机械巨龙撞碎了整座城市的玻璃穹顶")
    shots = [_shot(number, line) for number, line in enumerate(lines, start=1)]
    if "chat-disorder" in arrival.faults and len(shots) > 1:
        shots[0]["number"], shots[-1]["number"] = len(shots), len(shots)
    if "chat-wild-values" in arrival.faults:
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


def _spoilt(answer: dict[str, Any], arrival: Arrival) -> tuple[str, str]:
    """The answer as text, and why it ended."""
    text = json.dumps(answer, ensure_ascii=False)
    if "chat-invalid-json" in arrival.faults:
        return text.replace('", "', '" "', 1), "stop"
    if "chat-prose" in arrival.faults:
        return f"<think>A list [or not]…</think>Sure! Here it is:\n```json\n{text}\n```\nAnything else?", "stop"
    for fault, why in (("chat-cut-off", "length"), ("chat-filter", "content_filter")):
        if fault in arrival.faults:
            return text[: len(text) // 2], why
    return text, "stop"


def _sent(completion: dict[str, Any], arrival: Arrival) -> Response:
    """The answer on its way, or lost on it."""
    faults = arrival.faults
    if "chat-lost" in faults:
        return Hangup(reset=True)
    if "chat-gateway" in faults:
        return proxy_page(int(_number(arrival, "chat-gateway")))
    if "chat-drip" in faults:
        data = json.dumps(completion).encode()
        pause = _number(arrival, "chat-drip")
        drips = [Piece(data[at : at + _BYTES_A_DRIP], pause) for at in range(0, len(data), _BYTES_A_DRIP)]
        return Pieces(drips, headers={"Content-Type": "application/json", "Content-Length": str(len(data))})
    answer = AnyJSON(completion)
    return Late(answer, _number(arrival, "chat-slow")) if "chat-slow" in faults else answer


def _number(arrival: Arrival, fault: str) -> float:
    default = CATALOGUE[fault].default or "0"
    try:
        return float(arrival.faults[fault] or default)
    except ValueError:
        return float(default)


ROUTES: Final = (Route("/v1/chat/completions", complete, methods=["POST"]),)
