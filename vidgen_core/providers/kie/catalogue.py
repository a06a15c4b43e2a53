"""KIE's live catalogue: which models there are, what their requests look like, what they cost, how often they fail.

``GET /api/v1/models`` lists all models with their task types and prices in prose, ``…/{id}/schema`` has the OpenAPI document
of one (or null), ``…/{id}/price`` its price alone, ``…/{id}/success-rate`` the last day in buckets of ten minutes. Ids stand in
the path as they are; one look-up a second for an account, more is answered 429 inside HTTP 200 (KIE's guide and public
clients, 2026-09).

What was read is kept on disk with its age, and only that is ever used: forms, orders and running tasks wait for nothing. What
comes is checked field by field; an answer that makes no sense leaves what was known before.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, Final

from pydantic import Field as Default
from pydantic import ValidationError

from vidgen_core.domain.base import Frozen
from vidgen_core.domain.errors import RemoteError
from vidgen_core.providers.base import Key
from vidgen_core.providers.http.client import Http, ProviderResponse, Verb
from vidgen_core.providers.http.error_body import at
from vidgen_core.providers.kie.models import Listed
from vidgen_core.providers.kie.responses import said_by, went_well
from vidgen_core.providers.kie.schema import Form, read_document

logger = logging.getLogger(__name__)

#: Seconds between two look-ups of an account, with a little to spare.
SPACING: Final = 1.05
#: Times that a look-up is asked again after *too many requests*.
TRIES: Final = 3
#: Seconds after which the list, a schema, and how often a model fails are read again.
LIST_AGE: Final = 3600.0
SCHEMA_AGE: Final = 24 * 3600.0
RATE_AGE: Final = 1800.0
#: Schemas that are read at most together with a new list.
_WITH_LIST: Final = 3
#: Models of a catalogue that are kept; characters of a price.
MOST_MODELS: Final = 1000
_PRICE: Final = 4000
#: Buckets of ten minutes over which success is counted.
_BUCKETS: Final = 6
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*){0,3}")


class _KnownModels(Frozen):
    """What is kept of one model."""

    makes: str = "other"
    price: str = ""
    #: When its schema was asked for (Unix seconds); 0: never.
    asked: float = 0.0
    forms: tuple[Form, ...] | None = None
    #: Per cent of its jobs of the last hour that succeeded, and when that was read.
    success: float | None = None
    success_at: float = 0.0
    #: The list does not name it any more: what was queued with it is still asked for in its way.
    gone: bool = False


class _Kept(Frozen):
    """The file on disk."""

    #: The address it was read from; that of another says nothing.
    base_url: str = ""
    at: float = 0.0
    models: dict[str, _KnownModels] = Default(default_factory=dict)


class Catalogue:
    """What was read of the catalogue last, and how to read it again.

    :param file: where it is kept
    :param spacing: seconds between two look-ups
    """

    def __init__(
        self, http: Http, file: Path, *, spacing: float = SPACING, now: Callable[[], float] = time.time
    ) -> None:
        self._http = http
        self._file = file
        self._spacing = spacing
        self._now = now
        self._seen: tuple[int, _Kept] = (0, _Kept())
        self._lock = asyncio.Lock()
        self._last_asked = -spacing
        #: Models that somebody asked about, the last first.
        self._wanted: dict[str, None] = {}

    # --- reading what is kept -------------------------------------------------------------------------------------------

    def _kept(self, base_url: str) -> _Kept:
        try:
            changed = self._file.stat().st_mtime_ns
            if changed != self._seen[0]:
                self._seen = changed, _Kept.model_validate_json(self._file.read_bytes())
        except (OSError, ValidationError):
            self._seen = 0, _Kept()
        kept = self._seen[1]
        return kept if kept.base_url == base_url else _Kept()

    def stamp(self, base_url: str) -> object:
        """Something that changes when another state of the catalogue is kept."""
        self._kept(base_url)
        return self._seen[0]

    def listed(self, base_url: str, model: str) -> Listed | None:
        """What the catalogue says of a model; None where it does not name it."""
        known = self._kept(base_url).models.get(model)
        return None if known is None else _listed(known)

    def is_due(self, base_url: str, model: str) -> bool:
        """Whether nothing is known of a model because that has not been read yet."""
        kept = self._kept(base_url)
        known = kept.models.get(model)
        return not kept.at if known is None else not known.asked

    def models(self, base_url: str, makes: str) -> tuple[str, ...]:
        """The models that make videos, or pictures, in KIE's order."""
        kept = self._kept(base_url).models
        return tuple(model for model, known in kept.items() if known.makes == makes and not known.gone)

    def all(self, base_url: str) -> dict[str, Listed]:
        """Everything that is kept."""
        return {model: _listed(known) for model, known in self._kept(base_url).models.items()}

    def success(self, base_url: str, model: str) -> float | None:
        """Per cent of the model's jobs that succeeded of late; None where nobody knows."""
        known = self._kept(base_url).models.get(model)
        return known.success if known and self._now() - known.success_at < 2 * RATE_AGE else None

    def want(self, model: str) -> None:
        """Somebody works with this model: it is read before others."""
        if next(iter(self._wanted), None) != model:
            self._wanted = {model: None} | {name: None for name in list(self._wanted)[:40] if name != model}

    # --- reading it again -----------------------------------------------------------------------------------------------

    async def refresh(self, base_url: str, key: Key | None, wanted: Iterable[str] = (), *, most: int = 40) -> bool:
        """Read what has become old, the ``wanted`` models first; what fails leaves what was known.

        A new list comes back after a few schemas, for it has new prices: the others are read by the next call.

        :param most: schemas that are read at most; 0: the list alone
        :returns: whether something else is known now
        """
        async with self._lock:
            before = kept = self._kept(base_url)
            names = [name for name in dict.fromkeys((*wanted, *self._wanted)) if _ID.fullmatch(name)]
            try:
                if not 0 <= self._now() - kept.at < LIST_AGE:
                    kept = await self._read_list(base_url, key, kept)
                    self._keep(kept)
                    most = min(most, _WITH_LIST) if kept.models != before.models else most
                due = [
                    name
                    for name in self._by_need(kept, names)
                    if not 0 <= self._now() - kept.models[name].asked < SCHEMA_AGE
                ]
                for place, name in enumerate(due[:most]):
                    kept = await self._read_schema(base_url, key, kept, name)
                    if place % 10 == 0:
                        self._keep(kept)
                for name in names[: min(most, 3)]:
                    kept = await self._read_success(base_url, key, kept, name)
            except RemoteError as error:
                logger.info("the catalogue of KIE: %s", error)
            except Exception:
                # An answer of a form nobody foresaw must not harm anything else.
                logger.exception("the catalogue of KIE")
            self._keep(kept)
            return kept != before

    @staticmethod
    def _by_need(kept: _Kept, names: Iterable[str]) -> list[str]:
        there = {name: known.makes for name, known in kept.models.items() if not known.gone}
        useful = [name for makes in ("video", "picture") for name, made in there.items() if made == makes]
        return [name for name in dict.fromkeys((*names, *useful)) if name in there]

    async def _ask(self, base_url: str, path: str, key: Key | None) -> ProviderResponse | None:
        """One look-up, as often as the account may; None where the answer says no."""
        for turn in range(TRIES):
            wait = self._last_asked + self._spacing * (1 + turn) - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            try:
                answer = await self._http.call(Verb.ASK, "GET", f"{base_url}/api/v1/models{path}", key=key)
            finally:
                self._last_asked = time.monotonic()
            if went_well(answer):
                return answer
            if said_by(answer).status != 429:
                return None
        return None

    async def _read_list(self, base_url: str, key: Key | None, kept: _Kept) -> _Kept:
        answer = await self._ask(base_url, "", key)
        rows = at(answer.json, "data.models") if answer else None
        if not isinstance(rows, list):
            return kept
        found: dict[str, _KnownModels] = {}
        for row in rows[:MOST_MODELS]:
            name = row.get("model") if isinstance(row, Mapping) else None
            if not isinstance(name, str) or len(name) > 120 or not _ID.fullmatch(name):
                continue
            price = row.get("pricingDesc")
            price = price[:_PRICE] if isinstance(price, str) else ""
            told = {"makes": _makes(row.get("taskType")), "price": price, "gone": False}
            found[name] = kept.models.get(name, _KnownModels()).model_copy(update=told)
        # An empty list of everything is no news, it is a fault.
        if not found:
            return kept
        gone = (one for one in kept.models.items() if one[0] not in found and one[1].forms)
        missing = {name: known.model_copy(update={"gone": True}) for name, known in islice(gone, MOST_MODELS)}
        return _Kept(base_url=base_url, at=self._now(), models=found | missing)

    async def _read_schema(self, base_url: str, key: Key | None, kept: _Kept, name: str) -> _Kept:
        answer = await self._ask(base_url, f"/{name}/schema", key)
        if answer is None:
            return kept
        known = kept.models[name]
        forms = read_document(at(answer.json, "data.openapi"), name)
        # A model whose document is gone or broken keeps the one it had.
        update: dict[str, Any] = {"asked": self._now(), "forms": forms or known.forms}
        if not known.price and (priced := await self._ask(base_url, f"/{name}/price", key)):
            prose = at(priced.json, "data.pricingDesc")
            update["price"] = prose[:_PRICE] if isinstance(prose, str) else ""
        return _with(kept, name, known.model_copy(update=update))

    async def _read_success(self, base_url: str, key: Key | None, kept: _Kept, name: str) -> _Kept:
        known = kept.models.get(name)
        if known is None or 0 <= self._now() - known.success_at < RATE_AGE:
            return kept
        answer = await self._ask(base_url, f"/{name}/success-rate", key)
        points = at(answer.json, "data.points") if answer else None
        rates = [at(point, "successRate") for point in points] if isinstance(points, list) else []
        told = [float(rate) for rate in rates[:200] if isinstance(rate, int | float) and 0 <= rate <= 100]
        last = told[-_BUCKETS:]
        update = {"success": sum(last) / len(last) if last else None, "success_at": self._now()}
        return _with(kept, name, known.model_copy(update=update))

    def _keep(self, kept: _Kept) -> None:
        """A disk that cannot be written costs only another look-up."""
        if kept is self._seen[1]:
            return
        part = self._file.with_suffix(".part")
        with suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(kept.model_dump_json(exclude_defaults=True), "utf-8")
            part.replace(self._file)
            self._seen = self._file.stat().st_mtime_ns, kept


def _with(kept: _Kept, name: str, known: _KnownModels) -> _Kept:
    return kept.model_copy(update={"models": {**kept.models, name: known}})


def _listed(known: _KnownModels) -> Listed:
    makes: Any = known.makes if known.makes in ("video", "picture") else "other"
    return Listed(makes=makes, price=known.price, forms=known.forms)


def _makes(types: Any) -> str:
    """What comes of task types such as *Image to Video*, *Text to Image*, *Video Upscale*."""
    words = (
        [types]
        if isinstance(types, str)
        else [one for one in types if isinstance(one, str)]
        if isinstance(types, list)
        else []
    )
    ends = {word.lower().split()[-1] if " to " in word.lower() else word.lower() for word in words if word.strip()}
    if any("video" in end for end in ends):
        return "video"
    return "picture" if any("image" in end for end in ends) else "other"
