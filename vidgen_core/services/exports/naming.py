"""What exported files are called."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Final

from pathvalidate import sanitize_filename

from vidgen_core.config.schema import PATTERN_FIELDS
from vidgen_core.domain.errors import InputError
from vidgen_core.media.naming import check_pattern, take_path
from vidgen_core.services.exports.film import FilmClip

_ORDER: Final = re.compile(r"\{order(?::(?P<width>0?\d{1,2}d?))?\}")
ENDING: Final = ".mp4"
#: Bytes of the name of a file or folder that is named after a project.
_LONGEST: Final = 80


def check_export_pattern(pattern: str) -> None:
    """See that a pattern for exported files can be used.

    :raises InputError: pattern_invalid with ``reason``, as for saved files; ``{order}`` may stand for shot and take
    """
    probe = _ORDER.sub("1", pattern)
    if "{order" in probe:
        raise InputError("pattern_invalid", reason="pattern_format")
    try:
        # With its place in the film each clip has a name of its own, whatever else is named.
        check_pattern(probe if probe == pattern else f"{{shot}}{{take}}/{probe}")
    except InputError as error:
        if error.params.get("reason") != "pattern_fields":
            raise
        allowed = " ".join(f"{{{name}}}" for name in sorted(PATTERN_FIELDS | {"order"}))
        raise InputError("pattern_invalid", reason="pattern_fields", allowed=allowed) from error


def clip_names(pattern: str, project: str, clips: Iterable[FilmClip]) -> list[PurePosixPath]:
    """The path of each clip's video; all differ, also where upper and lower case are the same.

    A pattern without ``.mp4`` gets it; each name then ends as the clip's own file does, for the container is kept.

    :raises InputError: as ``check_export_pattern``
    """
    whole = pattern if pattern.lower().endswith(ENDING) else pattern.strip() + ENDING
    check_export_pattern(whole)
    taken: set[str] = set()
    return [_unlike(_clip_name(whole, project, clip), taken) for clip in clips]


def _clip_name(pattern: str, project: str, clip: FilmClip) -> PurePosixPath:
    filled = _ORDER.sub(lambda found: format(clip.order, found["width"] or ""), pattern)
    take = clip.take
    name = take_path(
        filled,
        project=project,
        shot=clip.shot.number,
        take=take.number if take else 0,
        model=take.model if take else "",
        provider=take.provider if take else "",
        created=take.created_at if take else clip.shot.created_at,
        chosen=take is not None,
    )
    return name.with_suffix(clip.source.suffix.lower() or ENDING) if clip.source else name


def _unlike(path: PurePosixPath, taken: set[str]) -> PurePosixPath:
    candidate, number = path, 1
    while str(candidate).casefold() in taken:
        number += 1
        candidate = path.with_name(f"{path.stem} ({number}){path.suffix}")
    taken.add(str(candidate).casefold())
    return candidate


def safe_name(text: str) -> str:
    """A project's name as a file name that every system takes."""
    cut = text.encode("utf-8", "ignore")[:_LONGEST].decode("utf-8", "ignore")
    return str(sanitize_filename(cut, replacement_text="_", platform="universal")).strip(". ") or "vidgen"
