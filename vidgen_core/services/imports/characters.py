"""The library of characters that goes along with a list: ``characters.json``, with its pictures beside it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from vidgen_core.domain.characters import MOST_CHARACTERS, MOST_PICTURES, Character, References, clean_name, same_name
from vidgen_core.providers.http.cleaning import clean_text

#: Name of the file, and its bytes at most.
FILE: Final = "characters.json"
_MOST_BYTES: Final = 1 << 20


def picture_names(library: References) -> dict[str, str]:
    """What the pictures of a library are called beside its file, by their keys."""
    every = (*library.style_images, *(image for one in library.characters for image in one.images))
    return {key: f"characters/{place:03d}{Path(key).suffix}" for place, key in enumerate(dict.fromkeys(every), start=1)}


def write_library(library: References) -> str:
    """The text of the file."""
    return json.dumps(_with_images(library, picture_names(library).__getitem__), ensure_ascii=False, indent=1)


def is_library(path: Path) -> bool:
    """Whether a file is such a library and no list, by its name and by what is in it."""
    return path.name.casefold() == FILE and _content(path) is not None


def read_library(path: Path) -> References:
    """The library with the paths of its pictures for keys; what cannot be used of it is left out."""
    content = _content(path) or {}
    folder = path.resolve().parent
    found: list[Character] = []
    for one in content["characters"]:
        if not isinstance(one, dict):
            continue
        texts = {name: clean_text(str(one.get(name) or "")).strip() for name in ("description", "voice")}
        try:
            character = Character(
                name=clean_name(clean_text(str(one.get("name") or ""))),
                images=tuple(_beside(folder, one.get("images")))[:MOST_PICTURES],
                **texts,
            )
        except ValidationError:
            continue
        found.append(character)
    try:
        style = clean_text(str(content.get("style") or "")).strip()
        shared = References(style=style, style_images=tuple(_beside(folder, content.get("style_images"))))
    except ValidationError:
        shared = References()
    return merge(shared, shared.model_copy(update={"characters": tuple(found)}))


def merge(known: References, brought: References) -> References:
    """A project's library with what it lacks of another one; what it has stays as it is."""
    there = list(known.characters)
    for one in brought.characters:
        if len(there) < MOST_CHARACTERS and not any(same_name(one.name, other.name) for other in there):
            there.append(one)
    return References(
        style=known.style or brought.style,
        style_images=known.style_images or brought.style_images,
        characters=tuple(there),
    )


def keep_pictures(library: References, keep: Callable[[str], str | None]) -> References:
    """The library with other keys for its pictures; those that come to None are left out."""
    return References.model_validate(_with_images(library, keep))


def _with_images(library: References, key: Callable[[str], str | None]) -> dict[str, Any]:
    def keys(images: Sequence[str]) -> list[str]:
        return [name for image in images if (name := key(image))]

    return {
        "style": library.style,
        "style_images": keys(library.style_images),
        "characters": [one.model_dump() | {"images": keys(one.images)} for one in library.characters],
    }


def _content(path: Path) -> Mapping[str, Any] | None:
    try:
        if path.stat().st_size > _MOST_BYTES:
            return None
        content = json.loads(path.read_text("utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return None
    is_one = isinstance(content, dict) and isinstance(content.get("characters"), list) and "shots" not in content
    return content if is_one else None


def _beside(folder: Path, names: object) -> Iterator[str]:
    """Paths of pictures below the folder of the file."""
    for name in names if isinstance(names, list) else ():
        path = (folder / str(name)).resolve()
        if path.is_relative_to(folder) and path.is_file():
            yield str(path)
