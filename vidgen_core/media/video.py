"""Videos: format, completeness, and posters."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath
from typing import IO, TYPE_CHECKING, Any, Final

from PIL import Image

from vidgen_core.domain.base import Frozen
from vidgen_core.domain.errors import FileError
from vidgen_core.media.disk import replacing

if TYPE_CHECKING:
    # Imported by who reads a video: commands that list and count need neither.
    from av import Packet
    from av.container import InputContainer, OutputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

#: Containers a provider may send. Everything else FFmpeg would try as well: playlists that name other files and
#: addresses, pictures, and plain text as terminal art.
CONTAINERS: Final = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,flv,gif"
#: Name of FFmpeg's demuxer → ending of its files, and the media type that browsers know.
_ENDINGS: Final = {
    "mov,mp4,m4a,3gp,3g2,mj2": ".mp4",
    "matroska,webm": ".mkv",
    "avi": ".avi",
    "mpegts": ".ts",
    "flv": ".flv",
    "gif": ".gif",
}
#: Those that browsers do not play.
_UNPLAYED: Final = frozenset({".mkv", ".avi", ".ts", ".flv"})
#: Codecs that an MP4 of browsers may hold, as FFmpeg calls their decoders.
_KEPT: Final = frozenset(
    {"h264", "hevc", "av1", "libdav1d", "vp9", "libvpx-vp9", "aac", "mp3", "mp3float", "opus", "libopus"}
)
_MEDIA_TYPES: Final = {
    ".avi": "video/x-msvideo",
    ".flv": "video/x-flv",
    ".gif": "image/gif",
    ".mkv": "video/x-matroska",
    ".mov": "video/quicktime",
    ".ts": "video/mp2t",
    ".webm": "video/webm",
}
#: Pixels of the longer side of a poster.
POSTER_EDGE: Final = 360
#: Pixels of one frame; a larger one is not decoded (8K has 33 million).
MOST_FRAME_PIXELS: Final = 40_000_000
_SIZE: Final = {"max_pixels": str(MOST_FRAME_PIXELS)}
#: Pixels that are decoded on the way to a frame: four minutes of 1080P, of which only the first frame stands for itself.
_MOST_DECODED: Final = 12_000_000_000
#: Frames checked for one that is not black.
_POSTER_FRAMES: Final = 48
_BLACK: Final = 20


class VideoFacts(Frozen):
    """What a video is; ``width`` and ``height`` as it is shown."""

    seconds: float
    width: int
    height: int
    fps: float
    frames: int
    bytes: int
    codec: str
    #: Whether it plays before all of it has arrived (MP4: ``moov`` before ``mdat``).
    faststart: bool
    #: The ending that its container calls for, ``.mp4`` or another; whatever the file is called.
    ending: str
    #: SHA-256 of its packets in hexadecimal digits: two files with the same pictures under other names, dates or boxes have the
    #: same; one that was encoded anew has another.
    content: str


def probe(path: Path) -> VideoFacts:
    """Read a video to its end without decoding more than its first frame.

    :raises FileError: video_missing, video_unreadable, video_empty, video_truncated, video_unplayable, video_too_large
    """
    return look_at(path)[0]


def look_at(path: Path, edge: int | None = None) -> tuple[VideoFacts, Image.Image | None]:
    """As ``probe``, with ``first_picture`` where an edge is given: the file is opened once for both."""
    import av

    size = _size(path)
    with path.open("rb") as file:
        head = file.read(64)
        boxes = _boxes(file, size)
    if any(end > size for _, end in boxes):
        raise FileError("video_truncated", path=str(path))
    try:
        with open_video(path) as container:
            facts, frames = _facts(container, path, size, boxes, head)
            return facts, None if edge is None else _first_picture(frames, path, edge)
    except (av.FFmpegError, EOFError) as error:
        code = "video_truncated" if _looks_like_video(head) else "video_unplayable"
        raise FileError(code, path=str(path)) from error


def _ending(container: InputContainer, head: bytes) -> str:
    ending = _ENDINGS.get(container.format.name, ".mp4")
    # QuickTime's brand (ISO 14496-12), and the document type of WebM (RFC 8794): FFmpeg reads both kinds by one demuxer.
    if head[4:12] == b"ftypqt  " or (ending == ".mp4" and head[4:8] != b"ftyp"):
        return ".mov"
    return ".webm" if ending == ".mkv" and b"webm" in head else ending


def make_playable(path: Path, ending: str) -> bool:
    """Rewrite a video as MP4 where browsers do not play its container (MPEG-TS, AVI, Matroska, Flash Video).

    The pictures and the sound are taken over as they are where an MP4 of browsers may hold them, else encoded anew (H.264, AAC).

    :param ending: as ``VideoFacts`` has it
    :returns: whether it was rewritten; one that cannot be stays as it is
    :raises FileError: disk_full, folder_read_only
    """
    import av

    if ending not in _UNPLAYED:
        return False
    try:
        with replacing(path, f".{os.getpid()}.mp4") as part:
            _rewrite(path, part)
            # What was lost on the way is worth more than a player.
            probe(part)
    except (av.FFmpegError, EOFError, ValueError, FileError):
        return False
    return True


def _rewrite(path: Path, target: Path) -> None:
    import av

    with open_video(path) as given, av.open(str(target), "w", format="mp4", options={"movflags": "+faststart"}) as made:
        streams = [video_stream(given, path), *given.streams.audio[:1]]
        copied = {one.index: made.add_stream_from_template(one) for one in streams if one.codec_context.name in _KEPT}
        encoded = {one.index: _encoder(made, one) for one in streams if one.index not in copied}
        waiting: dict[int, list[Packet[Any]]] = {index: [] for index in copied}
        for packet in given.demux(streams):
            index = packet.stream.index
            if index in encoded:
                for frame in packet.decode():
                    made.mux(encoded[index].encode(frame))
                continue
            waiting[index] += [packet] if packet.size else []
            if packet.dts is not None:
                made.mux(_timed(waiting.pop(index), copied[index], packet.dts))
                waiting[index] = []
        for encoder in encoded.values():
            made.mux(encoder.encode(None))


def _timed(packets: list[Packet[Any]], stream: Any, end: int) -> list[Packet[Any]]:
    """Packets for a stream, the last of which is decoded at ``end``; of those before it Matroska does not say when."""
    for place, packet in enumerate(reversed(packets)):
        packet.stream = stream
        packet.dts = end - place * (packet.duration or 1)
    return packets


def _encoder(made: OutputContainer, given: Any) -> Any:
    if given.type == "audio":
        return made.add_stream("aac", rate=given.rate)
    encoder = made.add_stream("libx264", rate=given.average_rate or 25, options={"preset": "veryfast", "crf": "18"})
    # H.264 of browsers has its colours at half the size.
    encoder.width, encoder.height, encoder.pix_fmt = given.width // 2 * 2, given.height // 2 * 2, "yuv420p"
    encoder.codec_context.time_base = given.time_base
    return encoder


def media_type(path: PurePath) -> str:
    """The media type of a video by its ending, for browsers."""
    return _MEDIA_TYPES.get(path.suffix.lower(), "video/mp4")


def poster(video: Path, target: Path, edge: int = POSTER_EDGE) -> None:
    """Write a JPEG of the first frame that is not black.

    :raises FileError: as ``probe``, and disk_full, folder_read_only
    """
    keep_poster(first_picture(video, edge), target)


def keep_poster(picture: Image.Image, target: Path) -> None:
    """Write a picture as JPEG.

    :raises FileError: disk_full, folder_read_only
    """
    with replacing(target, f".{os.getpid()}.tmp") as part:
        picture.save(part, "JPEG", quality=85)


def first_picture(video: Path, edge: int) -> Image.Image:
    """The first frame that is not black, its longest side at most ``edge`` pixels; raises as ``probe``."""
    import av

    _size(video)
    try:
        with open_video(video) as container:
            return _first_picture(decoded(container, video_stream(container, video), video), video, edge)
    except (av.FFmpegError, EOFError) as error:
        raise FileError("video_unplayable", path=str(video)) from error


def last_picture(video: Path, edge: int) -> Image.Image:
    """The last frame, its longest side at most ``edge`` pixels; raises as ``probe``."""
    import av

    _size(video)
    try:
        with open_video(video) as container:
            stream = video_stream(container, video)
            if stream.duration:
                # The end alone is decoded: from the last key frame before it.
                container.seek((stream.start_time or 0) + stream.duration, stream=stream, backward=True)
            frame = next(iter(deque(decoded(container, stream, video), maxlen=1)), None)
            if frame is not None:
                return picture_of(frame, edge)
    except (av.FFmpegError, EOFError) as error:
        raise FileError("video_unplayable", path=str(video)) from error
    raise FileError("video_unplayable", path=str(video))


def sha256_file(path: Path) -> str:
    """The SHA-256 of a file in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _size(path: Path) -> int:
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
    except FileNotFoundError as error:
        raise FileError("video_missing", path=str(path)) from error
    except OSError as error:
        raise FileError("video_unreadable", path=str(path)) from error
    if size == 0:
        raise FileError("video_empty", path=str(path))
    return size


