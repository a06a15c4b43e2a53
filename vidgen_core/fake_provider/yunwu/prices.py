"""What Yunwu's models cost in the rehearsal, as listed and as charged; prices can be changed while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

if TYPE_CHECKING:
    from vidgen_core.fake_provider.state import Rehearsal

#: Labels of the routes, and the paths that they stand for.
ENDPOINTS: Final[dict[str, dict[str, str]]] = {
    "Unified video format": {"path": "/v1/video/create", "method": "POST"},
    "OpenAI video format": {"path": "/v1/video/create", "method": "POST"},
    "Grok video": {"path": "/v1/video/create", "method": "POST"},
    "OpenAI official video format": {"path": "/v1/videos", "method": "POST"},
    "图生视频": {"path": "/kling/v1/videos/image2video", "method": "POST"},
    "vidu首尾帧": {"path": "/ent/v2/start-end2video", "method": "POST"},
    "海螺视频生成": {"path": "/minimax/v1/video_generation", "method": "POST"},
    "Seedance": {"path": "/volc/v1/contents/generations/tasks", "method": "POST"},
    "Happyhorse video": {
        "path": "/alibailian/api/v1/services/aigc/video-generation/video-synthesis", "method": "POST",
    },
}  # fmt: skip
#: Model, labels, tags, yuan a call (None: by the token).
MODELS: Final[tuple[tuple[str, tuple[str, ...], str, float | None], ...]] = (
    ("grok-video-3", ("Grok video",), "视频,首帧,参考图", 0.4),
    ("grok-video-3-10s", ("Grok video",), "视频,首帧,参考图", 0.4),
    ("veo3.1-fast", ("Unified video format",), "视频,首帧", 0.4),
    ("veo3.1-components", ("Unified video format",), "视频,参考图", 0.4),
    ("veo_3_1-4K", ("OpenAI video format",), "视频,首帧", 2.1),
    ("veo3-fast-frames", ("Unified video format",), "视频,首帧", 0.4),
    ("grok-videos", ("OpenAI official video format",), "视频,首帧", 0.5),
    ("kling-v1-6", ("文生视频", "图生视频"), "视频,首帧,尾帧", 1.2),
    ("kling-v2-6", ("文生视频", "图生视频"), "视频,首帧,尾帧", 1.6),
    ("kling-3.0-turbo", ("图生视频",), "视频,首帧", 1.5),
    ("viduq2-pro", ("vidu图生视频", "vidu首尾帧"), "视频,首帧,尾帧", 0.9),
    ("viduq3-pro", ("vidu文生视频", "vidu图生视频"), "视频,首帧", 1.1),
    ("viduq2", ("vidu参考生视频",), "视频,参考图", 0.85),
    ("MiniMax-Hailuo-02", ("海螺视频生成",), "视频,首帧,尾帧", 1.3),
    ("doubao-seedance-2-0-260128", ("Seedance",), "视频,首帧,尾帧,参考图", 1.9),
    ("happyhorse-1.0", ("Happyhorse video",), "视频", 1.0),
    ("gpt-4o-mini", ("openai",), "对话", None),
    ("gpt-image-1", ("image-generation",), "绘图", None),
)  # fmt: skip
_LISTED: Final = {name: yuan for name, _, _, yuan in MODELS if yuan is not None}


def price_of(rehearsal: Rehearsal, model: str) -> float | None:
    """Yuan for a job of a model; None: it costs what is usual."""
    return rehearsal.yunwu_prices.get(model, _LISTED.get(model))


async def change(request: Request) -> Response:
    """Change prices from now on: ``{"veo3.1-fast": 0.9}`` in yuan."""
    body: Any = await request.json()
    good = isinstance(body, dict) and all(isinstance(one, int | float) and one > 0 for one in body.values())
    if not good:
        return JSONResponse({"error": "an object of prices above zero is wanted"}, 400)
    request.app.state.rehearsal.yunwu_prices.update(body)
    return JSONResponse({"prices": request.app.state.rehearsal.yunwu_prices})
