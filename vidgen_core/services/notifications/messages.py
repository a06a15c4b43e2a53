"""What a notice says, and how each service wants to be told.

The formats are those of the services' public documentation:

- Feishu / Lark, custom bots (open.feishu.cn, "Use bots in groups", as of 2026): ``{"msg_type": "text", "content":
  {"text"}}``; with a signature ``timestamp`` (seconds) and ``sign`` = base64(HMAC-SHA256(key = timestamp + newline +
  secret, message = nothing)); 20 KB; ``code`` 0 is success.
- DingTalk, custom robots (open.dingtalk.com, "Custom robot access"): ``{"msgtype": "text", "text": {"content"}}``; with
  a signature the parameters ``timestamp`` (milliseconds) and ``sign`` = base64(HMAC-SHA256(key = secret, message =
  timestamp + newline + secret)); 20,000 bytes; ``errcode`` 0 is success.
- WeCom, group robots (developer.work.weixin.qq.com, path 91770): ``{"msgtype": "text", "text": {"content"}}``; a text of
  at most 2,048 bytes; ``errcode`` 0 is success.
- Slack, incoming webhooks (docs.slack.dev): ``{"text"}`` with ``&``, ``<`` and ``>`` escaped; 200 is success.
- Telegram, bots (core.telegram.org/bots/api, "sendMessage"): ``{"chat_id", "text"}`` to ``…/bot<token>/sendMessage``, the chat
  in the query of the address; 4,096 characters; ``{"ok": true}``.
- Bark (github.com/Finb/bark-server, docs/API_V2): ``{"title", "body", "url"}`` to ``https://…/<device key>``; ``code`` 200 is success.
- ntfy (docs.ntfy.sh/publish, "Publish as JSON"): ``{"topic", "title", "message", "click"}`` to the root of the server, the topic
  being the path of the address; 4,096 bytes.
- mail: RFC 5322 over SMTP, with TLS where the server offers it.
- generic: our own JSON, see ``Notice``; any 2xx is success.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import urlencode

from pydantic import Field

from vidgen_core.db.repositories.batches import BatchEnd, BatchPart
from vidgen_core.domain.base import Frozen
from vidgen_core.domain.tasks import Failure
from vidgen_core.i18n import Text

Kind = Literal["feishu", "dingtalk", "wecom", "slack", "telegram", "bark", "ntfy", "mail", "generic"]

#: Tasks named in each of the three lists.
MOST_NAMED: Final = 20
#: Bytes of UTF-8 that a text may have.
_LONGEST: Final[dict[Kind, int]] = {
    "feishu": 18_000,
    "dingtalk": 18_000,
    "wecom": 2_048,
    "slack": 18_000,
    "telegram": 4_000,
    "bark": 3_000,
    "ntfy": 3_900,
    "mail": 100_000,
    "generic": 18_000,
}


class NotificationItem(Frozen):
    """One take in a list."""

    take: str
    """As in file names: ``1.0-v2``."""
    error: str | None = None


class Notification(Frozen):
    """What happened, for people (``text``) and for programs (the rest); what the generic format sends."""

    event: Literal["batch_ended", "paused", "test", "budget_near", "price_to_confirm", "agent_asks"]
    text: str
    link: str | None = None
    """Where it is answered."""
    project: str | None = None
    batch: int | None = None
    counts: dict[str, int] = Field(default_factory=dict)
    done: tuple[NotificationItem, ...] = ()
    failed: tuple[NotificationItem, ...] = ()
    never_submitted: tuple[NotificationItem, ...] = ()
    more: dict[str, int] = Field(default_factory=dict)
    """How many of each list are not named."""
    provider: str | None = None
    reason: str | None = None


#: How a tag of Feishu begins that calls somebody.
_AT: Final = re.compile(r"<(?=\s*/?\s*at\b)", re.IGNORECASE)


class Post(NamedTuple):
    """What is sent: added to the address, and the body."""

    query: str
    body: dict[str, Any]


def of_batch(end: BatchEnd, t: Text) -> Notification:
    """The end of a batch: counts first, then the three lists."""
    parts = {"done": end.done, "failed": end.failed, "never_submitted": end.never_submitted}
    counts = {name: part.n for name, part in parts.items()}
    lines = [t("notices.batch", project=end.project, n=t.number(end.n)), t("notices.counts", **counts)]
    # What went wrong stands first: a text may be cut.
    for name in ("failed", "never_submitted", "done"):
        lines += _listed(name, parts[name], t)
    lists = {name: tuple(_item(*one, t) for one in part.first) for name, part in parts.items()}
    return Notification(
        event="batch_ended",
        text="\n".join(lines),
        project=end.project,
        batch=end.batch,
        counts=counts,
        more={name: part.n - len(part.first) for name, part in parts.items()},
        **lists,
    )


def _item(take: str, failure: Failure | None, t: Text) -> NotificationItem:
    return NotificationItem(take=take, error=t.told(failure) if failure else None)


def _listed(name: str, part: BatchPart, t: Text) -> list[str]:
    if not part.n:
        return []
    items = [_item(*one, t) for one in part.first]
    lines = [t(f"notices.list.{name}", n=t.number(part.n))]
    if any(item.error for item in items):
        lines += [f"- {item.take}: {item.error}" if item.error else f"- {item.take}" for item in items]
    else:
        lines.append(", ".join(item.take for item in items))
    rest = part.n - len(items)
    return [*lines, t("notices.more", n=t.number(rest))] if rest else lines


def of_pause(provider: str | None, reason: str, sentence: str, t: Text, project: str | None = None) -> Notification:
    """Why nothing more is submitted."""
    words = (
        t("notices.pause", provider=t.provider(provider), why=sentence)
        if provider
        else t("notices.paused", why=sentence)
    )
    if project:
        words = t("notices.project_paused", project=project, why=sentence)
    return Notification(event="paused", text=words, provider=provider, reason=reason, project=project)


def of_question(event: Literal["price_to_confirm", "agent_asks"], text: str, link: str | None) -> Notification:
    """What a person has to answer, and where."""
    return Notification(event=event, text=text, link=link)


def of_budget(sentence: str, project: str | None) -> Notification:
    """A limit comes near."""
    return Notification(event="budget_near", text=sentence, project=project)


def of_test(t: Text) -> Notification:
    return Notification(event="test", text=t("notices.test"))


def post_of(kind: Kind, notice: Notification, secret: str, seconds: int) -> Post:
    """A notice as a service wants it.

    :param seconds: the time of sending since 1970, for signatures
    """
    text = shorten(notice.text, _LONGEST[kind])
    if notice.link is not None and kind in _WITHOUT_LINKS:
        text = f"{text}\n{notice.link}"
    return _POSTS[kind](notice.model_copy(update={"text": text}), secret, seconds)


def shorten(text: str, most: int) -> str:
    """At most ``most`` bytes of UTF-8, cut at the end of a line where there is one."""
    if len(text.encode()) <= most:
        return text
    kept = text.encode()[: most - 4].decode("utf-8", "ignore")
    whole, newline, _ = kept.rpartition("\n")
    return f"{whole if newline else kept}\n…"


def _feishu(notice: Notification, secret: str, seconds: int) -> Post:
    # Its tags call people, everybody even, and names of projects may come from programs.
    body: dict[str, Any] = {"msg_type": "text", "content": {"text": _AT.sub("＜", notice.text)}}
    if secret:
        body |= {"timestamp": str(seconds), "sign": _sign(f"{seconds}\n{secret}", "")}
    return Post("", body)


def _dingtalk(notice: Notification, secret: str, seconds: int) -> Post:
    stamp = seconds * 1_000
    query = urlencode({"timestamp": stamp, "sign": _sign(secret, f"{stamp}\n{secret}")}) if secret else ""
    return Post(query, {"msgtype": "text", "text": {"content": notice.text}})


def _wecom(notice: Notification, secret: str, seconds: int) -> Post:  # noqa: ARG001 - it knows no signature
    return Post("", {"msgtype": "text", "text": {"content": notice.text}})


def _slack(notice: Notification, secret: str, seconds: int) -> Post:  # noqa: ARG001 - it knows no signature
    return Post("", {"text": notice.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")})


def _generic(notice: Notification, secret: str, seconds: int) -> Post:  # noqa: ARG001 - it knows no signature
    return Post("", notice.model_dump(mode="json"))


def _telegram(notice: Notification, secret: str, seconds: int) -> Post:  # noqa: ARG001 - the address is the secret
    return Post("", {"text": notice.text, "link_preview_options": {"is_disabled": True}})


def _bark(notice: Notification, secret: str, seconds: int) -> Post:  # noqa: ARG001 - the address is the secret
    link = {"url": notice.link} if notice.link else {}
    return Post("", {"title": "Vidgen", "body": notice.text, "group": "vidgen", **link})


def _ntfy(notice: Notification, secret: str, seconds: int) -> Post:  # noqa: ARG001 - the address is the secret
    link = {"click": notice.link} if notice.link else {}
    return Post("", {"title": "Vidgen", "message": notice.text, **link})


#: What has no field for a link carries it in its text.
_WITHOUT_LINKS: Final = frozenset({"feishu", "dingtalk", "wecom", "slack", "telegram", "mail"})
_POSTS: Final[dict[Kind, Callable[[Notification, str, int], Post]]] = {
    "feishu": _feishu,
    "dingtalk": _dingtalk,
    "wecom": _wecom,
    "slack": _slack,
    "telegram": _telegram,
    "bark": _bark,
    "ntfy": _ntfy,
    "mail": _generic,
    "generic": _generic,
}


def _sign(key: str, message: str) -> str:
    return base64.b64encode(hmac.new(key.encode(), message.encode(), hashlib.sha256).digest()).decode()
