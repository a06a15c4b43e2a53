"""The film as editors read it: OpenTimelineIO, Final Cut Pro's XML, Premiere's XML and the EDL of CMX 3600.

One OpenTimelineIO timeline is the source of all four. Every time in it is a whole number of frames of one rate.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Any, Final, NamedTuple
from urllib.parse import quote
from zipfile import ZIP_DEFLATED, ZipFile

import opentimelineio as otio

from vidgen_core.i18n import get_text
from vidgen_core.media.disk import replacing
from vidgen_core.providers.http.cleaning import clean_text
from vidgen_core.services.exports.cut import CutPart, known, lay_out
from vidgen_core.services.exports.editing.edited_timeline import path_of
from vidgen_core.services.exports.facts import STANDARD_RATES, Facts, nearest_rate, usual_rate, usual_size
from vidgen_core.services.exports.film import EDL_EVENTS, Film, FilmClip, Format, Options, Progress
from vidgen_core.services.exports.timelines.fcpxml import to_fcpxml
from vidgen_core.services.exports.timelines.subtitles import spoken

#: Metadata of ours in the timeline.
META: Final = "vidgen"
#: Letters of an EDL's title (SMPTE 258M).
_TITLE: Final = 70
#: Between the seconds and the frames of a timecode that leaves numbers out.
_DROPPED: Final = re.compile(r"\d;\d\d ")
#: Order of a clip → the address that the timeline names its media by.
Addresses = Mapping[int, str]


def write_timeline(
    film: Film, target: Path, kind: Format, options: Options, progress: Progress, language: str = "en"
) -> None:
    """Write a timeline that names the videos where they lie.

    An EDL of more events than it can number becomes several, each going on where the one before ends: in a ZIP, where
    ``target`` is one, else beside it.

    :param language: of the markers' names
    :raises FileError: video_missing, video_unplayable, disk_full, folder_read_only
    """
    addresses = {clip.order: clip.source.absolute().as_uri() for clip in film.clips if clip.source}
    parts = lay_out(film, options.still_seconds, lambda done: progress(0.9 * done))
    texts = _texts(target.stem, kind, build(film, parts, addresses, language))
    if target.suffix.lower() == ".zip":
        with replacing(target, ".part") as part, ZipFile(part, "w", ZIP_DEFLATED) as archive:
            for name, text in texts.items():
                archive.writestr(name, text)
    else:
        for place, text in enumerate(texts.values()):
            with replacing(target.with_name(list(texts)[place]) if place else target, ".part") as part:
                part.write_text(text, encoding="utf-8", newline="\n")
    progress(1.0)


def timeline_texts(film: Film, stem: str, beside: Mapping[int, PurePosixPath], language: str = "en") -> dict[str, str]:
    """All timelines of the takes, by file name, naming the videos by their paths beside them."""
    takes = film.model_copy(update={"clips": film.takes})
    addresses = {order: quote(str(path)) for order, path in beside.items()}
    timeline = build(film, lay_out(takes, 1.0), addresses, language)
    return {name: text for kind in _WRITERS for name, text in _texts(stem, kind, timeline).items()}


def _texts(stem: str, kind: Format, timeline: otio.schema.Timeline) -> dict[str, str]:
    """The files of one format by their names."""
    reels = _reels(timeline) if kind is Format.EDL else [timeline]
    names = (f"{stem}-{place}.{kind}" if place > 1 else f"{stem}.{kind}" for place in range(1, len(reels) + 1))
    return dict(zip(names, map(_WRITERS[kind], reels), strict=True))


def _reels(timeline: otio.schema.Timeline) -> list[otio.schema.Timeline]:
    """The timeline in parts that an EDL can number, with the times of the whole."""
    picture = timeline.video_tracks()[0]
    ends = [place for place, item in enumerate(picture, start=1) if isinstance(item, otio.schema.Clip)]
    cuts = [0, *ends[EDL_EVENTS - 1 : -1 : EDL_EVENTS], len(picture)]
    reels = []
    for start, end in itertools.pairwise(cuts):
        reel = timeline.clone()
        before = otio.opentime.TimeRange(duration=picture.range_of_child_at_index(start).start_time)
        for track in reel.tracks:
            del track[end:]
            # What the reels before it hold.
            track[:start] = [otio.schema.Gap(source_range=before)] if start else []
        reels.append(reel)
    return reels


def build(film: Film, parts: Sequence[CutPart], addresses: Addresses, language: str = "en") -> otio.schema.Timeline:
    """One video track with a clip for each place of the film, and an audio track when any of them has sound.

    A still without a picture is a gap.
    """
    facts = known(parts)
    rate = usual_rate(facts)
    width, height = usual_size(facts)
    timeline = otio.schema.Timeline(film.project, global_start_time=otio.opentime.RationalTime(0, float(rate)))
    timeline.metadata[META] = {"width": width, "height": height, "rate": [rate.numerator, rate.denominator]}
    video = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    sound = otio.schema.Track("A1", kind=otio.schema.TrackKind.Audio)
    for part in parts:
        address = addresses.get(part.clip.order)
        heard = part.facts is not None and part.facts.sound
        video.append(_item(part, address, rate, _markers(part.clip, language)))
        sound.append(_item(part, address if heard else None, rate, ()))
    timeline.tracks.append(video)
    if any(video.sound for video in facts):
        timeline.tracks.append(sound)
    return timeline


class _Marker(NamedTuple):
    """A marker of a clip."""

    name: str
    comment: str
    color: str
    #: Seconds of the video; None: where the clip begins.
    at: float | None = None


def _frames(seconds: Fraction, rate: Fraction) -> int:
    """Whole frames that lie in a length, which many containers round to thousandths of a second; never more than there is."""
    return int(seconds * rate + Fraction(1, 10))


def _range(start: int, frames: int, rate: Fraction) -> otio.opentime.TimeRange:
    return otio.opentime.TimeRange(
        otio.opentime.RationalTime(start, float(rate)), otio.opentime.RationalTime(frames, float(rate))
    )


def _item(part: CutPart, address: str | None, rate: Fraction, markers: Sequence[_Marker]) -> Any:
    clip, start = part.clip, _frames(part.start, rate)
    shown = _range(start, max(1, _frames(part.length, rate)), rate)
    if address is None:
        return otio.schema.Gap(clip.name, _range(0, int(shown.duration.value), rate))
    whole = _frames(part.facts.seconds, rate) if part.facts else int(shown.duration.value)
    media = otio.schema.ExternalReference(address, _range(0, max(whole, int(shown.end_time_exclusive().value)), rate))
    media.name = clip.name
    if part.facts:
        media.metadata[META] = _media_facts(part.facts)
    item = otio.schema.Clip(clip.name, media, shown)
    item.metadata[META] = {
        "shot": clean_text(clip.shot.number),
        "shot_id": clip.shot.id,
        "take": clip.take.number if clip.take else None,
        "take_id": clip.take.id if clip.take else None,
        "prompt": clean_text(clip.shot.prompt),
        "line": "\n".join(spoken(clip.shot)),
        "still": clip.take is None,
    }
    for name, comment, color, at in markers:
        moment = start if at is None else _frames(Fraction(at), rate)
        marker = otio.schema.Marker(name, _range(moment, 1, rate), color, comment=comment)
        # Where Premiere's XML has the words of a marker.
        marker.metadata["fcp_xml"] = {"comment": comment}
        item.markers.append(marker)
    return item


def _media_facts(facts: Facts) -> dict[str, Any]:
    own = nearest_rate(facts.fps)
    return {
        "width": facts.width,
        "height": facts.height,
        "sound": facts.sound,
        "rate": [own.numerator, own.denominator],
        "frames": max(1, _frames(facts.seconds, own)),
    }


def _markers(clip: FilmClip, language: str) -> list[_Marker]:
    """What is known about a clip: its prompt, its lines, doubts about the take, and what reviewers said of its moments."""
    t, color = get_text(language), otio.schema.MarkerColor
    told = [_Marker(t("export.marker.prompt"), clean_text(clip.shot.prompt), color.BLUE)]
    told += [_Marker(t("export.marker.line"), "\n".join(spoken(clip.shot)), color.GREEN)]
    for code in clip.take.warnings if clip.take else ():
        told.append(_Marker(t("export.marker.doubt"), t(f"shots.warning.{code}"), color.RED))
    for one in clip.comments:
        told.append(_Marker(t("export.marker.review", name=one.name), clean_text(one.text), color.PINK, one.at))
    return [marker for marker in told if marker.comment.strip()]


def to_otio(timeline: otio.schema.Timeline) -> str:
    return str(timeline.to_json_string(indent=2))


def to_premiere(timeline: otio.schema.Timeline) -> str:
    """XML of Final Cut Pro 7 (``xmeml``), which Premiere Pro reads: each file with its own rate and size."""
    copy = timeline.clone()
    copy.metadata["fcp_xml"] = {"media": {"video": {"format": _picture(copy.metadata[META])}}}
    for clip in copy.find_clips():
        media = clip.media_reference
        # Premiere names this machine in its addresses.
        media.target_url = media.target_url.replace("file:///", "file://localhost/", 1)
        facts = media.metadata.get(META)
        if facts:
            sound = {"audio": {"channelcount": "2"}} if facts["sound"] else {}
            media.metadata["fcp_xml"] = {"media": {"video": _picture(facts), **sound}}
            own = Fraction(*facts["rate"])
            if own in STANDARD_RATES:
                media.available_range = _range(0, facts["frames"], own)
    return str(otio.adapters.write_to_string(copy, "fcp_xml"))


def _picture(facts: Mapping[str, Any]) -> dict[str, Any]:
    size = {"width": str(facts["width"]), "height": str(facts["height"])}
    return {"samplecharacteristics": {**size, "pixelaspectratio": "square", "fielddominance": "none"}}


def to_edl(timeline: otio.schema.Timeline) -> str:
    """A CMX 3600 list in Premiere's style: media are found again by *from clip name*, the file's own name."""
    copy = timeline.clone()
    for clip in copy.find_clips():
        clip.media_reference.target_url = path_of(clip.media_reference.target_url)
        # Every line is its own in this format.
        clip.name = " ".join(clip.name.split())
        for marker in clip.markers:
            marker.name = " ".join(f"{marker.name}: {marker.comment}".split())
    copy.name = " ".join(copy.name.split())[:_TITLE]
    title, _, events = otio.adapters.write_to_string(copy, "cmx_3600", style="premiere", reelname_len=None).partition(
        "\n"
    )
    # NTSC's timecode leaves numbers out: 00:00:59;29 is followed by 00:01:00;02.
    mode = "DROP FRAME" if _DROPPED.search(events) else "NON-DROP FRAME"
    return f"{title}\nFCM: {mode}\n{events}"


_WRITERS: Final = {
    Format.OTIO: to_otio,
    Format.FCPXML: to_fcpxml,
    Format.PREMIERE: to_premiere,
    Format.EDL: to_edl,
}
