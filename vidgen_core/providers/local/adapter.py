"""The Local renderer as a provider: offline, without a key, free.

It goes through the same verbs as a remote one. An order is a file in the data home (what to render), a render is a
child process, the result a file beside it. After a crash the child is gone and the order is still there: the next
poll starts it again, so no remote side is needed to resume. What draws is imported by its first order: it brings NumPy along.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import sys
from pathlib import Path
from typing import Any, ClassVar

from vidgen_core.domain.errors import ErrorKind, InputError, RemoteError
from vidgen_core.domain.money import ChargeStatus
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.tasks import Failure, FinishVerb, GenerationParams, ParentTake, TaskKind
from vidgen_core.media.disk import replacing
from vidgen_core.media.files import PartFile
from vidgen_core.providers.base import (
    Connection,
    FinishOffer,
    Key,
    Order,
    Prepared,
    Provider,
    RemoteJob,
    RemoteState,
    RemoteStatus,
    Submission,
)
from vidgen_core.providers.capabilities import Capabilities, Problem, SecondsRange
from vidgen_core.providers.common.model_check import validate_order
from vidgen_core.providers.local.spec import LocalSettings

MODEL = "ken-burns"
#: Draws captioned storyboard frames.
FRAME_MODEL = "storyboard"
#: Makes a video larger.
ENLARGE_MODEL = "lanczos"
#: Bytes copied at a time.
CHUNK = 1 << 20
#: Characters kept of what a dying child said.
EVIDENCE = 2000


class Rendering:
    """One child process and what it has said so far."""

    def __init__(self) -> None:
        self.progress = 0.0
        self.failure: Failure | None = None
        #: The last words of a child that died.
        self.evidence: str | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None

    async def start(self, request: dict[str, Any], target: Path) -> None:
        """Start the child; it ends by itself when this process does."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "vidgen_core.media.render_job",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({**request, "target": str(target)}).encode() + b"\n")
        self._reader = asyncio.create_task(self._listen(self._process))

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        complaint = asyncio.create_task(process.stderr.read())
        done = False
        async for line in process.stdout:
            said: dict[str, Any] = json.loads(line)
            self.progress = said.get("progress", self.progress)
            done = done or "done" in said
            if "error" in said:
                error = said["error"]
                kind = ErrorKind(error.get("kind", ErrorKind.FILE))
                self.failure = Failure(kind=kind, code=error["code"], params=error["params"], charged=ChargeStatus.NONE)
        code = await process.wait()
        self.evidence = (await complaint).decode(errors="replace")[-EVIDENCE:] or None
        if not done and self.failure is None:
            self.failure = Failure(
                kind=ErrorKind.PROVIDER,
                code="render_died",
                params={"status": code},
                retryable=True,
                charged=ChargeStatus.NONE,
            )

    async def stop(self) -> None:
        """End the child and wait for it."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        if self._reader is not None:
            await self._reader


class LocalProvider(Provider):
    """Renders a moving picture from the reference image; the camera follows the words of the prompt.

    A picture that is asked for is drawn as a captioned frame of a storyboard.
    """

    mode: ClassVar[ProviderId] = ProviderId("local")
    needs_key: ClassVar[bool] = False
    repeatable_submit: ClassVar[bool] = True
    longest_job: ClassVar[float] = 600.0
    own_pace: ClassVar[float | None] = 0.25

    _renderings: dict[str, Rendering]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._renderings = {}

    @property
    def base_url(self) -> str | None:
        return None

    def models(self) -> tuple[str, ...]:
        return (MODEL,)

    def picture_models(self) -> tuple[str, ...]:
        return (FRAME_MODEL,)

    def capabilities(self, model: str) -> Capabilities:
        return Capabilities(
            model=model,
            aspect_ratios=("9:16", "16:9", "1:1", "4:3", "3:4", "2:3", "3:2", "21:9"),
            sizes=("480P", "720P", "1080P", "4K"),
            durations=(3, 5, 8, 10, 15),
            duration_range=SecondsRange(least=0.0, most=600.0, step=None),
            takes_seed=True,
            sound="no",
            negative_prompt=False,
        )

    def check(self, model: str, params: GenerationParams) -> tuple[Problem, ...]:
        from vidgen_core.media.kenburns import pixel_size

        try:
            pixel_size(params.size, params.aspect_ratio)
        except InputError as error:
            field = "size" if error.code == "size_unknown" else "aspect_ratio"
            return (Problem(field=field, code=error.code, params=error.params),)
        # Nothing is paid here: what the renderer leaves out is said, and the rest is made.
        seen = validate_order(self.capabilities(model), params)
        return tuple(
            problem.model_copy(update={"fatal": False})
            for problem in seen
            if problem.field not in ("size", "aspect_ratio", "watermark")
        )

    def finishing(self, take: ParentTake) -> tuple[FinishOffer, ...]:
        return (FinishOffer(verb=FinishVerb.UPSCALE, model=ENLARGE_MODEL),)

    async def prepare(self, order: Order, key: Key | None) -> Prepared:
        if order.output is TaskKind.IMAGE:
            return _frame(order)
        if order.video is not None:
            from vidgen_core.media.enlarge import EnlargeSpec

            payload = EnlargeSpec(video=order.video).model_dump(mode="json")
            return Prepared(payload={"enlarge": payload}, sent={**payload, "images": 0})
        from vidgen_core.media.kenburns import RenderSpec, pixel_size

        params, local = order.params, self.settings().providers.own(self.mode, LocalSettings)
        width, height = pixel_size(params.size, params.aspect_ratio)
        spec = RenderSpec(
            image=order.image,
            prompt=params.prompt,
            width=width,
            height=height,
            seconds=params.duration or local.duration or 5.0,
            fps=local.fps,
            seed=_seed(order),
        )
        payload = spec.model_dump(mode="json")
        return Prepared(payload=payload, sent={**payload, "images": 1 if order.image else 0})

    async def submit(self, order: Order, prepared: Prepared, key: Key | None) -> Submission:
        await asyncio.to_thread(self._write_order, order.reference, prepared.payload)
        await self._render(order.reference)
        return Submission(remote_id=order.reference)

    async def poll(self, job: RemoteJob, key: Key | None) -> RemoteState:
        name = job.remote_id
        for result in (self._target(name), self._drawing(name)):
            if result.exists():
                await self._forget(name)
                return RemoteState(status=RemoteStatus.SUCCEEDED, progress=100, url=str(result))
        rendering = self._renderings.get(name)
        if rendering is None:
            return await self._resume(name)
        if rendering.failure is not None:
            await self._forget(name)
            return RemoteState(status=RemoteStatus.FAILED, failure=rendering.failure, evidence=rendering.evidence)
        return RemoteState(
            status=RemoteStatus.RUNNING, progress=min(99, round(rendering.progress * 100)), stage="rendering"
        )

    async def _resume(self, name: str) -> RemoteState:
        if not self._order(name).exists():
            failure = Failure(kind=ErrorKind.PROVIDER, code="render_lost", retryable=True, charged=ChargeStatus.NONE)
            return RemoteState(status=RemoteStatus.FAILED, failure=failure)
        await self._render(name)
        return RemoteState(status=RemoteStatus.RUNNING, progress=0, stage="rendering")

    async def fetch(self, job: RemoteJob, url: str, part: PartFile, key: Key | None) -> int | None:
        return await asyncio.to_thread(_copy, Path(url), part)

    async def cancel(self, job: RemoteJob, key: Key | None) -> bool:
        await self._forget(job.remote_id)
        await self.release(job)
        return True

    async def release(self, job: RemoteJob) -> None:
        for path in (self._target(job.remote_id), self._drawing(job.remote_id), self._order(job.remote_id)):
            path.unlink(missing_ok=True)

    async def test(self, key: Key | None) -> Connection:
        return Connection(ok=True, models=self.models())

    async def close(self) -> None:
        await asyncio.gather(*(rendering.stop() for rendering in self._renderings.values()))
        self._renderings.clear()

    def _order(self, name: str) -> Path:
        return self.locations.local_jobs / f"{name}.json"

    def _target(self, name: str) -> Path:
        return self.locations.local_jobs / f"{name}.mp4"

    def _drawing(self, name: str) -> Path:
        return self.locations.local_jobs / f"{name}.png"

    def _write_order(self, name: str, payload: dict[str, Any]) -> None:
        with replacing(self._order(name), ".new") as path:
            path.write_text(json.dumps(payload), "utf-8")

    async def _render(self, name: str) -> None:
        if name in self._renderings:
            return
        request = json.loads(await asyncio.to_thread(self._order(name).read_text, "utf-8"))
        if "frame" in request:
            from vidgen_core.media.storyboard import FrameSpec, draw_storyboard

            # A frame takes a fraction of a second: no child is needed for it.
            await asyncio.to_thread(draw_storyboard, FrameSpec.model_validate(request["frame"]), self._drawing(name))
            return
        rendering = self._renderings[name] = Rendering()
        await rendering.start(request, self._target(name))

    async def _forget(self, name: str) -> None:
        rendering = self._renderings.pop(name, None)
        if rendering is not None:
            await rendering.stop()


def _frame(order: Order) -> Prepared:
    """What to draw: the number in the corner, the words below it."""
    from vidgen_core.media.kenburns import pixel_size
    from vidgen_core.media.storyboard import FrameSpec

    params = order.params
    width, height = pixel_size(params.size, params.aspect_ratio)
    spec = FrameSpec(
        number=str(params.options.get("number", "")),
        caption=str(params.options.get("caption", "")) or params.prompt,
        width=width,
        height=height,
        seed=_seed(order),
    )
    payload = spec.model_dump(mode="json")
    return Prepared(payload={"frame": payload}, sent={**payload, "images": 0})


def _seed(order: Order) -> int:
    """The seed asked for, else one from the words and the picture; takes of one shot differ either way."""
    if order.params.seed is not None:
        return order.params.seed + order.take - 1
    text = f"{order.params.prompt}|{order.params.image}|{order.take}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4])


def _copy(source: Path, part: PartFile) -> int:
    try:
        with source.open("rb") as file:
            length = source.stat().st_size
            part.restart()
            while chunk := file.read(CHUNK):
                part.append(chunk)
    except FileNotFoundError as error:
        raise RemoteError("link_expired", kind=ErrorKind.FILE) from error
    return length
