"""Yunwu: the video routes of the aggregator, each a family of models (``families``) behind one adapter.

Their shapes are known from docs and clients, so answers are read tolerantly (``responses``) and requests hold only what is
documented.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Final

from vidgen_core.config.paths import Locations
from vidgen_core.config.schema import Settings
from vidgen_core.domain.errors import Delivery, ErrorKind, FileError, RemoteError
from vidgen_core.domain.money import Money
from vidgen_core.domain.providers import ModelPrice, ProviderId
from vidgen_core.domain.tasks import Failure, GenerationParams
from vidgen_core.media.files import PartFile
from vidgen_core.providers.base import (
    BilledJob,
    Connection,
    Found,
    Key,
    Order,
    Prepared,
    Provider,
    RemoteJob,
    RemoteState,
    RemoteStatus,
    Submission,
    UploadCache,
)
from vidgen_core.providers.capabilities import Capabilities, Problem
from vidgen_core.providers.common.model_check import validate_order
from vidgen_core.providers.common.picture_copies import PictureCopies
from vidgen_core.providers.common.uploads import MemoryUploads
from vidgen_core.providers.http.client import Http, ProviderResponse, Verb
from vidgen_core.providers.http.download import download, is_video
from vidgen_core.providers.http.error_body import at
from vidgen_core.providers.http.error_mapping import (
    CONTENT_REFUSED,
    as_failure,
    error_of,
    failure_of,
    job_in,
    refusal,
)
from vidgen_core.providers.http.job_status import of_job, read
from vidgen_core.providers.http.links import WITHOUT_LINK, LinkOutcome, candidates, choose, outcome
from vidgen_core.providers.http.multipart import FormFile, RequestBody, form_body
from vidgen_core.providers.yunwu import billing
from vidgen_core.providers.yunwu.catalogue import ListedModel, YunwuCatalogue, video_models
from vidgen_core.providers.yunwu.families import FAMILIES, built_in, elsewhere_by_name, family_by_name
from vidgen_core.providers.yunwu.families.family import Family, FamilyRequest, JobAddress, quoted
from vidgen_core.providers.yunwu.pictures import PictureSender, Transport
from vidgen_core.providers.yunwu.responses import LINKS, TABLE, said_by, went_well
from vidgen_core.providers.yunwu.spec import YunwuSettings

#: Lines that the log of a key shows at most.
LOG_ROWS: Final = 1000
#: The log counts whole seconds.
LOG_PRECISION: Final = timedelta(seconds=1)
#: Seconds after which the lists of models and prices are read again.
LIST_AGE: Final = 3600.0
#: What new-api reports for a key without a limit of its own.
UNLIMITED: Final = 100_000_000


class Yunwu(Provider):
    """The Yunwu API."""

    mode: ClassVar[ProviderId] = ProviderId("yunwu")
    #: Jobs end within minutes; the relay's own sweep gives up after about half an hour.
    longest_job: ClassVar[float] = 2 * 3600.0

    def __init__(
        self,
        settings: Callable[[], Settings],
        locations: Locations,
        uploads: UploadCache | None = None,
        http: Http | None = None,
    ) -> None:
        super().__init__(settings, locations)
        self._http = http or Http()
        self._copies = PictureCopies(locations.home / "requests" / self.mode)
        self._pictures = PictureSender(self._http, self._copies, uploads or MemoryUploads())
        #: Which address was asked for its models last, and when (monotonic).
        self._asked: tuple[str, float] = ("", 0.0)
        self._catalogue = YunwuCatalogue(locations.home / "catalogues" / f"{self.mode}.json")

    @property
    def _own(self) -> YunwuSettings:
        return self.settings().providers.own(self.mode, YunwuSettings)

    @property
    def base_url(self) -> str:
        return self._own.base_url

    async def close(self) -> None:
        await self._http.close()
        self._copies.close()

    # --- what it can ----------------------------------------------------------------------------------------------

    def models(self) -> tuple[str, ...]:
        listed = self._catalogue.models(self.base_url)
        spoken = [name for name, one in listed.items() if one.families]
        return tuple(dict.fromkeys((self._own.model, *(spoken or built_in()))))

    def _family(self, model: str) -> Family:
        """The family that serves a model: by its row in the list, else by its name."""
        listed, named = self._catalogue.models(self.base_url).get(model), family_by_name(model)
        if listed is None or not listed.families:
            return named
        if named.serves(listed.families[0]):
            return named
        return FAMILIES[listed.families[0]]

    def _not_spoken(self, model: str) -> str | None:
        """The route of a model that only routes serve that are not spoken here."""
        listed = self._catalogue.models(self.base_url).get(model)
        if listed is None:
            return elsewhere_by_name(model)
        return None if listed.families else ", ".join(listed.labels)

    def capabilities(self, model: str) -> Capabilities:
        family = self._family(model)
        return family.capabilities(model).model_copy(update={"image_transport": self._way(family, model)})

    def _way(self, family: Family, model: str) -> Transport:
        """How the pictures of a model travel."""
        own = self._own
        inline: Transport = "file" if family.inline == "file" else "data" if family.inline else "url"
        if inline == "file":
            return "file"
        if own.images == "url":
            return "url"
        uploads = own.images == "upload" or (own.images == "auto" and family.drops_data(model)) or inline == "url"
        return "upload" if uploads and own.picture_host else inline

    def awaited(self, model: str) -> Problem | None:
        route = self._not_spoken(model)
        if route is None:
            return None
        return Problem(field="model", code="route_not_spoken", params={"model": model, "route": route})

    def check(self, model: str, params: GenerationParams) -> tuple[Problem, ...]:
        if (unknown := self.awaited(model)) is not None:
            return (unknown,)
        can, family = self.capabilities(model), self._family(model)
        return (*validate_order(can, params), *family.problems(model, can.settle(params)))

    # --- submit ---------------------------------------------------------------------------------------------------

    async def prepare(self, order: Order, key: Key | None) -> Prepared:
        own, family = self._own, self._family(order.model)
        seed = self.capabilities(order.model).seed_of(order.params, order.take)
        # Options stay as they were when it was queued.
        options = {"enhance_prompt": own.enhance_prompt} | order.params.options
        params = order.params.model_copy(update={"seed": seed, "options": options})
        way = self._way(family, order.model)
        pictures, facts = await self._pictures.pictures(
            order, way, family.inline, own.picture_host, own.image_max_bytes, key
        )
        if family.inline == "file" and any("://" in str(one) for one in pictures.all):
            raise FileError("picture_file_needed", model=order.model)
        request = family.request(order.model, params, pictures)
        plain = {name: value for name, value in request.fields.items() if isinstance(value, str | int | float | bool)}
        told = {name: value for name, value in plain.items() if name not in _NOT_TOLD and "://" not in f"{value}"}
        sent = {"route": family.name, "path": request.path, "mode": params.mode, **told, **facts}
        return Prepared(payload=request.model_dump(mode="json"), sent=sent)

    async def submit(self, order: Order, prepared: Prepared, key: Key | None) -> Submission:
        request = FamilyRequest.model_validate(prepared.payload)
        family = FAMILIES[prepared.sent["route"]]
        url = f"{self.base_url}{request.path}"
        if request.form:
            answer = await self._http.call(Verb.SUBMIT, "POST", url, key=key, body=_form(request))
        else:
            answer = await self._http.call(Verb.SUBMIT, "POST", url, key=key, json=request.fields)
        remote_id = job_in(answer, looks=_looks(family, order, prepared, self.base_url))
        if remote_id is not None:
            return Submission(remote_id=remote_id, evidence=answer.evidence, request_id=answer.request_id)
        error = refusal(family.table, answer, said_by(answer))
        await self._pictures.learn(error.code, prepared.sent)
        raise error

    # --- poll and fetch ---------------------------------------------------------------------------------------------

    async def poll(self, job: RemoteJob, key: Key | None) -> RemoteState:
        base = job.base_url or self.base_url
        family = FAMILIES.get(f"{job.sent.get('route')}") or self._family(job.model)
        answer = await self._look(family.look(job), base, key)
        body = of_job(answer.json, job.remote_id)
        answer = replace(answer, json=body)
        if not answer.ok or not any(
            isinstance(job, Mapping) for job in (body if isinstance(body, list) else [body])[:1]
        ):
            raise error_of(family.table, answer, said_by(answer))
        if family.refused(body) and read(body).status is RemoteStatus.UNKNOWN:
            raise error_of(family.table, answer, said_by(answer))
        probe = partial(is_video, self._http, key=key, home=base)
        seen = await outcome(body, base, probe, known=LINKS)
        if seen.stage == WITHOUT_LINK:
            url = await self._further(family, job, body, base, key)
            if url is not None:
                seen = replace(seen, status=RemoteStatus.SUCCEEDED, stage=None, url=url)
        state = _state(family, answer, seen)
        if state.failure is not None:
            await self._pictures.learn(state.failure.code, job.sent)
        return state

    async def _look(self, place: JobAddress, base: str, key: Key | None) -> ProviderResponse:
        return await self._http.call(Verb.POLL, "GET", f"{base}{place.path}", key=key, params=place.query or None)

    async def _further(self, family: Family, job: RemoteJob, body: Any, base: str, key: Key | None) -> str | None:
        """The link of a finished job that its answer does not name, from where the route has it besides."""
        probe = partial(is_video, self._http, key=key, home=base)
        places = list(family.further(job, body))
        if at(body, "object") == "video":
            # OpenAI's video API names no link: the file is at an address made of the job's id.
            places.insert(0, JobAddress(f"/v1/videos/{quoted(job.remote_id)}/content", is_file=True))
        for place in dict.fromkeys((one.path, one.is_file, tuple(one.query.items())) for one in places):
            path, is_file, query = place
            if is_file:
                if await probe(f"{base}{path}"):
                    return f"{base}{path}"
                continue
            answer = await self._look(JobAddress(path, dict(query)), base, key)
            found = await choose(candidates(answer.json, base, LINKS), probe) if answer.ok else None
            if found is not None:
                return found
        return None

    async def fetch(self, job: RemoteJob, url: str, part: PartFile, key: Key | None) -> int | None:
        base, limits = job.base_url or self.base_url, self.settings().download
        return await download(self._http, url, part, key=key, home=base, limits=limits)

    async def fresh_link(self, job: RemoteJob, url: str, key: Key | None) -> str | None:
        """The link as a new look at the job gives it; it may be the same one."""
        return (await self.poll(job, key)).url

    # --- find -----------------------------------------------------------------------------------------------------

    async def find(self, order: Order, since: datetime, key: Key | None) -> tuple[Found, ...] | None:
        """Jobs of the order's model that were charged to the key since; None where the log does not name jobs."""
        rows = at(await self._told("/api/log/token", key), "data")
        if not isinstance(rows, list):
            return None
        candidates = [row for row in rows if _may_be(row, order.model, since - LOG_PRECISION)]
        found = {job.remote_id: job for row in candidates if (job := _found(row)) is not None}
        # A charge without a name proves that there is such a job, and does not say which.
        return tuple(found.values()) if found or not candidates else None

    async def balance(self, key: Key | None) -> Money | None:
        return await self._balance(key)

    async def charges(self, since: datetime, key: Key | None) -> tuple[BilledJob, ...] | None:
        """What the key's log says of every job that it holds whole; None where it cannot be read."""
        rows, status = at(await self._told("/api/log/token", key), "data"), await self._told("/api/status", key)
        if not isinstance(rows, list):
            return None
        return billing.billed_jobs(rows, status, cut=len(rows) >= LOG_ROWS)

    async def refresh_models(self, key: Key | None) -> bool:
        base, asked = self.base_url, self._asked
        if not self._own.live_catalogue or (asked[0] == base and time.monotonic() - asked[1] < LIST_AGE):
            return False
        self._asked = base, time.monotonic()
        try:
            models = await self._told("/v1/models", key)
            listed = {} if models is None else await self._listed(models)
        except RemoteError:
            return False
        self._catalogue.keep(base, listed)
        return bool(listed)

    async def price_list(self) -> tuple[ModelPrice, ...] | None:
        """The public list of prices, which needs no key; the models that it names are remembered."""
        status = await self._told("/api/status", None)
        listed = await self._told("/api/pricing_new", None)
        found = billing.prices(listed, status)
        if found is None:
            answer = await self._ask("/api/pricing", None)
            if not went_well(answer):
                raise error_of(TABLE, answer, said_by(answer))
            listed = answer.json
            found = billing.prices(listed, status)
        self._catalogue.keep(self.base_url, video_models(listed))
        return found

    # --- test -----------------------------------------------------------------------------------------------------

    async def test(self, key: Key | None) -> Connection:
        try:
            answer = await self._ask("/v1/models", key)
            if not went_well(answer) or not isinstance(at(answer.json, "data"), list):
                raise error_of(TABLE, answer, said_by(answer))
        except RemoteError as error:
            return Connection(ok=False, failure=Failure.of(error))
        self._catalogue.keep(self.base_url, await self._listed(answer.json))
        return Connection(ok=True, balance=await self._balance(key), models=self.models())

    async def _listed(self, models: Any) -> dict[str, ListedModel]:
        """The models of the key's list; routes that the public list of prices describes go before words of labels."""
        mine = video_models(models)
        try:
            known = video_models(await self._told("/api/pricing_new", None))
        except RemoteError:
            return mine
        return {name: known.get(name, one) for name, one in mine.items()} or known

    async def _balance(self, key: Key | None) -> Money | None:
        """What is left by the first way that tells; never an error, for generating does not depend on it."""
        try:
            status = await self._told("/api/status", key)
            for way in (self._left_on_key, self._left_of_subscription):
                left = await way(key, status)
                if left is not None:
                    return left
        except RemoteError:
            return None
        return None

    async def _left_on_key(self, key: Key | None, status: Any) -> Money | None:
        data = at(await self._told("/api/usage/token/", key), "data")
        unit, available = billing.unit_in(status), billing.number(at(data, "total_available"))
        if unit is None or available is None or at(data, "unlimited_quota") is True:
            return None
        return billing.money_of(available / unit, status)

    async def _left_of_subscription(self, key: Key | None, status: Any) -> Money | None:
        granted = billing.number(at(await self._told("/v1/dashboard/billing/subscription", key), "hard_limit_usd"))
        if granted is None or granted == UNLIMITED:
            return None
        used = billing.number(at(await self._told("/v1/dashboard/billing/usage", key), "total_usage"))
        # new-api counts both in what it displays, the usage in hundredths.
        left = None if used is None else billing.displayed(granted - used / 100, status)
        return left if left is not None and left.amount < UNLIMITED else None

    async def _told(self, path: str, key: Key | None) -> Any:
        """What the answer to a free question says; None where it is refused."""
        answer = await self._ask(path, key)
        return answer.json if went_well(answer) else None

    async def _ask(self, path: str, key: Key | None) -> ProviderResponse:
        return await self._http.call(Verb.ASK, "GET", f"{self.base_url}{path}", key=key)


