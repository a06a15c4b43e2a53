"""Forms over the settings: what is typed stays in the session until it is saved or cancelled, and a save writes only
what was changed here.

Every field is named by its setting (``runner.poll_interval``); label and help are found under that name in the
catalogues. A value that the environment decides is shown, and cannot be changed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final, Literal, TypeVar, cast, get_args, get_origin

import streamlit as st
from annotated_types import Ge, Le
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from vidgen_core.config.lookup import dotted_get, field_of
from vidgen_core.config.money_settings import CURRENCY
from vidgen_core.config.schema import Settings
from vidgen_core.dashboard.session import Visit, current_visit, session_value, toast_later
from vidgen_core.domain.errors import SettingsError
from vidgen_core.domain.providers import ProviderId
from vidgen_core.i18n import Text
from vidgen_core.money.rates import CREDITS
from vidgen_core.providers.capabilities import Capabilities

T = TypeVar("T")

#: Whole numbers with fewer values than this are chosen by a slider.
_SLIDER_STEPS: Final = 10
_CURRENCIES: Final = ("CNY", "USD", "EUR", CREDITS)

_PROVIDERS: Final = "providers."


class SettingsForm:
    """One form of this session; fields are drawn by its methods and read from them."""

    def __init__(self, visit: Visit, name: str) -> None:
        self.name = name
        self.visit = visit
        self.settings: Settings = visit.app.settings()
        self.fixed = visit.app.settings_file.from_environment()
        #: ``kept``: setting → the value before it was touched here; ``wrong``: why the last save did not happen.
        self.state: dict[str, Any] = session_value(f"_form_{name}", {"round": 0, "kept": {}, "wrong": None})

    @property
    def t(self) -> Text:
        return self.visit.t

    def begin(self) -> None:
        """Forget what was typed and start from what is saved."""
        self.state.update(round=self.state["round"] + 1, kept={}, wrong=None)

    def key(self, setting: str) -> str:
        """The session's key of a field; another round has other keys, so nothing typed before comes back."""
        return f"{self.name}_{self.state['round']}_{setting}"

    def changes(self) -> dict[str, Any]:
        """Setting → new value, of the fields that were touched and now differ."""
        now = {setting: st.session_state.get(self.key(setting), before) for setting, before in self._kept.items()}
        return {setting: value for setting, value in now.items() if value != self._kept[setting]}

    @property
    def _kept(self) -> dict[str, Any]:
        kept: dict[str, Any] = self.state["kept"]
        return kept

    def before(self, setting: str) -> Any:
        """The saved value as it was when the field was first drawn, so that a field never jumps under its user."""
        if self.key(setting) not in st.session_state:
            self._kept[setting] = dotted_get(self.settings, setting)
        return self._kept[setting]

    # --- fields

    def columns(self, *columns: Sequence[str]) -> None:
        """Settings side by side, each drawn as its schema says."""
        for place, settings in zip(st.columns(len(columns), gap="medium"), columns, strict=True):
            with place:
                for setting in settings:
                    self.field(setting)

    def field(self, setting: str, *, saved: str = "", **options: Any) -> Any:
        """One setting drawn as its schema says; return what the field holds now.

        ``settings.<section>.<name>.<value>`` or ``settings.<name>.<value>`` in the catalogues is the word of a choice.

        :param saved: what stands in an empty secret field
        :param options: for the widget of its type
        """
        schema, t = field_of(self.settings, setting), self.t
        kind, name = schema.annotation, setting.rpartition(".")[2]
        extra = schema.json_schema_extra if isinstance(schema.json_schema_extra, dict) else {}
        if kind is bool:
            return self.toggle(setting)
        if kind is SecretStr:
            return self.secret(setting, saved)
        if get_origin(kind) is Literal:
            section = setting.rpartition(".")[0].rpartition(".")[2]
            ids = (f"settings.{section}.{name}", f"settings.{name}")
            return self.choice(
                setting,
                get_args(kind),
                lambda value: next((t(f"{one}.{value}") for one in ids if t.has(f"{one}.{value}")), str(value)),
            )
        if kind in (int, float, Decimal):
            low, high = _bounds(schema)
            if kind is int and low is not None and high is not None and high - low < _SLIDER_STEPS:
                return self.slider(setting, int(low), int(high))
            step = extra.get("step", 1 if kind is int else 1.0)
            return self.number(setting, **{"step": cast("float", step), **options})
        if CURRENCY in str(schema.metadata):
            return self.choice(setting, _CURRENCIES, own=True)
        placeholder = str(extra.get("placeholder", ""))
        return self.text(
            setting, **{"placeholder": t(placeholder) if t.has(placeholder) else placeholder or None, **options}
        )

    def text(self, setting: str, *, live: str | bool = False, placeholder: str | None = None) -> str:
        value = st.text_input(**self._common(setting), value=self.before(setting), live=live, placeholder=placeholder)
        self._say_fixed(setting)
        return value or ""

    def secret(self, setting: str, shown: str) -> str:
        """A password field that never holds what is saved; ``shown`` is the masked value. Empty: leave it."""
        self._kept.setdefault(setting, "")
        value = st.text_input(**self._common(setting), value="", type="password", placeholder=shown, autocomplete="off")
        self._say_fixed(setting)
        return value or ""

    def number(self, setting: str, *, step: float = 1, placeholder: str | None = None) -> Any:
        """A number without limits of its own: what the settings refuse is answered by a sentence at the save."""
        before = self.before(setting)
        whole = isinstance(step, int)
        shown = before if before is None or whole else float(before)
        value = st.number_input(
            **self._common(setting), value=shown, step=step, format="%d" if whole else "%g", placeholder=placeholder
        )
        self._say_fixed(setting)
        return value

    def toggle(self, setting: str) -> bool:
        value = st.toggle(**self._common(setting), value=self.before(setting))
        self._say_fixed(setting)
        return value

    def slider(self, setting: str, low: int, high: int) -> int:
        before = int(self.before(setting))
        value = st.slider(**self._common(setting), min_value=low, max_value=max(high, before), value=before)
        self._say_fixed(setting)
        return int(value)

    def choice(
        self,
        setting: str,
        options: Sequence[T],
        words: Callable[[Any], str] = str,
        *,
        own: bool = False,
        help: str | None = None,  # noqa: A002 - Streamlit's word
    ) -> Any:
        """One of ``options``; a saved value that is not among them stays choosable. ``own``: others may be typed."""
        before = self.before(setting)
        offered: list[Any] = [*options] if before in options else [before, *options]
        current = st.session_state.get(self.key(setting), before)
        if current not in offered:
            offered.append(current)
        common = self._common(setting)
        value = st.selectbox(
            **{**common, "help": help or common["help"]},
            options=offered,
            index=offered.index(before),
            format_func=words,
            accept_new_options=own,
        )
        self._say_fixed(setting)
        return value

    def concurrency(self, setting: str, top: int) -> None:
        """A slider for the usual range, and a number for more; moving one moves the other."""
        before = self.before(setting)
        number, slider = self.key(setting), f"{self.key(setting)}_slider"
        current = int(st.session_state.setdefault(number, before) or self.settings.runner.max_concurrent)
        high = max(top, 2)
        st.session_state[slider] = min(max(current, 1), high)
        left, right = st.columns([3, 1], vertical_alignment="bottom")
        common = self._common(setting)
        left.slider(**{**common, "key": slider}, min_value=1, max_value=high, on_change=_copy, args=(slider, number))
        right.number_input(
            **{**common, "help": None, "label": self.t("settings.exact")}, value=None, step=1, format="%d"
        )
        self._say_fixed(setting)

    def _common(self, setting: str) -> dict[str, Any]:
        return {
            "label": label(self.t, setting),
            "key": self.key(setting),
            "help": _help(self.t, setting),
            "disabled": setting in self.fixed,
        }

    def _say_fixed(self, setting: str) -> None:
        if setting in self.fixed:
            st.caption(f":material/lock: {self.t('settings.from_environment', variable=variable(setting))}")

    # --- the end of a form

    def show_end(
        self,
        save: Callable[..., None] | None = None,
        *args: Any,
        verb: str = "common.save",
        cancel: Callable[[], None] | None = None,
    ) -> None:
        """The complaint of the last save, Cancel and Save.

        :param save: called instead of ``save`` with ``args``
        :param verb: id of what the button says
        """
        if self.state["wrong"]:
            st.error(self.state["wrong"], icon=":material/error:")
        with st.container(horizontal=True, horizontal_alignment="right"):
            st.button(self.t("common.cancel"), key=f"{self.name}_cancel", on_click=cancel or self.begin)
            st.button(self.t(verb), key=f"{self.name}_save", type="primary", on_click=save or self._save, args=args)

    def _save(self) -> None:
        self.save()

    def save(self, more: dict[str, Any] | None = None) -> bool:
        """Check and write everything that was changed, at once; what is wrong is kept for ``show_end``.

        :param more: settings that are changed along, e.g. keys
        """
        try:
            changes = self.changes() | (more or {})
            if changes:
                current_visit().app.settings_file.change(changes)
        except SettingsError as error:
            self.state["wrong"] = wrong(self.t, error)
            return False
        current_visit().app.worker.wake()
        toast_later(self.t("settings.saved" if changes else "settings.nothing_changed"), ":material/check:")
        self.begin()
        return True


