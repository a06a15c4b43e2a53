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
from vidgen_core.domain.takes import Take
from vidgen_core.media import images
from vidgen_core.media.images import open_upright, save_thumbnail
from vidgen_core.media.storage import StoredFile
from vidgen_core.media.video import media_type
from vidgen_core.web.app_instance import get_vidgen
from vidgen_core.web.error_responses import envelope
from vidgen_core.web.stored_response import StoredResponse, existing

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


async def take(request: Request) -> Response:
    """The video of a take, in ranges; with ``?download=1`` under its own name."""
    found, file = await asyncio.to_thread(_take, request.path_params["id"])
    name = PurePath(found.file).name
    shown = name if request.query_params.get("download") == "1" else None
    return _file(request, file, media_type(PurePath(name)), found.sha256, shown)


async def poster(request: Request) -> Response:
    """The first picture of a take, small."""
    found, path = await asyncio.to_thread(_poster, request.path_params["id"])
    return _file(request, path, "image/jpeg", f"{found.sha256}-poster")


async def image(request: Request) -> Response:
    """The reference image of a shot, small; with ``?ratio=9:16`` what stays of it in such a video is marked."""
    ratio = re.fullmatch(r"([1-9]\d{0,2}):([1-9]\d{0,2})", request.query_params.get("ratio", ""))
    if ratio is None:
        path = await asyncio.to_thread(_thumbnail, request.path_params["id"])
    else:
        path = await asyncio.to_thread(_cropped, request.path_params["id"], (int(ratio[1]), int(ratio[2])))
    return _file(request, path, "image/jpeg", path.stem)


async def frame(request: Request) -> Response:
    """The reference image of a shot as large as a screen shows it; made at the first call."""
    path = await asyncio.to_thread(_thumbnail, request.path_params["id"], FRAME_EDGE)
    return _file(request, path, "image/jpeg", path.stem)


async def original(request: Request) -> Response:
    """The reference image of a shot as it was given."""
    shot, path = await asyncio.to_thread(_original, request.path_params["id"])
    name = f"{shot.number}{path.suffix}" if request.query_params.get("download") == "1" else None
    return _file(request, path, _TYPES.get(path.suffix, "application/octet-stream"), shot.image or "", name)


async def candidate(request: Request) -> Response:
    """A candidate as it was generated or given."""
    key, path = await asyncio.to_thread(_candidate, request.path_params["id"])
    return _file(request, path, _TYPES.get(path.suffix, "application/octet-stream"), key)


async def small_candidate(request: Request) -> Response:
    """A candidate, small; made at the first call."""
    key, path = await asyncio.to_thread(_small_candidate, request.path_params["id"])
    return _file(request, path, "image/jpeg", f"{key}-{THUMBNAIL_EDGE}")


async def drawn(request: Request) -> Response:
    """The picture that a task has generated, small."""
    key, path = await asyncio.to_thread(_drawn, request.path_params["id"])
    return _file(request, path, "image/jpeg", f"{key}-{THUMBNAIL_EDGE}")


async def reference(request: Request) -> Response:
    """A picture by its key, as people who write the references of a project see it, small."""
    path = await asyncio.to_thread(_reference, request.path_params["key"])
    return _file(request, path, "image/jpeg", path.stem)


async def picture(request: Request) -> Response:
    """A picture by its key, as it was given."""
    path = await asyncio.to_thread(_kept, request.path_params["key"])
    return _file(request, path, _TYPES.get(path.suffix, "application/octet-stream"), path.stem)


async def waiting(request: Request) -> Response:
    """The placeholder of a take without a video, in its ratio: the reference image, out of focus."""
    tag, path = await asyncio.to_thread(_waiting, request.path_params["id"])
    return _file(request, path, "image/jpeg", tag)


async def export(request: Request) -> Response:
    """The file of an export under its own name, in ranges; 404 when it is not there or not finished."""
    file = await asyncio.to_thread(_export, request.path_params["project"], request.path_params["id"])
    headers = {"Cache-Control": "private, no-cache"}
    return StoredResponse(file, media_type="application/octet-stream", filename=file.name, headers=headers)


async def icon(request: Request) -> Response:
    """An icon for buttons."""
    name = request.path_params["name"]
    if name not in ICONS:
        raise NotFound("file_gone")
    return _file(request, _ICONS / f"{name}.svg", "image/svg+xml", name)


async def part(request: Request) -> Response:
    """Code or style of a component of the screens."""
    name = request.path_params["name"]
    if name not in web_components.FILES:
        raise NotFound("file_gone")
    path = web_components.path(name)
    return _file(request, path, web_components.TYPES[path.suffix], web_components.version(name))


def _take(take_id: int) -> tuple[Take, Path | StoredFile]:
    vidgen = get_vidgen()
    found = vidgen.takes.get(take_id)
    return found, existing(vidgen.takes.stored(found))


