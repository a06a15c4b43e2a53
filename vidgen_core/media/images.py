"""Pictures: format, the image store, and copies for providers and screens."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from PIL import Image, ImageChops, ImageCms, ImageDraw, UnidentifiedImageError

from vidgen_core.domain.base import Frozen
from vidgen_core.domain.errors import FileError
from vidgen_core.media.disk import replacing, sync_folder, translate_os_errors

#: More pixels than any camera makes; a small file that claims them is a decompression bomb.
PIXEL_LIMIT: Final = 120_000_000
#: Sides below this are icons, not reference images.
SMALLEST_SIDE: Final = 64
#: Pillow names of the formats taken, and the ending they are kept under.
FORMATS: Final = {
    "JPEG": "jpg",
    "MPO": "jpg",
    "PNG": "png",
    "WEBP": "webp",
    "GIF": "gif",
    "BMP": "bmp",
    "TIFF": "tif",
    "HEIF": "heic",
    "AVIF": "avif",
}
_QUALITIES: Final = (70, 75, 80, 84, 88, 92, 95)
_EXIF_ORIENTATION: Final = 0x0112
#: What makes a picture upright, by its EXIF orientation.
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
#: Bytes a pixel of a photograph takes at good quality: a copy larger than this would have to be a worse one.
_BYTES_A_PIXEL: Final = 0.35
_BLOCK: Final = 1 << 20

# Pillow's own guard has one limit for the whole process: at ours it warns and at twice ours it refuses, before decoding.
Image.MAX_IMAGE_PIXELS = PIXEL_LIMIT


class ImageFacts(Frozen):
    """Facts of a picture; ``width`` and ``height`` after its EXIF orientation."""

    format: str
    width: int
    height: int
    bytes: int
    has_alpha: bool
    #: Whether the EXIF orientation rotates or mirrors it.
    rotated: bool
    animated: bool


def inspect_image(source: Path | bytes) -> ImageFacts:
    """Decode a picture, a file or its bytes, completely and return its facts.

    :raises FileError: image_missing, image_unreadable, image_empty, image_not_a_picture, image_truncated,
        image_too_many_pixels, image_too_small
    """
    path = _called(source)
    with _opened(source) as image:
        width, height = _upright_size(image)
        facts = ImageFacts(
            format=image.format or "",
            width=width,
            height=height,
            bytes=source.stat().st_size if isinstance(source, Path) else len(source),
            has_alpha=image.has_transparency_data,
            rotated=_orientation(image) != 1,
            animated=bool(getattr(image, "is_animated", False)) and image.format != "MPO",
        )
        if min(width, height) < SMALLEST_SIDE:
            raise FileError("image_too_small", path=path, width=width, height=height, least=SMALLEST_SIDE)
        # A JPEG is read to its end in any scale; an eighth takes a sixty-fourth of the memory.
        image.draft(None, (image.width // 8, image.height // 8))
        _decode(image, path)
    return facts


def keep_image(source: Path | bytes, images_folder: Path, inspected: str | None = None) -> str:
    """Put a picture's bytes untouched into the image store and return its key ``<sha256>.<ext>``.

    :param inspected: the key of what ``inspect_image`` was content with: the same bytes are not decoded again
    :raises FileError: as ``inspect_image``, and disk_full, folder_read_only
    """
    digest, _, ending = (inspected or "").partition(".")
    if not digest or digest_of(source) != digest:
        ending = FORMATS[inspect_image(source).format]
    with translate_os_errors(Path(_called(source))), _reading(source) as file:
        return _keep(file, ending, images_folder)


def digest_of(source: Path | bytes) -> str:
    """SHA-256 in hexadecimal digits; empty for a file that cannot be read."""
    with contextlib.suppress(OSError), _reading(source) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
    return ""


def _reading(source: Path | bytes) -> io.BufferedReader | io.BytesIO:
    return source.open("rb") if isinstance(source, Path) else io.BytesIO(source)


def _called(source: Path | bytes) -> str:
    """What messages call a picture."""
    return str(source) if isinstance(source, Path) else "data:"


def open_upright(path: Path, least: tuple[int, int] | None = None) -> Image.Image:
    """The first frame, upright, opaque (on white), in sRGB.

    :param least: a size that must be covered; a larger picture may come back smaller, but not smaller than this.
    :raises FileError: as ``inspect_image``, but for the size
    """
    with _opened(path) as image:
        if least is not None and _orientation(image) >= 5:
            least = (least[1], least[0])
        if least is not None:
            image.draft(None, least)
        _decode(image, str(path))
        return _upright(image, least)


def upright_size(path: Path) -> tuple[int, int]:
    """Width and height after the EXIF orientation, without decoding.

    :raises FileError: as ``inspect_image`` for what a header tells
    """
    with _opened(path) as image:
        return _upright_size(image)


def fit_jpeg(path: Path, *, max_bytes: int, max_edge: int | None = None) -> bytes:
    """A JPEG copy of at most ``max_bytes``, as large and as good as fits, without metadata; the original stays.

    :raises FileError: as ``inspect_image``; image_cannot_fit when not even a tiny one fits
    """
    width, height = upright_size(path)
    wanted = (max_edge or max(width, height)) / max(width, height)
    scale = min(1.0, wanted, (max_bytes / _BYTES_A_PIXEL / (width * height)) ** 0.5)
    picture = open_upright(path, (round(width * scale), round(height * scale)))
    edge = max(1, round(max(width, height) * scale))
    for _ in range(12):
        picture.thumbnail((edge, edge), Image.Resampling.LANCZOS, reducing_gap=3.0)
        data = _best_jpeg(picture, max_bytes)
        if len(data) <= max_bytes:
            return data
        edge = int(max(picture.size) * min(0.9, (max_bytes / len(data)) ** 0.5))
        if edge < SMALLEST_SIDE:
            break
    raise FileError("image_cannot_fit", path=str(path), limit=max_bytes)


def thumbnail(source: Path, target: Path, edge: int = 360) -> None:
    """Write a JPEG of at most ``edge`` pixels a side.

    :raises FileError: as ``inspect_image``, and disk_full, folder_read_only
    """
    picture = open_upright(source, (edge, edge))
    save_thumbnail(picture, target, edge)


def crop_shown(source: Path, target: Path, edge: int, ratio: tuple[int, int]) -> None:
    """As ``thumbnail``, with a frame around what stays of the picture at a ratio, and the rest dimmed.

    A picture that has the ratio, within two hundredths, is drawn as it is.

    :raises FileError: as ``thumbnail``
    """
    picture = open_upright(source, (edge, edge))
    picture.thumbnail((edge, edge), Image.Resampling.LANCZOS)
    wide, high = picture.size
    scale = min(wide / ratio[0], high / ratio[1])
    stays = round(ratio[0] * scale), round(ratio[1] * scale)
    if stays[0] < wide * 0.98 or stays[1] < high * 0.98:
        left, top = (wide - stays[0]) // 2, (high - stays[1]) // 2
        box = (left, top, left + stays[0], top + stays[1])
        kept = picture.crop(box)
        picture = Image.blend(picture, Image.new(picture.mode, picture.size), 0.65)
        picture.paste(kept, box)
        line = max(2, edge // 160)
        ImageDraw.Draw(picture).rectangle((box[0], box[1], box[2] - 1, box[3] - 1), outline="white", width=line)
    save_thumbnail(picture, target, edge)


def save_thumbnail(picture: Image.Image, target: Path, edge: int) -> None:
    """Write a small JPEG of a picture in memory, whole or not at all."""
    picture.thumbnail((edge, edge), Image.Resampling.LANCZOS)
    with replacing(target, f".{os.getpid()}.tmp") as part:
        picture.save(part, "JPEG", quality=85, optimize=True)


@contextlib.contextmanager
def _opened(source: Path | bytes) -> Iterator[Image.Image]:
    """A picture with a validated header."""
    head, path = _head(source), _called(source)
    try:
        _register_heif(head)
        image = Image.open(source if isinstance(source, Path) else io.BytesIO(source), formats=_readable())
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise FileError("image_too_many_pixels", path=path, limit=PIXEL_LIMIT) from error
    except UnidentifiedImageError as error:
        code = "image_truncated" if _looks_like_picture(head) else "image_not_a_picture"
        raise FileError(code, path=path) from error
    except (OSError, SyntaxError, ValueError, EOFError, RuntimeError) as error:
        raise FileError("image_truncated", path=path) from error
    with image:
        if image.width * image.height > PIXEL_LIMIT:
            raise FileError("image_too_many_pixels", path=path, limit=PIXEL_LIMIT)
        yield image


def _readable() -> tuple[str, ...]:
    """Our formats that Pillow can read; MPO is read as JPEG."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _head(source: Path | bytes) -> bytes:
    path = _called(source)
    try:
        with _reading(source) as file:
            head = file.read(32)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileError("image_missing", path=path) from error
    except OSError as error:
        system = errno.errorcode.get(error.errno or 0, type(error).__name__)
        raise FileError("image_unreadable", path=path, system=system) from error
    if not head:
        raise FileError("image_empty", path=path)
    return head


