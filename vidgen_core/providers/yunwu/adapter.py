"""Yunwu: the unified video endpoint of the aggregator (``/v1/video/create`` and ``/v1/video/query``).

The endpoint is a closed extension that many relays share; its shapes are known from docs and clients, so answers
are read tolerantly (``yunwu_answers``) and requests hold only what is documented.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar, Final
from urllib.parse import quote

from vidgen_core.config.paths import Locations
from vidgen_core.config.schema import Settings
from vidgen_core.domain.errors import RemoteError
from vidgen_core.domain.money import Money
from vidgen_core.domain.providers import ModelPrice, ProviderId
from vidgen_core.domain.tasks import Failure, GenerationParams
from vidgen_core.media.files import PartFile
from vidgen_core.providers.base import (
    Booked,
    Capabilities,
    Connection,
    Found,
    Key,
    Order,
    Prepared,
    Problem,
    Provider,
    RemoteJob,
    RemoteState,
    RemoteStatus,
    Submission,
)
from vidgen_core.providers.common.model_check import validate_order
from vidgen_core.providers.common.picture_copies import PictureCopies
from vidgen_core.providers.http.client import Http, ProviderResponse, Verb
from vidgen_core.providers.http.download import download, is_video
from vidgen_core.providers.http.error_mapping import (
    CONTENT_REFUSED,
    as_failure,
    at,
    error_of,
    failure_of,
    job_in,
    refusal,
)
from vidgen_core.providers.http.links import WITHOUT_LINK, LinkOutcome, outcome
from vidgen_core.providers.http.multipart import data_uri_slot
from vidgen_core.providers.yunwu import billing as books
from vidgen_core.providers.yunwu import models as yunwu_models
from vidgen_core.providers.yunwu.responses import LINKS, TABLE, said_by
from vidgen_core.providers.yunwu.spec import YunwuSettings

#: Lines that the log of a key shows at most.
LOG_ROWS: Final = 1000
#: The log counts whole seconds.
LOG_PRECISION: Final = timedelta(seconds=1)
#: What new-api reports for a key without a limit of its own.
UNLIMITED: Final = 100_000_000


class Yunwu(Provider):
    """The Yunwu API."""

    mode: ClassVar[ProviderId] = ProviderId("yunwu")
    #: Jobs end within minutes; the relay's own sweep gives up after about half an hour.
    longest_job: ClassVar[float] = 2 * 3600.0

    def __init__(self, settings: Callable[[], Settings], locations: Locations, http: Http | None = None) -> None:
        super().__init__(settings, locations)
        self._http = http or Http()
        self._pictures = PictureCopies(locations.home / "requests" / self.mode)
        self._models: tuple[str, ...] = ()

    @property
    def _own(self) -> YunwuSettings:
        return self.settings().providers.own(self.mode, YunwuSettings)

    @property
    def base_url(self) -> str:
        return self._own.base_url

    async def close(self) -> None:
        await self._http.close()
        self._pictures.close()

    # --- what it can ----------------------------------------------------------------------------------------------

    def models(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((self._own.model, *(self._models or yunwu_models.BUILT_IN))))

    def capabilities(self, model: str) -> Capabilities:
        return yunwu_models.capabilities(model, self._own.images)

    def check(self, model: str, params: GenerationParams) -> tuple[Problem, ...]:
        return validate_order(self.capabilities(model), params)

    # --- submit ---------------------------------------------------------------------------------------------------

    async def prepare(self, order: Order, key: Key | None) -> Prepared:
        images, facts = await self._images(order)
        payload = self._options(order.model, order.params)
        # A shot without a picture has no images at all: an empty list is refused by some models.
        filled = payload | {"prompt": order.params.prompt} | ({"images": images} if images else {})
        return Prepared(payload=filled, sent=payload | facts)

    async def _images(self, order: Order) -> tuple[list[Any], dict[str, Any]]:
        if order.params.image_url and (self._own.images == "url" or order.image is None):
            return [order.params.image_url], {"images": 1, "image_transport": "url"}
        if order.image is None:
            return [], {"images": 0}
        copy = await self._pictures.jpeg(order.image, self._own.image_max_bytes, order.params.size)
        facts = {"images": 1, "image_transport": "data", "image_bytes": copy.stat().st_size}
        return [data_uri_slot(copy)], facts

    def _options(self, model: str, params: GenerationParams) -> dict[str, Any]:
        fields: dict[str, Any] = {"model": model, "aspect_ratio": params.aspect_ratio}
        if model.startswith("veo"):
            # Veo knows no sizes: full HD is its own result scaled up afterwards.
            fields |= {"enhance_prompt": self._own.enhance_prompt, "enable_upsample": params.size == "1080P"}
        else:
            fields |= {"size": params.size}
        if params.duration is not None:
            fields |= {"duration": int(params.duration)}
        return fields

    async def submit(self, order: Order, prepared: Prepared, key: Key | None) -> Submission:
        answer = await self._http.call(
            Verb.SUBMIT, "POST", f"{self.base_url}/v1/video/create", key=key, json=prepared.payload
        )
        remote_id = job_in(answer)
        if remote_id is None:
            raise refusal(TABLE, answer, said_by(answer))
        return Submission(remote_id=remote_id, evidence=answer.evidence, request_id=answer.request_id)

    # --- poll and fetch ---------------------------------------------------------------------------------------------

    async def poll(self, job: RemoteJob, key: Key | None) -> RemoteState:
        base = job.base_url or self.base_url
        answer = await self._http.call(
            Verb.POLL, "GET", f"{base}/v1/video/query", key=key, params={"id": job.remote_id}
        )
        jobs = answer.json if isinstance(answer.json, list) else [answer.json]
        if not answer.ok or not any(isinstance(job, Mapping) for job in jobs[:1]):
            raise error_of(TABLE, answer, said_by(answer))
        probe = partial(is_video, self._http, key=key, home=base)
        seen = await outcome(answer.json, base, probe, known=LINKS)
        if seen.stage == WITHOUT_LINK and at(answer.json, "object") == "video":
            # OpenAI's video API names no link: the file is at an address made of the job's id.
            own = f"{base}/v1/videos/{quote(job.remote_id, safe='')}/content"
            if await probe(own):
                seen = replace(seen, status=RemoteStatus.SUCCEEDED, stage=None, url=own)
        return _state(answer, seen)

    async def fetch(self, job: RemoteJob, url: str, part: PartFile, key: Key | None) -> int | None:
        base, limits = job.base_url or self.base_url, self.settings().download
        return await download(self._http, url, part, key=key, home=base, limits=limits)

    async def fresh_link(self, job: RemoteJob, url: str, key: Key | None) -> str | None:
        """The link as a new look at the job gives it; it may be the same one."""
        return (await self.poll(job, key)).url

    # --- find -----------------------------------------------------------------------------------------------------

    async def find(self, order: Order, since: datetime, key: Key | None) -> tuple[Found, ...] | None:
        """Jobs of the order's model that were charged to the key since; None where the log does not name jobs."""
        answer = await self._http.call(Verb.ASK, "GET", f"{self.base_url}/api/log/token", key=key)
        rows = at(answer.json, "data") if answer.ok else None
        if not isinstance(rows, list):
            return None
        candidates = [row for row in rows if _may_be(row, order.model, since - LOG_PRECISION)]
        found = {job.remote_id: job for row in candidates if (job := _found(row)) is not None}
        # A charge without a name proves that there is such a job, and does not say which.
        return tuple(found.values()) if found or not candidates else None

    async def balance(self, key: Key | None) -> Money | None:
        return await self._balance(key)

    async def charges(self, since: datetime, key: Key | None) -> tuple[Booked, ...] | None:
        """What the key's log says of every job that it holds whole; None where it cannot be read."""
        answer, status = await self._ask("/api/log/token", key), await self._ask("/api/status", key)
        rows = at(answer.json, "data") if answer.ok else None
        if not isinstance(rows, list):
            return None
        return books.booked(rows, status.json, cut=len(rows) >= LOG_ROWS)

    async def price_list(self) -> tuple[ModelPrice, ...] | None:
        """The public list of prices, which needs no key."""
        listed, status = await self._ask("/api/pricing", None), await self._ask("/api/status", None)
        if not listed.ok:
            raise error_of(TABLE, listed, said_by(listed))
        return books.prices(listed.json, status.json)

    # --- test -----------------------------------------------------------------------------------------------------

    async def test(self, key: Key | None) -> Connection:
        try:
            answer = await self._http.call(Verb.ASK, "GET", f"{self.base_url}/v1/models", key=key)
            if not answer.ok or not isinstance(at(answer.json, "data"), list):
                raise error_of(TABLE, answer, said_by(answer))
        except RemoteError as error:
            return Connection(ok=False, failure=Failure(kind=error.kind, code=error.code, params=error.params))
        self._models = yunwu_models.video_models(answer.json["data"])
        return Connection(ok=True, balance=await self._balance(key), models=self.models())

    async def _balance(self, key: Key | None) -> Money | None:
        """What is left by the first way that tells; never an error, for generating does not depend on it."""
        try:
            status = (await self._ask("/api/status", key)).json
            for way in (self._left_on_key, self._left_of_subscription):
                left = await way(key, status)
                if left is not None:
                    return left
        except RemoteError:
            return None
        return None

    async def _left_on_key(self, key: Key | None, status: Any) -> Money | None:
        data = at((await self._ask("/api/usage/token/", key)).json, "data")
        unit, available = books.number(at(status, "data.quota_per_unit")), books.number(at(data, "total_available"))
        if not unit or available is None or at(data, "unlimited_quota") is True:
            return None
        return books.money_of(available / unit, status)

    async def _left_of_subscription(self, key: Key | None, status: Any) -> Money | None:
        granted = books.number(at((await self._ask("/v1/dashboard/billing/subscription", key)).json, "hard_limit_usd"))
        if granted is None or granted >= UNLIMITED:
            return None
        used = books.number(at((await self._ask("/v1/dashboard/billing/usage", key)).json, "total_usage"))
        if used is None:
            return None
        # new-api counts both in the currency it displays, the usage in hundredths.
        return books.money_of(granted - used / 100, status, in_yuan=at(status, "data.quota_display_type") == "CNY")

    async def _ask(self, path: str, key: Key | None) -> ProviderResponse:
        return await self._http.call(Verb.ASK, "GET", f"{self.base_url}{path}", key=key)


