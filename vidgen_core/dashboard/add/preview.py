"""What would be added, row by row, before anything is stored."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import streamlit as st

from vidgen_core.dashboard.add import request
from vidgen_core.dashboard.add.request import Planned
from vidgen_core.dashboard.components import preflight
from vidgen_core.dashboard.components.labels import Colour, plain, price
from vidgen_core.dashboard.session import Visit, current_visit, page_file, sentence, show_told
from vidgen_core.domain.errors import ErrorKind, VidgenError
from vidgen_core.i18n import Text
from vidgen_core.media.images import thumbnail
from vidgen_core.services.imports.imports import ReviewRow
from vidgen_core.services.imports.plan import Imported

PER_PAGE: Final = 20
_OUTCOME: Final = "_add_outcome"
_GO: Final = "_add_go"
#: Pixels of the pictures in the preview.
_EDGE: Final = 144
_WIDTH: Final = 60
_LONGEST: Final = 240
_LOOKS: Final[dict[str, tuple[str, Colour]]] = {
    "ok": (":material/check_circle:", "green"),
    "warning": (":material/warning:", "orange"),
    "there": (":material/inventory_2:", "gray"),
    "rejected": (":material/block:", "red"),
}
#: Formats that go out as they are; others are sent as a JPEG copy.
_SENT_AS_IT_IS: Final = "JPEG"


def show(visit: Visit, planned: Planned) -> None:
    """Counts, what can be done, and one page of rows."""
    st.divider()
    if st.session_state.pop(_GO, None) is not None:
        _carry_out(visit, planned, generate=st.session_state.pop("_add_generate", False))
        return
    _head(visit, planned)
    _rows(planned)


# --- what can be done


def _head(visit: Visit, planned: Planned) -> None:
    t, review = visit.t, planned.review
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="add_head"):
        st.markdown(f"### {t('add.preview')}", width="content", anchors=False)
        for verdict, (icon, colour) in _LOOKS.items():
            count = review.count(verdict)
            if count:
                st.badge(t.n(f"add.count.{verdict}", count), icon=icon, color=colour)
    if planned.plan.unknown:
        names = ", ".join(plain(name) for name in planned.plan.unknown[:12])
        st.caption(t("add.unknown_columns", names=names))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            t.n("add.act", review.new),
            type="primary",
            icon=":material/add:",
            key="add_act",
            disabled=not review.new,
            on_click=_go,
        )
        st.button(
            t("add.act_generate", price=price(t, review.estimate)),
            icon=":material/auto_awesome:",
            key="add_act_generate",
            disabled=not (review.new and review.estimate.tasks),
            help=t.n("add.act_generate_help", review.estimate.tasks),
            on_click=_go,
            kwargs={"generate": True},
        )
        st.button(t("add.start_over"), key="add_start_over", type="tertiary", on_click=_start_over, args=(planned,))
        if review.count("there") or planned.again:
            st.toggle(t("add.again"), key="add_again", help=t("add.again_help"))


def _go(generate: bool = False) -> None:
    st.session_state[_GO] = True
    st.session_state["_add_generate"] = generate


def _start_over(planned: Planned) -> None:
    request.clear(planned.order.way)
    st.session_state.pop("add_again", None)


def _carry_out(visit: Visit, planned: Planned, *, generate: bool) -> None:
    t, app = visit.t, visit.app
    bar = st.progress(0.0, text=t("add.storing"))

    def tell(done: int, total: int) -> None:
        if done % max(1, total // 100) == 0:
            bar.progress(done / total, text=t("add.storing_of", done=done, total=total))

    try:
        done = app.imports.apply(visit.project.id, planned.plan, planned.again, tell)
        ids = [shot.id for shot in done.added]
        estimate = app.tasks.estimate(visit.project.id, ids)
        waits = generate and (estimate.asks or estimate.key_missing is not None)
        made = app.tasks.generate(visit.project.id, ids) if generate and not waits else None
    except VidgenError as error:
        bar.empty()
        st.error(sentence(error), icon=":material/error:")
        return
    st.session_state[_OUTCOME] = (done, len(made.tasks) if made else 0)
    st.session_state.pop("add_again", None)
    request.clear(planned.order.way)
    for name in ("add_prompts", "add_links", "add_form_prompt", "add_form_shot"):
        if name in st.session_state:
            del st.session_state[name]
    if waits:
        preflight.order(
            estimate,
            lambda _again: app.tasks.preflight(visit.project.id, ids),
            lambda choice: _generate(done, ids, choice.canary),
            canary=True,
        )
    st.rerun()


def _generate(done: Imported, ids: list[int], canary: bool | None) -> None:
    """The sheet was released: the shots that were added get their takes."""
    visit = current_visit()
    made = visit.app.tasks.generate(visit.project.id, ids, canary=canary)
    st.session_state[_OUTCOME] = (done, len(made.tasks))


def show_outcome(visit: Visit) -> None:
    """What the last import did, until the next one is previewed."""
    outcome: tuple[Imported, int] | None = st.session_state.get(_OUTCOME)
    if outcome is None:
        return
    if request.wanted() is not None:
        del st.session_state[_OUTCOME]
        return
    t = visit.t
    done, tasks = outcome
    words = [t.n("add.added", len(done.added))]
    words += [t.n("add.queued", tasks)] if tasks else []
    words += [t.n("add.skipped", len(done.skipped))] if done.skipped else []
    words += [t.n("add.refused", len(done.rejected))] if done.rejected else []
    st.success(" ".join(words), icon=":material/check:")
    if st.button(t("add.to_shots"), key="add_to_shots", icon=":material/view_agenda:"):
        st.switch_page(page_file("shots"))


# --- the rows


@st.fragment(key="add_rows")
def _rows(planned: Planned) -> None:
    from vidgen_core.dashboard.session import current_visit

    show_told()
    t = current_visit().t
    rows = planned.review.rows
    kinds = [verdict for verdict in _LOOKS if planned.review.count(verdict)]
    if len(kinds) > 1:
        kind = st.pills(
            t("add.show"),
            kinds,
            format_func=lambda name: t(f"add.verdict.{name}"),
            key="add_kind",
            label_visibility="collapsed",
        )
        rows = tuple(row for row in rows if kind in (None, row.verdict))
    pages = max(1, math.ceil(len(rows) / PER_PAGE))
    first = (min(st.session_state.get("add_page") or 1, pages) - 1) * PER_PAGE
    for place, row in enumerate(rows[first : first + PER_PAGE], start=first):
        _row(t, place, row)
    if pages > 1:
        with st.container(horizontal_alignment="center"):
            st.pagination(pages, key="add_page")


def _row(t: Text, place: int, row: ReviewRow) -> None:
    planned = row.planned
    with st.container(horizontal=True, gap="small", border=True, key=f"add_row_{place}", wrap=False):
        with st.container(width=_WIDTH):
            _picture(t, row)
        with st.container(gap="xxsmall"):
            icon, colour = _LOOKS[row.verdict]
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.markdown(f"**{plain(planned.number or t('add.numbered_on'))}**", width="content")
                st.badge(t(f"add.verdict.{row.verdict}"), icon=icon, color=colour)
                if origin := _origin(t, row):
                    st.caption(origin, width="content")
            prompt = planned.prompt if len(planned.prompt) <= _LONGEST else f"{planned.prompt[:_LONGEST]}…"
            if prompt:
                st.markdown(plain(prompt))
            facts = [*_facts(t, row), *_params_of(t, row)]
            if facts:
                st.caption(" · ".join(facts))
            for reason in row.reasons:
                st.caption(
                    f":{colour}[{icon}] {plain(t.error(ErrorKind.PARAMETER, reason.code, _shown(reason.params)))}"
                )


def _shown(params: dict[str, object]) -> dict[str, object]:
    """Paths of uploads by their names alone: where they lie for now tells nobody anything."""
    path = params.get("path")
    return params | {"path": Path(str(path)).name} if path else params


def _origin(t: Text, row: ReviewRow) -> str:
    planned = row.planned
    where = plain(planned.source or (planned.image_url or "")[:80])
    if planned.line is None:
        return where
    return t("add.line", source=where, line=planned.line) if where else t("add.line_alone", line=planned.line)


def _picture(t: Text, row: ReviewRow) -> None:
    address = _thumbnail(row)
    if address:
        st.image(address, width=_WIDTH, alt=t("add.picture_of", shot=row.planned.number or ""))
    else:
        st.markdown(":material/image_not_supported:" if row.verdict == "rejected" else ":material/notes:")


def _thumbnail(row: ReviewRow) -> str | None:
    """The picture, small, inside of its address: it has no other before it is stored."""
    planned = row.planned
    if planned.image is None or planned.image_key is None:
        return None
    target = request.staging().path / "thumbnails" / f"{planned.image_key}.jpg"
    try:
        if not target.exists():
            target.parent.mkdir(exist_ok=True)
            thumbnail(planned.image, target, _EDGE)
        data = target.read_bytes()
    except (VidgenError, OSError):
        # Gone since it was checked; storing will say so.
        return None
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"


def _facts(t: Text, row: ReviewRow) -> list[str]:
    """What the picture is and what happens to it on its way to a model."""
    facts = row.planned.facts
    if facts is None:
        return []
    found = [f"{facts.width} × {facts.height}", facts.format, t.bytes(facts.bytes)]
    notes = {
        "rotated": facts.rotated,
        "alpha": facts.has_alpha,
        "animated": facts.animated,
        "converted": facts.format != _SENT_AS_IT_IS,
    }
    return found + [t(f"add.fact.{name}") for name, holds in notes.items() if holds]


def _params_of(t: Text, row: ReviewRow) -> Sequence[str]:
    params = row.planned.params.model_dump(exclude_none=True)
    found = [f"{t(f'add.field.{name}')} {plain(str(value))}" for name, value in params.items()]
    return found + [f"{plain(name)} {plain(value[:40])}" for name, value in row.planned.extra.items()]
