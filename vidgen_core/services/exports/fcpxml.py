"""Final Cut Pro's XML, version 1.9, which Final Cut Pro 10.4.9 and later and DaVinci Resolve read.

Written from the OpenTimelineIO timeline; why not by its adapter stands in ``docs/decisions``. Times are fractions of a
second and whole frames of the sequence, as the format asks for (Apple, *FCPXML Reference*, "Timing Attributes").
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Final
from xml.etree import ElementTree as ET

import opentimelineio as otio

_VERSION: Final = "1.9"
_HEAD: Final = '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE fcpxml>\n'
_META: Final = "vidgen"


def to_fcpxml(timeline: otio.schema.Timeline) -> str:
    """The first video track as the spine of one project; sound comes with its video."""
    facts = timeline.metadata[_META]
    rate = Fraction(*facts["rate"])
    root = ET.Element("fcpxml", version=_VERSION)
    resources = ET.SubElement(root, "resources")
    ET.SubElement(resources, "format", {"id": "r1", "frameDuration": _time(1 / rate), **_size(facts)})
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
            "start": "0s",
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
    sound = bool(known.get("sound"))
    asset = {
        "id": id_,
        "name": item.name,
        "src": media.target_url,
        "start": "0s",
        # A picture has no length of its own.
        "duration": "0s" if still else _frames(media.available_range.duration, rate),
        "hasVideo": "1",
        "format": f"{id_}f",
    }
    if sound:
        asset |= {"hasAudio": "1", "audioSources": "1", "audioChannels": "2", "audioRate": "48000"}
    form = {"name": "FFVideoFormatRateUndefined"} if still else {"frameDuration": _time(1 / rate), **_size(known)}
    ET.SubElement(resources, "format", {"id": f"{id_}f", **form})
    ET.SubElement(resources, "asset", asset)
    shown = ET.SubElement(spine, "video" if still else "asset-clip", {"ref": id_, **place})
    if item.metadata[_META]["prompt"]:
        ET.SubElement(shown, "note").text = item.metadata[_META]["prompt"]


def _size(facts: Any) -> dict[str, str]:
    return {"width": str(facts["width"]), "height": str(facts["height"])}


def _frames(time: otio.opentime.RationalTime, rate: Fraction) -> str:
    return _time(round(time.value) / rate)


def _time(seconds: Fraction) -> str:
    return f"{seconds.numerator}s" if seconds.denominator == 1 else f"{seconds.numerator}/{seconds.denominator}s"