def _bounds(schema: FieldInfo) -> tuple[float | None, float | None]:
    """The inclusive bounds of a number."""
    low = next((one.ge for one in schema.metadata if isinstance(one, Ge)), None)
    high = next((one.le for one in schema.metadata if isinstance(one, Le)), None)
    return cast("float | None", low), cast("float | None", high)


def _copy(source: str, target: str) -> None:
    st.session_state[target] = st.session_state[source]


# --- words


def label(t: Text, setting: str) -> str:
    """What people call a setting."""
    name = _shared(setting)
    return t(f"settings.field.{name}") if t.has(f"settings.field.{name}") else setting.rpartition(".")[2]


def _help(t: Text, setting: str) -> str | None:
    name = f"settings.help.{_shared(setting)}"
    return t(name) if t.has(name) else None


def _shared(setting: str) -> str:
    """Providers share the words of their fields: ``providers.<id>.model`` → ``provider.model``."""
    if not setting.startswith(_PROVIDERS):
        return setting
    _, _, field, *_ = setting.split(".")
    return f"provider.{field}"


def variable(setting: str) -> str:
    """The environment variable of a setting."""
    return f"VIDGEN_{setting.upper().replace('.', '__')}"


def wrong(t: Text, error: SettingsError) -> str:
    """What is wrong with which field, in the words of the form."""
    if error.code != "setting_invalid":
        return t.error(error.kind, error.code, error.params)
    reason = t(f"reason.{error.params.get('reason')}", **error.params)
    return t("settings.wrong", field=label(t, str(error.params.get("field"))), reason=reason)