def _register_heif(head: bytes) -> None:
    """Register the HEIF reader when it is needed: its library is slow to load."""
    if head[4:8] == b"ftyp" and head[8:12] not in {b"avif", b"avis"}:
        from pillow_heif import register_heif_opener

        register_heif_opener()


def _looks_like_picture(head: bytes) -> bool:
    starts = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"GIF8", b"BM", b"II*\0", b"MM\0*")
    return head.startswith(starts) or head[8:12] in {b"WEBP", b"heic", b"heix", b"mif1", b"avif", b"avis"}


def _decode(image: Image.Image, path: str) -> None:
    try:
        image.load()
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, RuntimeError) as error:
        raise FileError("image_truncated", path=path) from error
    except MemoryError as error:
        raise FileError("image_too_many_pixels", path=path, limit=PIXEL_LIMIT) from error


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(_EXIF_ORIENTATION, 1)
    except (OSError, SyntaxError, ValueError, TypeError):
        # A broken EXIF block does not make the picture unreadable.
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _upright_size(image: Image.Image) -> tuple[int, int]:
    width, height = image.size
    return (height, width) if _orientation(image) >= 5 else (width, height)


def _upright(image: Image.Image, least: tuple[int, int] | None) -> Image.Image:
    """Convert to opaque, small, sRGB, upright; at most two pictures of full size are in memory."""
    orientation, profile = _orientation(image), image.info.get("icc_profile")
    picture = _opaque(_eight_bits(image))
    if least is not None:
        picture = _shrink_to_cover(picture, least)
    if profile:
        picture = _with_profile(picture, profile)
    picture = picture if picture.mode == "RGB" else picture.convert("RGB")
    picture.info = {}
    return picture.transpose(_TURNS[orientation]) if orientation in _TURNS else picture


