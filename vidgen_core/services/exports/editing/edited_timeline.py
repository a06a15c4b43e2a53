"""Reading a timeline that came back from an editor: which part of which file stands where.

OpenTimelineIO, EDL and Premiere's XML are read by their adapters; Final Cut Pro's XML here, for the adapter of that format
knows no ``media-rep``. The kind is found from the content.
"""

from __future__ import annotations

import io
import math
import re
import zlib
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Final
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree as ET
from zipfile import BadZipFile, ZipFile

import opentimelineio as otio

from vidgen_core.domain.base import Frozen
from vidgen_core.domain.errors import InputError
from vidgen_core.services.exports.facts import STANDARD_RATES
from vidgen_core.services.imports.decoding import decodings

#: Bytes of the largest timeline that is read.
LARGEST: Final = 50_000_000
_ENDINGS: Final = (".otio", ".fcpxml", ".xml", ".edl")
_META: Final = "vidgen"
_EVENT: Final = re.compile(r"^\s*\d+\s+\S+\s+\S+\s+\S+\s.*\d\d:\d\d:\d\d[:;]\d\d", re.MULTILINE)

#: Frames of a timecode.
_FRAMES: Final = re.compile(r"\d\d:\d\d:\d\d[:;](\d\d)")


class Use(Frozen):
    """One clip of an edited timeline; times in seconds."""

    #: As the editor calls it.
    name: str
    #: Path or address of its file; empty without one.
    file: str = ""
    #: Id of the take, or of the shot, where the timeline still says so.
    take_id: int | None = None
    shot_id: int | None = None
    #: Place in the film.
    at: float
    #: The part of the file that is shown.
    begin: float
    length: float
    #: 1: as it was made; 0.5: half as fast.
    speed: float = 1.0
    #: Switched off in the editor.
    disabled: bool = False


def read_uses(data: bytes, rate: Fraction) -> list[Use]:
    """Every clip of the first sequence's video tracks, in the order of the film.

    :param rate: frames a second, which an EDL does not say
    :raises InputError: ``edit_unreadable`` (why), ``edit_unknown``, ``edit_empty``
    """
    text = _text(data)
    try:
        if text.lstrip().startswith("{") and "OTIO_SCHEMA" in text:
            found = _of_otio(otio.adapters.read_from_string(text, "otio_json"))
        elif "<fcpxml" in text:
            found = _of_fcpxml(ET.fromstring(text))  # noqa: S314 - expat ends what grows out of proportion
        elif "<xmeml" in text:
            found = _of_otio(otio.adapters.read_from_string(text, "fcp_xml"))
        elif _EVENT.search(text):
            found = _of_otio(_edl(text, rate), timecode=False)
        else:
            raise InputError("edit_unknown")
    except InputError:
        raise
    except Exception as error:
        raise InputError("edit_unreadable", why=" ".join(str(error).split())[:200] or type(error).__name__) from error
    if not found:
        raise InputError("edit_empty")
    return sorted(found, key=lambda use: use.at)


def _text(data: bytes) -> str:
    if data.startswith(b"PK"):
        data = _unpacked(data)
    if len(data) > LARGEST:
        raise InputError("edit_unreadable", why=f"> {LARGEST // 1_000_000} MB")
    text = next(decodings(data), None) or data.decode("latin-1")
    # A text is no longer in the encoding that its declaration names.
    return re.sub(r"^\s*<\?xml[^>]*\?>", "", text.replace("\r\n", "\n"), count=1)


def _unpacked(data: bytes) -> bytes:
    """The timeline of a package: OTIOZ, or the folder of Final Cut Pro in a ZIP; empty without one."""
    try:
        with ZipFile(io.BytesIO(data)) as package:
            for one in package.infolist():
                if (
                    one.filename.lower().endswith(_ENDINGS)
                    and "__MACOSX" not in one.filename
                    and one.file_size <= LARGEST
                ):
                    return package.read(one)
    except (BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError, ValueError) as error:
        raise InputError("edit_unreadable", why=str(error)[:200]) from error
    return b""


def _edl(text: str, rate: Fraction) -> Any:
    """Counted in the project's rate, unless the timecodes tell that it is another: by drop frames, or frames it has not."""
    last = max((int(frames) for frames in _FRAMES.findall(text)), default=0)
    drops = ";" in text
    known = [each for each in STANDARD_RATES if each > last and (not drops or (each.denominator > 1 and each > 29))]
    base = rate if rate in known or not known else known[0]
    if "FROM CLIP NAME" not in text:
        text = re.sub(r"(?m)^\* *SOURCE FILE *:", "* FROM CLIP NAME:", text)
    options = {"rate": float(base), "ignore_timecode_mismatch": True}
    try:
        return otio.adapters.read_from_string(text, "cmx_3600", **options)
    except otio.exceptions.OTIOError:
        # A film that fades in: no track of OpenTimelineIO begins with a transition.
        return otio.adapters.read_from_string(_with_cuts(text), "cmx_3600", **options)


def _with_cuts(text: str) -> str:
    """The list with a cut in the place of each transition, and without the events of no length that these begin with."""
    text = re.sub(r"(?m)^([ \t]*+\d++(?:[ \t]++\S++){2}[ \t]++)(?:D|W\d++)[ \t]++\d{1,3}+(?=[ \t])", r"\1C", text)
    return re.sub(r"(?m)^[ \t]*+\d++(?:[ \t]++\S++){2}[ \t]++C[ \t]++(\S++)[ \t]++\1[ \t].*+\n", "", text).replace(
        "* TO CLIP", "* FROM CLIP"
    )


# --- what OpenTimelineIO reads