# --- fields that the page and the dialog share


def model(form: SettingsForm, mode: ProviderId) -> Capabilities:
    """Which model; return what it takes."""
    provider = form.visit.app.provider(mode)
    chosen = form.choice(f"{_PROVIDERS}{mode}.model", provider.models(), own=True)
    return provider.capabilities(chosen)


def size(form: SettingsForm, mode: ProviderId, takes: Capabilities) -> None:
    """Which size, with what really comes back beside its name."""

    def words(size: str) -> str:
        real = takes.real_sizes.get(size)
        return f"{size} ({real})" if real else size

    real = "\n".join(f"- {name}: {pixels}" for name, pixels in takes.real_sizes.items())
    intro = form.t("settings.help.provider.size")
    form.choice(f"{_PROVIDERS}{mode}.size", takes.sizes, words, help=f"{intro}\n\n{real}" if real else intro)


def ratio(form: SettingsForm, mode: ProviderId, takes: Capabilities) -> None:
    form.choice(f"{_PROVIDERS}{mode}.aspect_ratio", takes.aspect_ratios)


def duration(form: SettingsForm, mode: ProviderId, takes: Capabilities) -> None:
    """How long a video gets; models with fixed lengths offer those."""
    setting = f"{_PROVIDERS}{mode}.duration"

    def words(seconds: float | None) -> str:
        return form.t("settings.model_decides") if seconds is None else form.t.duration(seconds)

    if takes.lengths:
        form.choice(setting, [None, *takes.lengths], words)
    else:
        form.number(setting, step=0.5, placeholder=form.t("settings.model_decides"))


def notes(form: SettingsForm, takes: Capabilities) -> None:
    """What people should know before they choose this model."""
    if takes.note and form.t.has(takes.note):
        st.caption(f":material/info: {form.t(takes.note)}")
    if takes.unsure:
        comma = "、" if form.t.lang == "zh" else ", "
        fields = comma.join(label(form.t, f"{_PROVIDERS}x.{name}") for name in _named(takes.unsure))
        if fields:
            st.caption(f":material/help: {form.t('settings.unsure', fields=fields)}")


def _named(unsure: frozenset[str]) -> list[str]:
    fields = {"aspect_ratios": "aspect_ratio", "sizes": "size", "durations": "duration"}
    return [field for name, field in fields.items() if name in unsure]