#: What of a request the ledger does not repeat: the prompt stands in the task, pictures are counted.
_NOT_TOLD: Final = frozenset({"prompt", "model_name", "image", "image_tail", "first_frame_image", "last_frame_image"})


def _looks(family: Family, order: Order, prepared: Prepared, base: str) -> tuple[str, ...]:
    """Where the job of an order may be said to lie: where it is asked for, or below the path that it was sent to."""
    mark = "ID"
    job = RemoteJob(remote_id=mark, model=order.model, params=order.params, sent=prepared.sent)
    place = family.look(job)
    path = "/".join("{id}" if part == mark else part for part in place.path.split("/"))
    query = next((f"?{name}={{id}}" for name, value in place.query.items() if value == mark), "")
    return (f"{base}{path}{query}", f"{base}{prepared.sent['path']}/{{id}}")


def _form(request: FamilyRequest) -> RequestBody:
    pictures = [
        FormFile("input_reference", Path(path), f"{place}.jpg", "image/jpeg")
        for place, path in enumerate(request.files, start=1)
    ]
    try:
        return form_body({name: str(value) for name, value in request.fields.items()}, pictures)
    except OSError as error:
        raise RemoteError(
            "picture_copy_gone", kind=ErrorKind.FILE, delivery=Delivery.NOT_SENT, why=type(error).__name__
        ) from error