def _of_otio(read: Any, *, timecode: bool = True) -> list[Use]:
    """:param timecode: whether media say where their own timecode begins"""
    timeline = read
    if not isinstance(read, otio.schema.Timeline):
        timeline = next(iter(read.find_children(descended_from_type=otio.schema.Timeline)), None)
    if timeline is None:
        return []
    return [
        _of_clip(clip, timeline.tracks, timecode, is_on=track.enabled)
        for track in timeline.video_tracks()
        for clip in track.find_clips()
    ]


def _of_clip(clip: Any, tracks: Any, timecode: bool, *, is_on: bool) -> Use:
    shown = clip.trimmed_range()
    media = clip.media_reference
    # A file with a timecode of its own does not begin at zero.
    known_range = media.available_range if timecode and media else None
    first = known_range.start_time if known_range else otio.opentime.RationalTime(0, 1)
    known = clip.metadata.get(_META, {})
    speed = math.prod(map(_speed_of, clip.effects))
    # What is left of the file's name in an EDL that says no other.
    reel = clip.metadata.get("cmx_3600", {}).get("reel") or ""
    return Use(
        name=clip.name or "",
        file=getattr(media, "target_url", None) or ("" if reel in ("AX", "BL") else reel),
        take_id=known.get("take_id"),
        shot_id=known.get("shot_id"),
        at=clip.transformed_time_range(shown, tracks).start_time.to_seconds(),
        begin=(shown.start_time - first).to_seconds(),
        length=shown.duration.to_seconds() * abs(speed or 1.0),
        speed=speed,
        disabled=not (is_on and clip.enabled) or clip.metadata.get("fcp_xml", {}).get("enabled") == "FALSE",
    )


def _speed_of(effect: Any) -> float:
    """1 for what changes no speed; Premiere's XML has percents in an effect of its own."""
    if isinstance(effect, otio.schema.LinearTimeWarp):
        return float(effect.time_scalar)
    told = effect.metadata.get("fcp_xml", {})
    given: Any = told.get("parameter", ()) if told.get("effectid") == "timeremap" else ()
    for one in (given,) if hasattr(given, "keys") else given:
        if one.get("parameterid") == "speed":
            return float(one["value"]) / 100
    return 1.0


# --- Final Cut Pro

#: What stands for a clip in a spine, and may hold others.
_CLIPS: Final = frozenset({"asset-clip", "clip", "video", "sync-clip", "ref-clip", "mc-clip", "audition"})


def _of_fcpxml(root: ET.Element) -> list[Use]:
    assets = {each.get("id", ""): each for each in root.iter("asset")}
    # What a compound clip holds stands before the projects.
    spines = (*root.iterfind(".//project/sequence/spine"), *root.iterfind(".//sequence/spine"))
    return next(filter(None, (list(_uses(spine, assets, Fraction(0))) for spine in spines)), [])


def _uses(parent: ET.Element, assets: dict[str, ET.Element], origin: Fraction) -> Iterator[Use]:
    """The clips in an element, and those connected to them; ``origin`` is the film's time at the parent's time 0."""
    for item in parent:
        at = origin + _seconds(item.get("offset"))
        if item.tag in _CLIPS:
            use = _use(item, assets, at)
            if use:
                yield use
        if item.tag in _CLIPS or item.tag == "gap":
            connected = [child for child in item if child.get("lane") is not None]
            holder = ET.Element("spine")
            holder.extend(connected)
            yield from _uses(holder, assets, at - _seconds(item.get("start")))
        elif item.tag == "spine":
            yield from _uses(item, assets, at)


def _use(item: ET.Element, assets: dict[str, ET.Element], at: Fraction) -> Use | None:
    inner = (each for each in item.iter() if each is item or each.get("lane") is None)
    source = next((each for each in inner if each.tag in _CLIPS and each.get("ref") in assets), None)
    asset = ET.Element("asset") if source is None else assets[source.get("ref", "")]
    if asset.get("hasVideo") == "0":
        return None
    first = _seconds(asset.get("start"))
    begin = _seconds(item.get("start")) if item.get("start") else first
    if source is not None and source is not item:
        # The clip's own time, in which the video within it has its place.
        begin += _seconds(source.get("start") or asset.get("start")) - _seconds(source.get("offset"))
    media = asset.find("media-rep")
    speed, begin, length = _retimed(item, begin, _seconds(item.get("duration")))
    return Use(
        name=item.get("name") or asset.get("name", ""),
        file=(media.get("src") if media is not None else asset.get("src")) or "",
        at=float(at),
        begin=float(begin - first),
        length=float(length),
        speed=speed,
        disabled=item.get("enabled") == "0",
    )


def _retimed(item: ET.Element, begin: Fraction, length: Fraction) -> tuple[float, Fraction, Fraction]:
    """Speed, and the part of the file, of a clip with a time map (*FCPXML Reference*, ``timeMap``)."""
    points = item.findall("timeMap/timept")
    if len(points) < 2:
        return 1.0, begin, length
    shown = _seconds(points[-1].get("time")) - _seconds(points[0].get("time"))
    used = _seconds(points[-1].get("value")) - _seconds(points[0].get("value"))
    speed = used / shown if shown else Fraction(1)
    return float(speed), begin * abs(speed), length * abs(speed)


def _seconds(time: str | None) -> Fraction:
    """``1001/30000s``; a time without a fraction may be written with decimals."""
    return Fraction((time or "0s").strip().rstrip("s") or "0")


# --- names


def path_of(file: str) -> str:
    """The path that an address or path names, with forward slashes."""
    parts = urlsplit(file)
    path = unquote(parts.path) if parts.scheme in ("file", "http", "https") else unquote(file) if "%" in file else file
    path = path.replace("\\", "/")
    # file:///C:/a
    return path[1:] if re.match(r"^/[A-Za-z]:", path) else path
