"""The pictures of a row beside its first one, and the words for sound and mode."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from vidgen_core.domain.shots import GenerationMode, PictureSlot, ReferenceRole, chain_word
from vidgen_core.services.imports.columns import Columns, plain_header

#: Pictures of one row; no model takes more.
MOST: Final = 30
_MODES: Final = {
    GenerationMode.TEXT: "text prompt t2v text_to_video 文本 文字 提示词 仅提示词 文生视频",
    GenerationMode.FIRST_FRAME: "first_frame first i2v image image_to_video 首帧 首图 单图 图生视频",
    GenerationMode.FIRST_LAST_FRAME: "first_last_frame first_last first_and_last_frame first_and_last_frames flf2v frames 首尾帧 首尾",
    GenerationMode.REFERENCES: "references reference r2v reference_to_video 参考图 参考 多图 多图参考 参考生视频 主体参考",
}
_SOUND: Final = {
    True: "on yes true 1 y sound audio with_sound sync wahr vrai verdadero oui ja sí истина 有 是 开 有声 开启 打开 要 需要 带 带声音 √ ✓ ✔ ✅ ☑",
    False: "off no false 0 n none silent mute muted without_sound mos falsch faux falso non nein no ложь 无 否 关 无声 静音 关闭 不要 不需要 不带 没有 × ✗ ✘ ❌ ☐",
}
_ROLES: Final = {
    ReferenceRole.CHARACTER: "character person face 角色 人物",
    ReferenceRole.STYLE: "style 风格 画风",
    ReferenceRole.OBJECT: "object prop product item scene 物品 道具 产品 物体 场景",
}


def _table(words: Mapping[Any, str]) -> dict[str, Any]:
    return {plain_header(word): meant for meant, names in words.items() for word in names.split()}


_MODE_OF, _SOUND_OF, _ROLE_OF = _table(_MODES), _table(_SOUND), _table(_ROLES)


class OtherPicture(NamedTuple):
    """What a row says of a picture beside its first one: what its cell holds, or the picture that lies on the cell."""

    slot: PictureSlot
    role: ReferenceRole
    picture: bytes | str


def mode_of(text: str) -> GenerationMode | None:
    """The mode that is meant; None where the words mean none."""
    return _MODE_OF.get(plain_header(text))


def sound_of(text: str) -> bool | None:
    """Whether sound is wanted; None where the words do not say: many lists describe the sound in that column."""
    return _SOUND_OF.get(plain_header(text))


def chains_of(cells: Iterable[tuple[str | None, str]]) -> list[str]:
    """The name of each row's chain: as its cell names it, or that of the row before where the cell says that it goes on.

    :param cells: number and cell of each row
    """
    names: list[str] = []
    numbers: list[str | None] = []
    for number, cell in cells:
        word = " ".join(cell.split())
        goes_on = chain_word(word) if word else False
        if goes_on and names:
            names[-1] = names[-1] or _unused(numbers[-1] or str(len(names)), names)
        names.append(word if goes_on is None else names[-1] if goes_on and names else "")
        numbers.append(number)
    return names


def _unused(name: str, names: Iterable[str]) -> str:
    return name if name not in names else _unused(f"{name}'", names)


def others_of(
    texts: Sequence[str], columns: Columns, pictures: Mapping[int, Sequence[bytes | str]]
) -> tuple[OtherPicture, ...]:
    """The last frame and the references of a row, in the order of their columns.

    :param pictures: column → the pictures that lie on its cell; they go before what the cell says
    """
    last, several = columns.fields.get("last_frame"), columns.fields.get("references")
    roles = dict(columns.references) | ({} if several is None else {several: ReferenceRole.CHARACTER})
    found: list[OtherPicture] = []
    for index in sorted({*roles, *([] if last is None else [last])}):
        text = texts[index] if index < len(texts) else ""
        lying = pictures.get(index, ())
        if index == last:
            ends = lying or ([text] if text else [])
            found += [OtherPicture(PictureSlot.LAST_FRAME, ReferenceRole.CHARACTER, picture) for picture in ends]
        elif lying:
            found += [OtherPicture(PictureSlot.REFERENCE, roles[index], picture) for picture in lying]
        else:
            found += _listed(text, roles[index])
    return _looked_at(found)


def _looked_at(found: Iterable[OtherPicture]) -> tuple[OtherPicture, ...]:
    """Of each kind no more than tell that there are too many."""
    every = list(found)
    ends = [one for one in every if one.slot is PictureSlot.LAST_FRAME]
    return (*ends[:2], *[one for one in every if one.slot is PictureSlot.REFERENCE][: MOST + 1])


def typed(cells: Mapping[str, str]) -> tuple[OtherPicture, ...]:
    """The same for fields that were filled one by one."""
    last = cells.get("last_frame", "").strip()
    found = [OtherPicture(PictureSlot.LAST_FRAME, ReferenceRole.CHARACTER, last)] if last else []
    return _looked_at([*found, *_listed(cells.get("references", "").strip(), ReferenceRole.CHARACTER)])


def _listed(text: str, role: ReferenceRole) -> Iterator[OtherPicture]:
    """``style: a.png``, one a line or with semicolons between; in storyboards a list of names or of objects."""
    for entry in _entries(text):
        word, colon, rest = (part.strip() for part in re.sub("：", ":", entry, count=1).partition(":"))
        named = _ROLE_OF.get(plain_header(word)) if colon and rest else None
        picture = rest if named else entry.strip()
        if picture:
            yield OtherPicture(PictureSlot.REFERENCE, named or role, picture)


def _entries(text: str) -> list[str]:
    if text.startswith("["):
        try:
            held = json.loads(text)
        except ValueError:
            held = None
        if isinstance(held, list):
            return [_entry(one) for one in held]
    if text[:5].casefold() == "data:":
        return [text]
    return [part for part in re.split(r"[\n;；|]", text) if part.strip()]


def _entry(one: Any) -> str:
    if not isinstance(one, dict):
        return str(one or "")
    picture = next((one[name] for name in ("image", "image_url", "url", "path", "file") if one.get(name)), "")
    return (
        f"{one['role']}: {picture}"
        if picture and plain_header(str(one.get("role") or "")) in _ROLE_OF
        else str(picture)
    )
