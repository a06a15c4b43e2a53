"""Pictures, videos and finished exports by id: a caller never names a path.

Mounted under ``/app/static``, the one prefix whose relative addresses Streamlit's own elements accept.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path, PurePath
from typing import Final
from uuid import uuid4

from PIL import Image, ImageEnhance, ImageFilter, ImageOps
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from vidgen_core import web_components
from vidgen_core.domain.errors import NotFound, VidgenError
from vidgen_core.domain.shots import Shot
from vidgen_core.media import images
from vidgen_core.media.images import open_upright, save_thumbnail
from vidgen_core.media.storage import StoredFile
from vidgen_core.media.video import media_type
from vidgen_core.web.app_instance import get_vidgen
from vidgen_core.web.error_responses import envelope
from vidgen_core.web.stored_response import StoredFileResponse, existing

#: Longer edge of pictures on cards, in pixels.
THUMBNAIL_EDGE: Final = 480
#: The same for pictures that fill the screen.
FRAME_EDGE: Final = 1280
#: The same for placeholders, which are out of focus.
PLACEHOLDER_EDGE: Final = 240
_BLUR: Final = 9
_EMPTY: Final = (128, 132, 148)
_FOREVER: Final = "private, max-age=31536000, immutable"
_ICONS: Final = Path(__file__).parent / "icons"
ICONS: Final = frozenset(file.stem for file in _ICONS.glob("*.svg"))
#: Formats of reference images that every browser shows.
_TYPES: Final = {
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".avif": "image/avif",
    ".bmp": "image/bmp",
}


def take(request: Request) -> Response:
    """The video of a take, in ranges; with ``?download=1`` under its own name."""
    takes = get_vidgen().takes
    found = takes.get(request.path_params["id"])
    name = PurePath(found.file).name
    shown = name if request.query_params.get("download") == "1" else None
    return _file(request, existing(takes.stored(found)), media_type(PurePath(name)), found.sha256, shown)


def poster(request: Request) -> Response:
    """The first picture of a take, small."""
    takes = get_vidgen().takes
    found = takes.get(request.path_params["id"])
    return _file(request, existing(takes.poster(found)), "image/jpeg", f"{found.sha256}-poster")


def image(request: Request) -> Response:
    """The reference image of a shot, small; with ``?ratio=9:16`` what stays of it in such a video is marked."""
    source = _picture(_shot(request).image)
    ratio = re.fullmatch(r"([1-9]\d{0,2}):([1-9]\d{0,2})", request.query_params.get("ratio", ""))
    if ratio is None:
        return _small(request, source)
    name = f"{source.stem}-{THUMBNAIL_EDGE}-{ratio[1]}x{ratio[2]}"
    shape = int(ratio[1]), int(ratio[2])
    return _made(request, name, lambda path: images.crop_shown(source, path, THUMBNAIL_EDGE, shape))


def frame(request: Request) -> Response:
    """The reference image of a shot as large as a screen shows it; made at the first call."""
    return _small(request, _picture(_shot(request).image), FRAME_EDGE)


def original(request: Request) -> Response:
    """The reference image of a shot as it was given."""
    shot = _shot(request)
    path = _picture(shot.image)
    name = f"{shot.number}{path.suffix}" if request.query_params.get("download") == "1" else None
    return _whole(request, path, name)


def candidate(request: Request) -> Response:
    """A candidate as it was generated or given."""
    return _whole(request, _picture(get_vidgen().pictures.get(request.path_params["id"]).image))


def small_candidate(request: Request) -> Response:
    """A candidate, small; made at the first call."""
    return _small(request, _picture(get_vidgen().pictures.get(request.path_params["id"]).image))


def drawn(request: Request) -> Response:
    """The picture that a task has generated, small."""
    found = get_vidgen().pictures.of_task(request.path_params["id"])
    return _small(request, _picture(found.image if found else None))


def reference(request: Request) -> Response:
    """A picture by its key, as people who write the references of a project see it, small."""
    return _small(request, _kept(request))


def picture(request: Request) -> Response:
    """A picture by its key, as it was given."""
    return _whole(request, _kept(request))


def waiting(request: Request) -> Response:
    """The placeholder of a take without a video, in its ratio: the reference image, out of focus."""
    vidgen = get_vidgen()
    params = vidgen.tasks.get(request.path_params["id"]).params
    source = vidgen.shots.image_path(params.image) if params.image else None
    name = f"{source.stem if source else 'none'}-waiting-{params.aspect_ratio.replace(':', 'x')}"
    return _made(request, name, lambda path: draw_placeholder(source, params.aspect_ratio, path))


def export(request: Request) -> Response:
    """The file of an export under its own name, in ranges; 404 when it is not there or not finished."""
    file = get_vidgen().exports.file(request.path_params["project"], request.path_params["id"])
    headers = {"Cache-Control": "private, no-cache"}
    return StoredFileResponse(file, media_type="application/octet-stream", filename=file.name, headers=headers)


def icon(request: Request) -> Response:
    """An icon for buttons."""
    name = request.path_params["name"]
    if name not in ICONS:
        raise NotFound("file_gone")
    return _file(request, _ICONS / f"{name}.svg", "image/svg+xml", name)


def part(request: Request) -> Response:
    """Code or style of a component of the screens."""
    name = request.path_params["name"]
    if name not in web_components.FILES:
        raise NotFound("file_gone")
    path = web_components.path(name)
    return _file(request, path, web_components.TYPES[path.suffix], web_components.version(name))


def _shot(request: Request) -> Shot:
    return get_vidgen().shots.get(request.path_params["id"])


def _picture(key: str | None) -> Path:
    if not key:
        raise NotFound("file_gone")
    path = get_vidgen().shots.image_path(key)
    if not path.is_file():
        raise NotFound("file_gone")
    return path


def _kept(request: Request) -> Path:
    key = request.path_params["key"]
    # A key is a hash and a suffix, which nobody guesses, and no path has this form.
    if not re.fullmatch(r"[0-9a-f]{64}\.[a-z0-9]{3,4}", key):
        raise NotFound("file_gone")
    return _picture(key)


def _whole(request: Request, path: Path, download: str | None = None) -> Response:
    return _file(request, path, _TYPES.get(path.suffix, "application/octet-stream"), path.name, download)


def _small(request: Request, source: Path, edge: int = THUMBNAIL_EDGE) -> Response:
    return _made(request, f"{source.stem}-{edge}", lambda path: images.thumbnail(source, path, edge))


def _made(request: Request, name: str, make: Callable[[Path], None]) -> Response:
    """A small picture, which ``make`` writes unless it is there; several requests may come for it at the same time."""
    target = get_vidgen().locations.thumbnails / f"{name}.jpg"
    if not target.exists():
        own = target.with_name(f"{uuid4().hex}-{target.name}")
        make(own)
        own.replace(target)
    return _file(request, target, "image/jpeg", name)


def draw_placeholder(source: Path | None, ratio: str, target: Path) -> None:
    """Write ``source`` cropped to ``ratio`` (``9:16``), dimmed and out of focus; a plain grey without a source.

    :raises FileError: the picture cannot be read or the file not written
    """
    if source is None:
        picture = Image.new("RGB", size_of(ratio, (1, 1)), _EMPTY)
    else:
        upright = open_upright(source, (PLACEHOLDER_EDGE, PLACEHOLDER_EDGE)).convert("RGB")
        cropped = ImageOps.fit(upright, size_of(ratio, upright.size))
        blurred = cropped.filter(ImageFilter.GaussianBlur(_BLUR))
        picture = ImageEnhance.Color(ImageEnhance.Brightness(blurred).enhance(0.9)).enhance(0.6)
    save_thumbnail(picture, target, PLACEHOLDER_EDGE)


def size_of(ratio: str, fallback: tuple[int, int]) -> tuple[int, int]:
    """Pixels of a ratio with the longer side at ``PLACEHOLDER_EDGE``; a ratio left to the model follows ``fallback``."""
    found = re.fullmatch(r"(\d+):(\d+)", ratio)
    width, height = (int(found[1]), int(found[2])) if found else fallback
    scale = PLACEHOLDER_EDGE / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _file(
    request: Request, file: Path | StoredFile, media_type: str, tag: str, download: str | None = None
) -> Response:
    headers = {"ETag": f'"{tag}"', "Cache-Control": _FOREVER if "v" in request.query_params else "private, no-cache"}
    if f'"{tag}"' in request.headers.get("if-none-match", "") and "range" not in request.headers:
        return Response(status_code=304, headers=headers)
    return StoredFileResponse(file, media_type=media_type, headers=headers, filename=download)


async def error_response(request: Request, error: Exception) -> Response:
    """A ``VidgenError`` as a response."""
    return envelope(request, error if isinstance(error, VidgenError) else VidgenError("unexpected"))


def _route(path: str, serve: Callable[[Request], Response]) -> Route:
    async def endpoint(request: Request) -> Response:
        return await asyncio.to_thread(serve, request)

    return Route(path, endpoint, name=serve.__name__)


#: Below ``/app/static/media``.
MEDIA: Final[tuple[BaseRoute, ...]] = (
    _route("/take/{id:int}.mp4", take),
    _route("/poster/{id:int}.jpg", poster),
    _route("/image/{id:int}.jpg", image),
    _route("/frame/{id:int}.jpg", frame),
    _route("/original/{id:int}", original),
    _route("/candidate/{id:int}", candidate),
    _route("/candidate/{id:int}.jpg", small_candidate),
    _route("/drawn/{id:int}.jpg", drawn),
    _route("/reference/{key}.jpg", reference),
    _route("/picture/{key}", picture),
    _route("/waiting/{id:int}.jpg", waiting),
    _route("/icon/{name}.svg", icon),
    _route("/part/{name}", part),
    _route("/export/{project:int}/{id}", export),
)
