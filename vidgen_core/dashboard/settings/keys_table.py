"""The API keys of one provider: named, masked, tested, switched off, removed. A saved key never leaves the server."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from vidgen_core.dashboard.components import dialogs
from vidgen_core.dashboard.components.labels import plain
from vidgen_core.dashboard.session import Visit, current_visit, handle_errors, now, sentence, session_value, toast_later
from vidgen_core.dashboard.settings.form import SettingsForm, variable, wrong
from vidgen_core.domain.attempts import KeyUsage
from vidgen_core.domain.errors import SettingsError, VidgenError
from vidgen_core.domain.provider_settings import KeySettings
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.setting_values import mask_secret
from vidgen_core.i18n import Text
from vidgen_core.providers.base import Connection

if TYPE_CHECKING:
    import pandas as pd

#: The provider that is asked in the background, and since when.
ASKED: Final = "_key_asked"
#: The field for a key in a form.
TYPED: Final = "key"
_HEALTH: Final = {
    "usable": "🟢",
    "cooling": "🟡",
    "rejected": "🔴",
    "exhausted": "🟠",
    "disabled": "⚪",
    "elsewhere": "🟠",
}


def show(visit: Visit, mode: ProviderId) -> None:
    """The table of keys with its buttons, and a form for one more."""
    t = visit.t
    st.markdown(f"**{t('settings.keys')}**")
    rows = visit.app.diagnostics.keys(mode)
    fixed = setting(mode) in visit.app.settings_file.from_environment()
    if fixed:
        st.caption(f":material/lock: {t('settings.from_environment', variable=variable(setting(mode)))}")
    if rows:
        _table(visit, mode, rows, fixed=fixed)
        _tools(visit, mode, [key for key, _ in rows], fixed=fixed)
    else:
        st.info(t("settings.no_keys"), icon=":material/key:")
    say_elsewhere(t, [key for key, _ in rows])
    _result(mode)
    if not fixed:
        _adding(t, mode, first=not rows)


def setting(mode: ProviderId) -> str:
    return f"providers.{mode}.keys"


# --- the table


def _table(visit: Visit, mode: ProviderId, rows: list[tuple[KeySettings, KeyUsage]], *, fixed: bool) -> None:
    # Edits are kept by position: another list of keys is another editor.
    key = f"keys_{mode}_{'_'.join(usage.key_id for _, usage in rows)}"
    st.data_editor(
        frame(visit.t, rows),
        key=key,
        column_config=_columns(visit.t),
        disabled=True if fixed else ["masked", "health", "used", "last_used", "spend"],
        hide_index=True,
        placeholder="–",
        num_rows="fixed",
        on_change=_edited,
        args=(mode, key),
        alt=visit.t("settings.keys"),
    )


def frame(t: Text, rows: list[tuple[KeySettings, KeyUsage]]) -> pd.DataFrame:
    """One row a key, as people may see it."""
    # 60 MiB, imported only when a table is drawn.
    import pandas as pd

    return pd.DataFrame([_row(t, key, usage) for key, usage in rows], columns=list(_columns(t)))


def _row(t: Text, key: KeySettings, usage: KeyUsage) -> dict[str, Any]:
    used = usage.last_used_at
    return {
        "name": key.name,
        "masked": mask_secret(key.secret.get_secret_value()),
        "enabled": key.enabled,
        "health": _health(t, key, usage),
        "used": t("settings.key_used", submitted=usage.submitted, succeeded=usage.succeeded, failed=usage.failed),
        "last_used": t.ago((now() - used).total_seconds()) if used else t("settings.key_never"),
        "spend": t.money(usage.spend, estimated=True) if usage.spend else "",
    }


def _health(t: Text, key: KeySettings, usage: KeyUsage) -> str:
    cooling = usage.cooling_until
    rest = (cooling - now()).total_seconds() if cooling else 0.0
    if not key.works:
        name = "elsewhere" if key.enabled else "disabled"
    elif usage.health != "usable":
        name = usage.health
    else:
        name = "cooling" if rest > 0 else "usable"
    return f"{_HEALTH.get(name, '⚪')} {t(f'settings.health.{name}', time=t.duration(max(rest, 0)))}"


def _columns(t: Text) -> dict[str, ColumnConfig]:
    column = st.column_config
    return {
        "name": column.TextColumn(t("settings.key.name"), width=130, required=True, max_chars=60),
        "masked": column.TextColumn(t("settings.key.masked"), width=130),
        "enabled": column.CheckboxColumn(t("settings.key.enabled"), width=70),
        "health": column.TextColumn(t("settings.key.health"), width=150),
        "used": column.TextColumn(t("settings.key.used"), width=210),
        "last_used": column.TextColumn(t("settings.key.last_used"), width=110),
        "spend": column.TextColumn(t("settings.key.spend"), width=90),
    }


@handle_errors
def _edited(mode: ProviderId, editor: str) -> None:
    edits: dict[int, dict[str, Any]] = st.session_state[editor]["edited_rows"]
    apply_edits(mode, edits)


def apply_edits(mode: ProviderId, edits: dict[int, dict[str, Any]]) -> None:
    """Rename keys and switch them on or off.

    :param edits: row → column → value, as the editor gives them
    """
    keys = list(_keys(mode))
    for row, changed in edits.items():
        if row < len(keys):
            update = {name: value for name, value in changed.items() if name in ("name", "enabled")}
            keys[row] = keys[row].model_copy(update=update)
    write(mode, keys)


# --- buttons


def _tools(visit: Visit, mode: ProviderId, keys: list[KeySettings], *, fixed: bool) -> None:
    t = visit.t
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        chosen = st.selectbox(
            t("settings.key"),
            range(len(keys)),
            format_func=lambda row: keys[row].label,
            key=f"key_chosen_{mode}",
            label_visibility="collapsed",
            width=220,
        )
        st.button(
            t("settings.test"),
            icon=":material/network_check:",
            key=f"key_test_{mode}",
            on_click=_test,
            args=(mode, keys[chosen]),
        )
        st.button(
            t("settings.key_remove"),
            icon=":material/delete:",
            key=f"key_remove_{mode}",
            disabled=fixed,
            on_click=_ask_remove,
            args=(mode, keys[chosen]),
        )


@handle_errors
def _ask_remove(mode: ProviderId, key: KeySettings) -> None:
    t = current_visit().t
    question = t("settings.key_remove_question", key=plain(key.label))
    dialogs.ask(
        t("settings.key_remove_title"),
        dialogs.confirm,
        question,
        t("settings.key_remove"),
        remove,
        mode,
        key.fingerprint,
    )


@handle_errors
def remove(mode: ProviderId, fingerprint: str) -> None:
    write(mode, [key for key in _keys(mode) if key.fingerprint != fingerprint])


def _adding(t: Text, mode: ProviderId, *, first: bool) -> None:
    box = st.expander(t("settings.key_add"), icon=":material/add:", expanded=first)
    with box.form(f"key_add_{mode}", border=False, clear_on_submit=False):
        left, right = st.columns([1, 2])
        left.text_input(t("settings.key.name"), key=_typed(mode, "name"), placeholder=t("settings.key_name_hint"))
        right.text_input(
            t("settings.key.secret"),
            key=_typed(mode, "secret"),
            type="password",
            placeholder="sk-…",
            autocomplete="off",
        )
        st.form_submit_button(t("settings.key_add_act"), key=f"key_add_act_{mode}", on_click=_add, args=(mode,))


def _typed(mode: ProviderId, field: str) -> str:
    return f"key_new_{field}_{mode}"


@handle_errors
def _add(mode: ProviderId) -> None:
    name, secret = (st.session_state.get(_typed(mode, field), "").strip() for field in ("name", "secret"))
    if add(mode, name, secret):
        for field in ("name", "secret"):
            st.session_state[_typed(mode, field)] = ""


def add(mode: ProviderId, name: str, secret: str) -> bool:
    """Add a key; False, with a toast, when it cannot be one."""
    keys = _keys(mode)
    if not secret:
        toast_later(current_visit().t("settings.key_empty"), ":material/error:")
        return False
    try:
        new = KeySettings.typed(name or _free_name(current_visit().t, keys), secret)
    except SettingsError as error:
        toast_later(wrong(current_visit().t, error), ":material/error:")
        return False
    # Entering a key again is what is asked of one that stays behind.
    kept = [key for key in keys if not (key.is_elsewhere and key.fingerprint == new.fingerprint)]
    return write(mode, [*kept, new])


def typed(form: SettingsForm) -> str:
    """The key in the field of a form."""
    return str(st.session_state.get(form.key(TYPED), "")).strip()


def changed_by_typed(form: SettingsForm, setting: str, keys: tuple[KeySettings, ...]) -> dict[str, Any]:
    """What a typed key makes of the list in a setting: it takes the place of the first one, whose name stays.

    :raises SettingsError: ``setting_invalid`` when it cannot be a key
    """
    if not typed(form):
        return {}
    name = keys[0].name if keys else _free_name(form.t, keys)
    return {setting: [KeySettings.typed(name, typed(form)), *keys[1:]]}


def _free_name(t: Text, keys: tuple[KeySettings, ...]) -> str:
    taken = {key.name for key in keys}
    names = (t("settings.key_default_name", n=n) for n in range(1, len(keys) + 2))
    return next(name for name in names if name not in taken)


def _keys(mode: ProviderId) -> tuple[KeySettings, ...]:
    return current_visit().app.settings().providers.of(mode).keys


def write(mode: ProviderId, keys: list[KeySettings]) -> bool:
    """Save the list; toast what is wrong with it."""
    visit = current_visit()
    try:
        visit.app.settings_file.change({setting(mode): keys})
    except SettingsError as error:
        toast_later(wrong(visit.t, error), ":material/error:")
        return False
    visit.app.worker.wake()
    toast_later(visit.t("settings.keys_saved"), ":material/check:")
    return True


# --- does it work


def test_soon(mode: ProviderId) -> None:
    """Ask the provider in the background; the page says the answer when it comes."""
    st.session_state[ASKED] = (mode, now())
    current_visit().app.diagnostics.test_soon(mode)


def tell_answer() -> None:
    """A toast, once, with the answer to ``test_soon``."""
    visit, (mode, since) = current_visit(), st.session_state.get(ASKED, (None, None))
    if mode is None:
        return
    known = visit.app.diagnostics.connection(mode)
    if known.connection is not None and known.age is not None and now() - timedelta(seconds=known.age) >= since:
        del st.session_state[ASKED]
        st.toast(
            connection_line(visit.t, known.connection), icon="✅" if known.connection.ok else "❌", duration="long"
        )


def say_elsewhere(t: Text, keys: Iterable[KeySettings]) -> None:
    """Ask for keys again that were entered for another host."""
    names = ", ".join(key.label for key in keys if key.is_elsewhere)
    if names:
        st.warning(t("settings.key_elsewhere", keys=plain(names)), icon=":material/key_off:")


def _test(mode: ProviderId, key: KeySettings) -> None:
    if key.is_elsewhere:
        # A saved key is not typed again by pressing a button beside it.
        session_value("_key_results", {})[mode] = (
            False,
            current_visit().t("settings.key_elsewhere", keys=plain(key.label)),
        )
        return
    session_value("_key_results", {})[mode] = ask(mode, key.secret.get_secret_value(), key.label)


def ask(mode: ProviderId, secret: str | None, name: str = "") -> tuple[bool, str]:
    """Ask the provider; whether it works, and the line that says so."""
    visit = current_visit()
    try:
        connection = visit.app.diagnostics.test(mode, secret)
    except SettingsError as error:
        return False, wrong(visit.t, error)
    except VidgenError as error:
        return False, sentence(error)
    line = connection_line(visit.t, connection)
    return connection.ok, f"{plain(name)}: {line}" if name else line


def connection_line(t: Text, connection: Connection) -> str:
    """Whether a key works, what it failed on, and the balance: one line."""
    if not connection.ok:
        why = plain(t.told(connection.failure)) if connection.failure else ""
        return t("settings.test_failed", why=why)
    if connection.balance is None:
        said = t("settings.test_ok_no_balance")
    else:
        said = t("settings.test_ok", balance=t.money(connection.balance, estimated=False))
    return " ".join([said, *(t(note) for note in connection.notes)])


def _result(mode: ProviderId) -> None:
    result = session_value("_key_results", {}).get(mode)
    if result is not None:
        show_result(result)


def show_result(result: tuple[bool, str]) -> None:
    works, line = result
    if works:
        st.success(line, icon=":material/check_circle:")
    else:
        st.error(line, icon=":material/error:")
