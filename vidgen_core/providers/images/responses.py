"""What image endpoints and drawing chat models answer with, and their ways of saying no.

Sources: OpenAI's API reference (``POST /images/generations``, ``/images/edits``, ``/chat/completions``: ``data[].b64_json``
or ``data[].url``, ``message.refusal``, ``finish_reason: content_filter``), OpenRouter's image generation guide
(``message.images[].image_url.url``), and relays of the new-api family, whose chat models draw into Markdown.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from vidgen_core.domain.errors import ErrorKind
from vidgen_core.domain.money import ChargeStatus
from vidgen_core.domain.tasks import Failure
from vidgen_core.providers.base import RemoteStatus
from vidgen_core.providers.http.client import ProviderResponse
from vidgen_core.providers.http.error_body import ErrorBody, at, texts_at
from vidgen_core.providers.http.error_mapping import (
    CONTENT_REFUSED,
    MODERATION,
    Classification,
    Table,
    as_failure,
    rule,
    words,
)
from vidgen_core.providers.http.job_status import read, values
from vidgen_core.providers.yunwu import responses

#: The model answered, and with something else than a picture.
NO_PICTURE: Final = Classification(ErrorKind.PROVIDER, "no_picture", charge=ChargeStatus.UNKNOWN)
#: What it called a picture is none.
PICTURE_BROKEN: Final = Classification(ErrorKind.PROVIDER, "picture_broken", charge=ChargeStatus.UNKNOWN)

#: The aggregators are relays of one family; what the image endpoints add stands before their common cases.
TABLE: Final = Table(
    provider="images",
    by_code=(
        rule(CONTENT_REFUSED, "moderation_blocked", "content_filter", "image_generation_user_error_moderation"),
        *responses.TABLE.by_code,
    ),
    by_words=responses.TABLE.by_words,
)

#: How chat models decline in words.
_DECLINED: Final = words(
    r"\b(?:can(?:no|['’])t|could not|am unable to|unable to|won['’]t|not able to)\b.{0,40}"
    r"(?:create|generate|draw|make|produce|fulfil|help|assist|comply)",
    r"(?:无法|不能|不可以|没办法|拒绝).{0,12}(?:生成|创建|绘制|画|提供|满足|处理)",
)
_DATA_URI: Final = re.compile(r"data:image/[\w.+-]{1,40};base64,([A-Za-z0-9+/=_\s-]+)")
_IN_MARKDOWN: Final = re.compile(r"!\[[^\[\]]{0,500}\]\(\s{0,9}<?((?:https?:/)?/[^\s)>]+)")
_LINK: Final = re.compile(r"https?://[^\s)>\]\"'，。]+")
_LOOKS_LIKE_PICTURE: Final = re.compile(r"\.(?:png|jpe?g|webp|gif|avif)(?:$|[?#])", re.IGNORECASE)


class PictureResult(NamedTuple):
    """One picture of an answer: its base64 text, a link, or its bytes."""

    base64: str | None = None
    url: str | None = None
    data: bytes | None = None

    def decoded(self) -> bytes | None:
        """The bytes; None where the text is no base64."""
        if self.data is not None:
            return self.data
        text = "".join((self.base64 or "").split()).translate({ord("-"): "+", ord("_"): "/"})
        try:
            return base64.b64decode(text + "=" * (-len(text) % 4), validate=True) or None
        except (binascii.Error, ValueError):
            return None


def picture_in(answer: ProviderResponse) -> PictureResult | None:
    """The first picture of an answer, wherever it stands; the answer can be the picture.

    What came with an error of the server was drawn all the same.
    """
    if not answer.ok and answer.status < 500:
        return None
    if answer.file:
        return PictureResult(data=answer.file)
    return next(_pictures(answer.json), None)


def _pictures(body: Any) -> Iterator[PictureResult]:
    for name in ("data", "images", "output"):
        for entry in _entries(at(body, name)):
            yield from _of_value(entry)
    for choice in _entries(at(body, "choices")):
        message = at(choice, "message")
        for entry in _entries(at(message, "images")):
            yield from _of_value(entry)
        content = at(message, "content")
        for part in content if isinstance(content, list) else []:
            yield from _of_value(part)
        yield from _in_text(content if isinstance(content, str) else _text(content))
    if not at(body, "error"):
        yield from _anywhere(body)


_BYTES_NAMES: Final = frozenset(
    {"b64json", "b64", "base64", "imagebase64", "imagedata", "bytes", "imagebytes", "bytesbase64encoded"}
)
_PICTURE_NAMES: Final = re.compile(r"image|img|picture|photo|sample|drawing", re.IGNORECASE)
#: What was sent, and pages about it.
_NOT_THE_RESULT: Final = re.compile(
    r"input|reference|prompt|request|param|mask|callback|webhook|error|docs?$|help|avatar|icon|logo", re.IGNORECASE
)
_ABOUT_THE_JOB: Final = re.compile(r"status|cancel|poll|^get$|self|stream|page|billing|log", re.IGNORECASE)
_LINK_NAME: Final = re.compile(r"(?:url|uri|link|href|src)s?$", re.IGNORECASE)
#: PNG, JPEG, GIF and WebP in base64.
_BEGINS_LIKE_PICTURE: Final = re.compile(r"iVBORw0KGgo|/9j/|R0lGOD|UklGR")
#: Characters of base64 that the smallest picture has.
_LEAST_BASE64: Final = 64


def _anywhere(body: Any) -> Iterator[PictureResult]:
    """Pictures at places that nobody has listed, told by their names, their endings or their own beginning."""
    for one in values(body):
        text = one.value.strip() if isinstance(one.value, str) else ""
        if not text or any(_NOT_THE_RESULT.search(name) for name in one.path):
            continue
        if found := _DATA_URI.match(text):
            yield PictureResult(base64=found[1])
        elif len(text) >= _LEAST_BASE64 and (
            _BEGINS_LIKE_PICTURE.match(text) or (one.path and _squash(one.path[-1]) in _BYTES_NAMES)
        ):
            yield PictureResult(base64=text)
        elif _LOOKS_LIKE_PICTURE.search(text) or any(_PICTURE_NAMES.search(name) for name in one.path):
            yield from _of_reference(text)
    if read(body).status not in (RemoteStatus.QUEUED, RemoteStatus.RUNNING):
        yield from _bare_links(body)


def _bare_links(body: Any) -> Iterator[PictureResult]:
    """Links of which nothing says what is behind them, by names for any result."""
    for one in values(body):
        text = one.value.strip() if isinstance(one.value, str) else ""
        around = any(_NOT_THE_RESULT.search(name) or _ABOUT_THE_JOB.search(name) for name in one.path)
        if not around and any(map(_LINK_NAME.search, one.path)) and _LINK.fullmatch(text):
            yield PictureResult(url=text)


def _squash(name: str) -> str:
    return "".join(filter(str.isalnum, name)).lower()


#: Characters of a link; a longer text is something else.
_LONGEST_LINK: Final = 8192


def _entries(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _of_value(value: Any) -> Iterator[PictureResult]:
    """The picture of one entry: a text, or an object that names it in one of the usual ways."""
    if isinstance(value, str):
        yield from _of_reference(value)
    if not isinstance(value, Mapping):
        return
    for name in ("b64_json", "b64", "base64", "image_base64"):
        if isinstance(value.get(name), str) and value[name]:
            found = _DATA_URI.match(value[name])
            yield PictureResult(base64=found[1] if found else value[name])
    for path in ("url", "image_url.url", "image_url", "image", "image.url"):
        named = at(value, path)
        if isinstance(named, str):
            yield from _of_reference(named)
    inline = at(value, "inline_data.data") or at(value, "inlineData.data")
    if isinstance(inline, str) and inline:
        yield PictureResult(base64=inline)


def _of_reference(text: str) -> Iterator[PictureResult]:
    found = _DATA_URI.match(text)
    if found:
        yield PictureResult(base64=found[1])
    elif re.match(r"\s*(?:(?:https?:)?//|/(?!9j/))", text, re.IGNORECASE) and len(text) < _LONGEST_LINK:
        # A path of the API's own, too; ``/9j/`` begins a JPEG in base64.
        yield PictureResult(url=text.strip())


def _in_text(text: str) -> Iterator[PictureResult]:
    """Pictures that a chat model wrote into its words: data URIs, Markdown, a bare link to a picture."""
    for found in _DATA_URI.finditer(text):
        yield PictureResult(base64=found[1])
    for found in _IN_MARKDOWN.finditer(text):
        yield PictureResult(url=found[1])
    for found in _LINK.finditer(text):
        if _LOOKS_LIKE_PICTURE.search(found[0]):
            yield PictureResult(url=found[0])


def answered(body: Any) -> bool:
    """Whether the order was carried out, with or without a picture: then it is neither refused nor lost."""
    if not isinstance(body, Mapping) or body.get("error"):
        return False
    return bool(_entries(at(body, "choices"))) or isinstance(body.get("data"), list)


def why_no_picture(answer: ProviderResponse) -> Failure:
    """Why an order that was carried out brought no picture: declined, in a field or in words, or for no reason."""
    text = " ".join(_text(at(choice, "message.content")) for choice in _entries(at(answer.json, "choices")))
    reasons = texts_at(answer.json, "choices.finish_reason", "choices.native_finish_reason", "data.finish_reason")
    refused = texts_at(answer.json, "choices.message.refusal")
    filtered = any(reason.lower() in {"content_filter", "safety", "prohibited_content"} for reason in reasons)
    declined = refused or filtered or _DECLINED.search(text) or MODERATION.search(text)
    said = ErrorBody((), (refused or [text])[0], answer.status)
    return as_failure(TABLE, CONTENT_REFUSED if declined else NO_PICTURE, said)


def broken(answer: ProviderResponse) -> Failure:
    """The picture of an answer cannot be used."""
    return as_failure(TABLE, PICTURE_BROKEN, ErrorBody((), "", answer.status))


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = (at(part, "text") for part in _entries(content))
    return " ".join(part for part in parts if isinstance(part, str))
