"""What drawing models take: the sizes of each family, by ratio.

Sources: OpenAI's API reference for ``gpt-image-1`` (1024x1024, 1536x1024, 1024x1536, auto), ``dall-e-3`` (1024x1024,
1792x1024, 1024x1792) and ``dall-e-2`` (squares); other models of aggregators take pixels, which are rounded to 16.
"""

from __future__ import annotations

import math
import re
from typing import Any, Final, Literal

from vidgen_core.domain.errors import InputError
from vidgen_core.domain.shots import EDGES, GenerationMode, shape_of, side_lengths
from vidgen_core.providers.capabilities import Capabilities

#: Known without asking anybody.
BUILT_IN: Final = (
    "gpt-image-2", "gpt-image-2.5", "gpt-image-1", "gemini-3-pro-image", "gemini-2.5-flash-image", "doubao-seedream-5-0-260128",
    "doubao-seedream-4-5-251128", "doubao-seedream-4-0-250828", "flux-kontext-pro", "dall-e-3",
)  # fmt: skip
RATIOS: Final = ("9:16", "16:9", "1:1", "4:3", "3:4", "2:3", "3:2", "21:9")
SIZES: Final = ("auto", "1K", "2K", "4K")
_DRAWS: Final = re.compile(
    r"image|dall-?e|flux|seedream|imagen|midjourney|banana|stable-diffusion|sdxl|ideogram|kolors", re.IGNORECASE
)
#: Seedream 4.5 and later refuse fewer than 2560x1440 pixels.
_NEEDS_MANY_PIXELS: Final = re.compile(r"(?:doubao-)?seedream-(?:4[.-]5|[5-9])", re.IGNORECASE)
_MANY_PIXELS: Final = 2560 * 1440
#: Share by which a ratio of whole pixels may be another one.
_ROUNDED: Final = 0.05
#: Upright, wide, square.
_FAMILIES: Final = {
    "gpt-image": ("1024x1536", "1536x1024", "1024x1024"),
    "gpt-4o-image": ("1024x1536", "1536x1024", "1024x1024"),
    "dall-e-3": ("1024x1792", "1792x1024", "1024x1024"),
    "dall-e-2": ("1024x1024", "1024x1024", "1024x1024"),
}


#: The most references by the beginning of a name, the longest first.
_REFERENCES: Final = (
    ("gpt-image", 16), ("gpt-4o-image", 16), ("gemini-3", 14), ("gemini-2.5", 3), ("nano-banana-pro", 14), ("nano-banana-2", 14),
    ("nano-banana", 3), ("doubao-seedream-3", 0), ("doubao-seedream", 10), ("seedream", 10), ("flux-kontext", 1), ("dall-e-3", 0),
    ("dall-e-2", 1),
)  # fmt: skip
#: Models that draw in their answers to a chat.
_CHATS: Final = re.compile(
    r"gemini|nano-?banana|gpt-4o-image|sora-image|grok.*image|.*-image-(?:vip|all)$", re.IGNORECASE
)

Way = Literal["images", "chat"]


def way_of(model: str) -> Way:
    """How a model is asked where nobody has said it: by the image endpoints, or as a chat model."""
    return "chat" if _CHATS.match(model) else "images"


def capabilities(model: str, way: Way) -> Capabilities:
    """What a model draws from; sizes are our best knowledge, for nothing of them is asked of the aggregator."""
    low = model.lower()
    most = next((number for begins, number in _REFERENCES if low.startswith(begins)), None)
    text, references = GenerationMode.TEXT, GenerationMode.REFERENCES
    return Capabilities(
        model=model,
        aspect_ratios=RATIOS,
        sizes=SIZES,
        modes=frozenset({text, references} if most else {text}),
        # Some relays draw from the words alone, and charge for it.
        unsure_modes=frozenset({references} if most is None else ()),
        max_references=16 if most is None else most or None,
        # Edits are a form with files; chat models read links as well.
        image_transport="file" if way == "images" else "data",
        unsure=frozenset({"aspect_ratios", "sizes"} | ({"max_references"} if most is None else set())),
    )


def pixels(model: str, size: str, ratio: str) -> str:
    """``1024x1536``: what a model is asked for.

    :raises InputError: size_unknown, ratio_unknown
    """
    if named := side_lengths(size):
        return f"{named[0]}x{named[1]}"
    edge = EDGES.get("1K" if size == "auto" else size.upper())
    if edge is None:
        raise InputError("size_unknown", size=size)
    shape = shape_of(ratio)
    if shape is None:
        raise InputError("ratio_unknown", ratio=ratio)
    if family := _family(model):
        return family[0 if shape < 1 else 1 if shape > 1 else 2]
    if _NEEDS_MANY_PIXELS.match(model):
        edge = max(edge, 2048)
    return f"{_rounded(edge * math.sqrt(shape))}x{_rounded(edge / math.sqrt(shape))}"


def sizes_instead(model: str, size: str) -> tuple[str, ...]:
    """What a model draws in where that is not ``size``; empty: it may draw in that."""
    named, family = side_lengths(size), _family(model)
    if size == "auto":
        return ()
    if family:
        known = tuple(dict.fromkeys(family))
        return () if named and f"{named[0]}x{named[1]}" in known else ("auto", *known)
    few = named[0] * named[1] < _MANY_PIXELS if named else size.upper() == "1K"
    return ("2K", "4K") if few and _NEEDS_MANY_PIXELS.match(model) else ()


def differs(size: str, ratio: str) -> bool:
    """Whether pixels have another ratio of width to height than the one asked for; False where one of them is no numbers."""
    sides, shape = side_lengths(size), shape_of(ratio)
    return sides is not None and shape is not None and abs(sides[0] / sides[1] / shape - 1) > _ROUNDED


def _family(model: str) -> tuple[str, ...]:
    return next((sizes for name, sizes in _FAMILIES.items() if model.startswith(name)), ())


def _rounded(side: float) -> int:
    return max(64, 16 * round(side / 16))


def drawing_models(rows: Any) -> tuple[str, ...]:
    """Those of a list of models that draw, by their names: aggregators mark them in no common way."""
    names = (row.get("id") for row in rows if isinstance(row, dict))
    return tuple(name for name in names if isinstance(name, str) and _DRAWS.search(name))
