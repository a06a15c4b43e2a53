"""Pictures by the OpenAI-compatible endpoints of an aggregator: ``/v1/images/generations``, ``/v1/images/edits`` where
there are pictures to draw after, and chat models that answer with pictures (``/v1/chat/completions``).

These answer when the picture is drawn, so ``submit`` waits for it and keeps the answer on disk (``ResponseCache``) before
it names a job: the order's own reference. A crash before that is a lost answer like any other; a crash after it finds the
answer by the reference and adopts it, free of charge.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Final, NamedTuple

from vidgen_core.config.paths import Locations
from vidgen_core.config.schema import Settings
from vidgen_core.domain.errors import Delivery, ErrorKind, FileError, InputError, RemoteError
from vidgen_core.domain.money import ChargeStatus
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.shots import GenerationMode, side_lengths
from vidgen_core.domain.tasks import Failure, GenerationParams
from vidgen_core.media.disk import replacing
from vidgen_core.media.files import PartFile
from vidgen_core.media.images import inspect_image
from vidgen_core.providers.base import (
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
)
from vidgen_core.providers.capabilities import Capabilities, Problem
from vidgen_core.providers.common.picture_copies import PictureCopies
from vidgen_core.providers.http.client import Http, Patience, ProviderResponse, Verb
from vidgen_core.providers.http.download import download
from vidgen_core.providers.http.error_body import at, texts_at
from vidgen_core.providers.http.error_mapping import error_of, refusal
from vidgen_core.providers.http.links import resolve
from vidgen_core.providers.http.multipart import FormFile, RequestBody, data_uri_slot, form_body
from vidgen_core.providers.images import models as images_models
from vidgen_core.providers.images.models import Way
from vidgen_core.providers.images.responses import TABLE, PictureResult, answered, broken, picture_in, why_no_picture
from vidgen_core.providers.images.spec import ImagesSettings
from vidgen_core.providers.yunwu.responses import said_by


class CachedResponse(NamedTuple):
    """What an order was answered with: a picture's file, its link, or why there is none."""

    file: Path | None = None
    url: str | None = None
    failure: Failure | None = None


