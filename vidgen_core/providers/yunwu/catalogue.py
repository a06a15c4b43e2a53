"""Which models the relay lists, by which routes they are served, and what they cost (``/v1/models``, ``/api/pricing_new``).

The label of a row, not the model's name, decides its route. ``/api/pricing_new`` says of each label which path it stands for
(``supported_endpoint``); where it does not, these are the labels that were seen in both languages. What was read last is kept
on disk for its address and used from there; an answer that makes no sense leaves what was known.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from pydantic import Field, ValidationError

from vidgen_core.domain.base import Frozen
from vidgen_core.providers.http.error_body import at

#: Rows of a list that are read; the longest seen has some 500.
MOST_ROWS: Final = 5_000
_LONGEST_NAME: Final = 200
_MOST_LABELS: Final = 20

#: Labels without blanks, brackets and dashes, in lower case, and the family that serves them. ``OpenAI video format`` (Veo) is
#: served by the unified route; only *official* ones, and Grok in OpenAI's format, are not.
_LABELS: Final = (
    ("openai", re.compile(r"openai(?:official|官方)(?:video|视频)(?:format|格式)?|(?:grok|veo|sora)(?:video|视频)openai(?:format|格式)?")),
    ("unified", re.compile(
        r"(?:unified|统一)(?:video|视频)(?:format|格式)?|(?:video|视频)(?:unified|统一)(?:format|格式)?"
        r"|(?:openai|grok|doubao|豆包|veo|jimeng|即梦)(?:video|视频)(?:format|格式)?")),
    ("vidu", re.compile(r"vidu.{0,12}(?:video|视频|首尾帧|startend|frames?).{0,12}")),
    ("hailuo", re.compile(r"(?:海螺|hailuo|minimax)(?:ai)?(?:video|视频).{0,12}")),
    ("seedance", re.compile(r"(?:seedance|volc|火山).{0,24}")),
    ("kling", re.compile(r"(?:kling|可灵)?(?:文生视频|图生视频|多图参考生视频|texttovideo|imagetovideo|text2video|image2video)|(?:kling|可灵)(?:video|视频).{0,12}")),
)  # fmt: skip
#: What stands behind a label and changes nothing.
_VARIANTS: Final = ("async", "异步", "beta", "new", "新", "新版", "推荐")
#: Traditional characters of labels as simplified ones.
_SIMPLE: Final = str.maketrans("視頻統圖參", "视频统图参")
#: Paths, and the family that speaks them.
_PATHS: Final = (
    ("/v1/video/create", "unified"),
    ("/v1/videos", "openai"),
    ("/kling/v1/videos", "kling"),
    ("/kling/text-to-video", "kling"),
    ("/kling/image-to-video", "kling"),
    ("/ent/v2/", "vidu"),
    ("/minimax/v1/video_generation", "hailuo"),
    ("/volc/v1/contents/generations/tasks", "seedance"),
)
#: Paths of routes that make no videos.
_NO_VIDEO: Final = re.compile(
    r"/v1/(?:chat|responses|messages|images|embeddings|audio|completions|rerank|moderations)|/v1beta|/mj|/suno"
)
_VIDEO_LABEL: Final = re.compile(
    r"^(?!.*(?:生图|image)).*(?:video|视频|kling|vidu|runway|luma|pixverse|海螺)", re.IGNORECASE
)


class ListedModel(Frozen):
    """One model of the list."""

    #: The families that serve it, the preferred one first; empty: only by routes that are not spoken here.
    families: tuple[str, ...] = ()
    #: The labels of its row, as people read them.
    labels: tuple[str, ...] = ()


class _KeptModels(Frozen):
    """The file on disk."""

    base_url: str = ""
    models: dict[str, ListedModel] = Field(default_factory=dict)


class YunwuCatalogue:
    """The video models that were listed last."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seen: tuple[int, _KeptModels] = (0, _KeptModels())

    def models(self, base_url: str) -> Mapping[str, ListedModel]:
        """The models listed at an address, in its order."""
        try:
            changed = self._file.stat().st_mtime_ns
            if changed != self._seen[0]:
                self._seen = changed, _KeptModels.model_validate_json(self._file.read_bytes())
        except (OSError, ValidationError):
            self._seen = 0, _KeptModels()
        kept = self._seen[1]
        return kept.models if kept.base_url == base_url else {}

    def keep(self, base_url: str, models: Mapping[str, ListedModel]) -> None:
        """Remember a list; an empty one is no news. A disk that cannot be written costs another look."""
        if not models or dict(models) == dict(self.models(base_url)):
            return
        kept = _KeptModels(base_url=base_url, models=dict(models))
        part = self._file.with_suffix(".part")
        with suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(kept.model_dump_json(), "utf-8")
            part.replace(self._file)


