"""The chosen takes in one ZIP, in shot order, with a manifest for people and one for programs.

Videos are stored as they are, for they cannot be made smaller, and pass through in small pieces.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from vidgen_core.domain.tasks import GenerationParams
from vidgen_core.media.disk import ensure_free_space, replacing
from vidgen_core.services.exports.cut import lay_out
from vidgen_core.services.exports.film import Film, FilmClip, Format, Options, Progress
from vidgen_core.services.exports.naming import clip_names, safe_name
from vidgen_core.services.exports.timelines.subtitles import subtitle_text
from vidgen_core.services.exports.timelines.timeline import timeline_texts
from vidgen_core.services.imports.formulas import tame
from vidgen_core.services.schemas.base import iso

#: What a ZIP holds: name in it → a text, or the file that is copied into it.
Contents = Mapping[str, str | bytes | Path]
#: Bytes copied at once.
_PIECE: Final = 1 << 20
#: Ending of a file that is being written.
PART: Final = ".part"


def write_archive(film: Film, target: Path, options: Options, progress: Progress, language: str = "en") -> None:
    """Write the ZIP; spoken lines lie in it as subtitles.

    :param language: of the timelines' markers
    :raises InputError: pattern_invalid
    :raises FileError: disk_full, folder_read_only
    """
    names = clip_names(options.pattern, film.project, film.takes)
    contents: dict[str, str | bytes | Path] = {
        str(name): clip.source for name, clip in zip(names, film.takes, strict=True) if clip.source
    }
    manifest = _manifest(film, names)
    contents |= film.beside
    contents["manifest.json"] = json.dumps(manifest, ensure_ascii=False, indent=1)
    contents["manifest.csv"] = _table(manifest["clips"])
    if options.timelines:
        beside = {clip.order: name for name, clip in zip(names, film.takes, strict=True)}
        contents |= timeline_texts(film, safe_name(film.project), beside, language)
    lines = subtitle_text(lay_out(film.model_copy(update={"clips": film.takes}), options.still_seconds), Format.SRT)
    if lines:
        contents[f"{safe_name(film.project)}.srt"] = lines.encode("utf-8-sig")
    write_zip(contents, target, progress)


def write_zip(contents: Contents, target: Path, progress: Progress) -> None:
    """Write texts and files into a new ZIP that appears whole or not at all.

    :raises FileError: disk_full, folder_read_only
    """
    total = sum(_size(content) for content in contents.values())
    ensure_free_space(target.parent, total)
    done = 0
    with replacing(target, PART) as part, ZipFile(part, "w", ZIP_STORED, strict_timestamps=False) as archive:
        for name, content in contents.items():
            if isinstance(content, Path):
                info = ZipInfo.from_file(content, name, strict_timestamps=False)
                with content.open("rb") as source, archive.open(info, "w", force_zip64=True) as sink:
                    done = _copy(source, sink, done, total, progress)
            else:
                archive.writestr(name, content, ZIP_DEFLATED)
                done += _size(content)
    progress(1.0)


def _size(content: str | bytes | Path) -> int:
    return content.stat().st_size if isinstance(content, Path) else len(content)


def _copy(source: IO[bytes], sink: IO[bytes], done: int, total: int, progress: Progress) -> int:
    while piece := source.read(_PIECE):
        sink.write(piece)
        done += len(piece)
        progress(min(1.0, done / max(1, total)))
    return done


def _manifest(film: Film, names: Sequence[PurePosixPath]) -> dict[str, Any]:
    return {
        "project": film.project,
        "exported_at": iso(film.at),
        "seconds": round(film.seconds, 3),
        "clips": [_entry(clip, str(name)) for clip, name in zip(film.takes, names, strict=True)],
        "missing": [shot.number for shot in film.missing],
    }


def _entry(clip: FilmClip, name: str) -> dict[str, Any]:
    take = clip.take
    if take is None:
        raise TypeError("a still has no video")
    # What was made of a shot has other names than what a list asks for: the manifest comes in as the shots it was made of.
    return {
        "order": clip.order,
        "shot": clip.shot.number,
        "take": take.number,
        "finished_take": clip.finished,
        "video": name,
        "video_seconds": take.seconds,
        "trim_in": take.trim_in,
        "trim_out": take.trim_out,
        "width": take.width,
        "height": take.height,
        "bytes": take.bytes,
        "sha256": take.sha256,
        "provider": take.provider.value,
        "model": take.model,
        "seed": take.seed,
        "verdict": take.verdict.value if take.verdict else None,
        "checks": [one.model_dump(mode="json") for one in take.checks],
        "prompt": take.prompt or clip.shot.prompt,
        **_made_from(clip.params),
        "script": clip.shot.script,
        "created_at": iso(take.created_at),
    }


def _made_from(params: GenerationParams | None) -> dict[str, Any]:
    """How a take was asked for: mode, sound, what it ends with and how many references it has; empty where nobody knows."""
    return {
        "mode": params.mode.value if params and params.mode else None,
        "sound": params.sound if params else None,
        "negative_prompt": params.negative_prompt if params else None,
        "has_last_frame": bool(params.last_frame or params.last_frame_url) if params else None,
        "reference_count": len(params.references) if params else None,
        "characters": ", ".join(one.name for one in params.characters) if params else None,
    }


def _table(entries: Sequence[Mapping[str, Any]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(entries[0])
    writer.writerows([tame(value) for value in entry.values()] for entry in entries)
    # Excel takes UTF-8 only with a byte order mark.
    return text.getvalue().encode("utf-8-sig")