def _poster(take_id: int) -> tuple[Take, Path | StoredFile]:
    vidgen = get_vidgen()
    found = vidgen.takes.get(take_id)
    return found, existing(vidgen.takes.poster(found))


def _original(shot_id: int) -> tuple[Shot, Path]:
    vidgen = get_vidgen()
    shot = vidgen.shots.get(shot_id)
    if not shot.image:
        raise NotFound("file_gone")
    return shot, _picture(shot.image)


def _thumbnail(shot_id: int, edge: int = THUMBNAIL_EDGE) -> Path:
    return _small(_original(shot_id)[1], edge)


def _cropped(shot_id: int, ratio: tuple[int, int]) -> Path:
    _, source = _original(shot_id)
    target = get_vidgen().locations.thumbnails / f"{source.stem}-{THUMBNAIL_EDGE}-{ratio[0]}x{ratio[1]}.jpg"
    _make(target, lambda path: images.crop_shown(source, path, THUMBNAIL_EDGE, ratio))
    return target


def _candidate(candidate_id: int) -> tuple[str, Path]:
    vidgen = get_vidgen()
    key = vidgen.pictures.get(candidate_id).image
    if not key:
        raise NotFound("file_gone")
    return key, _picture(key)


def _small_candidate(candidate_id: int) -> tuple[str, Path]:
    key, source = _candidate(candidate_id)
    return key, _small(source)


def _drawn(task_id: int) -> tuple[str, Path]:
    vidgen = get_vidgen()
    found = vidgen.pictures.of_task(task_id)
    if found is None or not found.image:
        raise NotFound("file_gone")
    return found.image, _small(_picture(found.image))


def _reference(key: str) -> Path:
    return _small(_kept(key))


def _kept(key: str) -> Path:
    # A key is a hash and a suffix, which nobody guesses, and no path has this form.
    if not re.fullmatch(r"[0-9a-f]{64}\.[a-z0-9]{3,4}", key):
        raise NotFound("file_gone")
    return _picture(key)


def _small(source: Path, edge: int = THUMBNAIL_EDGE) -> Path:
    target = get_vidgen().locations.thumbnails / f"{source.stem}-{edge}.jpg"
    _make(target, lambda path: images.thumbnail(source, path, edge))
    return target


def _waiting(task_id: int) -> tuple[str, Path]:
    vidgen = get_vidgen()
    params = vidgen.tasks.get(task_id).params
    source = vidgen.shots.image_path(params.image) if params.image else None
    stem = source.stem if source else "none"
    tag = f"{stem}-waiting-{params.aspect_ratio.replace(':', 'x')}"
    target = vidgen.locations.thumbnails / f"{tag}.jpg"
    _make(target, lambda path: draw_placeholder(source, params.aspect_ratio, path))
    return tag, target


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


def _picture(key: str) -> Path:
    path = get_vidgen().shots.image_path(key)
    if not path.is_file():
        raise NotFound("file_gone")
    return path


def _export(project_id: int, export_id: str) -> Path | StoredFile:
    return get_vidgen().exports.file(project_id, export_id)


def _make(target: Path, make: Callable[[Path], None]) -> None:
    """Let ``make`` write a picture unless it is there; several requests may come for it at the same time."""
    if target.exists():
        return
    own = target.with_name(f"{uuid4().hex}-{target.name}")
    make(own)
    own.replace(target)


def _file(
    request: Request, file: Path | StoredFile, media_type: str, tag: str, download: str | None = None
) -> Response:
    headers = {"ETag": f'"{tag}"', "Cache-Control": _FOREVER if "v" in request.query_params else "private, no-cache"}
    if f'"{tag}"' in request.headers.get("if-none-match", "") and "range" not in request.headers:
        return Response(status_code=304, headers=headers)
    return StoredResponse(file, media_type=media_type, headers=headers, filename=download)


async def error_response(request: Request, error: Exception) -> Response:
    """A ``VidgenError`` as a response."""
    return envelope(request, error if isinstance(error, VidgenError) else VidgenError("unexpected"))


#: Below ``/app/static/media``.
MEDIA: Final[tuple[BaseRoute, ...]] = (
    Route("/take/{id:int}.mp4", take),
    Route("/poster/{id:int}.jpg", poster),
    Route("/image/{id:int}.jpg", image),
    Route("/frame/{id:int}.jpg", frame),
    Route("/original/{id:int}", original),
    Route("/candidate/{id:int}", candidate),
    Route("/candidate/{id:int}.jpg", small_candidate),
    Route("/drawn/{id:int}.jpg", drawn),
    Route("/reference/{key}.jpg", reference),
    Route("/picture/{key}", picture),
    Route("/waiting/{id:int}.jpg", waiting),
    Route("/icon/{name}.svg", icon),
    Route("/part/{name}", part),
    Route("/export/{project:int}/{id}", export),
)