#: What a row says of its model, besides its name.
_ENDPOINTS: Final = ("supported_endpoint_types", "supported_endpoints", "endpoint_types", "endpoints")
_TOLD: Final = frozenset({*_ENDPOINTS, "model_price", "quota_type"})


def rows_in(body: Any) -> list[Mapping[str, Any]]:
    """The rows of a list of models or prices, wherever the answer has them."""
    for path in ("data", "data.models", "data.data", "data.list", "models", ""):
        found = at(body, path) if path else body
        if isinstance(found, Mapping) and any(isinstance(row, Mapping) and _TOLD & set(row) for row in found.values()):
            # Rows by the names of their models.
            found = [{"id": str(name), **row} for name, row in found.items() if isinstance(row, Mapping)]
        if isinstance(found, list):
            return [row for row in found[:MOST_ROWS] if isinstance(row, Mapping)]
    return []


def name_in(row: Mapping[str, Any]) -> str | None:
    """The model that a row is about."""
    name = next((row[key] for key in ("id", "model_name", "model", "name") if isinstance(row.get(key), str)), "")
    return name if 0 < len(name) <= _LONGEST_NAME and name.isprintable() and name == name.strip() else None


def video_models(body: Any) -> dict[str, ListedModel]:
    """The video models of a list, those that no route here serves among them."""
    return dict(_video_models(body))


def _video_models(body: Any) -> Iterator[tuple[str, ListedModel]]:
    paths = dict(_paths_of_labels(at(body, "supported_endpoint") or at(body, "data.supported_endpoint")))
    for row in rows_in(body):
        name, types = name_in(row), next((row[key] for key in _ENDPOINTS if row.get(key)), None)
        if name is None:
            continue
        own = paths | dict(_paths_of_labels(types))
        labels = tuple(_labels(types))
        found = {family for label in labels if (family := _family_of(label, own))}
        if found:
            yield name, ListedModel(families=tuple(name for name in _ORDER if name in found), labels=labels)
        elif any(_VIDEO_LABEL.search(label) for label in labels) and "视频" in str(row.get("tags", "视频")):
            yield name, ListedModel(labels=labels)


def _labels(types: Any) -> Iterator[str]:
    """The labels of a row: texts, one text with commas between, or entries that have them."""
    if isinstance(types, str):
        types = re.split(r"[,，;；|]", types)
    elif isinstance(types, Mapping):
        types = list(types)
    for one in types[:_MOST_LABELS] if isinstance(types, list) else ():
        label = one if isinstance(one, str) else _label_of(one)
        if label.strip():
            yield label.strip()


def _label_of(entry: Any) -> str:
    return next((text for key in ("label", "type", "name", "title") if isinstance(text := at(entry, key), str)), "")


_ORDER: Final = ("unified", "openai", "kling", "vidu", "hailuo", "seedance")


def _paths_of_labels(told: Any) -> Iterator[tuple[str, str]]:
    """The paths that a list itself names for labels: an entry or a path by each, or entries that have both."""
    if isinstance(told, list):
        told = {_label_of(entry): entry for entry in told}
    for label, entry in told.items() if isinstance(told, Mapping) else ():
        path = entry if isinstance(entry, str) else at(entry, "path") or at(entry, "url")
        if label and isinstance(path, str) and (path := re.sub(r"^https?://[^/]+(?=/)", "", path)).startswith("/"):
            yield str(label), path


def _family_of(label: str, paths: Mapping[str, str]) -> str | None:
    """The family of a label: by the path that the list names for it, else by its words."""
    path = paths.get(label)
    if path is not None and not _NO_VIDEO.match(path):
        return next(
            (family for begins, family in _PATHS if path == begins or path.startswith(f"{begins.rstrip('/')}/")), None
        )
    if "/" in label:
        # Replicate's labels are its models.
        return None
    plain = unicodedata.normalize("NFKC", label).translate(_SIMPLE)
    words = re.sub(r"[\s()\[\]【】_·,.-]", "", plain).lower()
    while (bare := functools.reduce(str.removesuffix, _VARIANTS, words)) != words:
        words = bare
    return next((family for family, known in _LABELS if known.fullmatch(words)), None)
