"""The film as editors read it: OpenTimelineIO, Final Cut Pro's XML and the EDL of CMX 3600.

One OpenTimelineIO timeline is the source of all three. Every time in it is a whole number of frames of one rate.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Any, Final
from urllib.parse import quote

import opentimelineio as otio

from vidgen_core.domain.errors import Refused
from vidgen_core.media.disk import replacing
from vidgen_core.providers.http.cleaning import clean_text
from vidgen_core.services.exports.facts import Facts, read_facts, usual_rate, usual_size
from vidgen_core.services.exports.fcpxml import to_fcpxml
from vidgen_core.services.exports.film import Clip, Film, Format, Options, Progress

#: Metadata of ours in the timeline.
META: Final = "vidgen"
#: Order of a clip → the address that the timeline names its media by.
Addresses = Mapping[int, str]


def write_timeline(film: Film, target: Path, kind: Format, options: Options, progress: Progress) -> None:
    """Write a timeline that names the videos where they lie.

    :raises FileError: video_missing, video_unplayable, disk_full, folder_read_only
    """
    addresses = {clip.order: clip.source.absolute().as_uri() for clip in film.clips if clip.source}
    timeline = build(film, addresses, options.still_seconds, progress)
    text = _WRITERS[kind](timeline)
    with replacing(target, ".part") as part:
        part.write_text(text, encoding="utf-8", newline="\n")
    progress(1.0)


def timeline_texts(film: Film, stem: str, beside: Mapping[int, PurePosixPath]) -> dict[str, str]:
    """All three timelines of the takes, by file name, naming the videos by their paths beside them."""
    takes = film.model_copy(update={"clips": film.takes})
    timeline = build(takes, {order: quote(str(path)) for order, path in beside.items()})
    return {f"{stem}.{kind}": write(timeline) for kind, write in _WRITERS.items()}


def build(
    film: Film, addresses: Addresses, still_seconds: float = 3.0, progress: Progress = lambda _: None
) -> otio.schema.Timeline:
    """One video track with a clip for each place of the film, and an audio track when any of them has sound.

    A still without a picture is a gap.

    :raises FileError: video_missing, video_unplayable
    """
    facts: dict[int, Facts] = {}
    for clip in film.takes:
        if clip.source:
            facts[clip.order] = read_facts(clip.source)
        progress(0.9 * clip.order / len(film.clips))
    rate = usual_rate(facts.values())
    width, height = usual_size(facts.values())
    timeline = otio.schema.Timeline(film.project, global_start_time=otio.opentime.RationalTime(0, float(rate)))
    timeline.metadata[META] = {"width": width, "height": height, "rate": [rate.numerator, rate.denominator]}
    video = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    sound = otio.schema.Track("A1", kind=otio.schema.TrackKind.Audio)
    for clip in film.clips:
        known = facts.get(clip.order)
        frames = _frames(known.seconds if known else Fraction(still_seconds), rate)
        video.append(_item(clip, addresses.get(clip.order), frames, rate, known))
        address = addresses.get(clip.order) if known and known.sound else None
        sound.append(_item(clip, address, frames, rate, known))
    timeline.tracks.append(video)
    if any(known.sound for known in facts.values()):
        timeline.tracks.append(sound)
    return timeline


def _frames(seconds: Fraction, rate: Fraction) -> int:
    """Whole frames that lie in a length; never more than there is."""
    return max(1, int(seconds * rate + Fraction(1, 1000)))


def _item(clip: Clip, address: str | None, frames: int, rate: Fraction, facts: Facts | None) -> Any:
    whole = otio.opentime.TimeRange(
        otio.opentime.RationalTime(0, float(rate)), otio.opentime.RationalTime(frames, float(rate))
    )
    if address is None:
        return otio.schema.Gap(clip.name, whole)
    media = otio.schema.ExternalReference(address, whole)
    media.name = clip.name
    if facts:
        media.metadata[META] = {"width": facts.width, "height": facts.height, "sound": facts.sound}
    item = otio.schema.Clip(clip.name, media, whole)
    item.metadata[META] = {
        "shot": clean_text(clip.shot.number),
        "take": clip.take.number if clip.take else None,
        "prompt": clean_text(clip.shot.prompt),
        "still": clip.take is None,
    }
    return item


def to_otio(timeline: otio.schema.Timeline) -> str:
    return str(timeline.to_json_string(indent=2))


def to_edl(timeline: otio.schema.Timeline) -> str:
    """A CMX 3600 list in Premiere's style: media are found again by *from clip name*, the file's own name.

    :raises Refused: ``export_edl_too_long``: the format knows 999 events
    """
    copy = timeline.clone()
    if sum(1 for _ in copy.video_tracks()[0].find_clips()) > 999:
        raise Refused("export_edl_too_long", limit=999)
    for clip in copy.find_clips():
        clip.media_reference.target_url = _plain_path(clip.media_reference.target_url)
        # Every line is its own in this format.
        clip.name = " ".join(clip.name.split())
    copy.name = " ".join(copy.name.split())
    return str(otio.adapters.write_to_string(copy, "cmx_3600", style="premiere", reelname_len=None))


def _plain_path(address: str) -> str:
    return str(otio.url_utils.filepath_from_url(address))


_WRITERS: Final = {Format.OTIO: to_otio, Format.FCPXML: to_fcpxml, Format.EDL: to_edl}
