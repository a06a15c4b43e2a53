"""What would be added, row by row, before anything is stored."""

from __future__ import annotations

import base64
import csv
import html
import io
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import streamlit as st

from vidgen_core.dashboard.add import forms, request
from vidgen_core.dashboard.add.request import Planned
from vidgen_core.dashboard.components import preflight
from vidgen_core.dashboard.components.labels import Colour, plain, price
from vidgen_core.dashboard.session import Visit, current_visit, open_page, sentence, show_told
from vidgen_core.domain.errors import ErrorKind, VidgenError
from vidgen_core.i18n import Text
from vidgen_core.media.images import thumbnail
from vidgen_core.services.imports.formulas import tame
from vidgen_core.services.imports.pairing import Spare
from vidgen_core.services.imports.plan import Existing, Imported
from vidgen_core.services.imports.review import ReviewRow

#: Rows of one page.
PER_PAGE: Final = 50
_OUTCOME: Final = "_add_outcome"
_REFUSED: Final = "_add_refused"
#: Pixels of the pictures in the preview.
_EDGE: Final = 96
_LONGEST: Final = 240
_LOOKS: Final[dict[str, tuple[str, Colour]]] = {
    "ok": (":material/check_circle:", "green"),
    "warning": (":material/warning:", "orange"),
    "similar": (":material/difference:", "orange"),
    "there": (":material/inventory_2:", "gray"),
    "rejected": (":material/block:", "red"),
}
_SIGNS: Final = {"ok": "✓", "warning": "⚠", "similar": "≈", "there": "=", "rejected": "✕"}
#: Formats that go out as they are; others are sent as a JPEG copy.
_SENT_AS_IT_IS: Final = "JPEG"
_STYLE: Final = """<style>
.vg-rows { width: 100%; border-collapse: collapse; font-size: 0.86rem; }
.vg-rows th, .vg-rows td { border: 0; border-bottom: 1px solid color-mix(in srgb, currentColor 15%, transparent);
  padding: 0.2rem 0.5rem; text-align: left; vertical-align: middle; overflow-wrap: anywhere; }
.vg-rows th { font-weight: 600; white-space: nowrap; }
.vg-rows img { display: block; height: 34px; max-width: 60px; object-fit: cover; border-radius: 4px; }
.vg-rows .n, .vg-rows .s { white-space: nowrap; }
.vg-rows .s { font-weight: 600; }
.vg-rows small { opacity: 0.75; }
.vg-rows .p { max-width: 34rem; }
.vg-rows .p div { display: -webkit-box; -webkit-line-clamp: 2; -webkit-box-orient: vertical; overflow: hidden; }
@media (max-width: 640px) {
  .vg-rows thead { display: none; }
  .vg-rows tr { display: grid; grid-template-columns: 3.6rem 1fr auto; border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); }
  .vg-rows td { border: 0; }
  .vg-rows .p, .vg-rows .w { grid-column: 1 / -1; }
  .vg-rows .p:empty, .vg-rows .w:empty { display: none; }
}
</style>"""


