"""The dialog of a project's references: its style and its characters, where they are named, and what a change costs."""

from __future__ import annotations

from typing import Any, Final

import streamlit as st

from vidgen_core.dashboard.components import dialogs, preflight
from vidgen_core.dashboard.components.labels import plain, price
from vidgen_core.dashboard.components.media import reference_url
from vidgen_core.dashboard.session import Visit, current_visit, handle_errors, toast_later
from vidgen_core.dashboard.shots.dialogs import PICTURE_TYPES
from vidgen_core.domain.characters import (
    MOST_DESCRIPTION,
    MOST_NAME,
    MOST_PICTURES,
    MOST_VOICE,
    Character,
    References,
)
from vidgen_core.i18n import Text
from vidgen_core.services.generation.planning import GenerateOptions
from vidgen_core.services.generation.validation import Generated
from vidgen_core.services.library.characters import CharacterUse

#: What is being edited, until it is saved.
_DRAFT: Final = "_references"
_PICTURE: Final = 96


def button(visit: Visit) -> None:
    label = visit.t("references.open")
    st.button(label, icon=":material/palette:", key="open_references", on_click=_open, width="stretch")


@handle_errors
def _open() -> None:
    visit = current_visit()
    known = visit.app.pictures.references(visit.project.id)
    st.session_state[_DRAFT] = {
        "style": known.style,
        "style_images": list(known.style_images),
        "characters": [one.model_dump() | {"images": list(one.images), "was": one.name} for one in known.characters],
        "uses": {use.character.name: use for use in visit.app.characters.uses(visit.project.id)},
        "gone": {},
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
    for name, numbers in draft["gone"].items():
        told = {"name": plain(name), "shots": plain(preflight.named(tuple(numbers)))}
        st.warning(t.n("references.gone", len(numbers), **told), icon=":material/person_off:")
    st.button(t("references.add_character"), icon=":material/person_add:", key=_key("add"), on_click=_add_character)
    with st.container(horizontal=True, horizontal_alignment="right"):
        st.button(t("common.cancel"), key="references_cancel", on_click=st.rerun)
        st.button(t("common.save"), key="references_save", type="primary", on_click=_save)


def _character(visit: Visit, place: int, character: dict[str, Any]) -> None:
    t = visit.t
    with st.container(border=True, key=_key(f"character_{place}"), gap="small"):
        st.text_input(
            t("references.name"),
            value=character["name"],
            key=_key(f"name_{place}"),
            max_chars=MOST_NAME,
            icon=":material/alternate_email:",
        )
        with st.container(horizontal=True, gap="small", vertical_alignment="top"):
            for at, image in enumerate(character["images"]):
                _picture(visit, image, character["name"], f"face_{place}_{at}", _drop_face, (place, at))
            if len(character["images"]) < MOST_PICTURES:
                _uploader(t, "references.character_picture", f"face_new_{place}", place)
        for field, most in (("description", MOST_DESCRIPTION), ("voice", MOST_VOICE)):
            st.text_area(
                t(f"references.{field}"),
                value=character[field],
                key=_key(f"{field}_{place}"),
                height=68,
                max_chars=most,
                placeholder=t(f"references.{field}_hint"),
            )
        _use(visit, place, character)
        st.button(
            t("references.remove_character"),
            key=_key(f"remove_{place}"),
            type="tertiary",
            icon=":material/delete:",
            on_click=_remove_character,
            args=(place,),
        )


def _use(visit: Visit, place: int, character: dict[str, Any]) -> None:
    """Where it is named, and a way to make again what was made before it was last changed."""
    t, use = visit.t, _use_of(character)
    if use is None or not use.shots:
        return
    st.caption(
        t.n("references.used", len(use.shots), shots=plain(preflight.named(tuple(shot.number for shot in use.shots))))
    )
    for old, estimate, make in (
        (use.old_takes, use.redo_takes, "takes"),
        (use.old_pictures, use.redo_pictures, "pictures"),
    ):
        if old:
            st.button(
                t.n(f"references.redo_{make}", len(old), price=price(t, estimate)),
                key=_key(f"redo_{make}_{place}"),
                help=t("references.redo_help"),
                icon=":material/refresh:",
                disabled=not estimate.tasks,
                on_click=_redo,
                args=(make, list(old)),
            )


def _use_of(character: dict[str, Any]) -> CharacterUse | None:
    uses: dict[str, CharacterUse] = st.session_state[_DRAFT]["uses"]
    return uses.get(character.get("was", ""))


@handle_errors
def _redo(make: str, ids: list[int]) -> None:
    """One new take, or one new picture, of each shot; by the sheet where the settings ask for it."""
    visit = current_visit()
    app, project, options = visit.app, visit.project.id, GenerateOptions(takes=1)
    if make == "takes":
        preflight.order(
            app.tasks.estimate(project, ids, options),
            lambda _again: app.tasks.preflight(project, ids, options).model_copy(update={"having": ()}),
            lambda _choice: _queued(current_visit().app.tasks.generate(project, ids, options)),
        )
    else:
        preflight.order(
            app.pictures.estimate(project, ids, options),
            lambda _again: app.pictures.preflight(project, ids, options),
            lambda _choice: _queued(current_visit().app.pictures.draw(project, ids, options)),
        )


def _queued(made: Generated) -> None:
    t = current_visit().t
    for refusal in made.refused[:3]:
        toast_later(
            f"{plain(refusal.shot.number)}: {t.error('parameter', refusal.code, refusal.params)}", ":material/error:"
        )
    if made.tasks:
        toast_later(t.n("cli.queued", len(made.tasks)), ":material/check:")


def _key(name: str) -> str:
    """Another round has other keys, so that nothing typed before comes back."""
    return f"references_{st.session_state[_DRAFT]['round']}_{name}"


def _picture(visit: Visit, image: str, name: str, key: str, drop: Any, place: Any) -> None:
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
        draft["characters"][place]["images"].append(image)
    _renew()


def _collect() -> dict[str, Any]:
    """The draft with what stands in the fields: a click may come together with the last letters."""
    draft: dict[str, Any] = st.session_state[_DRAFT]
    draft["style"] = st.session_state.get(_key("style"), draft["style"])
    for place, character in enumerate(draft["characters"]):
        for field in ("name", "description", "voice"):
            character[field] = st.session_state.get(_key(f"{field}_{place}"), character[field])
    return draft


def _renew() -> None:
    """Give every field a new key: places have moved."""
    st.session_state[_DRAFT]["round"] += 1


def _drop_style(place: int) -> None:
    del _collect()["style_images"][place]
    _renew()


def _drop_face(place: tuple[int, int]) -> None:
    character, at = place
    del _collect()["characters"][character]["images"][at]
    _renew()


def _add_character() -> None:
    _collect()["characters"].append({"name": "", "description": "", "voice": "", "images": []})
    _renew()


def _remove_character(place: int) -> None:
    gone = _collect()["characters"].pop(place)
    use = _use_of(gone)
    if use is not None and use.shots:
        st.session_state[_DRAFT]["gone"][use.character.name] = [shot.number for shot in use.shots]
    _renew()


@handle_errors
def _save() -> None:
    visit = current_visit()
    draft = _collect()
    kept = [
        Character.model_validate({field: value for field, value in one.items() if field in Character.model_fields})
        for one in draft["characters"]
        if one["name"].strip()
    ]
    references = References(
        style=draft["style"].strip(), style_images=tuple(draft["style_images"]), characters=tuple(kept)
    )
    renamed = {one["was"]: one["name"] for one in draft["characters"] if one.get("was") and one["name"].strip()}
    visit.app.pictures.set_references(visit.project.id, references, renamed)
    toast_later(visit.t("references.saved"), ":material/check:")
    for use in visit.app.characters.uses(visit.project.id):
        if use.old_takes and use.character != getattr(draft["uses"].get(use.character.name), "character", None):
            told = {"name": use.character.name, "price": price(visit.t, use.redo_takes)}
            toast_later(visit.t.n("references.changed", len(use.old_takes), **told), ":material/info:")
    st.rerun()
