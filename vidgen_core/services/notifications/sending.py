"""Sending a notice: once, with a few tries where surely nothing has arrived, and without the address in any log."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from contextvars import ContextVar
from email.message import EmailMessage
from smtplib import SMTP, SMTP_SSL, SMTPException
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

import httpx
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from vidgen_core.config.schema import Settings
from vidgen_core.domain.errors import ErrorKind, Refused
from vidgen_core.providers.http.addresses import AddressRefused, Client, Rules, check, is_private, resolve, trust
from vidgen_core.services.notifications.messages import Notification, post_of

#: Seconds for one try.
_TIMEOUT: Final = 10.0
TRIES: Final = 4
#: Bytes of an answer that are read.
_LONGEST_ANSWER: Final = 64_000
#: Seconds before the second try; then twice as long each time.
FIRST_WAIT: Final = 1.0
_LONGEST_WAIT: Final = 20.0
#: Answers that say that nothing was taken and that it may be tried again.
_LATER: Final = frozenset({429, 502, 503, 504})

#: Set while a notice is being sent: its address is a secret.
_SENDING: ContextVar[bool] = ContextVar("sending_notice", default=False)


class _WithoutNotices(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:  # noqa: ARG002 - the name is fixed by logging
        return not _SENDING.get()


_FILTER: Final = _WithoutNotices()


class _Later(Exception):
    """It may be tried again."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def host_of(settings: Settings) -> str:
    """What people may see of the address."""
    return urlsplit(settings.notices.url.get_secret_value()).hostname or ""


def send(
    notice: Notification, settings: Settings, *, tries: int = TRIES, sleep: Callable[[float], object] = time.sleep
) -> None:
    """Send a notice to where the settings say. It may point into the local network: the owner alone can set it.

    What may have arrived is not sent again: a notice lost is better than one told twice.

    :param sleep: waits between two tries
    :raises Refused: ``notice_failed`` (host, why)
    """
    wanted = settings.notices
    again = Retrying(
        retry=retry_if_exception(lambda error: isinstance(error, _Later)),
        stop=stop_after_attempt(tries),
        wait=wait_exponential_jitter(multiplier=FIRST_WAIT, max=_LONGEST_WAIT, jitter=FIRST_WAIT),
        sleep=lambda seconds: _rest(sleep, seconds),
        reraise=True,
    )
    try:
        again(_try, notice, wanted.kind, wanted.url.get_secret_value(), wanted.secret.get_secret_value())
    except _Later as error:
        raise Refused("notice_failed", kind=ErrorKind.NETWORK, host=host_of(settings), why=error.why) from None


def _rest(sleep: Callable[[float], object], seconds: float) -> None:
    sleep(seconds)


def _try(notice: Notification, kind: Any, url: str, secret: str) -> None:
    post = post_of(kind, notice, secret, int(time.time()))
    if kind == "mail":
        _mail(url, str(post.body["text"]))
        return
    url, body = _placed(kind, url, post.body)
    logging.getLogger("httpx").addFilter(_FILTER)
    quiet = _SENDING.set(True)
    try:
        # Redirects are not followed: they would carry the message to where nobody has pointed it.
        with (
            Client(Rules(home=url), timeout=_TIMEOUT) as client,
            client.stream("POST", _address(url, post.query), json=body) as answer,
        ):
            said = _read(answer)
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        raise _Later(type(error).__name__) from None
    except AddressRefused:
        raise _refused(url, "address") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        # The words of an error may hold the address; its name does not.
        raise _refused(url, type(error).__name__) from None
    finally:
        _SENDING.reset(quiet)
    _check(answer, said, url)


def _read(answer: httpx.Response) -> bytes:
    """The beginning of an answer: some never end, and what services say is short."""
    said, until = b"", time.monotonic() + _TIMEOUT
    for part in answer.iter_bytes():
        said += part
        if len(said) > _LONGEST_ANSWER or time.monotonic() > until:
            break
    return said


def _placed(kind: Any, url: str, body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The address and the body, where a service wants a part of the address in the body."""
    parts = urlsplit(url)
    if kind == "telegram":
        chat = dict(parse_qsl(parts.query)).get("chat_id", "")
        return urlunsplit(parts._replace(query="")), {"chat_id": chat, **body}
    if kind == "ntfy":
        return urlunsplit(parts._replace(path="/", query="")), {"topic": parts.path.strip("/"), **body}
    return url, body


def _mail(url: str, text: str) -> None:
    """Send a mail: ``smtp://name:password@host:587/to@example.com``, ``smtps`` for TLS from the beginning.

    :raises Refused: ``notice_failed`` (host, why)
    """
    parts = urlsplit(url)
    host, to = parts.hostname or "", unquote(parts.path.strip("/"))
    name, password = unquote(parts.username or ""), unquote(parts.password or "")
    secure = parts.scheme == "smtps"
    message = EmailMessage()
    try:
        port = parts.port or (465 if secure else 587)
        # As with every other notice, links of clouds to their own keys are never asked.
        check(host, resolve(host, port), Rules(home=url))
        message["Subject"] = " ".join(text.split("\n", 1)[0].split())[:150]
        message["From"] = name if "@" in name else to
        message["To"] = to
        message.set_content(text)
        tls = trust()
        begun = SMTP_SSL(host, port, timeout=_TIMEOUT, context=tls) if secure else SMTP(host, port, timeout=_TIMEOUT)
        with begun as server:
            server.ehlo_or_helo_if_needed()
            if not secure and server.has_extn("starttls"):
                secure = server.starttls(context=tls)[0] == 220
            if name and not secure and not is_private(host):
                # The password would travel in clear.
                raise _refused(url, "TLS")
            if name:
                server.login(name, password)
            server.send_message(message)
    except AddressRefused:
        raise _refused(url, "address") from None
    except (SMTPException, OSError, ValueError) as error:
        raise _refused(url, type(error).__name__) from None


def _address(url: str, query: str) -> str:
    if not query:
        return url
    return f"{url}{'&' if urlsplit(url).query else '?'}{query}"


def _check(answer: httpx.Response, body: bytes, url: str) -> None:
    """Feishu, DingTalk and WeCom answer 200 with a code of their own when they refuse."""
    if answer.status_code in _LATER:
        raise _Later(f"HTTP {answer.status_code}")
    if not answer.is_success:
        raise _refused(url, f"HTTP {answer.status_code}")
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return
    code = said.get("errcode", said.get("code", 0)) if isinstance(said, dict) else 0
    # Bark says 200, ntfy names its error beside a status of its own.
    if isinstance(code, int) and code not in (0, 200):
        raise _refused(url, f"code {code}")


def _refused(url: str, why: str) -> Refused:
    return Refused("notice_failed", kind=ErrorKind.NETWORK, host=urlsplit(url).hostname or "", why=why)