def _opaque(image: Image.Image) -> Image.Image:
    """Laid on white, in a mode that can be averaged."""
    if image.has_transparency_data:
        picture = image if image.mode == "RGBA" else image.convert("RGBA")
        see_through = ImageChops.invert(picture.getchannel("A"))
        picture.paste((255, 255, 255, 255), mask=see_through)
        return picture.convert("RGB")
    return image if image.mode in {"L", "RGB", "CMYK"} else image.convert("RGB")


def _shrink_to_cover(image: Image.Image, least: tuple[int, int]) -> Image.Image:
    factor = max(least[0] / image.width, least[1] / image.height)
    if factor >= 1:
        return image
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    return image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)


def _eight_bits(image: Image.Image) -> Image.Image:
    """Deep grey pictures, which Pillow would clip, brought to 0–255."""
    if not image.mode.startswith(("I", "F")):
        return image
    import numpy as np

    values = np.asarray(image, dtype=np.float32)
    low, high = float(values.min(initial=0)), float(values.max(initial=1))
    top = 65535.0 if image.mode.startswith("I") and 255 < high <= 65535 else high
    return Image.fromarray(((values - low) * (255.0 / (top - low))).astype(np.uint8))


def _with_profile(picture: Image.Image, profile: bytes) -> Image.Image:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        # A profile that does not match the picture is ignored, as in browsers.
        return picture.convert("RGB")
    assert converted is not None, "only a conversion in place gives nothing back"
    return converted


def _best_jpeg(picture: Image.Image, max_bytes: int) -> bytes:
    """The best quality that fits, else the smallest file."""

    def encoded(quality: int) -> bytes:
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=quality, optimize=True)
        return buffer.getvalue()

    best = encoded(_QUALITIES[0])
    if len(best) > max_bytes:
        return best
    low, high = 0, len(_QUALITIES) - 1
    while low < high:
        middle = (low + high + 1) // 2
        data = encoded(_QUALITIES[middle])
        if len(data) <= max_bytes:
            low, best = middle, data
        else:
            high = middle - 1
    return best


def _keep(source: IO[bytes], ending: str, folder: Path) -> str:
    """Stream into a nameless file while hashing; the hash is the name."""
    with translate_os_errors(folder / "image"):
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=folder, suffix=".tmp")
        part = Path(name)
        try:
            digest = hashlib.sha256()
            with os.fdopen(handle, "wb") as target:
                while block := source.read(_BLOCK):
                    digest.update(block)
                    target.write(block)
                target.flush()
                os.fsync(target.fileno())
            key = f"{digest.hexdigest()}.{ending}"
            _name_once(part, folder / key)
        finally:
            part.unlink(missing_ok=True)
    return key


def _name_once(part: Path, final: Path) -> None:
    if final.exists() and final.stat().st_size == part.stat().st_size:
        return
    part.chmod(0o644)
    part.replace(final)
    sync_folder(final.parent)