def _state(answer: ProviderResponse, seen: LinkOutcome) -> RemoteState:
    failure = None
    if seen.status is RemoteStatus.FAILED:
        said = said_by(answer)
        if seen.filtered:
            failure = as_failure(TABLE, CONTENT_REFUSED, replace(said, text=said.text or seen.filtered or ""))
        else:
            failure = failure_of(TABLE, said)
    return RemoteState(
        status=seen.status,
        progress=seen.progress,
        stage=seen.stage,
        url=seen.url,
        failure=failure,
        evidence=answer.evidence,
    )


def _may_be(row: Any, model: str, since: datetime) -> bool:
    created = books.number(at(row, "created_at"))
    quota = books.number(at(row, "quota"))
    return (
        at(row, "model_name") == model
        and created is not None
        and 0 < created < 10**14
        and books.time_of(created) >= since
        # A row of type 6 gives money back; its job is in the row that took it.
        and at(row, "type") != 6
        and (quota is None or quota >= 0)
    )


def _found(row: Mapping[str, Any]) -> Found | None:
    job, created = books.job_in(row), books.number(row["created_at"])
    if job is None or created is None:
        return None
    prompt = at(row, "prompt") or books.fact_in(row, "prompt")
    said = prompt if isinstance(prompt, str) else None
    return Found(remote_id=job, at=books.time_of(created), model=str(row["model_name"]), prompt=said)
