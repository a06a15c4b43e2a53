"""*Share for review*: a dialog that makes links with QR codes for people without an account, and takes them back."""

from __future__ import annotations

from datetime import UTC, datetime

import segno
import streamlit as st

from vidgen_core.dashboard.components.media import outside
from vidgen_core.dashboard.session import Visit, clock, current_visit, handle_errors
from vidgen_core.domain.takes import ReviewLink
from vidgen_core.i18n import Text
from vidgen_core.services.library.reviews import DAYS

#: Days that can be chosen.
_DAYS = (1, 3, DAYS, 30)
#: Links shown in the dialog.
_SHOWN = 5


def dialog() -> None:
    """The form, and the links that work."""
    visit = current_visit()
    t = visit.t
    st.markdown(t("review.share_help"))
    st.segmented_control(
        t("review.days"),
        _DAYS,
        default=DAYS,
        required=True,
        format_func=lambda days: t.n("review.days_n", days),
        key="review_days",
    )
    with st.container(horizontal=True):
        st.text_input(t("review.for"), key="review_for", max_chars=60)
        st.text_input(
            t("review.password_optional"), type="password", key="review_password", autocomplete="new-password"
        )
    st.button(t("review.make"), type="primary", icon=":material/add_link:", key="review_make", on_click=_make)
    now = datetime.now(UTC)
    for link in [link for link in visit.app.reviews.links(visit.project.id) if link.works(now)][:_SHOWN]:
        _show(visit, link)


def url_of(visit: Visit, link: ReviewLink) -> str:
    """The address of a link as the browser knows this server."""
    origin = "/".join(str(st.context.url or "http://127.0.0.1:8501").split("/")[:3])
    return origin + outside(f"/review/{visit.app.reviews.token(link)}")


def _show(visit: Visit, link: ReviewLink) -> None:
    t, url = visit.t, url_of(visit, link)
    with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"review_link_{link.id}"):
        # White around the code, in dark themes as well: cameras need the contrast.
        st.image(segno.make(url, error="m").svg_inline(scale=4, light="white", border=3), width=132)
        with st.container():
            # As plain text: somebody has typed the name.
            st.text(" · ".join(part for part in (link.name, _facts(t, link)) if part))
            st.code(url, language=None, wrap_lines=True)
            st.button(t("review.revoke"), key=f"review_revoke_{link.id}", on_click=_revoke, args=(link.id,))


def _facts(t: Text, link: ReviewLink) -> str:
    until = t("review.until", at=t.datetime(link.expires_at, clock()))
    return f"{until} · {t('review.has_password')}" if link.password else until


@handle_errors
def _make() -> None:
    visit, state = current_visit(), st.session_state
    visit.app.reviews.share(visit.project.id, state["review_days"], state["review_password"], state["review_for"])
    state["review_password"] = state["review_for"] = ""


@handle_errors
def _revoke(link_id: int) -> None:
    current_visit().app.reviews.revoke(link_id)
