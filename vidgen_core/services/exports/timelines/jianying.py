"""A draft for 剪映 (JianYing) or CapCut: a main track with all clips, a track with the spoken lines, and the videos.

The library writes the draft as 剪映 5.9 and 10.8 open it. Newer ones look for it under another name, so it is there under
both (``draft_content.json``, ``draft_info.json``). What the library leaves out is added: 剪映 finds a medium when the draft's
meta information and its store of media know it (``draft_meta_info.json``, ``draft_virtual_store.json``), and by an absolute
path. Where the draft will lie is not always known; then paths begin with 剪映's own placeholder for the draft's folder.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from shutil import copyfile, rmtree
from typing import Any, Final

from pyJianYingDraft import (
    ClipSettings,
    ScriptFile,
    TextSegment,
    TextStyle,
    Timerange,
    TrackSpec,
    TrackType,
    VideoMaterial,
    VideoSegment,
    assets,
)

from vidgen_core.domain.errors import FileError
from vidgen_core.media.disk import ensure_free_space, translate_os_errors
from vidgen_core.services.exports.archive import PART, write_zip
from vidgen_core.services.exports.cut import CutPart, known, lay_out
from vidgen_core.services.exports.facts import usual_rate, usual_size
from vidgen_core.services.exports.film import Film, FilmClip, Options, Progress
from vidgen_core.services.exports.naming import clip_names, safe_name
from vidgen_core.services.exports.timelines.subtitles import cues

#: Folder of the videos within the draft.
MATERIALS: Final = "materials"
_MICRO: Final = 1_000_000
#: What stands for the draft's own folder in paths that 剪映 saves itself.
_DRAFT_FOLDER: Final = "##_draftpath_placeholder_0E685133-18CE-45ED-8CB8-2904A212EC80_##"


def write_draft_zip(film: Film, target: Path, options: Options, progress: Progress) -> None:
    """Write a ZIP with the draft's folder, to be unpacked where 剪映 keeps its drafts (``options.drafts_folder``).

    :raises FileError: video_missing, video_unplayable, disk_full, folder_read_only
    """
    name = _draft_name(film)
    # 剪映 on Windows writes its paths with forward slashes as well.
    folder = options.drafts_folder.strip().replace("\\", "/").rstrip("/")
    contents = _contents(film, folder, name, options, progress)
    write_zip({f"{name}/{path}": content for path, content in contents.items()}, target, _rest(progress))


def write_draft(film: Film, drafts: Path, options: Options, progress: Progress) -> Path:
    """Write the draft into the folder that holds them on this machine; returns its own folder.

    :raises FileError: as ``write_draft_zip``
    """
    draft = _free(drafts / _draft_name(film))
    contents = _contents(film, drafts.absolute().as_posix(), draft.name, options, progress)
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


def _contents(film: Film, drafts: str, name: str, options: Options, progress: Progress) -> dict[str, str | Path]:
    """The draft's files: path in its folder → text, or the file to copy.

    :param drafts: the folder of drafts, as 剪映 will find it; empty where that is not known
    :param name: of the draft's own folder in it
    """
    home = f"{drafts}/{name}" if drafts else ""
    shown = film.model_copy(update={"clips": tuple(clip for clip in film.clips if clip.source)})
    parts = lay_out(shown, options.still_seconds, lambda done: progress(0.2 * done))
    facts = known(parts)
    names = _material_names(film, [part.clip for part in parts], options)
    script = ScriptFile(*usual_size(facts), round(usual_rate(facts)), maintrack_adsorb=True)
    track = script.append_track(TrackSpec(TrackType.video))
    segments, start = [], 0
    for part in parts:
        segments.append(_segment(part, f"{home or _DRAFT_FOLDER}/{names[part.clip.order]}", start))
        script.add_segment(segments[-1], track)
        start += segments[-1].target_timerange.duration
    _add_lines(script, parts, [segment.target_timerange for segment in segments])
    text = script.dumps()
    meta = json.loads(Path(assets.get_asset_path("DRAFT_META_TEMPLATE")).read_text(encoding="utf-8"))
    media = [segment.material_instance for segment in segments]
    meta["draft_materials"][0]["value"] = [_registered(material, film) for material in media]
    meta |= {
        "draft_id": str(uuid.uuid4()).upper(),
        "draft_name": name,
        "draft_fold_path": home,
        "draft_root_path": drafts,
        "tm_draft_create": round(film.at.timestamp() * _MICRO),
        "tm_draft_modified": round(film.at.timestamp() * _MICRO),
        "tm_duration": start,
    }
    texts: dict[str, str | Path] = {
        "draft_content.json": text,
        "draft_info.json": text,
        "draft_meta_info.json": json.dumps(meta, ensure_ascii=False),
        "draft_virtual_store.json": json.dumps(_store([material.local_material_id for material in media])),
    }
    return texts | {names[part.clip.order]: part.clip.source for part in parts if part.clip.source}


def _registered(material: VideoMaterial, film: Film) -> dict[str, Any]:
    """A medium as 剪映 lists it for a draft; times are microseconds, but for the two in seconds."""
    at = round(film.at.timestamp())
    return {
        "ai_group_type": "",
        "create_time": at,
        "duration": material.duration,
        "enter_from": 0,
        "extra_info": material.material_name,
        "file_Path": material.path.replace(_DRAFT_FOLDER, "."),
        "height": material.height,
        "id": material.local_material_id,
        "import_time": at,
        "import_time_ms": at * _MICRO,
        "item_source": 1,
        "material_color_tag": "",
        "md5": "",
        "metetype": material.material_type,
        "roughcut_time_range": {"duration": material.duration, "start": 0},
        "sub_time_range": {"duration": -1, "start": -1},
        "type": 0,
        "width": material.width,
    }


def _store(ids: Sequence[str]) -> dict[str, Any]:
    """The folders of the draft's media: all of them in the first one."""
    root = {
        "creation_time": 0,
        "display_name": "",
        "filter_type": 0,
        "id": "",
        "import_time": 0,
        "import_time_us": 0,
        "sort_sub_type": 0,
        "sort_type": 0,
    }
    children = [{"child_id": id_, "parent_id": ""} for id_ in ids]
    kinds = [{"type": 0, "value": [root]}, {"type": 1, "value": children}, {"type": 2, "value": []}]
    return {"draft_materials": [], "draft_virtual_store": kinds}