def show(visit: Visit, planned: Planned) -> None:
    """Counts, what can be done, and one page of rows."""
    st.divider()
    if request.GO in st.session_state:
        _carry_out(visit, planned, generate=st.session_state.get("_add_generate", False))
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
    _counts(t, planned)
    _questions(t, planned)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        changed = review.count("similar") if planned.existing is Existing.UPDATE else 0
        label = t.n("add.act", review.new)
        st.button(
            t("add.act_both", add=label, change=t.n("add.act_change", changed)) if changed else label,
            type="primary",
            icon=":material/add:",
            key="add_act",
            disabled=not (review.new or changed),
            on_click=_go,
        )
        st.button(
            t("add.act_generate", n=t.number(review.estimate.tasks), price=price(t, review.estimate)),
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


def _counts(t: Text, planned: Planned) -> None:
    """What would be missing, and what is said of the list as a whole."""
    counts = planned.plan.counts
    said = [t.n(f"add.{name}", counts[name]) for name in ("without_picture", "without_prompt") if counts[name]]
    if planned.plan.unknown:
        names = ", ".join(plain(name) for name in planned.plan.unknown[:12])
        said.append(t("add.unknown_columns", names=names))
    if said:
        st.caption(" · ".join(said))
    for note in planned.plan.notes:
        if note.code != "pictures_spare":
            st.caption(f":material/info: {plain(t.error(ErrorKind.PARAMETER, note.code, note.params))}")


def _questions(t: Text, planned: Planned) -> None:
    """What only a person can say: pictures that are missing or left over, and rows that look like shots that are here."""
    spare = next((note for note in planned.plan.notes if note.code == "pictures_spare"), None)
    if spare or planned.order.spare is not Spare.ASK:
        st.segmented_control(
            t.n("add.spare", spare.params["count"]) if spare else t("add.spare_done"),
            [Spare.ORDER, Spare.EACH, Spare.SHOTS],
            format_func=lambda name: t(f"add.spare.{name}"),
            key="add_spare",
            on_change=forms.want_files,
        )
    if planned.order.way == "files" and (planned.order.without_pictures or planned.plan.only_pictures_missing):
        missing = planned.plan.only_pictures_missing
        if missing:
            st.warning(t.n("add.pictures_missing", missing), icon=":material/image_not_supported:")
        st.toggle(t("add.add_without_pictures"), key="add_without_pictures", on_change=forms.want_files)
    if similar := planned.review.count("similar"):
        st.segmented_control(
            t.n("add.similar", similar),
            [Existing.UPDATE, Existing.ADD, Existing.SKIP],
            format_func=lambda name: t(f"add.existing.{name}"),
            key="add_existing",
        )
    elif planned.existing is Existing.ADD:
        # What was answered can be taken back.
        st.segmented_control(
            t("add.similar_added"),
            [Existing.UPDATE, Existing.ADD, Existing.SKIP],
            format_func=lambda name: t(f"add.existing.{name}"),
            key="add_existing",
        )


def _go(generate: bool = False) -> None:
    st.session_state[request.GO] = True
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
        # A run that is interrupted on the way has stored nothing, or is told below: the next one goes on from there.
        done = planned.done = planned.done or app.imports.apply(
            visit.project.id, planned.plan, planned.again, tell, planned.existing
        )
        st.session_state[_OUTCOME] = (done, 0)
        st.session_state[_REFUSED] = [row for row in planned.review.rows if row.verdict == "rejected"]
        request.clear(planned.order.way)
        ids = [shot.id for shot in done.added]
        estimate = app.tasks.estimate(visit.project.id, ids)
        waits = generate and (estimate.asks or estimate.key_missing is not None)
        made = app.tasks.generate(visit.project.id, ids) if generate and not waits else None
    except VidgenError as error:
        st.session_state.pop(request.GO, None)
        bar.empty()
        st.error(sentence(error), icon=":material/error:")
        return
    st.session_state[_OUTCOME] = (done, len(made.tasks) if made else 0)
    st.session_state.pop("add_again", None)
    for name in ("add_paste", "add_form_prompt", "add_form_shot"):
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
    words += [t.n("add.updated", len(done.updated))] if done.updated else []
    words += [t.n("add.queued", tasks)] if tasks else []
    words += [t.n("add.skipped", len(done.skipped))] if done.skipped else []
    words += [t.n("add.refused", len(done.rejected))] if done.rejected else []
    st.success(" ".join(words), icon=":material/check:")
    if st.button(t("add.to_shots"), key="add_to_shots", icon=":material/view_agenda:"):
        open_page("shots")
    if refused := st.session_state.get(_REFUSED):
        _download_refused(t, refused)
        _table(t, refused[:PER_PAGE])


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
    if planned.review.count("rejected"):
        _download_refused(t, [row for row in planned.review.rows if row.verdict == "rejected"])
    _table(t, rows[first : first + PER_PAGE])
    if pages > 1:
        with st.container(horizontal_alignment="center"):
            st.pagination(pages, key="add_page")


def _download_refused(t: Text, rows: Sequence[ReviewRow]) -> None:
    """The refused rows as a list, with the reason of each."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow([t(f"add.refused_{name}") for name in ("source", "line", "shot", "prompt", "reason")])
    for row in rows:
        one = row.planned
        cells = [one.source, str(one.line or ""), one.number or "", one.prompt, " ".join(_sentences(t, row))]
        writer.writerow([tame(cell) for cell in cells])
    st.download_button(
        t.n("add.download_refused", len(rows)),
        out.getvalue().encode("utf-8-sig"),
        file_name=f"{t('add.refused_file')}.csv",
        mime="text/csv",
        key="add_download_refused",
        icon=":material/download:",
        on_click="ignore",
        type="tertiary",
    )


def _table(t: Text, rows: Sequence[ReviewRow]) -> None:
    """One page of rows, dense; words of lists are text and nothing else."""
    if not rows:
        return
    heads = "".join(
        f"<th>{html.escape(t(f'add.head.{name}'))}</th>" for name in ("picture", "shot", "state", "prompt", "why")
    )
    body = "".join(_html_row(t, row) for row in rows)
    st.html(f'{_STYLE}<table class="vg-rows"><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>')


def _html_row(t: Text, row: ReviewRow) -> str:
    planned = row.planned
    prompt = planned.prompt or planned.picture_prompt
    facts = " · ".join([*_facts(t, row), *_params_of(t, row)])
    state = f"{_SIGNS[row.verdict]} {t(f'add.verdict.{row.verdict}')}"
    origin = _origin(t, row)
    cells = {
        "i": _picture(t, row),
        "n": f"{html.escape(planned.number or t('add.numbered_on'))}<br><small>{html.escape(origin)}</small>",
        "s": f'<span class="vg-{row.verdict}">{html.escape(state)}</span>',
        "p": "".join(
            (
                f'<div title="{html.escape(prompt[:1000])}">{html.escape(prompt[:_LONGEST])}</div>' if prompt else "",
                f"<small>{html.escape(facts)}</small>" if facts else "",
            )
        ),
        "w": "<br>".join(html.escape(said) for said in _sentences(t, row)),
    }
    return "<tr>" + "".join(f'<td class="{name}">{cell}</td>' for name, cell in cells.items()) + "</tr>"


def _sentences(t: Text, row: ReviewRow) -> list[str]:
    return [t.error(ErrorKind.PARAMETER, reason.code, _shown(reason.params)) for reason in row.reasons]


def _shown(params: dict[str, object]) -> dict[str, object]:
    """Paths of uploads by their names alone: where they lie for now tells nobody anything."""
    path = params.get("path")
    return params | {"path": Path(str(path)).name} if path else params


def _origin(t: Text, row: ReviewRow) -> str:
    planned = row.planned
    if planned.line is None:
        return planned.source or (planned.image_url or "")[:80]
    if not planned.source:
        return t("add.line_alone", line=planned.line)
    return t("add.line", source=planned.source, line=planned.line)


def _picture(t: Text, row: ReviewRow) -> str:
    address = _thumbnail(row)
    if address:
        return f'<img src="{address}" alt="{html.escape(t("add.picture_of", shot=row.planned.number or ""))}">'
    return "🔗" if row.planned.image_url else "–"


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
    if "sound" in params:
        params["sound"] = t(f"material.sound.{params['sound']}")
    if "mode" in params:
        params["mode"] = t(f"material.mode.{params['mode']}")
    slots = Counter(picture.slot for picture in row.planned.pictures)
    pictures = {slot: (t(f"material.slot.{slot}"), n) for slot, n in slots.items()}
    found = [name if n == 1 else f"{name} × {n}" for name, n in pictures.values()]
    found += [f"{t(f'add.field.{name}')} {value}" for name, value in params.items()]
    return found + [f"{name} {value[:40]}" for name, value in row.planned.extra.items()]
