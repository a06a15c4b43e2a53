"""A shot as a card: picture, prompt, menu, and the place of its takes.

Each card is a fragment of its own that the push signal reruns when its shot has changed. What a card draws keeps its place from
run to run, so that text being typed stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import streamlit as st

from vidgen_core.config.schema import Settings
from vidgen_core.dashboard.components.labels import plain, spoken
from vidgen_core.dashboard.components.media import image_url
from vidgen_core.dashboard.session import Visit, current_visit, sentence, show_told
from vidgen_core.dashboard.shell import live_updates
from vidgen_core.dashboard.shell.sign_in import may
from vidgen_core.dashboard.shots import material, picture_cards, takes
from vidgen_core.dashboard.shots.prompt import elsewhere, prompt_box
from vidgen_core.domain.errors import NotFound
from vidgen_core.domain.shots import GenerationMode, Shot, shape_of
from vidgen_core.services.access.permissions import Role
from vidgen_core.services.library.shots import ShotView

#: Pixels.
_PICTURE_TALL: Final = 104
_PICTURE_WIDE: Final = 176
_NARROWEST_CARD: Final = {"s": 300, "m": 420, "l": 640}
#: Of a shot, what its card leaves to its takes.
_OF_TAKES: Final = {"chosen_take_id": None, "live_count": 0, "completed_count": 0, "failed_count": 0, "rev": 0}


def wall(views: Sequence[ShotView], size: str = "m") -> None:
    """The cards of one page, all of one height.

    :param size: ``s``, ``m`` or ``l``
    """
    ids = [view.shot.id for view in views]
    with st.container(key=f"tiles_{size}", gap=None):
        takes.show(ids)
        live_updates.watch_each({shot_id: fragment(shot_id) for shot_id in ids}, _shown)
        with st.grid(6, min_column_width=_NARROWEST_CARD[size], gap="small"):
            for view in views:
                _card(view)


def fragment(shot_id: int) -> str:
    """Name of the fragment that draws a shot."""
    return f"card_{shot_id}"


def _shown() -> dict[int, object]:
    """Everything that each card shows, its takes aside."""
    app = current_visit().app
    alike, project_id = (app.settings(), app.budget.table()), current_visit().project.id
    stale, numbers = app.chains.stale(project_id), app.chains.numbers(project_id)
    return {
        view.shot.id: (
            view.shot.model_copy(update=_OF_TAKES),
            view.candidates,
            stale.get(view.shot.id),
            numbers.get(view.shot.follows or 0),
            *alike,
        )
        for view in takes.views()
    }


def _card(first: ShotView) -> None:
    shot_id = first.shot.id
    brought = [first]

    @st.fragment(key=fragment(shot_id))
    def draw() -> None:
        show_told()
        visit = current_visit()
        # In a run of the whole page the list has brought the shot along.
        view = brought.pop() if brought else next((view for view in takes.views() if view.shot.id == shot_id), None)
        if view is None:
            st.caption(sentence(NotFound("shot_not_found", id=shot_id)))
            return
        with st.container(border=True, key=f"shot_{shot_id}", gap="small", height="stretch"):
            _head(visit, view)
            _body(visit, view)
            picture_cards.strip(visit, view)
            takes.place(view.shot, _options(visit.app.settings(), view.shot))

    draw()


# --- the shot


def _head(visit: Visit, view: ShotView) -> None:
    t, shot = visit.t, view.shot
    if not may(Role.MAKER):
        st.markdown(f"#### {plain(shot.number)}", width="content", anchors=False)
        return
    estimate = visit.app.tasks.estimate_for([shot])
    takes.head(visit, view, estimate)
    for problem in estimate.problems[:1]:
        st.caption(f":material/warning: {t.error('parameter', problem.problem.code, problem.problem.params)}")
    _chain(visit, shot)


def _chain(visit: Visit, shot: Shot) -> None:
    """What a shot begins with, and why its take no longer does."""
    t, numbers = visit.t, visit.app.chains.numbers(shot.project_id)
    stale = visit.app.chains.stale(shot.project_id).get(shot.id)
    if shot.follows in numbers:
        st.caption(f":material/link: {t('chain.begins', shot=plain(numbers[shot.follows]))}")
    if stale is not None:
        st.caption(f":material/history: {t(f'chain.stale.{stale.code}', shot=plain(stale.shot))}")


def _options(settings: Settings, shot: Shot) -> str:
    """Ratio and model as the next click would use them, and the line that is spoken."""
    provider = settings.providers.of(shot.params.provider or settings.mode)
    ratio = shot.params.aspect_ratio or provider.aspect_ratio
    return " · ".join(filter(None, (ratio, shot.params.model or provider.model, spoken(shot.script))))


def _body(visit: Visit, view: ShotView) -> None:
    shot, settings = view.shot, visit.app.settings()
    with st.container(horizontal=True, gap="small", wrap=False, key=f"body_{shot.id}"):
        ratio = shot.params.aspect_ratio or settings.providers.of(shot.params.provider or settings.mode).aspect_ratio
        # Narrow for upright pictures, so that all are about equally large.
        wide = _PICTURE_WIDE if (shape_of(ratio) or 0) > 1 else _PICTURE_TALL
        if shot.image:
            st.image(
                image_url(shot, ratio if _begins_with_it(shot) else ""),
                width=wide,
                alt=visit.t("shots.picture_of", shot=shot.number),
            )
        else:
            with st.container(width=wide):
                picture_cards.missing(visit, shot)
        prompt_box(visit.t, shot)
        # Behind the prompt, whose place a picture that comes may not change.
        material.strip(visit, shot)
    elsewhere(visit.t, shot)


def _begins_with_it(shot: Shot) -> bool:
    """Whether the picture is the first frame, which is cropped to the ratio of the video."""
    return shot.params.mode not in (GenerationMode.TEXT, GenerationMode.REFERENCES)
