"""Options of the fake provider, fixed when it starts."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from vidgen_core.fake_provider.faults import Rule


@dataclass(frozen=True)
class RehearsalOptions:
    """The defaults suit a person who tries out a batch for free."""

    #: 0: any free port.
    port: int = 0
    #: Seed of everything random: the same batch has the same faults.
    seed: int = 0
    #: Shortest and longest time a job takes, in seconds.
    job_seconds: tuple[float, float] = (2.0, 6.0)
    #: Faults that affect a share of all jobs; more can be set while it runs.
    faults: tuple[Rule, ...] = ()
    #: ``render``: each job renders its own picture; ``shared``: a few small clips, made distinct, for load.
    videos: Literal["render", "shared"] = "render"
    #: Pixels of a rendered video per pixel asked for, along each side.
    video_scale: float = 0.25
    #: Rendered videos are no longer than this, in seconds; None: as long as asked for.
    video_seconds: float | None = None
    #: How long a result link works, in seconds.
    link_seconds: float = 86_400.0
    #: How long an uploaded picture is kept, in seconds.
    upload_seconds: float = 86_400.0
    #: Whether a download that carries ``Authorization`` is answered 403, as presigned links do.
    refuse_authorization: bool = False
    #: How many first polls of a KIE job are answered "recordInfo is null".
    kie_record_lag: int = 0
    #: New KIE jobs per account in 10 seconds.
    kie_submits_per_10s: int = 20
    #: Seconds between two look-ups of KIE's catalogue by one account; more are answered 429.
    kie_lookup_spacing: float = 1.0
    #: What each key has at first, in the money that the provider's bills are counted in (yuan, credits).
    balance: Mapping[str, float] = field(
        default_factory=lambda: {"yunwu": 7_300.0, "kie": 1_000_000.0, "lovart": 1_000_000.0, "images": 1_000.0}
    )
    #: Keys that start with another amount.
    key_balances: Mapping[str, float] = field(default_factory=dict)
    #: What one job costs, in the same money: what a price list says of the usual model, so that a bill shows an estimate to
    #: be right. KIE's models that have prices of their own cost those, in proportion to it.
    price: Mapping[str, float] = field(
        default_factory=lambda: {"yunwu": 0.4, "kie": 60.0, "lovart": 25.0, "images": 0.3}
    )
    #: Whether a row of Yunwu's log names the job it was charged for.
    log_names_jobs: bool = True
    #: Secret with which KIE callbacks are signed; empty: unsigned.
    webhook_key: str = ""
    #: Largest request in bytes.
    max_body: int = 32 * 1024 * 1024
    #: Ended jobs, pictures and rendered files kept; older ones are forgotten, counts are not.
    keep: int = 5_000
    #: The time in seconds since 1970.
    clock: Callable[[], float] = time.time
