"""The pictures of a row beside its first one, and the words for sound and mode."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from vidgen_core.domain.shots import GenerationMode, PictureSlot, ReferenceRole, chain_word
from vidgen_core.services.imports.columns import Columns, plain_header
from vidgen_core.services.imports.values import written_value

#: Pictures of one row; no model takes more.
MOST: Final = 30
_MODES: Final = {
    GenerationMode.TEXT: "text prompt t2v 文本 文字 文 文生 提示词 仅提示词",
    GenerationMode.FIRST_FRAME: "first_frame first i2v image img 首帧 首图 单图 图 图生",
    GenerationMode.FIRST_LAST_FRAME: "first_last_frame first_last first_and_last first_and_last_frame first_and_last_frames flf2v frames start_end start_end_frame 首尾帧 首帧尾帧 首尾",
    GenerationMode.REFERENCES: "references reference ref r2v 参考图 参考 参考生 多图 多图参考 主体参考",
}
_SOUND: Final = {
    True: "on yes true 1 1.0 y sound audio with enabled enable sync wahr vrai verdadero oui ja sí истина 有 是 是的 开 开启 打开 启用 要 需要 带 √ ✓ ✔ ✅ ☑",
    False: "off no false 0 0.0 n none silent mute muted without disabled disable mos falsch faux falso non nein no ложь 无 否 关 静音 关闭 禁用 不要 不需要 不带 没有 × ✗ ✘ ❌ ☐",
}
_ROLES: Final = {
    ReferenceRole.CHARACTER: "character person face 角色 人物",
    ReferenceRole.STYLE: "style 风格 画风",
    ReferenceRole.OBJECT: "object prop product item scene 物品 道具 产品 物体 场景",
}


def _table(words: Mapping[Any, str]) -> dict[str, Any]:
    return {plain_header(word): meant for meant, names in words.items() for word in names.split()}


_MODE_OF, _SOUND_OF, _ROLE_OF = _table(_MODES), _table(_SOUND), _table(_ROLES)
#: What a word for a mode, or for sound, may end with and mean the same.
_OF_VIDEO: Final = re.compile(r"(?:(?:生成?)?视频|(?:to|2)?video)?(?:模式|mode)?\Z")
_OF_SOUND: Final = re.compile(r"(?:声音|音频|配音|音效|声|sound|audio)\Z")


#: Where an object names its picture.
_PICTURE_KEYS: Final = ("image", "image_url", "url", "path", "file")


class OtherPicture(NamedTuple):
    """What a row says of a picture beside its first one: what its cell holds, or the picture that lies on the cell."""

    slot: PictureSlot
    role: ReferenceRole
    picture: bytes | str


def mode_of(text: str) -> GenerationMode | None:
    """The mode that is meant; None where the words mean none."""
    plain = plain_header(text)
    return _MODE_OF.get(plain) or _MODE_OF.get(_OF_VIDEO.sub("", plain))


def sound_of(text: str) -> bool | None:
    """Whether sound is wanted; None where the words do not say: many lists describe the sound in that column."""
    plain = plain_header(text)
    return _SOUND_OF.get(plain, _SOUND_OF.get(_OF_SOUND.sub("", plain)))


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
    """The last frame and the references of a row, in the order of their columns; ``each_apart`` tells them apart.

    :param pictures: column → the pictures that lie on its cell; they go before what the cell says
    """
    last, several = columns.fields.get("last_frame"), columns.fields.get("references")
    roles = dict(columns.references) | ({} if several is None else {several: ReferenceRole.CHARACTER})
    found: list[OtherPicture] = []
    for index in sorted({*roles, *([] if last is None else [last])}):
        text = texts[index] if index < len(texts) else ""
        slot = PictureSlot.LAST_FRAME if index == last else PictureSlot.REFERENCE
        role = roles.get(index, ReferenceRole.CHARACTER)
        found += [OtherPicture(slot, role, picture) for picture in pictures.get(index) or ([text] if text else [])]
    return tuple(found)


def typed(cells: Mapping[str, str]) -> tuple[OtherPicture, ...]:
    """The same for fields that were filled one by one."""
    slots = {"last_frame": PictureSlot.LAST_FRAME, "references": PictureSlot.REFERENCE}
    named = ((slot, cells.get(field, "").strip()) for field, slot in slots.items())
    return tuple(OtherPicture(slot, ReferenceRole.CHARACTER, text) for slot, text in named if text)


def each_apart(others: Iterable[OtherPicture], several: Callable[[str], Sequence[str]]) -> tuple[OtherPicture, ...]:
    """The same with each picture by itself and with its own role, of each kind no more than tell that there are too many.

    :param several: the pictures that a text names, where it names more than one
    """
    every: list[OtherPicture] = []
    for slot, role, held in others:
        if isinstance(held, bytes):
            every.append(OtherPicture(slot, role, held))
        elif slot is PictureSlot.LAST_FRAME:
            every += [OtherPicture(slot, role, one) for one in several(held) or [held]]
        else:
            for entry in _entries(held):
                before, picture = _with_role(entry)
                first, *more = several(picture) or [picture]
                every.append(OtherPicture(slot, before or role, first))
                every += [OtherPicture(slot, own or role, one) for own, one in map(_with_role, more)]
    ends = [one for one in every if one.slot is PictureSlot.LAST_FRAME]
    return (*ends[:2], *[one for one in every if one.slot is PictureSlot.REFERENCE][: MOST + 1])


def _with_role(entry: str) -> tuple[ReferenceRole | None, str]:
    """``style: a.png`` as its role and its picture."""
    word, _, rest = (part.strip() for part in entry.replace("：", ":", 1).partition(":"))
    role = _ROLE_OF.get(plain_header(word)) if rest else None
    return role, rest if role else entry.strip()


def _entries(text: str) -> list[str]:
    """One a line or with semicolons between; a list, as programs write it."""
    held = written_value(text)
    if isinstance(held, list | tuple):
        return [entry for one in held for entry in said_references(one)]
    if text[:5].casefold() == "data:":
        return [text]
    return [bare for part in re.split(r"[\n;；|]", text) if (bare := part.strip(" \t,，、"))]


def said_references(held: Any, deeper: int = 3) -> Iterator[str]:
    """References that a storyboard has as names, as objects with what they show, or by what they show; an entry each."""
    if isinstance(held, list) and deeper:
        for one in held:
            yield from said_references(one, deeper - 1)
    elif isinstance(held, dict) and deeper:
        picture = next((held[name] for name in _PICTURE_KEYS if held.get(name)), None)
        role = next((held[name] for name in ("role", "type", "kind") if held.get(name)), "")
        for shows, one in held.items() if picture is None else [(str(role), picture)]:
            before = f"{shows}: " if plain_header(shows) in _ROLE_OF else ""
            yield from (f"{before}{entry}" for entry in said_references(one, deeper - 1))
    else:
        yield str(held or "")
