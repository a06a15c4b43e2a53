"""What may be kept and shown of a raw answer: no key, no picture, no signature of a link."""

from __future__ import annotations

import logging
import re
from typing import Final

import httpx

#: Bytes kept of a raw answer.
EVIDENCE_BYTES: Final = 4096
#: Characters kept of what a provider said, for sentences.
SAID_CHARACTERS: Final = 300

_RULES: Final = (
    (re.compile(r"(data:[\w/+.-]{1,40};base64,)[A-Za-z0-9+/=_-]{40,}"), r"\1…"),
    (re.compile(r"(?i)\b(bearer\s+)[^\s\"',;]{6,}"), r"\1****"),
    (re.compile(r"(https?:(?:\\?/){2}[^\s\"'<>?\\]*(?:\\?/[^\s\"'<>?\\]*)*)\?[^\s\"'<>\\]+"), r"\1?…"),
    (re.compile(r"\b((?:sk|ak|pk|key)-)[A-Za-z0-9_-]{12,}"), r"\1****"),
    # Anything this long without a break is a picture or a token, and explains nothing.
    (re.compile(r"[A-Za-z0-9+/=_-]{400,}"), "…"),
)


def redact(text: str, *secrets: str) -> str:
    """``text`` without the given secrets, anything that looks like one, picture bytes and queries of links."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "****")
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


def cut(text: str, limit: int = EVIDENCE_BYTES) -> str:
    """At most ``limit`` bytes of UTF-8, whole characters."""
    data = text.encode("utf-8", "replace")
    return text if len(data) <= limit else data[: limit - 3].decode("utf-8", "ignore") + "…"


class _WithoutQueries(logging.Filter):
    """Keeps signed links out of the log lines of the HTTP client."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(_without_query(value) for value in record.args)
        return True


def _without_query(value: object) -> object:
    return str(value.copy_with(query=None)) if isinstance(value, httpx.URL) else value


_FILTER: Final = _WithoutQueries()


def quiet_http_logs() -> None:
    """Keep what is sent out of the logs of the libraries below, whatever level the root logger has."""
    # Logs encoded headers at DEBUG, and those can be decoded.
    logging.getLogger("hpack").setLevel(logging.WARNING)
    logging.getLogger("httpx").addFilter(_FILTER)
