"""Kinds of values that settings have, and what people may see of a secret."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError


def mask_secret(secret: str) -> str:
    """What people may see of a secret: ``sk-abcdx4KR`` becomes ``sk-****x4KR``; short ones show no tail."""
    prefix = re.match(r"(?:[A-Za-z]{2,4}[-_])?", secret)
    return f"{prefix.group() if prefix else ''}****{tail(secret)}"


def tail(secret: str) -> str:
    return secret[-4:] if len(secret) >= 11 else ""


def names_in(listed: str) -> tuple[str, ...]:
    """What stands in a list with commas."""
    return tuple(name.strip() for name in listed.split(",") if name.strip())


def paths_in(listed: str) -> tuple[Path, ...]:
    """The folders of a list: one a line, with commas or the system's separator of paths between them, or as JSON."""
    text = listed.strip()
    if text.startswith("["):
        try:
            parts = [str(part) for part in json.loads(text)]
        except ValueError:
            raise wrong("json") from None
    else:
        parts = re.split(rf"[\n,{re.escape(os.pathsep)}]", text)
    return tuple(Path(part.strip()).expanduser() for part in parts if part.strip())


def wrong(reason: str, **params: Any) -> PydanticCustomError:
    """``reason.<reason>`` in the catalogues is its sentence."""
    return PydanticCustomError(reason, "{reason}", {"reason": reason, **params})


def _web_address(value: str) -> str:
    if value and not re.fullmatch(r"https?://[^\s/?#]\S*", value):
        raise wrong("web_address")
    return value.rstrip("/")


def origin_of(address: str) -> str:
    """Scheme, host and port of an address of the web; empty for none."""
    if not address:
        return ""
    parts = urlsplit(address)
    try:
        port = parts.port
    except ValueError:
        return address.lower()
    known = {"http": 80, "https": 443}.get(parts.scheme)
    return f"{parts.scheme}://{parts.hostname}" + (f":{port}" if port and port != known else "")


def _ratio(value: str) -> str:
    if not re.fullmatch(r"[1-9]\d?:[1-9]\d?|Auto", value):
        raise wrong("ratio")
    return value


WebAddress = Annotated[str, AfterValidator(_web_address)]
Ratio = Annotated[str, AfterValidator(_ratio)]
Filled = Annotated[str, Field(min_length=1)]


class Section(BaseModel):
    """A group of settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True)
