"""What can be said against an order before it is sent; shared by the remote providers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vidgen_core.domain.tasks import GenerationParams
from vidgen_core.providers.base import Capabilities, Problem


def against(can: Capabilities, params: GenerationParams) -> Iterator[Problem]:
    """Values that ``can`` does not name; where sources disagree about a field, only a warning."""
    lists = (
        ("aspect_ratio", "aspect_ratios", params.aspect_ratio, can.aspect_ratios),
        ("size", "sizes", params.size, can.sizes),
        ("duration", "durations", params.duration, can.durations),
    )
    for field, capability, value, allowed in lists:
        if value is not None and allowed and value not in allowed:
            fatal = capability not in can.unsure
            yield Problem(field=field, code=f"{field}_not_taken", params=_params(can, value, allowed), fatal=fatal)
    if params.seed is not None and not can.takes_seed:
        yield Problem(field="seed", code="seed_not_taken", params={"model": can.model}, fatal=False)
    if params.watermark and not can.takes_watermark:
        yield Problem(field="watermark", code="watermark_not_taken", params={"model": can.model}, fatal=False)
    yield from _images(can, params)


def _images(can: Capabilities, params: GenerationParams) -> Iterator[Problem]:
    if not (params.image or params.image_url):
        if can.needs_image:
            yield Problem(field="image", code="image_needed", params={"model": can.model})
        return
    if can.max_images == 0:
        yield Problem(field="image", code="image_not_taken", params={"model": can.model})
    elif "max_images" in can.unsure:
        yield Problem(field="image", code="image_perhaps_ignored", params={"model": can.model}, fatal=False)
    if can.image_transport == "url" and not params.image_url:
        yield Problem(field="image_url", code="image_link_needed", params={"model": can.model})


def _params(can: Capabilities, value: Any, allowed: tuple[Any, ...]) -> dict[str, Any]:
    return {"model": can.model, "value": _plain(value), "allowed": ", ".join(_plain(one) for one in allowed)}


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
