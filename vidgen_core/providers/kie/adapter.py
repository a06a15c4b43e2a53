"""KIE: the Veo API (``/api/v1/veo``) and the unified jobs API (``/api/v1/jobs``), chosen by the model's name.

Pictures travel as links: they are uploaded first, unless the shot has a public link. Errors come as codes inside HTTP 200.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, ClassVar, Final, TypeVar

from vidgen_core.config.paths import Locations
from vidgen_core.config.schema import Settings
from vidgen_core.domain.errors import InputError, RemoteError
from vidgen_core.domain.money import ChargeStatus, Money
from vidgen_core.domain.providers import ModelPrice, ProviderId
from vidgen_core.domain.shots import GenerationMode
from vidgen_core.domain.tasks import Failure, FinishVerb, GenerationParams, ParentTake
from vidgen_core.media.files import PartFile
from vidgen_core.providers.base import (
    Connection,
    FinishOffer,
    Key,
    Order,
    Prepared,
    Provider,
    RateLimit,
    RemoteJob,
    RemoteState,
    RemoteStatus,
    Submission,
    UploadCache,
)
from vidgen_core.providers.capabilities import Capabilities, Problem
from vidgen_core.providers.common.model_check import validate_order
from vidgen_core.providers.common.picture_copies import PictureCopies
from vidgen_core.providers.common.picture_links import picture_links
from vidgen_core.providers.common.uploads import MemoryUploads
from vidgen_core.providers.http.client import Http, ProviderResponse, Verb
from vidgen_core.providers.http.download import download, is_video
from vidgen_core.providers.http.error_body import at
from vidgen_core.providers.http.error_mapping import (
    CONTENT_REFUSED,
    JOB_UNKNOWN,
    as_error,
    as_failure,
    classify,
    error_of,
    failure_of,
    id_at,
    job_in,
    refusal,
)
from vidgen_core.providers.http.job_status import names_another, of_job, values
from vidgen_core.providers.http.links import WITHOUT_LINK, LinkOutcome, outcome, resolve
from vidgen_core.providers.kie import models as kie_models
from vidgen_core.providers.kie import veo
from vidgen_core.providers.kie.catalogue import Catalogue
from vidgen_core.providers.kie.models import KieModel
from vidgen_core.providers.kie.responses import (
    ID_PATHS,
    LINKS,
    NOT_READY,
    TABLE,
    credits_in,
    reading_of,
    reason_in,
    record_in,
    said_by,
    went_well,
)
from vidgen_core.providers.kie.roles import Role
from vidgen_core.providers.kie.spec import KieSettings
from vidgen_core.providers.kie.upload import Uploader

T = TypeVar("T")

#: A fresh record may be missing for so long.
GRACE: Final = timedelta(seconds=30)
#: Per cent of a model's jobs of the last hour below which people are warned.
FAILS_OFTEN: Final = 60.0
#: Seconds that a test of the connection waits for the list of models: a catalogue that is slow, or being read, says nothing of a key.
LISTED_WITHIN: Final = 5.0
#: How long KIE stores the videos of its jobs.
STORED: Final = timedelta(days=14)
#: Seconds between two requests for a 4K version (docs.kie.ai/veo3-api).
LARGER_EVERY: Final = 30.0
_LARGER_LINKS: Final = ("data.resultUrl", *LINKS)
#: After so long the result is taken as it is, without waiting for its larger version.
UPSCALING: Final = timedelta(minutes=8)


class Kie(Provider):
    """The KIE API.

    :param uploads: where links of uploaded pictures are remembered
    """

    mode: ClassVar[ProviderId] = ProviderId("kie")
    #: KIE itself gives up after ten minutes (code 408); queues come on top.
    longest_job: ClassVar[float] = 2 * 3600.0
    #: docs.kie.ai: 20 new generation requests in 10 seconds; more are rejected, not queued.
    rate_limit: ClassVar[RateLimit | None] = RateLimit(submits=20, seconds=10)
    currency: ClassVar[str] = "credits"

    def __init__(
        self,
        settings: Callable[[], Settings],
        locations: Locations,
        uploads: UploadCache | None = None,
        http: Http | None = None,
    ) -> None:
        super().__init__(settings, locations)
        self._http = http or Http()
        self._pictures = PictureCopies(locations.home / "requests" / self.mode)
        self._uploader = Uploader(self._http, uploads or MemoryUploads())
        #: What was found out of the table and a state of the catalogue.
        self._facts: tuple[object, dict[Hashable, Any]] = (None, {})
        #: When a larger version of a job was asked for (monotonic).
        self._larger_asked: dict[str, float] = {}
        self._catalogue = Catalogue(self._http, locations.home / "catalogues" / f"{self.mode}.json")

    @property
    def _own(self) -> KieSettings:
        return self.settings().providers.own(self.mode, KieSettings)

    @property
    def base_url(self) -> str:
        return self._own.base_url

    async def close(self) -> None:
        await self._http.close()
        self._pictures.close()

    # --- what it can --------------------------------------------------------------------------------------------------

    def models(self) -> tuple[str, ...]:
        return self._names("video", self._own.model, *veo.MODELS)

    def picture_models(self) -> tuple[str, ...]:
        return self._names("picture")

    def _names(self, makes: str, *first: str) -> tuple[str, ...]:
        """The models of the catalogue and of the built-in table that can be ordered."""
        return self._remembered((makes, first), lambda: self._find_names(makes, first))

    def _remembered(self, what: Hashable, find: Callable[[], T]) -> T:
        """What follows from the table and the catalogue, found once as long as these are the same."""
        own = self._own
        stamp = (own.base_url, self._catalogue.stamp(own.base_url) if own.live_catalogue else None)
        if stamp != self._facts[0]:
            self._facts = stamp, {}
        facts = self._facts[1]
        if what not in facts:
            facts[what] = find()
        found: T = facts[what]
        return found

    def _find_names(self, makes: str, first: tuple[str, ...]) -> tuple[str, ...]:
        table = (name for name, row in kie_models.built_in().items() if row.makes == makes)
        listed = self._catalogue.models(self.base_url, makes) if self._own.live_catalogue else ()
        names = dict.fromkeys((*first, *listed, *table))
        return tuple(name for name in names if name in first or self._known(name).is_ordered)

    def _known(self, model: str) -> KieModel:
        return self._remembered(model, lambda: self._find(model))

    def _find(self, model: str) -> KieModel:
        listed = self._catalogue.listed(self.base_url, model) if self._own.live_catalogue else None
        return kie_models.model_of(model, listed)

    def capabilities(self, model: str) -> Capabilities:
        self._catalogue.want(model)
        if model in veo.MODELS:
            return veo.capabilities(model)
        return self._remembered(("can", model), lambda: self._known(model).capabilities())

    def awaited(self, model: str) -> Problem | None:
        if model in veo.MODELS or self._known(model).forms or not self._own.live_catalogue:
            return None
        self._catalogue.want(model)
        if not self._catalogue.is_due(self.base_url, model):
            return None
        return Problem(field="model", code="model_form_awaited", params={"model": model})

    def check(self, model: str, params: GenerationParams) -> tuple[Problem, ...]:
        if (awaited := self.awaited(model)) is not None:
            return (awaited,)
        can = self.capabilities(model)
        parent, settled = params.parent, can.settle(params)
        found = self._against_parent(can, params, parent) if parent else validate_order(can, params)
        if model not in veo.MODELS:
            found += () if model in veo.LARGER else self._known(model).against(settled)
        elif parent is None:
            found += veo.against(settled)
        success = self._catalogue.success(self.base_url, model) if self._own.live_catalogue else None
        if success is not None and success < FAILS_OFTEN:
            failing = {"model": model, "rate": round(success)}
            found += (Problem(field="model", code="model_fails_often", params=failing, fatal=False),)
        return found

    def _against_parent(self, can: Capabilities, params: GenerationParams, parent: ParentTake) -> tuple[Problem, ...]:
        """What stands against going on from a take: its job is gone, or a value is not taken."""
        alone = can.model_copy(update={"modes": frozenset({GenerationMode.TEXT}), "unsure_modes": frozenset()})
        # The length of what is only enlarged is the take's own.
        own = "" if parent.verb is FinishVerb.EXTEND else "duration_ignored"
        found = tuple(one for one in validate_order(alone, params) if one.code != own)
        row = kie_models.built_in().get(can.model)
        if (row is None or "*" not in row.of) and datetime.now(UTC) - parent.made_at > STORED:
            gone = Problem(field="take", code="finish_too_late", params={"model": parent.model, "days": STORED.days})
            return (gone, *found)
        return found

    def finishing(self, take: ParentTake) -> tuple[FinishOffer, ...]:
        mine = take.provider is self.mode and take.remote_id is not None
        offers = [
            FinishOffer(
                verb=FinishVerb(row.finish),
                model=name,
                needs_prompt="prompt" in row.fields,
                takes_seconds=row.finish == "extend" and bool(self.capabilities(name).lengths),
            )
            for name, row in kie_models.built_in().items()
            if row.finish and ((mine and take.model in row.of) or "*" in row.of)
        ]
        if mine and take.model in veo.MODELS:
            offers.insert(0, FinishOffer(verb=FinishVerb.EXTEND, model=take.model, needs_prompt=True))
        # What KIE makes from its own job goes before what it makes from a file.
        return tuple(sorted(offers, key=lambda one: "*" in getattr(kie_models.built_in().get(one.model), "of", ())))

    async def refresh_models(self, key: Key | None) -> bool:
        own = self._own
        return own.live_catalogue and await self._catalogue.refresh(own.base_url, key, (own.model,))

    async def price_list(self) -> tuple[ModelPrice, ...] | None:
        """The prices of the catalogue as it was read last."""
        if not self._own.live_catalogue:
            return None
        known = self._catalogue.all(self.base_url)
        return tuple(price for name, listed in known.items() for price in kie_models.model_of(name, listed).prices())

    # --- submit -------------------------------------------------------------------------------------------------------

    async def prepare(self, order: Order, key: Key | None) -> Prepared:
        upload_url = self._own.upload_url
        pictures, facts = await picture_links(
            order, self._pictures, lambda copy: self._uploader.link(copy, upload_url, key)
        )
        params, own = order.params, self._own
        translate = bool(params.options.get("enable_translation", own.enable_translation))
        if params.parent is not None:
            return await self._prepare_finishing(order, params.parent, key, translate=translate)
        seed = self.capabilities(order.model).seed_of(params, order.take)
        if order.model in veo.MODELS:
            fallback = bool(params.options.get("enable_fallback", own.enable_fallback))
            payload = veo.request(order.model, params, pictures, seed, translate=translate, fallback=fallback)
        else:
            model = self._known(order.model)
            found = model.request(params, pictures, seed=seed, translate=translate)
            if found is None:
                raise InputError("model_form_missing", model=order.model)
            payload = found
        return Prepared(payload=payload, sent=_without_prompt(payload) | facts)

    async def _prepare_finishing(
        self, order: Order, parent: ParentTake, key: Key | None, *, translate: bool
    ) -> Prepared:
        """A request that names the job of the take, or the uploaded file of it."""
        params = order.params
        if order.model in veo.MODELS:
            payload = veo.extension(order.model, params, parent.remote_id or "")
            return Prepared(payload=payload, sent=_without_prompt(payload))
        if parent.model in veo.MODELS and order.model in veo.LARGER:
            payload = {"taskId": parent.remote_id, "index": 0}
            return Prepared(payload=payload, sent={"path": order.model, "parent": parent.take})
        model, facts = self._known(order.model), {}
        source: dict[Role, str] = {"task": parent.remote_id} if parent.remote_id else {}
        found = model.request(params, {}, seed=None, translate=translate, source=source) if source else None
        if found is None:
            if order.video is None:
                raise InputError("take_file_gone")
            link, name = await self._uploader.link(order.video, self._own.upload_url, key)
            found, facts = (
                model.request(params, {}, seed=None, translate=translate, source={"video": link}),
                {"uploads": [name]},
            )
        if found is None:
            raise InputError("model_form_missing", model=order.model)
        return Prepared(payload=found, sent=_without_prompt(found) | facts | {"parent": parent.take})

    async def submit(self, order: Order, prepared: Prepared, key: Key | None) -> Submission:
        if larger := prepared.sent.get("path"):
            return await self._order_larger(larger, prepared.payload, key)
        path = "jobs/createTask"
        if order.model in veo.MODELS:
            path = "veo/extend" if order.params.parent else "veo/generate"
        answer = await self._http.call(
            Verb.SUBMIT, "POST", f"{self.base_url}/api/v1/{path}", key=key, json=prepared.payload
        )
        api = f"{self.base_url}/api/v1"
        look = f"{api}/veo/record-info" if order.model in veo.MODELS else f"{api}/jobs/recordInfo"
        remote_id = job_in(answer, *ID_PATHS, looks=(f"{look}?taskId={{id}}", f"{api}/{path}/{{id}}"))
        if remote_id is not None:
            return Submission(remote_id=remote_id, evidence=answer.evidence, request_id=answer.request_id)
        error = refusal(TABLE, answer, said_by(answer))
        await self._uploader.learn(error.code, prepared.sent)
        raise error

    async def _order_larger(self, path: str, payload: Mapping[str, Any], key: Key | None) -> Submission:
        """Have a larger version made of a job of the older Veo API, which goes on under the id of that job."""
        answer = await self._ask_larger(Verb.SUBMIT, self.base_url, path, payload, key)
        said = said_by(answer)
        # That it is being made is said as a refusal.
        if _larger_link(answer, self.base_url) or "is processing" in said.text.lower():
            remote_id = str(payload["taskId"])
            return Submission(remote_id=remote_id, evidence=answer.evidence, request_id=answer.request_id)
        raise refusal(TABLE, answer, said)

    async def _ask_larger(
        self, verb: Verb, base: str, path: str, payload: Mapping[str, Any], key: Key | None
    ) -> ProviderResponse:
        url, method = f"{base}/api/v1/{path}", veo.LARGER[path]
        if method == "POST":
            return await self._http.call(verb, method, url, key=key, json=payload)
        return await self._http.call(verb, method, url, key=key, params=payload)

    # --- poll and fetch -----------------------------------------------------------------------------------------------

    async def poll(self, job: RemoteJob, key: Key | None) -> RemoteState:
        if (larger := job.sent.get("path")) in veo.LARGER:
            return await self._poll_larger(job, str(larger), key)
        path = "veo/record-info" if job.model in veo.MODELS else "jobs/recordInfo"
        answer = await self._get(job, path, key, taskId=job.remote_id)
        data = of_job(record_in(answer), job.remote_id)
        if data is None or names_another(id_at(data, "taskId", "task_id"), job.remote_id):
            return _no_record(answer, job)
        body = {"data": data}
        base = job.base_url or self.base_url
        if job.model not in veo.MODELS and self._known(job.model).makes == "picture":
            seen = _picture_outcome(body, base)
        else:
            probe = partial(is_video, self._http, key=key, home=base)
            seen = await outcome(body, base, probe, known=LINKS, reading=reading_of(body))
        state = _state(seen, answer, data)
        if state.failure is not None:
            await self._uploader.learn(state.failure.code, job.sent)
        if state.status is RemoteStatus.SUCCEEDED and _wants_upscaling(job, body):
            return await self._upscaled(state, job, key)
        return state

    async def _upscaled(self, plain: RemoteState, job: RemoteJob, key: Key | None) -> RemoteState:
        """The 1080p version of a finished Veo job; the plain one where there is none (docs.kie.ai/veo3-api)."""
        # Never so long that the plain one would be given up, too.
        longest = min(UPSCALING, timedelta(seconds=self.settings().runner.max_wait / 2))
        waiting = job.submitted_at is None or datetime.now(UTC) - job.submitted_at < longest
        try:
            larger = await self._poll_larger(job, "veo/get-1080p-video", key, otherwise=plain)
        except RemoteError:
            if waiting:
                raise
            return plain
        return larger if waiting or larger.status is RemoteStatus.SUCCEEDED else plain

    async def _poll_larger(
        self, job: RemoteJob, path: str, key: Key | None, *, otherwise: RemoteState | None = None
    ) -> RemoteState:
        """How far a larger version is: the request that has it made is the one that asks for it.

        :param otherwise: what it comes to where there is none; without it that is an error
        """
        if otherwise is None:
            now = time.monotonic()
            if now - self._larger_asked.get(job.remote_id, -LARGER_EVERY) < LARGER_EVERY:
                return RemoteState(status=RemoteStatus.RUNNING, progress=99, stage="upscaling")
            self._larger_asked[job.remote_id] = now
        base = job.base_url or self.base_url
        answer = await self._ask_larger(Verb.POLL, base, path, {"taskId": job.remote_id, "index": 0}, key)
        if link := _larger_link(answer, base):
            self._larger_asked.pop(job.remote_id, None)
            return (otherwise or RemoteState(status=RemoteStatus.SUCCEEDED, evidence=answer.evidence)).model_copy(
                update={"url": link}
            )
        if classify(TABLE, said_by(answer)) is NOT_READY:
            return RemoteState(status=RemoteStatus.RUNNING, progress=99, stage="upscaling", evidence=answer.evidence)
        if otherwise is None:
            raise error_of(TABLE, answer, said_by(answer))
        return otherwise

    async def _get(self, job: RemoteJob, path: str, key: Key | None, **params: str | int) -> ProviderResponse:
        base = job.base_url or self.base_url
        return await self._http.call(Verb.POLL, "GET", f"{base}/api/v1/{path}", key=key, params=params)

    async def fetch(self, job: RemoteJob, url: str, part: PartFile, key: Key | None) -> int | None:
        base, limits = job.base_url or self.base_url, self.settings().download
        return await download(self._http, url, part, key=key, home=base, limits=limits)

    async def fresh_link(self, job: RemoteJob, url: str, key: Key | None) -> str | None:
        """A link that lives for twenty minutes; KIE makes one for anything, so what comes must be checked."""
        base = job.base_url or self.base_url
        answer = await self._http.call(
            Verb.ASK, "POST", f"{base}/api/v1/common/download-url", key=key, json={"url": url}
        )
        if not went_well(answer):
            raise error_of(TABLE, answer, said_by(answer))
        return resolve(at(answer.json, "data"), base)

    # --- test ---------------------------------------------------------------------------------------------------------

    async def balance(self, key: Key | None) -> Money | None:
        answer = await self._http.call(Verb.ASK, "GET", f"{self.base_url}/api/v1/chat/credit", key=key)
        if not went_well(answer):
            raise error_of(TABLE, answer, said_by(answer))
        return _credits(at(answer.json, "data"))

    async def test(self, key: Key | None) -> Connection:
        try:
            left = await self.balance(key)
        except RemoteError as error:
            return Connection(ok=False, failure=Failure.of(error))
        if self._own.live_catalogue:
            # The list alone: one look-up.
            with suppress(TimeoutError):
                async with asyncio.timeout(LISTED_WITHIN):
                    await self._catalogue.refresh(self.base_url, key, most=0)
        return Connection(ok=True, balance=left, models=self.models())


def _credits(value: Any) -> Money | None:
    if not isinstance(value, int | float) or isinstance(value, bool) or abs(value) >= 10**12:
        return None
    return Money(amount=Decimal(str(value)), currency="credits")


def _without_prompt(payload: Mapping[str, Any]) -> dict[str, Any]:
    """What the ledger keeps: the prompt stands in the task already."""
    flat = {name: value for name, value in payload.items() if name != "input"} | payload.get("input", {})
    return {name: value for name, value in flat.items() if name != "prompt"}


def _no_record(answer: ProviderResponse, job: RemoteJob) -> RemoteState:
    """Records appear a little after their jobs; for so long, none is no error."""
    said = said_by(answer)
    missing = went_well(answer) or said.status in (404, 422)
    young = job.submitted_at is not None and datetime.now(UTC) - job.submitted_at < GRACE
    if missing and young:
        return RemoteState(status=RemoteStatus.QUEUED, stage="record pending", evidence=answer.evidence)
    raise as_error(TABLE, JOB_UNKNOWN if went_well(answer) else classify(TABLE, said), answer, said)


def _state(seen: LinkOutcome, answer: ProviderResponse, data: Mapping[str, Any] | list[Any]) -> RemoteState:
    record = data if isinstance(data, Mapping) else data[0] if isinstance(data[0], Mapping) else {}
    cost = credits_in(record)
    common: dict[str, Any] = {"progress": seen.progress, "stage": seen.stage, "evidence": answer.evidence}
    if seen.status is RemoteStatus.FAILED:
        charge = (
            ChargeStatus.UNKNOWN if cost is None else ChargeStatus.CHARGED if cost.amount else ChargeStatus.REFUNDED
        )
        said = reason_in(record)
        if seen.filtered:
            failure = as_failure(TABLE, CONTENT_REFUSED, replace(said, text=said.text or seen.filtered))
        else:
            failure = failure_of(TABLE, said)
        failure = failure.model_copy(update={"charged": charge})
        return RemoteState(status=seen.status, failure=failure, cost=cost, charge=charge, **common)
    if seen.status is not RemoteStatus.SUCCEEDED:
        return RemoteState(status=seen.status, **common)
    return RemoteState(
        status=seen.status, url=seen.url, cost=cost, charge=ChargeStatus.CHARGED if cost else None, **common
    )


def _picture_outcome(body: Any, base: str) -> LinkOutcome:
    """What the record of a job comes to that draws a picture."""
    seen = reading_of(body)
    if seen.status is not RemoteStatus.SUCCEEDED:
        return LinkOutcome(seen.status, seen.word, seen.progress, filtered=seen.filtered)
    found = [one for one in values(body) if one.place in LINKS]
    url = next(
        (link for place in LINKS for one in found if one.place == place and (link := resolve(one.value, base))), None
    )
    if url is None:
        return LinkOutcome(RemoteStatus.UNKNOWN, WITHOUT_LINK, seen.progress)
    return LinkOutcome(seen.status, seen.word, seen.progress, url=url)


def _larger_link(answer: ProviderResponse, base: str) -> str | None:
    """The link of a larger version, where it is there."""
    found = [one for one in values(answer.json) if one.place in _LARGER_LINKS] if went_well(answer) else []
    return next((link for one in found if (link := resolve(one.value, base))), None)


def _wants_upscaling(job: RemoteJob, body: Any) -> bool:
    """Full HD was asked for, and the record does not say that it is: the Veo API makes it on demand, for 16:9 and 9:16."""
    return (
        job.model in veo.MODELS
        and job.params.size.upper() == "1080P"
        and job.params.aspect_ratio in ("16:9", "9:16")
        and str(at(body, "data.response.resolution")).lower() != "1080p"
    )
