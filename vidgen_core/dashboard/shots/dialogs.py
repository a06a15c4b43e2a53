"""Dialogs about one shot or one take of it."""

from __future__ import annotations

from typing import Any, Final

import streamlit as st

from vidgen_core.dashboard.components import dialogs
from vidgen_core.dashboard.components.actions import Message
from vidgen_core.dashboard.components.labels import mode_label, plain, price, step_label
from vidgen_core.dashboard.components.media import original_url
from vidgen_core.dashboard.components.preflight import show_sent
from vidgen_core.dashboard.components.remote_id import remote_id_field
from vidgen_core.dashboard.session import Visit, clock, current_visit, handle_errors, session_value, toast_later
from vidgen_core.domain.provider_settings import ProviderSettings
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.shots import GenerationMode, Shot, ShotParams
from vidgen_core.domain.takes import Take
from vidgen_core.i18n import Text
from vidgen_core.providers.capabilities import Capabilities
from vidgen_core.services.generation.planning import GenerateOptions
from vidgen_core.services.generation.recovery import Step

#: Shots deleted last in this session: {id: number}.
UNDO: Final = "_undo_delete"
#: Shots that could not be deleted and are named one by one.
_TOLD: Final = 3
PICTURE_TYPES: Final = ["jpg", "jpeg", "png", "webp", "heic", "heif", "avif", "bmp", "gif", "tif", "tiff"]


# --- adding


def ask_for_shots() -> None:
    """A dialog that makes new shots of a prompt, pictures, or both."""
    dialogs.ask(current_visit().t("shots.add_title"), _add_form, width="medium", icon=":material/add:")


def _add_form() -> None:
    t = current_visit().t
    with st.form("add_shots", border=False):
        st.file_uploader(
            t("shots.add_pictures"),
            type=PICTURE_TYPES,
            accept_multiple_files=True,
            key="add_shots_pictures",
            help=t("shots.add_pictures_help"),
        )
        st.text_area(t("shots.prompt"), key="add_shots_prompt", placeholder=t("shots.prompt_placeholder"))
        with st.container(horizontal=True, horizontal_alignment="right"):
            st.form_submit_button(t("shots.add_act"), type="primary", on_click=_add, shortcut="Ctrl+Enter")


@handle_errors
def _add() -> None:
    visit = current_visit()
    prompt = st.session_state.get("add_shots_prompt", "").strip()
    pictures: list[Any] = st.session_state.get("add_shots_pictures") or []
    if not prompt and not pictures:
        toast_later(visit.t("shots.add_nothing"), ":material/error:")
        return
    for picture in pictures or [None]:
        data = None if picture is None else picture.getvalue()
        visit.app.shots.add(visit.project.id, None, prompt, data)
    toast_later(visit.t.n("shots.added", len(pictures) or 1), ":material/check:")
    st.rerun()


# --- picture


def ask_for_picture(shot_id: int) -> None:
    """A dialog that gives a shot another reference image."""
    shot = current_visit().app.shots.get(shot_id)
    dialogs.ask(current_visit().t("shots.picture_title", shot=shot.number), _picture_form, shot_id)


def _picture_form(shot_id: int) -> None:
    t = current_visit().t
    shot = current_visit().app.shots.get(shot_id)
    if shot.image:
        st.image(original_url(shot), width="stretch", alt=t("shots.picture_of", shot=shot.number))
    st.file_uploader(
        t("shots.picture_new"), type=PICTURE_TYPES, key=f"picture_{shot_id}", on_change=_set_picture, args=(shot_id,)
    )


@handle_errors
def _set_picture(shot_id: int) -> None:
    picture = st.session_state.get(f"picture_{shot_id}")
    if picture is not None:
        current_visit().app.shots.set_image(shot_id, picture.getvalue())
        st.rerun()


# --- parameters


def ask_for_parameters(shot_id: int) -> None:
    """A dialog with what one shot asks for in its own way."""
    shot = current_visit().app.shots.get(shot_id)
    dialogs.ask(
        current_visit().t("shots.parameters_title", shot=shot.number), _parameters_form, shot_id, width="medium"
    )