class ResponseCache:
    """Answers of image endpoints in one folder, named by the order's reference, until the picture is in the image store.

    Such an endpoint answers once, with the picture in its answer: there is no job to ask for again. So the answer itself is
    the money, and it lies here durably before anything is written about it anywhere else.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, name: str, picture: bytes | None = None, url: str | None = None, why: Failure | None = None) -> None:
        """Write an answer down; it is there for ``read`` once it is whole and durable.

        :raises FileError: disk_full, folder_read_only
        """
        note: dict[str, Any] = {"picture": picture is not None, "url": url}
        if why is not None:
            note["failure"] = why.model_dump(mode="json")
        if picture is not None:
            with replacing(self._picture(name), ".new") as path:
                path.write_bytes(picture)
        with replacing(self._note(name), ".new") as path:
            path.write_text(json.dumps(note), "utf-8")

    def read(self, name: str) -> CachedResponse | None:
        """The answer; None where there is none."""
        try:
            note = json.loads(self._note(name).read_text("utf-8"))
        except FileNotFoundError:
            return None
        why = Failure.model_validate(note["failure"]) if "failure" in note else None
        return CachedResponse(self._picture(name) if note["picture"] else None, note["url"], why)

    def forget(self, name: str) -> None:
        """The picture is safe elsewhere, or nobody wants it."""
        self._note(name).unlink(missing_ok=True)
        self._picture(name).unlink(missing_ok=True)

    def _note(self, name: str) -> Path:
        return self._folder / f"{name}.json"

    def _picture(self, name: str) -> Path:
        return self._folder / f"{name}.picture"


logger = logging.getLogger(__name__)

#: Bytes read of an answer: a picture of 4K as PNG in base64 has some forty million.
ANSWER_BYTES: Final = 96 * 1024 * 1024
#: Seconds until a disk that could not be written is tried again.
DISK_WAIT: Final = 1.0
#: References that travel along at most, whatever a model takes; more is refused by the endpoints.
MOST_REFERENCES: Final = 16


class Images(Provider):
    """The image endpoints of an aggregator."""

    mode: ClassVar[ProviderId] = ProviderId("images")
    own_pace: ClassVar[float | None] = 0.05

    def __init__(self, settings: Callable[[], Settings], locations: Locations) -> None:
        super().__init__(settings, locations)
        self._http = Http()
        #: Clients for paid orders by the seconds they wait for an answer.
        self._patient: dict[float, Http] = {}
        self._pictures = PictureCopies(locations.home / "requests" / self.mode)
        self._cache = ResponseCache(locations.drawings)
        self._models: tuple[str, ...] = ()

    @property
    def _own(self) -> ImagesSettings:
        return self.settings().providers.own(self.mode, ImagesSettings)

    def is_of_machine(self, address: str) -> bool:
        """Always: the answer to an order is the picture, and is kept where it came in."""
        return True

    @property
    def base_url(self) -> str:
        return self._own.base_url

    async def close(self) -> None:
        for http in (self._http, *self._patient.values()):
            await http.close()
        self._pictures.close()

    # --- what it can ----------------------------------------------------------------------------------------------

    def models(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((self._own.model, *(self._models or images_models.BUILT_IN))))

    def picture_models(self) -> tuple[str, ...]:
        return self.models()

    def capabilities(self, model: str) -> Capabilities:
        return images_models.capabilities(model, self._way(model, {}))

    def _way(self, model: str, options: Mapping[str, Any]) -> Way:
        """How a model is asked: as was set when the task was queued, else as the model wants it."""
        chosen = options.get("way", self._own.way)
        return "chat" if chosen == "chat" else "images" if chosen == "images" else images_models.way_of(model)

    def check(self, model: str, params: GenerationParams) -> tuple[Problem, ...]:
        if not params.prompt.strip():
            return (Problem(field="picture_prompt", code="picture_prompt_missing", params={"model": model}),)
        try:
            images_models.pixels(model, params.size, params.aspect_ratio)
        except InputError as error:
            field = "size" if error.code == "size_unknown" else "aspect_ratio"
            return (Problem(field=field, code=error.code, params=error.params),)
        return (*self._against_references(model, params), *self._left_out(model, params))

    def _against_references(self, model: str, params: GenerationParams) -> Iterator[Problem]:
        can, given = self.capabilities(model), params.references
        if given and can.mode_is_taken(GenerationMode.REFERENCES) is False:
            yield Problem(field="references", code="references_not_taken", params={"model": model})
        elif can.max_references is not None and len(given) > can.max_references:
            told = {"model": model, "most": can.max_references, "given": len(given)}
            fatal = "max_references" not in can.unsure or len(given) > MOST_REFERENCES
            yield Problem(field="references", code="references_too_many", params=told, fatal=fatal)
        if self._way(model, params.options) == "images" and any(not one.image for one in given):
            yield Problem(field="references", code="picture_file_needed", params={"model": model})

    def _left_out(self, model: str, params: GenerationParams) -> Iterator[Problem]:
        """What is asked for and not sent, or drawn in another way."""
        told, size = {"model": model}, params.size
        if params.seed is not None:
            yield Problem(field="seed", code="seed_not_taken", params=told, fatal=False)
        chat = self._way(model, params.options) == "chat"
        if not chat and (instead := images_models.sizes_instead(model, size)):
            other = {"value": size, "allowed": ", ".join(instead)}
            yield Problem(field="size", code="size_not_taken", params=told | other, fatal=False)
        # A chat model is told ratios in words.
        drawn = size if chat else images_models.pixels(model, size, params.aspect_ratio)
        if "aspect_ratio" in params.chosen and images_models.differs(drawn, params.aspect_ratio):
            other = {"value": params.aspect_ratio, "size": drawn}
            yield Problem(field="aspect_ratio", code="aspect_ratio_drawn_as", params=told | other, fatal=False)

    # --- submit ---------------------------------------------------------------------------------------------------

    async def prepare(self, order: Order, key: Key | None) -> Prepared:
        own, params = self._own, order.params
        chat = self._way(order.model, params.options) == "chat"
        copies: list[Path] = []
        links: list[str] = []
        for picture in order.references:
            if picture.path is not None:
                copies.append(await self._pictures.jpeg(picture.path, own.image_max_bytes, "1080P"))
            elif chat and picture.url:
                links.append(picture.url)
            else:
                raise FileError("picture_file_needed", model=order.model)
        facts = {"images": len(copies) + len(links), "image_bytes": sum(copy.stat().st_size for copy in copies)}
        if chat:
            return _chat(order, [*map(data_uri_slot, copies), *links], facts)
        wanted = {"model": order.model, "size": images_models.pixels(order.model, params.size, params.aspect_ratio)}
        if params.options.get("quality", "auto") != "auto":
            wanted["quality"] = str(params.options["quality"])
        fields = {**wanted, "prompt": params.prompt, "n": 1}
        path = "/v1/images/edits" if copies else "/v1/images/generations"
        payload = {"path": path, "fields": fields, "files": [str(copy) for copy in copies]}
        return Prepared(payload=payload, sent={"path": path, **wanted, **facts})

    async def submit(self, order: Order, prepared: Prepared, key: Key | None) -> Submission:
        path, fields, files = (prepared.payload[name] for name in ("path", "fields", "files"))
        url, http = f"{self.base_url}{path}", self._waiting(self._own.wait)
        if files:
            answer = await http.call(Verb.SUBMIT, "POST", url, key=key, body=_form(fields, files))
        else:
            answer = await http.call(Verb.SUBMIT, "POST", url, key=key, json=fields)
        if picture_in(answer) is None and not (answer.ok and answered(answer.json)):
            raise refusal(TABLE, answer, said_by(answer))
        await self._keep(order.reference, answer)
        named = answer.request_id or next(iter(texts_at(answer.json, "id")), None)
        return Submission(remote_id=order.reference, evidence=answer.evidence, request_id=named)

    def _waiting(self, seconds: float) -> Http:
        if seconds not in self._patient:
            patience = Patience(connect=15, write=60, read=seconds, total=seconds + 60)
            self._patient[seconds] = Http({Verb.SUBMIT: patience}, ANSWER_BYTES)
        return self._patient[seconds]

    async def _keep(self, name: str, answer: ProviderResponse) -> None:
        """The answer is the money: a disk that cannot be written now is tried until it can."""
        while True:
            try:
                return await asyncio.to_thread(self._keep_now, name, answer)
            except (FileError, OSError) as error:
                logger.error("picture of order %s not yet kept: %s", name, error)
                await asyncio.sleep(DISK_WAIT)

    def _keep_now(self, name: str, answer: ProviderResponse) -> None:
        picture = picture_in(answer)
        if picture is None:
            self._cache.keep(name, why=why_no_picture(answer))
        elif picture.url is not None:
            self._cache.keep(name, url=picture.url)
        elif (data := _checked(picture)) is not None:
            self._cache.keep(name, data)
        else:
            self._cache.keep(name, why=broken(answer))

    # --- poll and fetch ---------------------------------------------------------------------------------------------

    async def poll(self, job: RemoteJob, key: Key | None) -> RemoteState:
        kept = await asyncio.to_thread(self._cache.read, job.remote_id)
        if kept is None:
            gone = Failure(kind=ErrorKind.FILE, code="picture_answer_gone", charged=ChargeStatus.UNKNOWN)
            return RemoteState(status=RemoteStatus.FAILED, failure=gone)
        if kept.failure is not None:
            return RemoteState(status=RemoteStatus.FAILED, failure=kept.failure)
        return RemoteState(status=RemoteStatus.SUCCEEDED, progress=100, url=kept.url or str(kept.file))

    async def fetch(self, job: RemoteJob, url: str, part: PartFile, key: Key | None) -> int | None:
        kept = await asyncio.to_thread(self._cache.read, job.remote_id)
        if kept is not None and kept.file is not None:
            return await asyncio.to_thread(_copy, kept.file, part)
        base, limits = job.base_url or self.base_url, self.settings().download
        return await download(self._http, resolve(url, base) or url, part, key=key, home=base, limits=limits)

    async def release(self, job: RemoteJob) -> None:
        await asyncio.to_thread(self._cache.forget, job.remote_id)

    async def find(self, order: Order, since: datetime, key: Key | None) -> tuple[Found, ...] | None:
        """The answer that was kept before a crash, and nothing else: aggregators have no log of pictures by name."""
        if await asyncio.to_thread(self._cache.read, order.reference) is None:
            return None
        return (Found(remote_id=order.reference, at=datetime.now(UTC), model=order.model, exact=True),)

    # --- test -----------------------------------------------------------------------------------------------------

    async def test(self, key: Key | None) -> Connection:
        try:
            answer = await self._http.call(Verb.ASK, "GET", f"{self.base_url}/v1/models", key=key)
            if not answer.ok or not isinstance(at(answer.json, "data"), list):
                raise error_of(TABLE, answer, said_by(answer))
        except RemoteError as error:
            return Connection(ok=False, failure=Failure.of(error))
        self._models = images_models.drawing_models(answer.json["data"])
        return Connection(ok=True, models=self.models())


def _chat(order: Order, pictures: Sequence[Any], facts: Mapping[str, Any]) -> Prepared:
    """An order to a chat model: ratio, size and quality are words to it."""
    params = order.params
    shape = [] if side_lengths(params.size) else [f"Aspect ratio: {params.aspect_ratio}"]
    asked = {"Resolution": params.size, "Quality": params.options.get("quality", "auto")}
    shape += [f"{name}: {word}" for name, word in asked.items() if word != "auto"]
    text = "\n".join([params.prompt, "", *shape])
    shown = [{"type": "image_url", "image_url": {"url": picture}} for picture in pictures]
    content: Any = [{"type": "text", "text": text}, *shown] if shown else text
    fields = {"model": order.model, "messages": [{"role": "user", "content": content}], "stream": False}
    path = "/v1/chat/completions"
    payload = {"path": path, "fields": fields, "files": []}
    return Prepared(payload=payload, sent={"path": path, "model": order.model, **facts})


def _form(fields: Mapping[str, Any], files: list[str]) -> RequestBody:
    """``image`` is one picture, ``image[]`` several."""
    name = "image[]" if len(files) > 1 else "image"
    pictures = [FormFile(name, Path(path), f"{place}.jpg", "image/jpeg") for place, path in enumerate(files, start=1)]
    try:
        return form_body({field: str(value) for field, value in fields.items()}, pictures)
    except OSError as error:
        raise RemoteError(
            "picture_copy_gone", kind=ErrorKind.FILE, delivery=Delivery.NOT_SENT, why=type(error).__name__
        ) from error


def _checked(picture: PictureResult) -> bytes | None:
    """The bytes of a picture in the answer; None where they are none."""
    data = picture.decoded()
    if data is None:
        return None
    try:
        inspect_image(data)
    except FileError:
        return None
    return data


def _copy(source: Path, part: PartFile) -> int:
    part.restart()
    data = source.read_bytes()
    part.append(data)
    return len(data)
