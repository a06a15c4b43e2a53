"""Real MP4s for finished jobs, rendered when they are first asked for.

Every file is distinct, even of equal orders: a ``free`` box (ISO/IEC 14496-12, §8.1.2), which players skip, ends it
with the job's id. Every video is distinct, too, as generated videos are: the text about the
encoder in the first packet (H.264, user data unregistered SEI), which players skip, is that of the job.
"""

from __future__ import annotations

import asyncio
import hashlib
import struct
from collections import OrderedDict, defaultdict
from fractions import Fraction
from pathlib import Path
from typing import Final, NamedTuple

import av
import numpy as np
import numpy.typing as npt
from av.video.frame import PictureType
from PIL import Image, ImageOps

from vidgen_core.fake_provider.jobs import Job
from vidgen_core.fake_provider.options import RehearsalOptions
from vidgen_core.fake_provider.storage import faulty_clips
from vidgen_core.fake_provider.storage.pictures import Pictures
from vidgen_core.media import kenburns, video
from vidgen_core.media.enlarge import EnlargeSpec, enlarge
from vidgen_core.media.kenburns import RenderSpec

#: Different clips for load, per format.
_SHARED_CLIPS: Final = 3
#: seconds
_SHARED_SECONDS: Final = 1.0
#: How the encoder's text begins; decoders read the version after it.
_ENCODER: Final = b"x264 - core "
#: Bytes of that text that are left as they are.
_VERSION: Final = len(_ENCODER) + 8
_CUT: Final = "cut"
#: pixels
_SMALLEST: Final = 64
#: Share of the frames after which the last picture is shown.
_END_AT: Final = 0.8
#: Samples of sound in a second.
_RATE: Final = 44_100


def _even(pixels: float) -> int:
    return max(_SMALLEST, int(pixels / 2) * 2)


def _free_box(text: str) -> bytes:
    payload = text.encode()
    return struct.pack(">I4s", 8 + len(payload), b"free") + payload


def _of_job(data: bytes, job_id: str) -> bytes:
    """The same pictures in packets that no other job has; nothing is encoded and no byte moves."""
    start = data.index(_ENCODER) + _VERSION
    mark = hashlib.sha256(job_id.encode()).hexdigest().encode()
    return data[:start] + mark + data[start + len(mark) :]


class _Finish(NamedTuple):
    """What is done to a good clip: its faults, the picture that it ends with, and its sound."""

    faults: tuple[str, ...] = ()
    seed: int = 0
    last: Path | None = None
    sound: bool = False
    #: The video that is extended, or else enlarged.
    source: Path | None = None
    longer: bool = False

    def render(self, spec: RenderSpec, target: Path) -> None:
        """Render a clip and do it."""
        if self.source is None:
            kenburns.render(spec, target)
        elif self.longer:
            _go_on(self.source, spec, target)
        else:
            enlarge(EnlargeSpec(video=self.source, factor=spec.width / video.probe(self.source).width), target)
        for fault in self.faults:
            good = target.with_suffix(".good.mp4")
            target.replace(good)
            if fault == _CUT:
                other = target.with_suffix(".other.mp4")
                kenburns.render(spec.model_copy(update={"image": None, "prompt": "another scene"}), other)
                faulty_clips.cut_together(good, other, target)
                other.unlink()
            else:
                faulty_clips.spoil(good, target, fault, self.seed)
            good.unlink()
        if self.last or self.sound:
            _finish(target, self.last, sound=self.sound)