def _parameters_form(shot_id: int) -> None:
    visit = current_visit()
    t, params = visit.t, visit.app.shots.get(shot_id).params
    key = f"params_{shot_id}_"
    settings = visit.app.settings()
    mode = _one_of(
        t,
        "provider",
        [*visit.app.modes],
        params.provider,
        mode_label(t, settings.mode),
        key,
        lambda m: mode_label(t, m),
    )
    used = mode or settings.mode
    defaults = settings.providers.of(used)
    model = _model(t, used, defaults, params, key)
    able = visit.app.provider(used).capabilities(model or defaults.model)
    left, right = st.columns(2)
    with left:
        _one_of(t, "aspect_ratio", list(able.aspect_ratios), params.aspect_ratio, defaults.aspect_ratio, key)
        _duration(t, able, params, defaults, key)
        st.number_input(
            t("shots.param.seed"), 0, 2**32 - 1, params.seed, key=f"{key}seed", help=t("shots.param_help.seed")
        )
    with right:
        _one_of(t, "size", list(able.sizes), params.size, defaults.size, key)
        _one_of(t, "takes", [1, 2, 3, 4, 5], params.takes, str(settings.runner.takes_per_shot), key)
        _sound(t, able, params, key)
    modes = [mode for mode in GenerationMode if able.mode_is_taken(mode) is not False]
    by_pictures = t("shots.param_by_pictures")
    _one_of(t, "mode", modes, params.mode, by_pictures, key, lambda mode: t(f"material.mode.{mode}"))
    refused = able.negative_prompt is False and not params.negative_prompt
    st.text_area(
        t("shots.param.negative_prompt"),
        params.negative_prompt or "",
        key=f"{key}negative_prompt",
        height=70,
        disabled=refused,
        placeholder=_reason(t, able, "negative_prompt_not_taken") if refused else "",
    )
    _price(visit, shot_id, key)
    with st.container(horizontal=True, horizontal_alignment="right"):
        st.button(t("common.cancel"), key=f"{key}cancel", on_click=st.rerun)
        st.button(t("common.save"), key=f"{key}save", type="primary", on_click=_save_parameters, args=(shot_id, key))


def _one_of(t: Text, name: str, options: list[Any], value: Any, default: str, key: str, words: Any = str) -> Any:
    """A choice whose first option leaves it to the settings."""
    if value is not None and value not in options:
        options = [*options, value]
    return st.selectbox(
        t(f"shots.param.{name}"),
        [None, *options],
        index=0 if value is None else 1 + options.index(value),
        format_func=lambda option: t("shots.param_default", value=default) if option is None else words(option),
        key=f"{key}{name}",
    )


def _model(t: Text, mode: ProviderId, defaults: ProviderSettings, params: ShotParams, key: str) -> str | None:
    models = list(current_visit().app.provider(mode).models())
    # Another provider has other models: the choice starts anew there.
    model: str | None = _one_of(t, "model", models, params.model, defaults.model, f"{key}{mode}_")
    st.session_state[f"{key}model"] = model
    return model


def _duration(t: Text, able: Capabilities, params: ShotParams, defaults: ProviderSettings, key: str) -> None:
    default = t.duration(defaults.duration) if defaults.duration else t("shots.param_by_model")
    if able.lengths:
        _one_of(t, "duration", list(able.lengths), params.duration, default, key, t.duration)
        return
    st.number_input(
        t("shots.param.duration"), 0.5, 60.0, params.duration, 0.5, key=f"{key}duration", placeholder=default
    )


def _sound(t: Text, able: Capabilities, params: ShotParams, key: str) -> None:
    """On, off, or as the settings have it; what the model cannot do is not offered, and the reason is said."""
    options = {"no": [False], "always": [True]}.get(able.sound or "", [True, False])
    _one_of(t, "sound", options, params.sound, t("shots.param_by_model"), key, lambda on: t(f"material.sound.{on}"))
    if len(options) == 1:
        st.caption(_reason(t, able, "sound_always" if options[0] else "sound_not_taken"))


def _reason(t: Text, able: Capabilities, code: str) -> str:
    return t.error("parameter", code, {"model": able.model})


@handle_errors
def _save_parameters(shot_id: int, key: str) -> None:
    shots = current_visit().app.shots
    shots.edit(shot_id, params=_typed(shots.get(shot_id), key))
    st.rerun()


def _typed(shot: Shot, key: str) -> ShotParams:
    """The options as they stand in the fields."""
    names = ("provider", "model", "aspect_ratio", "size", "duration", "takes", "seed", "mode", "sound")
    typed = {name: st.session_state.get(f"{key}{name}") for name in names}
    typed["negative_prompt"] = (st.session_state.get(f"{key}negative_prompt") or "").strip() or None
    return ShotParams.model_validate(shot.params.model_dump() | typed)


def _price(visit: Visit, shot_id: int, key: str) -> None:
    """What one take costs with these options, and what its model has against them."""
    t, shot = visit.t, visit.app.shots.get(shot_id)
    with_them = shot.model_copy(update={"params": _typed(shot, key)})
    estimate = visit.app.tasks.estimate_for([with_them], GenerateOptions(takes=1))
    if estimate.tasks:
        st.caption(t("shots.param_price", price=price(t, estimate)))
    show_sent(visit, visit.app.characters.preview(with_them))
    for problem in estimate.problems:
        st.caption(f":material/warning: {t.error('parameter', problem.problem.code, problem.problem.params)}")


# --- deleting


@handle_errors
def delete(shot_id: int) -> None:
    delete_shots([shot_id])