def _state(family: Family, answer: ProviderResponse, seen: LinkOutcome) -> RemoteState:
    failure = None
    if seen.status is RemoteStatus.FAILED:
        said = said_by(answer)
        if seen.filtered:
            failure = as_failure(family.table, CONTENT_REFUSED, replace(said, text=said.text or seen.filtered or ""))
        else:
            failure = failure_of(family.table, said)
    return RemoteState(
        status=seen.status,
        progress=seen.progress,
        stage=seen.stage,
        url=seen.url,
        failure=failure,
        evidence=answer.evidence,
    )


def _may_be(row: Any, model: str, since: datetime) -> bool:
    created = billing.number(at(row, "created_at"))
    quota = billing.number(at(row, "quota"))
    return (
        at(row, "model_name") == model
        and created is not None
        and 0 < created < 10**14
        and billing.time_of(created) >= since
        # A row of type 6 gives money back; its job is in the row that took it.
        and at(row, "type") != 6
        and (quota is None or quota >= 0)
    )


def _found(row: Mapping[str, Any]) -> Found | None:
    job, created = billing.job_in(row), billing.number(row["created_at"])
    if job is None or created is None:
        return None
    prompt = at(row, "prompt") or billing.fact_in(row, "prompt")
    said = prompt if isinstance(prompt, str) else None
    return Found(remote_id=job, at=billing.time_of(created), model=str(row["model_name"]), prompt=said)
