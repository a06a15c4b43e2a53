"""The pictures that a video is made from: first frame, last frame, references; on the card, and in a dialog that changes them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import streamlit as st

from vidgen_core.dashboard.add.drop import drop
from vidgen_core.dashboard.components import dialogs
from vidgen_core.dashboard.components.labels import plain
from vidgen_core.dashboard.components.media import candidate_url, reference_url
from vidgen_core.dashboard.components.preflight import show_sent
from vidgen_core.dashboard.session import Visit, current_visit, handle_errors
from vidgen_core.dashboard.shell.sign_in import may
from vidgen_core.dashboard.shots.dialogs import PICTURE_TYPES
from vidgen_core.domain.queries import ShotFilter
from vidgen_core.domain.shots import GenerationMode, PictureSlot, ReferenceRole, Shot
from vidgen_core.domain.takes import Take
from vidgen_core.i18n import Text
from vidgen_core.providers.capabilities import Capabilities
from vidgen_core.services.access.permissions import Role
from vidgen_core.services.generation.planning import NO_OPTIONS, plan

#: Pixels.
_SMALL: Final = 72
_PICTURE: Final = 104
#: Shots whose takes are offered.
_MOST_SHOTS: Final = 500
_SLOT: Final = "_material_slot"
#: The mode that a picture of a slot belongs to, and what is said where a model has no such mode.
_NEEDS: Final = {
    PictureSlot.IMAGE: (GenerationMode.FIRST_FRAME, "image_not_taken"),
    PictureSlot.LAST_FRAME: (GenerationMode.FIRST_LAST_FRAME, "last_frame_not_taken"),
    PictureSlot.REFERENCE: (GenerationMode.REFERENCES, "references_not_taken"),
}


class Kept(NamedTuple):
    """One picture of a shot in its place."""

    slot: PictureSlot
    #: Among the references, from 0.
    place: int
    image: str | None
    link: str | None
    role: ReferenceRole | None = None


def pictures_of(shot: Shot) -> Iterator[Kept]:
    """All pictures of a shot, the first frame first."""
    if shot.image or shot.image_url:
        yield Kept(PictureSlot.IMAGE, 0, shot.image, shot.image_url)
    if shot.last_frame or shot.last_frame_url:
        yield Kept(PictureSlot.LAST_FRAME, 0, shot.last_frame, shot.last_frame_url)
    for place, one in enumerate(shot.references):
        yield Kept(PictureSlot.REFERENCE, place, one.image, one.image_url, one.role)


def capabilities_of(visit: Visit, shot: Shot) -> Capabilities:
    """What the model takes that the next click would use."""
    planned = plan(shot, NO_OPTIONS, visit.app.settings())
    return visit.app.provider(planned.provider).capabilities(planned.model)


def against_slot(t: Text, can: Capabilities, slot: PictureSlot) -> str | None:
    """Why a model does not take pictures of a slot; None where it does, or where nobody knows."""
    mode, code = _NEEDS[slot]
    taken = can.mode_is_taken(mode)
    if slot is PictureSlot.IMAGE and taken is False:
        # It may begin a pair of frames, or be the first of the references.
        others = (GenerationMode.FIRST_LAST_FRAME, GenerationMode.REFERENCES)
        taken = any(can.mode_is_taken(other) is not False for other in others)
    return t.error("parameter", code, {"model": can.model}) if taken is False else None


def name_of(t: Text, kept: Kept) -> str:
    """``Last frame``, ``Character 2`` …"""
    if kept.role is None:
        return t(f"material.slot.{kept.slot}")
    return f"{t(f'material.role.{kept.role}')} {kept.place + 1}"


# --- on the card


def strip(visit: Visit, shot: Shot) -> None:
    """The pictures beside the first frame, small and below each other; nothing without any."""
    shown = [kept for kept in pictures_of(shot) if kept.slot is not PictureSlot.IMAGE]
    if not shown:
        return
    with st.container(width=_SMALL, gap="xxsmall", key=f"material_{shot.id}"):
        for kept in shown:
            _picture(visit.t, kept)
        if may(Role.MAKER):
            st.button(
                ":material/edit:",
                key=f"open_material_{shot.id}",
                help=visit.t("material.open"),
                type="tertiary",
                on_click=ask_for_material,
                args=(shot.id,),
            )


def _picture(t: Text, kept: Kept) -> None:
    name = name_of(t, kept)
    if kept.image:
        st.image(reference_url(kept.image), width="stretch", alt=name)
    else:
        st.markdown(":material/link:", help=plain(kept.link or ""))
    st.caption(plain(name))


# --- the dialog


def ask_for_material(shot_id: int) -> None:
    """A dialog with the pictures of a shot and the ways to more of them."""
    visit = current_visit()
    shot = visit.app.shots.get(shot_id)
    can = capabilities_of(visit, shot)
    order = (PictureSlot.LAST_FRAME, PictureSlot.REFERENCE) if shot.image or shot.image_url else ()
    taken = (slot for slot in order if against_slot(visit.t, can, slot) is None)
    st.session_state[_SLOT] = next(taken, PictureSlot.IMAGE)
    dialogs.ask(
        visit.t("material.title", shot=plain(shot.number)), _form, shot_id, width="large", icon=":material/imagesmode:"
    )


def _form(shot_id: int) -> None:
    visit = current_visit()
    t, view = visit.t, visit.app.shots.view(shot_id)
    shot, can = view.shot, capabilities_of(visit, view.shot)
    kept = list(pictures_of(shot))
    # Each part has one place, filled or not: what stands behind it would be drawn a second time where it moves to.
    with st.container():
        if kept:
            with st.container(horizontal=True, gap="small", vertical_alignment="top", key="material_pictures"):
                for one in kept:
                    _tile(t, shot_id, one)
        _said(t, can, kept)
        show_sent(visit, visit.app.characters.preview(shot))
    st.markdown(f"**{t('material.add')}**")
    slot = _slots(t, can)
    with st.container():
        _roles(t, slot, kept)
    endings = [f".{ending}" for ending in PICTURE_TYPES]
    drop("material", t("material.drop"), endings, lambda paths: _came(shot_id, paths), t("material.drop_hint"))
    candidates = [one for one in view.candidates if one.image]
    if candidates:
        st.caption(t("material.from_candidates"))
        with st.container(horizontal=True, gap="small"):
            for candidate in candidates:
                with st.container(width=_PICTURE, gap="xxsmall"):
                    st.image(candidate_url(candidate), width="stretch", alt=f"{candidate.number}")
                    st.button(
                        t("material.use"),
                        key=f"material_candidate_{candidate.id}",
                        on_click=_put,
                        args=(shot_id, candidate.image),
                        width="stretch",
                    )
    _from_take(visit, shot)
    with st.container(horizontal=True, horizontal_alignment="right"):
        st.button(t("common.close"), key="material_close", on_click=st.rerun)


def _said(t: Text, can: Capabilities, kept: list[Kept]) -> None:
    """What the model does not take of the pictures that are there."""
    for slot in dict.fromkeys(one.slot for one in kept):
        reason = against_slot(t, can, slot)
        if reason:
            st.caption(f":material/warning: {reason}")
    given, most = sum(one.slot is PictureSlot.REFERENCE for one in kept), can.max_references
    if most is not None and given > most and against_slot(t, can, PictureSlot.REFERENCE) is None:
        params = {"model": can.model, "most": most, "given": given}
        st.caption(f":material/warning: {t.error('parameter', 'references_too_many', params)}")


def _roles(t: Text, slot: PictureSlot, kept: list[Kept]) -> None:
    """What the next reference shows."""
    if slot is PictureSlot.REFERENCE:
        st.segmented_control(
            t("material.role"),
            list(ReferenceRole),
            default=ReferenceRole.CHARACTER,
            required=True,
            format_func=lambda role: t(f"material.role.{role}"),
            key="material_role",
        )
    if slot is PictureSlot.REFERENCE or any(one.role for one in kept):
        st.caption(t("material.role_hint"))


def _tile(t: Text, shot_id: int, kept: Kept) -> None:
    key = f"{shot_id}_{kept.slot}_{kept.place}_{(kept.image or kept.link or '')[:16]}"
    with st.container(width=_PICTURE, gap="xxsmall"):
        _picture(t, kept)
        if kept.role is not None:
            st.selectbox(
                t("material.role"),
                list(ReferenceRole),
                index=list(ReferenceRole).index(kept.role),
                format_func=lambda role: t(f"material.role.{role}"),
                key=f"role_{key}",
                label_visibility="collapsed",
                on_change=_set_role,
                args=(shot_id, kept.place, f"role_{key}"),
            )
        st.button(
            t("material.remove"),
            key=f"remove_{key}",
            type="tertiary",
            icon=":material/delete:",
            on_click=_remove,
            args=(shot_id, kept),
        )


def _slots(t: Text, can: Capabilities) -> PictureSlot:
    """What the next picture becomes: a button each, greyed with its reason where the model takes none."""
    chosen: PictureSlot = st.session_state[_SLOT]
    with st.container(horizontal=True, gap="xsmall"):
        for slot in PictureSlot:
            reason = against_slot(t, can, slot)
            st.button(
                t(f"material.slot.{slot}"),
                key=f"material_slot_{slot}",
                type="primary" if slot is chosen else "secondary",
                disabled=reason is not None,
                help=reason,
                on_click=_choose_slot,
                args=(slot,),
            )
    return chosen


def _choose_slot(slot: PictureSlot) -> None:
    st.session_state[_SLOT] = slot


def _from_take(visit: Visit, shot: Shot) -> None:
    """The first or last frame of another shot's take; the shot before this one comes first."""
    t = visit.t
    page = visit.app.shots.page(visit.project.id, ShotFilter("all"), _MOST_SHOTS)
    takes = {view.shot.number: view.takes for view in page.items if view.takes}
    if not takes:
        return
    before = [view.shot.number for view in page.items if view.takes and view.shot.position < shot.position]
    numbers = list(takes)
    st.caption(t("material.from_take"))
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        number = st.selectbox(
            t("shots.column.number"),
            numbers,
            index=numbers.index(before[-1]) if before else 0,
            key=f"material_shot_{shot.id}",
        )
        of_shot = takes[number]
        chosen = next((view.shot.chosen_take_id for view in page.items if view.shot.number == number), None)
        place = next((place for place, take in enumerate(of_shot) if take.id == chosen), len(of_shot) - 1)
        take: Take = st.selectbox(
            t("material.take"),
            of_shot,
            index=place,
            format_func=lambda take: f"v{take.number}",
            key=f"material_take_{shot.id}_{number}",
        )
        for last in (True, False):
            st.button(
                t("material.last_of_take" if last else "material.first_of_take"),
                key=f"material_use_{'last' if last else 'first'}",
                on_click=_use_take,
                args=(shot.id, take.id, last),
            )


