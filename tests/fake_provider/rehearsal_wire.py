"""What the tests of the rehearsal talk through: a clock, a client, pictures."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import Any

import av
import httpx
from PIL import Image

from vidgen_core.fake_provider.server import RehearsalServer

#: Tests move time themselves, so that nothing waits.
DAY = 1_800_000_000.0


@dataclass
class Clock:
    """A clock that stands until it is moved."""

    now: float = DAY

    def __call__(self) -> float:
        return self.now


@dataclass
class Wire:
    """A rehearsal with its clock and a client that has a good key."""

    server: RehearsalServer
    clock: Clock
    #: Sends a good key.
    http: httpx.Client
    #: Sends none.
    bare: httpx.Client

    @property
    def url(self) -> str:
        return self.server.url

    def pass_time(self, seconds: float = 60.0) -> None:
        self.clock.now += seconds

    def yunwu_submit(self, prompt: str, **more: Any) -> httpx.Response:
        body = {"model": "grok-video-3", "prompt": prompt, "aspect_ratio": "9:16", "size": "720P", **more}
        return self.http.post("/v1/video/create", json=body)

    def yunwu_look(self, job_id: str, key: str = "sk-good") -> httpx.Response:
        headers = {"Authorization": f"Bearer {key}"}
        return self.http.get("/v1/video/query", params={"id": job_id}, headers=headers)

    def veo_submit(self, prompt: str, **more: Any) -> httpx.Response:
        return self.http.post("/api/v1/veo/generate", json={"prompt": prompt, "aspect_ratio": "9:16", **more})

    def veo_look(self, job_id: str) -> httpx.Response:
        return self.http.get("/api/v1/veo/record-info", params={"taskId": job_id})

    def task_submit(self, prompt: str, **more: Any) -> httpx.Response:
        given = {"prompt": prompt, "image_urls": [JPEG], **more}
        body = {"model": "grok-imagine/image-to-video", "input": given}
        return self.http.post("/api/v1/jobs/createTask", json=body)

    def task_look(self, job_id: str) -> httpx.Response:
        return self.http.get("/api/v1/jobs/recordInfo", params={"taskId": job_id})

    def yunwu_link(self, prompt: str, **more: Any) -> str:
        """The link of a finished Yunwu job."""
        job_id = self.yunwu_submit(prompt, **more).json()["id"]
        self.pass_time()
        return str(self.yunwu_look(job_id).json()["video_url"])

    def veo_link(self, prompt: str, **more: Any) -> str:
        job_id = self.veo_submit(prompt, **more).json()["data"]["taskId"]
        self.pass_time()
        return str(self.veo_look(job_id).json()["data"]["response"]["resultUrls"][0])

    def fetch(self, link: str, **headers: str) -> httpx.Response:
        """Download without the key."""
        return self.bare.get(link, headers=headers)


def client(url: str, **more: Any) -> httpx.Client:
    """A client without certificates: loading them takes longer than most requests here."""
    return httpx.Client(base_url=url, trust_env=False, verify=False, timeout=20.0, **more)  # noqa: S501


def picture(width: int = 90, height: int = 160, form: str = "JPEG", colour: str = "teal") -> bytes:
    target = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(target, form)
    return target.getvalue()


def data_uri(data: bytes, mime: str = "image/jpeg") -> str:
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"


JPEG = data_uri(picture())


def frames(data: bytes) -> list[bytes]:
    """The pixels of every frame of an MP4."""
    with av.open(io.BytesIO(data)) as container:
        return [frame.to_ndarray(format="rgb24").tobytes() for frame in container.decode(video=0)]


def decode(data: bytes) -> tuple[int, int, float]:
    """Width, height and seconds of an MP4, having decoded every frame of it."""
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.video[0]
        frames = sum(1 for _frame in container.decode(stream))
        assert stream.average_rate is not None
        return stream.width, stream.height, frames / float(stream.average_rate)