class Videos:
    """Renders each spec once and keeps the files below one folder, up to a limit."""

    def __init__(self, folder: Path, options: RehearsalOptions, pictures: Pictures) -> None:
        self._folder = folder
        self._options = options
        self._pictures = pictures
        self._files: OrderedDict[str, Path] = OrderedDict()
        #: By size: the first video that was sent, for those that repeat one.
        self._first: dict[tuple[int, int], bytes] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        # One render at a time: the machine also runs the program under test.
        self._turn = asyncio.Semaphore(1)

    async def bytes_of(self, job: Job) -> bytes:
        """The finished file of a job."""
        if job.has("repeated-stream") and (repeated := self._first.get(self._pixels(job))) is not None:
            return repeated + _free_box(job.id)
        path = await self._of(job)
        data = await asyncio.to_thread(path.read_bytes)
        if job.has("identical-file"):
            return data
        data = data if job.has("same-clip") else _of_job(data, job.id)
        self._first.setdefault(self._pixels(job), data)
        return data + _free_box(job.id)

    async def _of(self, job: Job) -> Path:
        """The video of a job; what it is made from comes first."""
        finish, source = self._finish_of(job), job.order.source
        if source is not None and self._options.videos != "shared":
            finish = finish._replace(source=await self._of(source), longer=job.order.longer)
        return await self._file(self._spec(job), finish)

    def _finish_of(self, job: Job) -> _Finish:
        if self._options.videos == "shared":
            return _Finish()
        faults = tuple(name for name in (*faulty_clips.SPOILED, _CUT) if job.has(name))
        last = self._pictures.path(job.order.last_picture)
        return _Finish(faults, job.seed if faults else 0, last, job.order.sound and not job.has("silent"))

    def _spec(self, job: Job) -> RenderSpec:
        width, height = self._pixels(job)
        stock = job.has("identical-file") or job.has("same-clip")
        if stock or self._options.videos == "shared":
            prompt, seed = ("stock", 0) if stock else ("", job.seed % _SHARED_CLIPS)
            return RenderSpec(image=None, prompt=prompt, width=width, height=height, seconds=_SHARED_SECONDS, seed=seed)
        if job.has("other-picture"):
            prompt = f"another scene {job.seed % _SHARED_CLIPS}"
            seconds = min(job.order.seconds, self._options.video_seconds or job.order.seconds)
            return RenderSpec(
                image=None, prompt=prompt, width=width, height=height, seconds=seconds, seed=job.seed % _SHARED_CLIPS
            )
        picture, source = self._pictures.path(job.order.picture), job.order.source
        seconds = job.order.seconds - (source.order.seconds if source and job.order.longer else 0)
        return RenderSpec(
            image=self._turned(picture) if picture and job.has("upside-down") else picture,
            prompt=job.order.prompt,
            width=width,
            height=height,
            seconds=min(seconds, self._options.video_seconds or seconds),
            seed=job.seed,
        )

    def _turned(self, picture: Path) -> Path:
        """The same picture upside down."""
        turned = self._folder / f"turned-{picture.name}.png"
        if not turned.exists():
            with Image.open(picture) as opened:
                opened.rotate(180).save(turned)
        return turned

    def _pixels(self, job: Job) -> tuple[int, int]:
        scale = self._options.video_scale
        width, height = _even(job.order.width * scale), _even(job.order.height * scale)
        if not job.has("wrong-ratio"):
            return width, height
        return (height, width) if width != height else (width * 2, height)

    async def _file(self, spec: RenderSpec, finish: _Finish) -> Path:
        name = hashlib.sha256(repr((spec, finish)).encode()).hexdigest()
        async with self._locks[name]:
            if name not in self._files:
                self._files[name] = await self._render(spec, finish, self._folder / f"video-{name}.mp4")
            self._files.move_to_end(name)
        while len(self._files) > self._options.keep:
            old, path = self._files.popitem(last=False)
            self._locks.pop(old, None)
            path.unlink(missing_ok=True)
        return self._files[name]

    async def _render(self, spec: RenderSpec, finish: _Finish, target: Path) -> Path:
        async with self._turn:
            await asyncio.to_thread(finish.render, spec, target)
        return target


def _finish(path: Path, last: Path | None, *, sound: bool) -> None:
    """Encode a video again so that it ends with a picture, and with a tone."""
    done = path.with_suffix(".done.mp4")
    with av.open(str(path)) as source, av.open(str(done), "w", options={"movflags": "faststart"}) as out:
        old = source.streams.video[0]
        new = out.add_stream("libx264", rate=old.average_rate)
        new.width, new.height, new.pix_fmt = old.width, old.height, "yuv420p"
        tone = out.add_stream("aac", rate=_RATE, layout="mono") if sound else None
        end = _fitted(last, old.width, old.height) if last else None
        total = old.frames
        for number, frame in enumerate(source.decode(old)):
            shown = frame
            if end is not None and number >= total * _END_AT:
                # Passes into the picture, as models do: a jump would be a cut.
                share = min(1.0, (number - total * _END_AT + 1) / max(1.0, total * (1 - _END_AT) * 0.8))
                mixed = frame.to_ndarray(format="rgb24") * (1 - share) + end * share
                shown = av.VideoFrame.from_ndarray(mixed.astype(np.uint8), format="rgb24")
            shown.pts, shown.time_base = number, Fraction(1) / Fraction(old.average_rate or 24)
            shown.pict_type = PictureType.NONE
            out.mux(new.encode(shown))
        out.mux(new.encode())
        if tone is not None:
            wave = np.sin(np.arange(int(_RATE * total / float(old.average_rate or 24))) * 0.05)[None, :] * 0.3
            heard = av.AudioFrame.from_ndarray(wave.astype(np.float32), format="flt", layout="mono")
            heard.sample_rate = _RATE
            out.mux(tone.encode(heard))
            out.mux(tone.encode())
    done.replace(path)


def _go_on(source: Path, spec: RenderSpec, target: Path) -> None:
    """Write a video that shows another one and then goes on from its last picture."""
    last, more = target.with_suffix(".last.png"), target.with_suffix(".more.mp4")
    shown, fps = faulty_clips.read_frames(source)
    shown[-1].save(last)
    kenburns.render(spec.model_copy(update={"image": last, "fps": fps}), more)
    faulty_clips.write_clip([*shown, *faulty_clips.read_frames(more)[0]], target, fps)
    for made in (last, more):
        made.unlink()


def _fitted(picture: Path, width: int, height: int) -> npt.NDArray[np.uint8]:
    with Image.open(picture) as opened:
        return np.asarray(ImageOps.fit(opened.convert("RGB"), (width, height)))