def open_video(path: Path) -> InputContainer:
    """Open a file of a known container; nothing that it names is followed, and no frame decoded that is too large."""
    import av

    options = {"format_whitelist": CONTAINERS, "protocol_whitelist": "file", **_SIZE}
    return av.open(str(path), "r", options=options)


def _boxes(file: IO[bytes], size: int) -> list[tuple[bytes, int]]:
    """Names and ends of the outer boxes of an MP4 (ISO 14496-12); empty for another kind of file."""
    boxes: list[tuple[bytes, int]] = []
    start = 0
    while start + 8 <= size and len(boxes) < 10_000:
        file.seek(start)
        header = file.read(16)
        length, name = int.from_bytes(header[:4]), header[4:8]
        if start == 0 and name not in {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide"}:
            return []
        # 1: the length follows in 64 bits; 0: to the end of the file.
        length = int.from_bytes(header[8:16]) if length == 1 else length or size - start
        if length < 8:
            break
        start += length
        boxes.append((name, start))
    return boxes


def _looks_like_video(head: bytes) -> bool:
    return head[4:8] in {b"ftyp", b"moov", b"mdat"} or head.startswith((b"\x1aE\xdf\xa3", b"FLV"))


def _facts(
    container: InputContainer, path: Path, size: int, boxes: list[tuple[bytes, int]], head: bytes
) -> tuple[VideoFacts, Iterator[VideoFrame]]:
    """What a video is, and its frames from the first one on, decoded as they are asked for."""
    stream = video_stream(container, path)
    frames, end, content = _read_packets(container, stream, path)
    promised = stream.frames
    seconds = _seconds(stream, container, end)
    if frames == 0 or seconds <= 0:
        raise FileError("video_truncated" if promised else "video_unplayable", path=str(path))
    if frames == 1 and container.format.name == "gif":
        # A picture: a service that answers with one made no video.
        raise FileError("video_unplayable", path=str(path))
    if frames < promised or end < seconds * 0.9 - 0.5:
        raise FileError("video_truncated", path=str(path))
    names = [name for name, _ in boxes]
    container.seek(0)
    shown = decoded(container, stream, path)
    first = next(shown, None)
    if first is None:
        raise FileError("video_unplayable", path=str(path))
    # Pixels need not be square (ISO/IEC 14496-12, 12.1.4).
    shape = stream.sample_aspect_ratio or 1
    width, height = round(first.width * (shape if 0.2 < shape < 5 else 1)), first.height
    width, height = (height, width) if first.rotation % 180 else (width, height)
    facts = VideoFacts(
        seconds=round(seconds, 3),
        width=width,
        height=height,
        fps=round(float(stream.average_rate or frames / seconds), 3),
        frames=frames,
        bytes=size,
        codec=stream.codec_context.name,
        faststart=b"moov" in names and (b"mdat" not in names or names.index(b"moov") < names.index(b"mdat")),
        ending=_ending(container, head),
        content=content,
    )
    return facts, itertools.chain([first], shown)


def video_stream(container: InputContainer, path: Path) -> VideoStream:
    """The pictures of a video.

    :raises FileError: video_unplayable, video_too_large (width, height)
    """
    stream = next(iter(container.streams.video), None)
    if stream is None or not stream.width or not stream.height:
        raise FileError("video_unplayable", path=str(path))
    if stream.width * stream.height > MOST_FRAME_PIXELS:
        raise FileError("video_too_large", path=str(path), width=stream.width, height=stream.height)
    # For a file whose frames are larger than it says.
    stream.codec_context.options = _SIZE
    return stream


def decoded(container: InputContainer, stream: VideoStream, path: Path) -> Iterator[VideoFrame]:
    """The frames from where a container stands.

    :raises FileError: video_unplayable: there is no end to them
    """
    pixels = 0
    for frame in container.decode(stream):
        pixels += frame.width * frame.height
        if pixels > _MOST_DECODED:
            raise FileError("video_unplayable", path=str(path))
        yield frame


def _read_packets(container: InputContainer, stream: VideoStream, path: Path) -> tuple[int, float, str]:
    """Read every packet: how many frames there are, where the last one ends in seconds, and the digest of all."""
    frames, end, digest = 0, 0.0, hashlib.sha256()
    for packet in container.demux(stream):
        if packet.size == 0:
            continue
        if packet.is_corrupt:
            raise FileError("video_truncated", path=str(path))
        frames += 1
        digest.update(packet.size.to_bytes(8, "big"))
        digest.update(memoryview(packet))
        if packet.pts is not None and packet.time_base is not None:
            end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
    return frames, end, digest.hexdigest()


def _seconds(stream: VideoStream, container: InputContainer, end: float) -> float:
    import av

    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    if container.duration:
        return container.duration / av.time_base
    return end


def _first_picture(frames: Iterable[VideoFrame], path: Path, edge: int) -> Image.Image:
    import numpy as np

    first: Image.Image | None = None
    for number, frame in enumerate(frames):
        picture = picture_of(frame, edge)
        first = first or picture
        if number >= _POSTER_FRAMES:
            return first
        if float(np.asarray(picture).mean()) > _BLACK:
            return picture
    if first is None:
        raise FileError("video_unplayable", path=str(path))
    return first


def picture_of(frame: VideoFrame, edge: int) -> Image.Image:
    """A decoded frame as it is shown, its longest side at most ``edge`` pixels."""
    scale = min(1.0, edge / max(frame.width, frame.height))
    size = (max(2, round(frame.width * scale)), max(2, round(frame.height * scale)))
    picture = Image.fromarray(frame.reformat(*size, format="rgb24").to_ndarray())
    return picture.rotate(frame.rotation, expand=True) if frame.rotation else picture