def _add_lines(script: Any, parts: Sequence[CutPart], places: Sequence[Timerange]) -> None:
    """The spoken lines as a text track; each clip's within its segment."""
    told = [(place, part.begin, cue) for place, part in zip(places, parts, strict=True) for cue in cues([part])]
    if not told:
        return
    track = script.append_track(TrackSpec(TrackType.text))
    style = TextStyle(size=6.0, align=1, auto_wrapping=True)
    for place, begin, cue in told:
        start = place.start + round((cue.begin - begin) * _MICRO)
        end = min(place.end, place.start + round((cue.end - begin) * _MICRO))
        settings = ClipSettings(transform_y=-0.8)
        script.add_segment(
            TextSegment(cue.text, Timerange(start, end - start), style=style, clip_settings=settings), track
        )


def _material_names(film: Film, clips: list[FilmClip], options: Options) -> dict[int, str]:
    names = clip_names(options.pattern, film.project, clips)
    return {clip.order: f"{MATERIALS}/{name}" for clip, name in zip(clips, names, strict=True)}


def _segment(part: CutPart, path: str, start: int) -> VideoSegment:
    """Times are microseconds.

    :raises FileError: ``video_unplayable``: 剪映's reader finds no picture or no length in the file
    """
    try:
        material = VideoMaterial(str(part.clip.source), path.rpartition("/")[2])
    except (ValueError, TypeError, KeyError) as error:
        raise FileError("video_unplayable", path=str(part.clip.source)) from error
    if part.facts:
        # As it is shown: the reader does not turn what asks to be turned.
        material.width, material.height = part.facts.width, part.facts.height
    material.path = path
    material.local_material_id = str(uuid.uuid4())
    begin = min(round(part.start * _MICRO), material.duration - 1)
    length = min(round(part.length * _MICRO), material.duration - begin)
    source = Timerange(begin, length)
    return VideoSegment(material, Timerange(start, length), source_timerange=source, clip_settings=ClipSettings())