def delete_shots(ids: list[int]) -> None:
    """Delete shots so that it can be undone; one with a take under way stays, because that may be paid for.

    To be called in a widget callback.
    """
    shots = current_visit().app.shots
    numbers = {view.shot.id: view.shot.number for view in shots.views(ids)}
    gone = {shot_id: numbers.pop(shot_id) for shot_id in shots.delete(list(numbers))}
    for number in list(numbers.values())[:_TOLD]:
        toast_later(current_visit().t("shots.delete_held", shot=plain(number)), ":material/error:")
    if len(numbers) > _TOLD:
        toast_later(current_visit().t.n("select.held_more", len(numbers) - _TOLD), ":material/error:")
    if gone:
        st.session_state[UNDO] = gone
        st.rerun()


def undo_message(t: Text) -> Message | None:
    """What was deleted last, and the way back."""
    gone: dict[int, str] = session_value(UNDO, {})
    if not gone:
        return None
    what = (
        t("shots.deleted", shot=plain(next(iter(gone.values()))))
        if len(gone) == 1
        else t.n("select.deleted", len(gone))
    )

    def buttons() -> None:
        label, ids = t("shots.undo"), list(gone)
        st.button(label, key="undo_delete", icon=":material/undo:", on_click=_undo, args=(ids,), shortcut="U")
        st.button(t("common.close"), key="undo_close", type="tertiary", on_click=_forget_undo)

    return Message("undo_shots", what, ":material/delete:", actions=buttons)


@handle_errors
def _undo(ids: list[int]) -> None:
    current_visit().app.shots.restore(ids)
    _forget_undo()
    st.rerun()


def _forget_undo() -> None:
    st.session_state.pop(UNDO, None)


# --- takes


def show_facts(shot: str, take: Take) -> None:
    """A dialog with everything known about a take."""
    dialogs.ask(current_visit().t("shots.facts_title", shot=shot, n=take.number), _facts, take)


def _facts(take: Take) -> None:
    visit = current_visit()
    t = visit.t
    task = visit.app.tasks.get(take.task_id)
    facts = {
        "duration": t.duration(take.seconds),
        "pixels": f"{take.width} × {take.height}",
        "bytes": t.bytes(take.bytes),
        "model": f"{mode_label(t, take.provider)} · {take.model}",
        "seed": str(take.seed) if take.seed is not None else "–",
        "cost": t.money(task.cost, estimated=True) if task.cost and task.cost.amount else t("shell.free"),
        "made": t.datetime(take.created_at, clock()),
    }
    st.table({t(f"shots.fact.{name}"): plain(value) for name, value in facts.items()}, border="horizontal")
    st.caption(t("shots.fact.file"))
    st.code(take.place, language=None, wrap_lines=True)
    st.caption(t("shots.prompt"))
    st.code(take.prompt, language=None, wrap_lines=True)


def ask_for_remote_id(task_id: int) -> None:
    """A dialog that attaches a job of the provider to a task whose submit is in doubt."""
    dialogs.ask(current_visit().t("shots.adopt_title"), _adopt_form, task_id)


def _adopt_form(task_id: int) -> None:
    visit = current_visit()
    t = visit.t
    st.caption(t("shots.adopt_help"))
    remote_id_field(visit, visit.app.tasks.get(task_id), t("shots.remote_id"), f"remote_id_{task_id}")
    st.button(t("shots.adopt_act"), key=f"adopt_{task_id}", type="primary", on_click=_adopt, args=(task_id,))


@handle_errors
def _adopt(task_id: int) -> None:
    current_visit().app.tasks.adopt(task_id, st.session_state.get(f"remote_id_{task_id}") or "")
    st.rerun()


def ask_for_link(task_id: int) -> None:
    """A dialog that names the result of a finished job of which no link could be read."""
    dialogs.ask(current_visit().t("shots.link_title"), _link_form, task_id)


def _link_form(task_id: int) -> None:
    t = current_visit().t
    st.caption(t("shots.link_help"))
    st.text_input(t("shots.link"), key=f"link_{task_id}", placeholder="https://…/video.mp4")
    st.button(t("shots.link_act"), key=f"link_act_{task_id}", type="primary", on_click=_enter_link, args=(task_id,))


@handle_errors
def _enter_link(task_id: int) -> None:
    current_visit().app.tasks.enter_link(task_id, st.session_state.get(f"link_{task_id}", ""))
    st.rerun()


def ask_to_submit_again(task_id: int, step: Step) -> None:
    """A dialog before something that may be paid twice."""
    t = current_visit().t
    dialogs.ask(
        t("shots.again_title"), dialogs.confirm, t("shots.again_question"), step_label(t, step), _submit_again, task_id
    )


@handle_errors
def _submit_again(task_id: int) -> None:
    visit = current_visit()
    for _, code, params in visit.app.tasks.retry([task_id], confirm=True).refused:
        toast_later(visit.t.error("parameter", code, params), ":material/error:")