def _role() -> ReferenceRole:
    return ReferenceRole(st.session_state.get("material_role") or ReferenceRole.CHARACTER)


@handle_errors
def _came(shot_id: int, paths: list[Path]) -> None:
    """Files that were chosen, dropped or pasted: the first is the frame, or all of them are references."""
    slot = st.session_state[_SLOT]
    for path in paths if slot is PictureSlot.REFERENCE else paths[:1]:
        current_visit().app.shots.put_picture(shot_id, slot, path, _role())


@handle_errors
def _put(shot_id: int, key: str) -> None:
    current_visit().app.shots.put_picture(shot_id, st.session_state[_SLOT], key, _role())


@handle_errors
def _use_take(shot_id: int, take_id: int, last: bool) -> None:
    current_visit().app.shots.use_take(shot_id, st.session_state[_SLOT], take_id, last=last, role=_role())


@handle_errors
def _set_role(shot_id: int, place: int, key: str) -> None:
    shots = current_visit().app.shots
    before = shots.get(shot_id)
    changed = tuple(
        one.model_copy(update={"role": ReferenceRole(st.session_state[key])}) if at == place else one
        for at, one in enumerate(before.references)
    )
    shots.edit(shot_id, before.rev, references=changed)


@handle_errors
def _remove(shot_id: int, kept: Kept) -> None:
    current_visit().app.shots.remove_picture(shot_id, kept.slot, kept.place)
