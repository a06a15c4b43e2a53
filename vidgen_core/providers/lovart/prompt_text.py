"""What Lovart's agent is told: a tool, requirements, and the prompt word for word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from vidgen_core.domain.shots import GenerationMode
from vidgen_core.domain.tasks import GenerationParams
from vidgen_core.providers.capabilities import Capabilities

#: Video tools as the published client names them (github.com/lovartai/lovart-skill), without their common beginning.
TOOLS: Final = (
    "seedance_v2_0", "seedance_v2_0_fast", "seedance_v2_0_mini", "seedance_v2_5", "seedance_pro_v1_5", "kling_v3",
    "kling_v3_omni", "kling_v2_6", "kling_omni_v1", "minimax_h3", "hailuo_v2_3", "wan_v2_6", "veo3", "veo3_1",
    "veo3_1_fast", "vidu_q2", "gemini_omni_flash",
)  # fmt: skip
PREFIX: Final = "generate_video_"
#: Stands around the prompt, so that nothing else is taken for a part of it.
RULE: Final = "-----"


def tool_of(model: str) -> str:
    """The full name of a tool."""
    return model if model.startswith("generate_") else f"{PREFIX}{model}"


def capabilities(model: str) -> Capabilities:
    """What may be asked for; nothing here is a parameter, so all of it is unsure. Of another tool nothing is known at all."""
    frames = frozenset({GenerationMode.TEXT, GenerationMode.FIRST_FRAME})
    known = tool_of(model).removeprefix(PREFIX) in TOOLS
    return Capabilities(
        model=model,
        modes=frames if known else frozenset(),
        aspect_ratios=("9:16", "16:9", "1:1", "3:4", "4:3", "21:9", "Auto"),
        sizes=("480P", "720P", "1080P"),
        # ``attachments`` takes several; whether the agent makes of them what is asked is for the first take to show.
        unsure_modes=frozenset(GenerationMode) - (frames if known else frozenset()),
        max_references=9,
        image_transport="upload",
        unsure=frozenset({"aspect_ratios", "sizes", "durations", "max_references"}),
        note="note.lovart_requests",
    )


def message(model: str, params: GenerationParams, pictures: Mapping[str, Sequence[str]]) -> str:
    """The one message of a thread.

    :param pictures: links by what they are, in the order in which they are attached: ``first``, ``last``, ``references``
    """
    lines = [f"Make exactly one video with the tool {tool_of(model)}, {_source(pictures)}."]
    if params.aspect_ratio.lower() != "auto":
        lines.append(f"Aspect ratio: {params.aspect_ratio}.")
    if params.duration is not None:
        lines.append(f"Length: {params.duration:g} seconds.")
    lines.append(f"Resolution: {params.size.lower()}.")
    if params.sound is not None:
        lines.append("With sound." if params.sound else "Without sound.")
    if params.negative_prompt:
        lines.append(f"Not to be seen: {params.negative_prompt}.")
    lines.append(
        "The text between the two lines is the prompt: use it word for word, neither translated nor shortened nor extended, "
        "and ask nothing back."
    )
    return "\n".join([*lines, RULE, params.prompt, RULE])


def _source(pictures: Mapping[str, Sequence[str]]) -> str:
    if pictures.get("references"):
        return "in which things look as in the attached pictures, none of which is a frame of it"
    if pictures.get("last"):
        return "that begins with the first attached picture and ends with the second one"
    return "from the attached picture as its first frame" if pictures.get("first") else "from the text alone"


def request(
    model: str, params: GenerationParams, pictures: Mapping[str, Sequence[str]], project: str, *, only: bool
) -> dict[str, Any]:
    """The body of ``POST /chat``; ``only``: whether the agent may use no other video tool."""
    tool = tool_of(model)
    tools: dict[str, Any] = {"prefer_tool_categories": {"VIDEO": [tool]}}
    if only:
        tools["include_tools"] = [tool]
    return {
        "prompt": message(model, params, pictures),
        "project_id": project,
        "attachments": [link for kind in ("first", "last", "references") for link in pictures.get(kind, ())],
        "mode": "fast",
        "tool_config": tools,
    }
