"""What a take of a shot is sent of the characters that its prompt names, seen before the click."""

from __future__ import annotations

from typing import Final

import streamlit as st

from vidgen_core.dashboard.components.labels import plain
from vidgen_core.dashboard.components.media import reference_url
from vidgen_core.dashboard.session import Visit
from vidgen_core.services.generation.preflight import sent_of
from vidgen_core.services.generation.validation import ValidatedShot

#: Pixels.
_SMALL: Final = 72


def show_sent(visit: Visit, seen: ValidatedShot) -> None:
    """What goes along of the characters that a prompt names, and the prompt as it is sent; nothing where it names none."""
    t, params = visit.t, seen.plan.params
    if not params.characters:
        return
    for one in params.characters:
        st.caption(f":material/person: **{plain(one.name)}** · {sent_of(t, one)}")
    with st.expander(t("references.sent_prompt"), icon=":material/visibility:"):
        st.code(params.prompt, language=None, wrap_lines=True)
        images = [(one.name, image) for one in params.characters for image in one.images]
        if images:
            with st.container(horizontal=True, gap="small"):
                for name, image in images:
                    with st.container(width=_SMALL, gap="xxsmall"):
                        st.image(reference_url(image), width="stretch", alt=name)
                        st.caption(plain(name))
