"""What the tests of the providers talk through: a rehearsal whose time they move, settings, keys, orders."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from vidgen_core.config.paths import Locations
from vidgen_core.config.schema import Settings
from vidgen_core.domain.shots import ShotReference
from vidgen_core.domain.tasks import GenerationParams
from vidgen_core.fake_provider.server import RehearsalServer
from vidgen_core.media.files import PartFile
from vidgen_core.providers.base import Key, Order, Provider, ReferencePicture, RemoteJob, RemoteState, Submission

DAY = 1_800_000_000.0
GOOD = "sk-good-7f3a9c52e1d84b60"


def make_key(secret: str = GOOD) -> Key:
    return Key(id="0123456789ab", label="main ••4b60", secret=SecretStr(secret))


def make_settings(url: str, **options: Any) -> Settings:
    """Settings that point all remote providers at ``url``; ``options`` go to them, and to the worker."""
    addresses: dict[str, dict[str, Any]] = {
        "yunwu": {"base_url": url},
        "kie": {"base_url": url, "upload_url": url},
        "lovart": {"base_url": url, "settle": 0},
        "images": {"base_url": url},
    }
    return Settings.model_validate(
        {
            "runner": options.get("runner", {}),
            "providers": {name: own | options.get(name, {}) for name, own in addresses.items()},
        }
    )


def make_params(prompt: str = "a slow zoom", **more: Any) -> GenerationParams:
    return GenerationParams(**{"prompt": prompt, "aspect_ratio": "9:16", "size": "720P", **more})


@dataclass
class Clock:
    """The rehearsal's clock, which stands until it is moved."""

    now: float = DAY

    def __call__(self) -> float:
        return self.now


@dataclass
class World:
    """A rehearsal and a data home."""

    server: RehearsalServer
    clock: Clock
    locations: Locations
    picture: Path
    #: Settings of single providers by name.
    options: dict[str, Any] = field(default_factory=dict)
    _settings: dict[str, Settings] = field(default_factory=dict)

    def settings(self) -> Settings:
        """Read thousands of times in a test, and validated once as long as the options stay the same."""
        given = repr((self.server.url, self.options))
        if given not in self._settings:
            self._settings = {given: make_settings(self.server.url, **self.options)}
        return self._settings[given]

    def pass_time(self, seconds: float = 60.0) -> None:
        self.clock.now += seconds

    def part(self, name: str = "take.mp4") -> PartFile:
        return PartFile(self.locations.home / "videos" / name)

    def order(self, provider: Provider, prompt: str = "a slow zoom", **more: Any) -> Order:
        take = more.pop("take", 1)
        image = more.pop("picture", self.picture)
        model = more.pop("model", provider.models()[0])
        last, given = more.pop("last", None), more.pop("reference_pictures", ())
        named = {"image": image.name} if image else {}
        named |= {"last_frame": last.name} if last else {}
        named |= {"references": tuple(ShotReference(image=one.name) for one in given)} if given else {}
        params = provider.capabilities(model).settle(make_params(prompt, **named | more))
        files = {one.name: one for one in (image, last, *given) if one}
        return Order(
            reference=f"ref-{prompt}-{take}",
            model=model,
            params=params,
            image=files.get(params.image or ""),
            last_frame=files.get(params.last_frame or ""),
            references=tuple(ReferencePicture(path=files[one.image or ""], role=one.role) for one in params.references),
            take=take,
        )


def job_of(order: Order, submission: Submission, provider: Provider) -> RemoteJob:
    return RemoteJob(
        remote_id=submission.remote_id,
        model=order.model,
        params=order.params,
        base_url=provider.base_url,
        submitted_at=datetime.now(UTC),
    )


async def send(provider: Provider, order: Order, key: Key | None) -> RemoteJob:
    """Prepare and submit, as the runner does."""
    prepared = await provider.prepare(order, key)
    return job_of(order, await provider.submit(order, prepared, key), provider)


async def finish(provider: Provider, job: RemoteJob, key: Key | None, world: World) -> RemoteState:
    """Let the job end and look at it."""
    world.pass_time()
    return await provider.poll(job, key)
