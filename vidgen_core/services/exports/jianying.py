"""A draft for 剪映 (JianYing): one main track with all clips, and the videos in the draft's own folder.

The library writes the draft as 剪映 5.9 and 10.8 open it. Newer ones look for it under another name, so it is there
under both (``draft_content.json``, ``draft_info.json``). 剪映 keeps absolute paths, so the draft must lie in the folder
it was made for; otherwise 剪映 asks for the media once.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from shutil import copyfile, rmtree
from typing import Any, Final

from pyJianYingDraft import (
    ClipSettings,
    DraftFolder,
    Timerange,
    TrackSpec,
    TrackType,
    VideoMaterial,
    VideoSegment,
)

from vidgen_core.media.disk import ensure_free_space, translate_os_errors
from vidgen_core.services.exports.archive import PART, write_zip
from vidgen_core.services.exports.facts import Facts, read_facts, usual_rate, usual_size
from vidgen_core.services.exports.film import Clip, Film, Options, Progress
from vidgen_core.services.exports.naming import clip_names, safe_name

#: Folder of the videos within the draft.
MATERIALS: Final = "materials"
_MICRO: Final = 1_000_000


def write_draft_zip(film: Film, target: Path, options: Options, progress: Progress) -> None:
    """Write a ZIP with the draft's folder, to be unpacked where 剪映 keeps its drafts (``options.drafts_folder``).

    :raises FileError: video_missing, video_unplayable, disk_full, folder_read_only
    """
    name = _draft_name(film)
    # 剪映 on Windows writes its paths with forward slashes as well.
    folder = options.drafts_folder.strip().replace("\\", "/").rstrip("/")
    contents = _contents(film, f"{folder}/{name}" if folder else name, options, progress)
    write_zip({f"{name}/{path}": content for path, content in contents.items()}, target, _rest(progress))


def write_draft(film: Film, drafts: Path, options: Options, progress: Progress) -> Path:
    """Write the draft into the folder that holds them on this machine; returns its own folder.

    :raises FileError: as ``write_draft_zip``
    """
    draft = _free(drafts / _draft_name(film))
    contents = _contents(film, draft.absolute().as_posix(), options, progress)
    ensure_free_space(drafts, film.bytes)
    part = draft.with_name(draft.name + PART)
    try:
        with translate_os_errors(draft):
            _lay_out(contents, part, _rest(progress))
            part.replace(draft)
    finally:
        rmtree(part, ignore_errors=True)
    progress(1.0)
    return draft


def _lay_out(contents: Mapping[str, str | Path], folder: Path, progress: Progress) -> None:
    for number, (path, content) in enumerate(contents.items()):
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Path):
            copyfile(content, place)
        else:
            place.write_text(content, encoding="utf-8")
        progress(number / len(contents))


def _rest(progress: Progress) -> Progress:
    """What comes after the looks at all videos."""
    return lambda done: progress(0.2 + 0.8 * done)


def _draft_name(film: Film) -> str:
    return f"{safe_name(film.project)}-{film.at:%m%d-%H%M%S}"


def _free(folder: Path) -> Path:
    names = [folder, *(folder.with_name(f"{folder.name} ({number})") for number in range(2, 1000))]
    return next(name for name in names if not name.exists())


def _contents(film: Film, home: str, options: Options, progress: Progress) -> dict[str, str | Path]:
    """The draft's files: path in its folder → text, or the file to copy.

    :param home: the folder, as 剪映 will find it
    """
    clips = [clip for clip in film.clips if clip.source]
    facts: dict[int, Facts] = {}
    for number, clip in enumerate(clips):
        if clip.take and clip.source:
            facts[clip.order] = read_facts(clip.source)
        progress(0.2 * number / len(clips))
    names = _material_names(film, clips, options)
    with tempfile.TemporaryDirectory() as folder:
        width, height = usual_size(facts.values())
        script = DraftFolder(folder).create_draft("draft", width, height, round(usual_rate(facts.values())))
        track = script.append_track(TrackSpec(TrackType.video))
        start = 0
        for clip in clips:
            segment = _segment(clip, facts.get(clip.order), f"{home}/{names[clip.order]}", start, options)
            script.add_segment(segment, track)
            start += segment.target_timerange.duration
        text = script.dumps()
        meta = json.loads(Path(folder, "draft", "draft_meta_info.json").read_text(encoding="utf-8"))
    meta |= {"draft_name": home.rpartition("/")[2], "draft_fold_path": home, "tm_duration": start}
    texts: dict[str, str | Path] = {
        "draft_content.json": text,
        "draft_info.json": text,
        "draft_meta_info.json": json.dumps(meta, ensure_ascii=False),
    }
    return texts | {names[clip.order]: clip.source for clip in clips if clip.source}


def _material_names(film: Film, clips: list[Clip], options: Options) -> dict[int, str]:
    names = clip_names(options.pattern, film.project, clips)
    return {
        clip.order: f"{MATERIALS}/{name if clip.take else name.with_suffix(clip.source.suffix if clip.source else '')}"
        for clip, name in zip(clips, names, strict=True)
    }


def _segment(clip: Clip, facts: Facts | None, path: str, start: int, options: Options) -> Any:
    """Times are microseconds."""
    material = VideoMaterial(str(clip.source), path.rpartition("/")[2])
    material.path = path
    seconds = facts.seconds if facts else Fraction(options.still_seconds)
    length = min(round(seconds * _MICRO), material.duration)
    return VideoSegment(
        material, Timerange(start, length), source_timerange=Timerange(0, length), clip_settings=ClipSettings()
    )
