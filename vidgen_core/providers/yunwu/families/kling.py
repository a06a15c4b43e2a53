"""Kling's routes: ``/kling/v1/videos/…`` for its models up to 2.6, and the newer one of Kling 3 Turbo.

Sources: Kling's API specification (``image_tail``, bare base64 without a prefix, ``mode`` std for 720p and pro for 1080p,
error codes), and a client that measured both routes at Yunwu in 2026-08: a job is asked for at the path that it was sent
to, an error is a ``code`` other than 0 inside HTTP 200, and Kling 3 Turbo answers a poll with a list.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar, Final

from vidgen_core.domain.shots import GenerationMode
from vidgen_core.domain.tasks import GenerationParams
from vidgen_core.providers.base import RemoteJob
from vidgen_core.providers.capabilities import Capabilities, Problem, PromptLimits, SecondsRange
from vidgen_core.providers.http.error_mapping import (
    BALANCE_EMPTY,
    CONTENT_REFUSED,
    JOB_UNKNOWN,
    KEY_REJECTED,
    PARAMETER_REFUSED,
    RATE_LIMITED,
    SATURATED,
    Table,
    rule,
)
from vidgen_core.providers.yunwu.families.family import (
    FIRST,
    FIRST_LAST,
    REFERENCES,
    TEXT,
    Family,
    FamilyRequest,
    Inline,
    JobAddress,
    SentPictures,
    lines,
    quoted,
)
from vidgen_core.providers.yunwu.responses import TABLE

_CODES: Final[Table] = replace(
    TABLE,
    by_code=(
        rule(KEY_REJECTED, "1000", "1001", "1002", "1003", "1004", "1100", "1103"),
        rule(BALANCE_EMPTY, "1101", "1102"),
        rule(PARAMETER_REFUSED, "1200", "1201"),
        rule(JOB_UNKNOWN, "1202", "1203"),
        rule(CONTENT_REFUSED, "1300", "1301"),
        rule(RATE_LIMITED, "1302"),
        rule(SATURATED, "1303"),
        *TABLE.by_code,
    ),
)
_ACTIONS: Final = {TEXT: "text2video", FIRST: "image2video", FIRST_LAST: "image2video", REFERENCES: "multi-image2video"}
#: Models with a last frame by Kling's table of capabilities; ``kling-v1-6`` alone takes several references.
_LAST: Final = re.compile(r"kling-(?:v1|v1-5|v1-6|v2-1|v2-5(?:-turbo)?|v2-6|v3)$", re.IGNORECASE)
_KNOWN: Final = re.compile(r"kling-v(?:1|1-5|1-6|2-master|2-1|2-1-master|2-5|2-5-turbo|2-6|3)$", re.IGNORECASE)
#: Models that end with a picture, or have sound, in their mode of 1080p only.
_LAST_IN_PRO: Final = re.compile(r"kling-v(?:1-5|1-6|2-1|2-5(?:-turbo)?|2-6)$", re.IGNORECASE)
_SOUND_IN_PRO: Final = re.compile(r"kling-v2-6$", re.IGNORECASE)
_WITH_SOUND: Final = re.compile(r"kling-v(?:2-6|3)$", re.IGNORECASE)


class Kling(Family):
    """Kling by version."""

    name = "kling"
    names: ClassVar[re.Pattern[str]] = re.compile(r"kling-v\d", re.IGNORECASE)
    built_in: ClassVar[tuple[str, ...]] = ("kling-v1-6", "kling-v2-1", "kling-v2-5-turbo", "kling-v2-6")
    inline: ClassVar[Inline] = "base64"
    table: ClassVar[Table] = _CODES

    def capabilities(self, model: str) -> Capabilities:
        known = bool(_KNOWN.match(model))
        modes: set[GenerationMode] = {TEXT, FIRST} if known else set()
        if known and _LAST.match(model):
            modes.add(FIRST_LAST)
        if model.lower() == "kling-v1-6":
            modes.add(REFERENCES)
        return Capabilities(
            model=model,
            aspect_ratios=("16:9", "9:16", "1:1"),
            sizes=("720P", "1080P"),
            durations=(5.0, 10.0),
            whole_seconds=True,
            modes=frozenset(modes),
            unsure_modes=frozenset() if known else frozenset({TEXT, FIRST, FIRST_LAST}),
            max_references=4,
            prompt=PromptLimits(needed=True, most=2500),
            negative_prompt=True if known else None,
            ratio_from_frame=True,
            sound="optional" if _WITH_SOUND.match(model) else "no" if known else None,
            unsure=frozenset() if known else frozenset({"durations", "sizes", "aspect_ratios"}),
            note=None if known else "note.model_unknown",
        )

    def problems(self, model: str, params: GenerationParams) -> Iterator[Problem]:
        # Kling's table of capabilities; a relay may know better, so it is only said.
        if params.size.upper() == "1080P":
            return
        told = {"model": model, "value": params.size, "allowed": "1080P"}
        if params.mode is FIRST_LAST and _LAST_IN_PRO.match(model):
            yield Problem(field="last_frame", code="last_frame_not_with_size", params=told, fatal=False)
        if params.sound and _SOUND_IN_PRO.match(model):
            yield Problem(field="sound", code="sound_not_with_size", params=told, fatal=False)

    def request(self, model: str, params: GenerationParams, pictures: SentPictures) -> FamilyRequest:
        mode = params.mode or TEXT
        fields: dict[str, Any] = {
            "model_name": model,
            "prompt": params.prompt,
            "mode": "pro" if params.size.upper() == "1080P" else "std",
            # Kling's own type for it is a string.
            "duration": f"{int(params.duration or 5)}",
        }
        if params.negative_prompt:
            fields["negative_prompt"] = params.negative_prompt
        if params.sound is not None and _WITH_SOUND.match(model):
            fields["sound"] = "on" if params.sound else "off"
        if mode in (TEXT, REFERENCES):
            # With a first frame the ratio is the picture's.
            fields["aspect_ratio"] = params.aspect_ratio
        if pictures.first is not None:
            fields["image"] = pictures.first
        if pictures.last is not None:
            fields["image_tail"] = pictures.last
        if pictures.references:
            fields["image_list"] = [{"image": one} for one in pictures.references]
        return FamilyRequest(path=f"/kling/v1/videos/{_ACTIONS[mode]}", fields=fields)

    def look(self, job: RemoteJob) -> JobAddress:
        return JobAddress(f"{self.path_of(job, job.model)}/{quoted(job.remote_id)}")

    def refused(self, body: Any) -> bool:
        code = body.get("code") if isinstance(body, Mapping) else None
        return code is not None and code not in (0, "0", "success", 200)


class KlingTurbo(Kling):
    """Kling 3 Turbo, which has paths and bodies of its own."""

    name = "kling-turbo"
    names: ClassVar[re.Pattern[str]] = re.compile(r"kling-3\.0-turbo$", re.IGNORECASE)
    built_in: ClassVar[tuple[str, ...]] = ("kling-3.0-turbo",)
    inline: ClassVar[Inline] = ""

    def serves(self, name: str) -> bool:
        return name in (self.name, Kling.name)

    def capabilities(self, model: str) -> Capabilities:
        return Capabilities(
            model=model,
            aspect_ratios=("16:9", "9:16", "1:1"),
            sizes=("720P", "1080P"),
            duration_range=SecondsRange(least=3, most=15),
            whole_seconds=True,
            modes=frozenset({TEXT, FIRST}),
            prompt=PromptLimits(needed=True, most=2500),
            negative_prompt=False,
            ratio_from_frame=True,
            unsure=frozenset({"aspect_ratios"}),
        )

    def request(self, model: str, params: GenerationParams, pictures: SentPictures) -> FamilyRequest:
        settings: dict[str, Any] = {"resolution": lines(params.size), "duration": int(params.duration or 5)}
        if params.mode is not FIRST:
            settings["aspect_ratio"] = params.aspect_ratio
            fields: dict[str, Any] = {"prompt": params.prompt, "settings": settings}
            return FamilyRequest(path=f"/kling/text-to-video/{model}", fields=fields)
        contents = [{"type": "prompt", "text": params.prompt}, {"type": "first_frame", "url": pictures.first}]
        return FamilyRequest(path=f"/kling/image-to-video/{model}", fields={"contents": contents, "settings": settings})
