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
from pathlib import Path
from typing import Final

from PIL import Image

from vidgen_core.fake_provider.jobs import Job
from vidgen_core.fake_provider.options import RehearsalOptions
from vidgen_core.fake_provider.storage.pictures import Pictures
from vidgen_core.media import kenburns
from vidgen_core.media.kenburns import RenderSpec

#: Different clips for load, per format.
_SHARED_CLIPS: Final = 3
#: seconds
_SHARED_SECONDS: Final = 1.0
#: How the encoder's text begins; decoders read the version after it.
_ENCODER: Final = b"x264 - core "
#: Bytes of that text that are left as they are.
_VERSION: Final = len(_ENCODER) + 8
#: pixels
_SMALLEST: Final = 64


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


class Videos:
    """Renders each spec once and keeps the files below one folder, up to a limit."""

    def __init__(self, folder: Path, options: RehearsalOptions, pictures: Pictures) -> None:
        self._folder = folder
        self._options = options
        self._pictures = pictures
        self._files: OrderedDict[str, Path] = OrderedDict()
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        # One render at a time: the machine also runs the program under test.
        self._turn = asyncio.Semaphore(1)

    async def bytes_of(self, job: Job) -> bytes:
        """The finished file of a job."""
        path = await self._file(self._spec(job))
        data = await asyncio.to_thread(path.read_bytes)
        if job.has("identical-file"):
            return data
        return (data if job.has("same-clip") else _of_job(data, job.id)) + _free_box(job.id)

    def _spec(self, job: Job) -> RenderSpec:
        width, height = self._pixels(job)
        stock = job.has("identical-file") or job.has("same-clip")
        if stock or self._options.videos == "shared":
            prompt, seed = ("stock", 0) if stock else ("", job.seed % _SHARED_CLIPS)
            return RenderSpec(image=None, prompt=prompt, width=width, height=height, seconds=_SHARED_SECONDS, seed=seed)
        picture = self._pictures.path(job.order.picture)
        return RenderSpec(
            image=self._turned(picture) if picture and job.has("upside-down") else picture,
            prompt=job.order.prompt,
            width=width,
            height=height,
            seconds=min(job.order.seconds, self._options.video_seconds or job.order.seconds),
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

    async def _file(self, spec: RenderSpec) -> Path:
        name = hashlib.sha256(repr(spec).encode()).hexdigest()
        async with self._locks[name]:
            if name not in self._files:
                self._files[name] = await self._render(spec, self._folder / f"video-{name}.mp4")
            self._files.move_to_end(name)
        while len(self._files) > self._options.keep:
            old, path = self._files.popitem(last=False)
            self._locks.pop(old, None)
            path.unlink(missing_ok=True)
        return self._files[name]

    async def _render(self, spec: RenderSpec, target: Path) -> Path:
        async with self._turn:
            await asyncio.to_thread(kenburns.render, spec, target)
        return target
