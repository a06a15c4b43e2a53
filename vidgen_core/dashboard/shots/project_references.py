"""The dialog of a project's references: its style, and its recurring characters."""

from __future__ import annotations

from typing import Any, Final

import streamlit as st

from vidgen_core.dashboard.components import dialogs
from vidgen_core.dashboard.components.media import reference_url
from vidgen_core.dashboard.session import Visit, current_visit, handle_errors, toast_later
from vidgen_core.dashboard.shots.dialogs import PICTURE_TYPES
from vidgen_core.i18n import Text
from vidgen_core.services.library.references import Character, References

#: What is being edited, until it is saved.
_DRAFT: Final = "_references"
_PICTURE: Final = 96


def button(visit: Visit) -> None:
    st.button(visit.t("references.open"), icon=":material/palette:", key="open_references", on_click=_open)


@handle_errors
def _open() -> None:
    visit = current_visit()
    known = visit.app.pictures.references(visit.project.id)
    st.session_state[_DRAFT] = {
        "style": known.style,
        "style_images": list(known.style_images),
        "characters": [one.model_dump() for one in known.characters],
        "round": st.session_state.get(_DRAFT, {}).get("round", 0) + 1,
    }
    dialogs.ask(visit.t("references.title"), _form, width="large", icon=":material/palette:")


def _form() -> None:
    visit = current_visit()
    t = visit.t
    draft: dict[str, Any] = st.session_state[_DRAFT]
    st.caption(t("references.intro"))
    st.text_area(t("references.style"), value=draft["style"], key=_key("style"), placeholder=t("references.style_hint"))
    with st.container(horizontal=True, gap="small", vertical_alignment="top"):
        for place, image in enumerate(draft["style_images"]):
            _picture(visit, image, t("pictures.style"), f"style_{place}", _drop_style, place)
        if len(draft["style_images"]) < 4:
            _uploader(t, "references.style_picture", "style_new")
    st.markdown(f"**{t('references.characters')}**")
    for place, character in enumerate(draft["characters"]):
        _character(visit, place, character)
    st.button(t("references.add_character"), icon=":material/person_add:", key=_key("add"), on_click=_add_character)
    with st.container(horizontal=True, horizontal_alignment="right"):
        st.button(t("common.cancel"), key="references_cancel", on_click=st.rerun)
        st.button(t("common.save"), key="references_save", type="primary", on_click=_save)


def _character(visit: Visit, place: int, character: dict[str, Any]) -> None:
    t = visit.t
    with st.container(border=True, key=_key(f"character_{place}"), horizontal=True, gap="small"):
        if character["image"]:
            _picture(visit, character["image"], character["name"], f"face_{place}", _drop_face, place)
        else:
            _uploader(t, "references.character_picture", f"face_new_{place}", place)
        with st.container(width="stretch", gap="xsmall"):
            st.text_input(t("references.name"), value=character["name"], key=_key(f"name_{place}"), max_chars=80)
            st.text_area(
                t("references.description"),
                value=character["description"],
                key=_key(f"description_{place}"),
                height=80,
                placeholder=t("references.description_hint"),
            )
            st.button(
                t("references.remove_character"),
                key=_key(f"remove_{place}"),
                type="tertiary",
                icon=":material/delete:",
                on_click=_remove_character,
                args=(place,),
            )


def _key(name: str) -> str:
    """Another round has other keys, so that nothing typed before comes back."""
    return f"references_{st.session_state[_DRAFT]['round']}_{name}"


def _picture(visit: Visit, image: str, name: str, key: str, drop: Any, place: int) -> None:
    with st.container(width=_PICTURE, gap="xxsmall"):
        st.image(reference_url(image), width="stretch", alt=name or visit.t("references.unnamed"))
        st.button(
            visit.t("references.remove_picture"), key=_key(f"drop_{key}"), type="tertiary", on_click=drop, args=(place,)
        )


def _uploader(t: Text, label: str, key: str, place: int | None = None) -> None:
    st.file_uploader(t(label), type=PICTURE_TYPES, key=_key(key), on_change=_take, args=(_key(key), place), width=260)


@handle_errors
def _take(key: str, place: int | None) -> None:
    """Keep an uploaded picture and show it in the draft."""
    file = st.session_state.get(key)
    if file is None:
        return
    image = current_visit().app.shots.keep_image(file.getvalue())
    draft = _collect()
    if place is None:
        draft["style_images"].append(image)
    else:
        draft["characters"][place]["image"] = image
    _renew()


def _collect() -> dict[str, Any]:
    """The draft with what stands in the fields: a click may come together with the last letters."""
    draft: dict[str, Any] = st.session_state[_DRAFT]
    draft["style"] = st.session_state.get(_key("style"), draft["style"])
    for place, character in enumerate(draft["characters"]):
        for field in ("name", "description"):
            character[field] = st.session_state.get(_key(f"{field}_{place}"), character[field])
    return draft


def _renew() -> None:
    """Give every field a new key: places have moved."""
    st.session_state[_DRAFT]["round"] += 1


def _drop_style(place: int) -> None:
    del _collect()["style_images"][place]
    _renew()


def _drop_face(place: int) -> None:
    _collect()["characters"][place]["image"] = None
    _renew()


def _add_character() -> None:
    _collect()["characters"].append({"name": "", "description": "", "image": None})
    _renew()


def _remove_character(place: int) -> None:
    del _collect()["characters"][place]
    _renew()


@handle_errors
def _save() -> None:
    visit = current_visit()
    draft = _collect()
    named = [Character.model_validate(one) for one in draft["characters"] if one["name"].strip()]
    references = References(
        style=draft["style"].strip(), style_images=tuple(draft["style_images"]), characters=tuple(named)
    )
    visit.app.pictures.set_references(visit.project.id, references)
    toast_later(visit.t("references.saved"), ":material/check:")
    st.rerun()
