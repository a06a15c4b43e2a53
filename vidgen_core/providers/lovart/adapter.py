"""Lovart under one name: its API, or its page in a browser window, as the settings say.

A job is asked for in the way that sent it, whatever the settings say by then: a remote id that is an address was made by
the browser, any other by the API.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable, Generator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import ClassVar, Final

import httpx
from pydantic import SecretStr

from vidgen_core.config.paths import Locations
from vidgen_core.config.schema import Settings
from vidgen_core.domain.errors import Delivery, ErrorKind, RemoteError
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.shots import GenerationMode
from vidgen_core.domain.tasks import GenerationParams
from vidgen_core.media.files import PartFile
from vidgen_core.providers.base import (
    Connection,
    Found,
    Key,
    Order,
    Prepared,
    Provider,
    RateLimit,
    RemoteJob,
    RemoteState,
    Submission,
    UploadCache,
)
from vidgen_core.providers.capabilities import Capabilities, Problem
from vidgen_core.providers.common.model_check import validate_order
from vidgen_core.providers.http.client import USER_AGENT, Http, Verb
from vidgen_core.providers.http.download import download
from vidgen_core.providers.lovart import prompt_text
from vidgen_core.providers.lovart.api import LovartApi
from vidgen_core.providers.lovart.browser.adapter import LovartBrowser, is_canvas
from vidgen_core.providers.lovart.spec import LovartSettings

#: The published client calls itself a browser, and so does this one, adding its own name.
AGENT: Final = f"Mozilla/5.0 (compatible; {USER_AGENT})"
#: Files are given only to callers who come from here.
REFERER: Final = "https://www.lovart.ai/"


def halves(key: Key) -> tuple[str, SecretStr]:
    """The access key and the secret key of a pair written ``access:secret``.

    :raises RemoteError: ``key_pair_needed`` (kind auth); nothing was sent
    """
    access, colon, secret = key.secret.get_secret_value().partition(":")
    if not (access and colon and secret):
        raise RemoteError("key_pair_needed", kind=ErrorKind.AUTH, delivery=Delivery.REFUSED, provider="lovart")
    return access, SecretStr(secret)


def sign(secret: SecretStr, method: str, path: str, timestamp: str) -> str:
    """The signature of one call."""
    lines = f"{method}\n{path}\n{timestamp}"
    return hmac.new(secret.get_secret_value().encode(), lines.encode(), hashlib.sha256).hexdigest()


class Signed(httpx.Auth):
    """Signs a request at the last moment, so that its time is fresh.

    Each call carries the hex HMAC-SHA256, keyed with the secret key, over three lines: method, path without query, seconds
    since 1970 (source: the client that Lovart publishes, github.com/lovartai/lovart-skill). The body is not signed.
    """

    def __init__(self, key: Key) -> None:
        self._access, self._secret = halves(key)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        method, path, timestamp = request.method, request.url.path, str(int(time.time()))
        request.headers["X-Access-Key"] = self._access
        request.headers["X-Timestamp"] = timestamp
        request.headers["X-Signature"] = sign(self._secret, method, path, timestamp)
        request.headers["X-Signed-Method"] = method
        request.headers["X-Signed-Path"] = path
        yield request


class SignedHttp(Http):
    """The HTTP client with Lovart's signature in place of a bearer's key."""

    def _auth(self, key: Key) -> httpx.Auth:
        return Signed(key)

    def _own_headers(self, verb: Verb) -> Mapping[str, str]:
        return {"User-Agent": AGENT} | ({"Referer": REFERER} if verb is Verb.DOWNLOAD else {})

    def _secrets(self, key: Key) -> tuple[str, ...]:
        """The pair, and each half of it."""
        access, secret = halves(key)
        return (key.secret.get_secret_value(), access, secret.get_secret_value())


Way = LovartApi | LovartBrowser


class Lovart(Provider):
    """Lovart by either way.

    :param uploads: where links of uploaded pictures are remembered
    """

    mode: ClassVar[ProviderId] = ProviderId("lovart")
    #: The free queue of an account can be long.
    longest_job: ClassVar[float] = 4 * 3600.0
    #: As published: 60 messages a minute; the 600 an hour beyond it are refused with a time to wait.
    rate_limit: ClassVar[RateLimit | None] = RateLimit(submits=60, seconds=60)
    currency: ClassVar[str] = "credits"

    def __init__(
        self, settings: Callable[[], Settings], locations: Locations, uploads: UploadCache | None = None
    ) -> None:
        super().__init__(settings, locations)
        self._http = SignedHttp()
        self._api = LovartApi(self._own, locations, self._http, uploads)
        self._browser = LovartBrowser(self._own, locations)

    def _own(self) -> LovartSettings:
        return self.settings().providers.own(self.mode, LovartSettings)

    @property
    def _way(self) -> Way:
        """The way of new orders."""
        return self._browser if self._own().way == "browser" else self._api

    def _way_of(self, job: RemoteJob) -> Way:
        return self._browser if is_canvas(job.remote_id) else self._api

    @property
    def needs_key(self) -> bool:
        return self._way is self._api

    @property
    def machine(self) -> str:
        return self._own().browser_worker if self._way is self._browser else ""

    def is_of_machine(self, address: str) -> bool:
        """A canvas stands in the window of somebody who is signed in there."""
        return is_canvas(address)

    @property
    def at_once(self) -> int | None:
        return 1 if self._way is self._browser else None

    @property
    def confirms_up_to(self) -> Decimal | None:
        """A price on the page is answered on the page: ``poll`` names none there."""
        # Where videos are to be free, a price is nothing to say yes to by itself.
        return Decimal(0) if self._own().queue == "unlimited" else self._own().confirm_up_to

    @property
    def handed_back(self) -> bool:
        return self._browser.handed_back

    @property
    def base_url(self) -> str:
        return self._way.base_url

    async def close(self) -> None:
        await self._browser.close()
        await self._api.close()
        await self._http.close()

    # --- what it can --------------------------------------------------------------------------------------------------

    def models(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((self._own().model, *prompt_text.TOOLS)))

    def capabilities(self, model: str) -> Capabilities:
        can = prompt_text.capabilities(model)
        if self._way is self._api:
            return can
        # The page takes one picture from us, as a file.
        one = can.unsure_modes & {GenerationMode.TEXT, GenerationMode.FIRST_FRAME}
        return can.model_copy(update={"unsure_modes": one, "image_transport": "file"})

    def check(self, model: str, params: GenerationParams) -> tuple[Problem, ...]:
        return validate_order(self.capabilities(model), params)

    # --- by the way of the order or of the job ------------------------------------------------------------------------

    async def prepare(self, order: Order, key: Key | None) -> Prepared:
        return await self._way.prepare(order, key)

    async def submit(self, order: Order, prepared: Prepared, key: Key | None) -> Submission:
        way = self._browser if is_canvas(prepared.payload.get("canvas", "")) else self._api
        return await way.submit(order, prepared, key)

    async def poll(self, job: RemoteJob, key: Key | None) -> RemoteState:
        return await self._way_of(job).poll(job, key)

    async def confirm(self, job: RemoteJob, key: Key | None) -> bool:
        return await self._way_of(job).confirm(job, key)

    async def fetch(self, job: RemoteJob, url: str, part: PartFile, key: Key | None) -> int | None:
        """Both ways lead to the same files, which want only the right Referer."""
        base, limits = job.base_url or self.base_url, self.settings().download
        return await download(self._http, url, part, key=key, home=base, limits=limits)

    async def fresh_link(self, job: RemoteJob, url: str, key: Key | None) -> str | None:
        return await self._way_of(job).fresh_link(job, key)

    async def find(self, order: Order, since: datetime, key: Key | None) -> tuple[Found, ...] | None:
        """Only a canvas can be read; the API has no list of conversations."""
        return await self._browser.find(order) if is_canvas(order.sent.get("page", "")) else None

    async def release(self, job: RemoteJob) -> None:
        if is_canvas(job.remote_id):
            await self._browser.release(job)

    async def test(self, key: Key | None) -> Connection:
        failure = await self._way.test(key)
        notes: tuple[str, ...] = ()
        if failure is None and self._way is self._api:
            failure, notes = await self._api.account(key)
        if failure is not None:
            return Connection(ok=False, failure=failure)
        return Connection(ok=True, models=self.models(), notes=notes)
