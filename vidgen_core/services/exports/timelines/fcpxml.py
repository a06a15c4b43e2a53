"""Final Cut Pro's XML, version 1.9, which Final Cut Pro 10.4.9 and later and DaVinci Resolve read.

Written from the OpenTimelineIO timeline; why not by its adapter stands in ``docs/decisions``. Elements and their order are
those of Apple's ``FCPXMLv1_9.dtd``, and allowed by those of later versions. Times are fractions of a second: whole frames
of the sequence for places in it, whole frames of its own for the length of a video (Apple, *FCPXML Reference*, "Timing
Attributes").
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Final
from xml.etree import ElementTree as ET

import opentimelineio as otio

_VERSION: Final = "1.9"
_HEAD: Final = '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE fcpxml>\n'
_META: Final = "vidgen"
#: The rates that ``conform-rate`` names, by what they are.
_CONFORMED: Final = {
    Fraction(24_000, 1001): "23.98",
    Fraction(24): "24",
    Fraction(25): "25",
    Fraction(30_000, 1001): "29.97",
    Fraction(30): "30",
    Fraction(48): "48",
    Fraction(50): "50",
    Fraction(60_000, 1001): "59.94",
    Fraction(60): "60",
}


def to_fcpxml(timeline: otio.schema.Timeline) -> str:
    """The first video track as the spine of one project; sound comes with its video."""
    facts = timeline.metadata[_META]
    rate = Fraction(*facts["rate"])
    root = ET.Element("fcpxml", version=_VERSION)
    resources = ET.SubElement(root, "resources")
    ET.SubElement(resources, "format", {"id": "r1", **_form(facts)})
    event = ET.SubElement(ET.SubElement(root, "library"), "event", name=timeline.name)
    track = timeline.video_tracks()[0]
    sequence = ET.SubElement(
        ET.SubElement(event, "project", name=timeline.name),
        "sequence",
        format="r1",
        duration=_frames(track.duration(), rate),
        tcStart="0s",
        tcFormat="NDF",
        audioLayout="stereo",
        audioRate="48k",
    )
    spine = ET.SubElement(sequence, "spine")
    for number, item in enumerate(track, start=2):
        place = {
            "name": item.name,
            "offset": _frames(item.range_in_parent().start_time, rate),
            "duration": _frames(item.duration(), rate),
            "start": _frames(item.trimmed_range().start_time, rate),
        }
        if isinstance(item, otio.schema.Gap):
            ET.SubElement(spine, "gap", place)
        else:
            _clip(resources, spine, item, place, f"r{number}", rate)
    ET.indent(root)
    return _HEAD + ET.tostring(root, encoding="unicode") + "\n"


def _clip(resources: Any, spine: Any, item: Any, place: dict[str, str], id_: str, rate: Fraction) -> None:
    media, still = item.media_reference, item.metadata[_META]["still"]
    known = media.metadata.get(_META, {})
    own = Fraction(*known["rate"]) if known else rate
    asset = {
        "id": id_,
        "name": item.name,
        "start": "0s",
        # A picture has no length of its own.
        "duration": "0s" if still else _time(known["frames"] / own),
        "hasVideo": "1",
        "format": f"{id_}f",
    }
    if known.get("sound"):
        asset |= {"hasAudio": "1", "audioSources": "1", "audioChannels": "2", "audioRate": "48000"}
    form = {"name": "FFVideoFormatRateUndefined"} if still else _form(known)
    ET.SubElement(resources, "format", {"id": f"{id_}f", **form})
    ET.SubElement(ET.SubElement(resources, "asset", asset), "media-rep", kind="original-media", src=media.target_url)
    shown = ET.SubElement(spine, "video" if still else "asset-clip", {"ref": id_, **place})
    told = [item.metadata[_META][name] for name in ("line", "prompt")]
    if any(told):
        ET.SubElement(shown, "note").text = "\n".join(text for text in told if text)
    if own != rate:
        # Played at its own speed: frames are repeated or left out, never stretched.
        named = {"srcFrameRate": _CONFORMED[own]} if own in _CONFORMED else {}
        ET.SubElement(shown, "conform-rate", {"scaleEnabled": "0", **named})
    for marker in item.markers:
        words = {"value": marker.name, "note": marker.comment}
        start = _frames(marker.marked_range.start_time, rate)
        ET.SubElement(shown, "marker", {"start": start, "duration": _time(1 / rate), **words})


def _form(facts: Any) -> dict[str, str]:
    size = {"width": str(facts["width"]), "height": str(facts["height"])}
    return {"frameDuration": _time(1 / Fraction(*facts["rate"])), **size, "colorSpace": "1-1-1 (Rec. 709)"}


def _frames(time: otio.opentime.RationalTime, rate: Fraction) -> str:
    return _time(round(time.value) / rate)


def _time(seconds: Fraction) -> str:
    return f"{seconds.numerator}s" if seconds.denominator == 1 else f"{seconds.numerator}/{seconds.denominator}s"
