"""Everything that can be set, with one sentence under each field.

Values come from the environment (``VIDGEN_RUNNER__POLL_INTERVAL=0.2``), over ``settings.toml`` in the data home, over
the defaults below. ``SettingsFile`` reads the file again when it changes and writes it with its comments kept.
Secrets are ``SecretStr``: nothing here prints, dumps or raises one in clear.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import re
import string
import tempfile
import threading
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, ClassVar, Final, Literal, NamedTuple

import filelock
import tomlkit
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    TypeAdapter,
    ValidationError,
    field_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as EnvironmentUnreadable
from tomlkit.items import AoT

from vidgen_core.errors import SettingsError
from vidgen_core.locations import Locations
from vidgen_core.models import Mode

#: What a file name pattern may name.
PATTERN_FIELDS: Final = frozenset({"project", "shot", "take", "provider", "model", "created", "chosen"})
#: Seconds to wait for another process that is writing the settings.
LOCK_SECONDS: Final = 10.0
_PREFIX: Final = "VIDGEN_"


def mask_secret(secret: str) -> str:
    """What people may see of a secret: ``sk-abcdx4KR`` becomes ``sk-****x4KR``; short ones show no tail."""
    prefix = re.match(r"(?:[A-Za-z]{2,4}[-_])?", secret)
    return f"{prefix.group() if prefix else ''}****{_tail(secret)}"


def _tail(secret: str) -> str:
    return secret[-4:] if len(secret) >= 11 else ""


def _wrong(reason: str, **params: Any) -> PydanticCustomError:
    """``reason.<reason>`` in the catalogues is its sentence."""
    return PydanticCustomError(reason, "{reason}", {"reason": reason, **params})


def _web_address(value: str) -> str:
    if value and not re.fullmatch(r"https?://[^\s/?#]+[^\s]*", value):
        raise _wrong("web_address")
    return value.rstrip("/")


def _ratio(value: str) -> str:
    if not re.fullmatch(r"[1-9]\d?:[1-9]\d?|Auto", value):
        raise _wrong("ratio")
    return value


WebAddress = Annotated[str, AfterValidator(_web_address)]
Ratio = Annotated[str, AfterValidator(_ratio)]
Filled = Annotated[str, Field(min_length=1)]


class Section(BaseModel):
    """A group of settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True)


class KeySettings(Section):
    """One API key of a provider."""

    name: Filled
    """What you call this key; shown wherever the key is meant."""
    secret: SecretStr
    """The key itself; for Lovart the access key and the secret key with a colon between them."""
    enabled: bool = True
    """Whether the runner may use it."""

    @field_validator("secret")
    @classmethod
    def _must_fit_into_a_header(cls, secret: SecretStr) -> SecretStr:
        value = secret.get_secret_value().strip()
        if not re.fullmatch(r"[!-~]+", value):
            raise _wrong("not_a_key")
        return SecretStr(value)

    @property
    def fingerprint(self) -> str:
        """The first 12 hex digits of the secret's SHA-256: names the key where the key itself must not be kept."""
        return hashlib.sha256(self.secret.get_secret_value().encode()).hexdigest()[:12]

    @property
    def label(self) -> str:
        """For people: ``main ••x4KR``."""
        return f"{self.name} ••{_tail(self.secret.get_secret_value())}"


class RunnerSettings(Section):
    """How the runner works through the queue."""

    max_concurrent: int = Field(default=3, ge=1, le=1000)
    """How many remote jobs may be in flight at once, per provider."""
    slider_top: int = Field(default=5, ge=1, le=1000)
    """The highest value the concurrency slider offers."""
    poll_interval: float = Field(default=10.0, ge=0.05, allow_inf_nan=False)
    """Seconds between two looks at the same remote job."""
    max_wait: float = Field(default=600.0, gt=0, allow_inf_nan=False)
    """Seconds from submitting until a job counts as timed out; a later result is still taken in."""
    retry_on_fail: bool = True
    """Whether failures that may pass are tried again by themselves."""
    max_retries: int = Field(default=2, ge=0, le=20)
    """How often one task may be tried again by itself."""
    takes_per_shot: int = Field(default=3, ge=1, le=5)
    """How many takes one click on Generate makes."""
    backoff_base: float = Field(default=5.0, gt=0, allow_inf_nan=False)
    """Seconds before the first retry; each further one waits twice as long, with some chance mixed in."""
    backoff_max: float = Field(default=300.0, gt=0, allow_inf_nan=False)
    """The longest wait before a retry, in seconds."""


class ProviderSettings(Section):
    """What all providers have in common."""

    base_url: WebAddress = ""
    """Where the provider answers."""
    model: Filled
    """The model used unless a shot names another."""
    size: Filled = "1080P"
    """The size asked for unless a shot names another; the provider may round it."""
    aspect_ratio: Ratio = "9:16"
    """Width to height unless a shot says otherwise."""
    duration: float | None = Field(default=None, gt=0, le=600)
    """Seconds of video; left out, the model decides."""
    max_concurrent: int | None = Field(default=None, ge=1, le=1000)
    """How many jobs of this provider may be in flight; left out, the runner's value counts."""
    keys: tuple[KeySettings, ...] = ()
    """The API keys, used in this order."""

    @field_validator("keys")
    @classmethod
    def _must_differ(cls, keys: tuple[KeySettings, ...]) -> tuple[KeySettings, ...]:
        if len({key.name for key in keys}) < len(keys):
            raise _wrong("same_name_twice")
        if len({key.fingerprint for key in keys}) < len(keys):
            raise _wrong("same_key_twice")
        return keys


class LocalSettings(ProviderSettings):
    """The renderer on this machine: no key, no network, no cost."""

    model: Filled = "ken-burns"
    """The way of moving: a slow look over the picture."""
    size: Filled = "720P"
    """The size of the rendered videos."""
    duration: float | None = Field(default=5.0, gt=0, le=600)
    """Seconds of video."""
    fps: int = Field(default=24, ge=1, le=120)
    """Frames a second."""


class YunwuSettings(ProviderSettings):
    """The Yunwu API."""

    base_url: WebAddress = "https://yunwu.ai"
    """Where the provider answers."""
    model: Filled = "grok-video-3"
    """The model used unless a shot names another."""
    images: Literal["data", "url"] = "data"
    """How reference images travel: inside the request (data) or, when the shot has one, as its public link (url)."""
    image_max_bytes: int = Field(default=3_000_000, ge=50_000)
    """Reference images above this many bytes are sent as a smaller JPEG; the original stays as it is."""
    enhance_prompt: bool = False
    """Whether the provider may rewrite and translate prompts (Veo models only)."""


class KieSettings(ProviderSettings):
    """KIE with Veo3."""

    base_url: WebAddress = "https://api.kie.ai"
    """Where the provider answers."""
    upload_url: WebAddress = "https://kieai.redpandaai.co"
    """Where reference images are uploaded to."""
    model: Filled = "veo3_fast"
    """The model used unless a shot names another."""
    watermark: str = ""
    """Text shown on the video; empty: none."""
    callback_url: WebAddress = ""
    """A public address that KIE tells when a job has ended; empty: Vidgen asks by itself."""
    seed: str = ""
    """A whole number for repeatable results; empty: random."""
    enable_fallback: bool = False
    """Whether KIE may use another model when Veo3 refuses."""
    enable_translation: bool = True
    """Whether KIE translates prompts to English."""
    webhook_secret: SecretStr = SecretStr("")
    """The HMAC key from KIE's settings that proves callbacks; empty: callbacks only wake the next look."""

    @field_validator("seed", mode="before")
    @classmethod
    def _must_be_a_number(cls, seed: Any) -> Any:
        text = str(seed).strip() if isinstance(seed, int | str) and not isinstance(seed, bool) else "?"
        if text and not re.fullmatch(r"\d{1,10}", text):
            raise _wrong("whole_number")
        return text


class LovartSettings(ProviderSettings):
    """Lovart's agent API."""

    base_url: WebAddress = "https://lgw.lovart.ai"
    """Where the provider answers."""
    model: Filled = "seedance_v2_0"
    """The video tool the agent is asked to use."""
    only_this_tool: bool = False
    """Whether the agent may use no other video tool; otherwise the tool above is a wish."""
    confirm_up_to: Decimal = Field(default=Decimal(0), ge=0)
    """Credits per take that are confirmed without asking you when Lovart wants a yes; 0: you are always asked."""
    settle: float = Field(default=5.0, ge=0, le=60, allow_inf_nan=False)
    """Seconds after which a conversation that says it is done is asked again; it may take that back."""


class Providers(Section):
    """One section for each generation mode."""

    local: LocalSettings = LocalSettings()
    """The renderer on this machine."""
    yunwu: YunwuSettings = YunwuSettings()
    """The Yunwu API."""
    kie: KieSettings = KieSettings()
    """KIE with Veo3."""
    lovart: LovartSettings = LovartSettings()
    """Lovart."""

    def of(self, mode: Mode) -> ProviderSettings:
        """The section of one mode."""
        found: ProviderSettings = getattr(self, mode.value)
        return found


class BudgetSettings(Section):
    """How much may be spent."""

    limit: Decimal = Field(default=Decimal(0), ge=0)
    """The queue pauses when the estimate of what was spent passes this; 0: no limit."""
    currency: str = Field(default="CNY", pattern=r"^([A-Z]{3}|credits)$")
    """The currency of the limit and of sums: three letters (ISO 4217), or credits."""


class LibrarySettings(Section):
    """Where pictures may come from."""

    allow_private_links: bool = False
    """Whether image links may point into your own network."""


class SharingSettings(Section):
    """Who may use this installation from another machine."""

    token: SecretStr = SecretStr("")
    """What programs send as ``Authorization: Bearer …``; made at the first start, and good for signing in as owner."""
    sign_in: Literal["none", "password", "oidc"] = "none"
    """How people sign in: not at all (this machine only), with a password, or with OpenID Connect (oidc)."""
    viewer_password: SecretStr = SecretStr("")
    """Argon2 hash of the password of those who look; set it on the settings screen."""
    maker_password: SecretStr = SecretStr("")
    """Argon2 hash of the password of those who generate."""
    owner_password: SecretStr = SecretStr("")
    """Argon2 hash of the password of those who also change keys, settings and budget."""
    viewers: str = ""
    """With oidc: addresses of those who look, separated by commas; @studio.example is a whole domain, * everybody."""
    makers: str = ""
    """With oidc: addresses of those who generate."""
    owners: str = ""
    """With oidc: addresses of those who also change keys, settings and budget."""
    allowed_hosts: str = ""
    """More names under which this server may be asked, separated by commas, e.g. studio.example; read at the start."""

    @field_validator("viewer_password", "maker_password", "owner_password")
    @classmethod
    def _must_be_a_hash(cls, secret: SecretStr) -> SecretStr:
        value = secret.get_secret_value()
        if value and not value.startswith("$argon2"):
            raise _wrong("password_hash")
        return secret

    @field_validator("token")
    @classmethod
    def _must_be_long(cls, secret: SecretStr) -> SecretStr:
        value = secret.get_secret_value().strip()
        if value and not re.fullmatch(r"[!-~]{20,}", value):
            raise _wrong("token_short")
        return SecretStr(value)


class Settings(BaseSettings):
    """All settings; build them with ``load_settings`` or ``SettingsFile``."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )

    mode: Mode = Mode.LOCAL
    """Which provider makes new takes: local, yunwu, kie or lovart."""
    language: Literal["auto", "zh", "en"] = "auto"
    """The language of screens and messages; auto follows the browser or the terminal."""
    save_dir: str = ""
    """The folder for finished videos; empty: the folder ``videos`` in the data home."""
    file_pattern: str = "{project}/{shot}/{shot}-v{take}.mp4"
    """The path of a video below that folder, made of {project} {shot} {take} {provider} {model}."""
    runner: RunnerSettings = RunnerSettings()
    """How the runner works through the queue."""
    providers: Providers = Providers()
    """One section for each generation mode."""
    budget: BudgetSettings = BudgetSettings()
    """How much may be spent."""
    library: LibrarySettings = LibrarySettings()
    """Where pictures may come from."""
    sharing: SharingSettings = SharingSettings()
    """Who may use this installation from another machine."""

    @field_validator("file_pattern")
    @classmethod
    def _must_name_one_file_a_take(cls, pattern: str) -> str:
        try:
            parts = list(string.Formatter().parse(pattern))
        except ValueError:
            raise _wrong("pattern_braces") from None
        fields = {name for _, name, _, _ in parts if name is not None}
        if fields - PATTERN_FIELDS:
            raise _wrong("pattern_fields", allowed=" ".join(f"{{{name}}}" for name in sorted(PATTERN_FIELDS)))
        # Without these two, videos would overwrite each other.
        if not {"shot", "take"} <= fields:
            raise _wrong("pattern_needs_shot_and_take")
        path = PurePosixPath(pattern.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or path.suffix != ".mp4":
            raise _wrong("pattern_path")
        # ``~`` and ``C:`` at the beginning mean another folder to some systems.
        if pattern.startswith("~") or any(":" in text for text, _, _, _ in parts):
            raise _wrong("pattern_path")
        return pattern

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic-settings passes these by name
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over what the file (given as arguments) says."""
        return env_settings, init_settings

    def save_folder(self, locations: Locations) -> Path:
        """The absolute folder for finished videos; a relative ``save_dir`` counts from the data home."""
        return locations.home / Path(self.save_dir).expanduser() if self.save_dir else locations.videos

    def max_concurrent(self, mode: Mode) -> int:
        """How many jobs of ``mode`` may be in flight: its own value, else the runner's."""
        return self.providers.of(mode).max_concurrent or self.runner.max_concurrent


# --- names ------------------------------------------------------------------------------------------------------------


class SettingName(NamedTuple):
    """One setting as lists and screens show it."""

    #: Dotted, e.g. ``runner.max_concurrent``.
    name: str
    sentence: str
    default: Any
    secret: bool


class _Leaf(NamedTuple):
    annotation: Any
    sentence: str
    default: Any


def _is_section(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Section)


def _leaves(model: type[BaseModel] = Settings, prefix: str = "") -> Iterator[tuple[str, _Leaf]]:
    for name, field in model.model_fields.items():
        if _is_section(field.annotation):
            yield from _leaves(field.annotation, f"{prefix}{name}.")  # type: ignore[arg-type]
        else:
            yield f"{prefix}{name}", _Leaf(Annotated[field.annotation, field], field.description or "", field.default)


def _leaf(name: str) -> _Leaf:
    leaves = dict(_leaves())
    if name not in leaves:
        raise SettingsError("setting_unknown", field=name, nearest=_nearest(name, leaves))
    return leaves[name]


def _nearest(name: str, known: Mapping[str, Any]) -> str:
    """The known name most like ``name``; where none is alike, all of them."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return close[0] if close else ", ".join(known)


def setting_names() -> list[SettingName]:
    """Every setting in the order of the file."""
    return [
        SettingName(name, leaf.sentence, leaf.default, secret=_holds_secret(leaf.annotation))
        for name, leaf in _leaves()
    ]


def _holds_secret(annotation: Any) -> bool:
    return any(secret in str(annotation) for secret in ("SecretStr", "KeySettings"))


def dotted_get(settings: Settings, name: str) -> Any:
    """The value of ``runner.max_concurrent`` and the like.

    :raises SettingsError: ``setting_unknown``
    """
    _leaf(name)
    value: Any = settings
    for part in name.split("."):
        value = getattr(value, part)
    return value


def parse_value(name: str, text: str) -> Any:
    """``text`` as typed on a command line, as a value for the setting ``name``; lists are written as JSON.

    :raises SettingsError: ``setting_unknown``, ``setting_invalid``
    """
    leaf = _leaf(name)
    if leaf.default is None and text.strip().lower() in ("", "none"):
        return None
    value: Any = text
    if isinstance(leaf.default, tuple):
        try:
            value = json.loads(text)
        except json.JSONDecodeError:
            raise SettingsError("setting_invalid", field=name, reason="json", where="") from None
    try:
        return TypeAdapter(leaf.annotation).validate_python(value)
    except ValidationError as error:
        details = error.errors(include_input=False, include_url=False)[0]
        raise SettingsError("setting_invalid", field=name, where="", **_reason(details)) from None


# --- reading ----------------------------------------------------------------------------------------------------------


def load_settings(locations: Locations) -> Settings:
    """Environment over file over defaults; a missing file is an empty one.

    :raises SettingsError: ``settings_unreadable`` (path, line), ``settings_unopenable`` (path, why),
        ``setting_invalid`` (field, reason, where), ``setting_unknown`` (field, nearest)
    """
    path = locations.settings_file
    return _build(_read(path), str(path))


def _read_text(path: Path) -> str:
    try:
        # Windows editors put a byte order mark in front.
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise SettingsError("settings_unreadable", path=str(path), line=line) from None
    except OSError as error:
        raise SettingsError("settings_unopenable", path=str(path), why=error.strerror or "") from error


def _read(path: Path) -> dict[str, Any]:
    text = _read_text(path)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        named = re.search(r"at line (\d+)", str(error))
        line = int(named.group(1)) if named else text.count("\n") + 1
    # Outside of the handler: the parser's error quotes the file, and with it perhaps a key.
    raise SettingsError("settings_unreadable", path=str(path), line=line)


def _build(data: Mapping[str, Any], where: str) -> Settings:
    private = [name for name in data if name.startswith("_")]
    if private:
        # These would be taken for options of pydantic-settings itself.
        raise SettingsError("setting_unknown", field=private[0], nearest=_nearest(private[0], Settings.model_fields))
    try:
        return Settings(**data)
    except ValidationError as error:
        details = error.errors(include_input=False, include_url=False)[0]
    except (EnvironmentUnreadable, json.JSONDecodeError):
        variable = _unreadable_variable()
        field = variable.removeprefix(_PREFIX).lower().replace("__", ".")
        # Without its cause, which quotes the value, and with it perhaps a key.
        raise SettingsError("setting_invalid", field=field, reason="json", where=variable) from None
    raise _setting_error(details, where)


def _unreadable_variable() -> str:
    """The environment variable whose list or section is not JSON."""
    for name, value in os.environ.items():
        if name.upper().startswith(_PREFIX) and not _is_json(value) and _takes_json(name.upper()):
            return name.upper()
    return _PREFIX


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _takes_json(variable: str) -> bool:
    name = variable.removeprefix(_PREFIX).lower().replace("__", ".")
    return any(
        (leaf == name and isinstance(default, tuple)) or leaf.startswith(f"{name}.")
        for leaf, (_, _, default) in _leaves()
    )


def _setting_error(details: ErrorDetails, where: str) -> SettingsError:
    field = ".".join(str(part) for part in details["loc"])
    if details["type"] == "extra_forbidden":
        return SettingsError("setting_unknown", field=field, nearest=_nearest_sibling(details["loc"]))
    if any(field == name or field.startswith(f"{name}.") for name in _environment_names()):
        where = _PREFIX + field.upper().replace(".", "__")
    return SettingsError("setting_invalid", field=field, where=where, **_reason(details))


def _nearest_sibling(loc: tuple[int | str, ...]) -> str:
    model: type[BaseModel] = Settings
    known: list[str] = []
    for part in loc[:-1]:
        if isinstance(part, int):
            model = KeySettings
            continue
        known.append(part)
        annotation = model.model_fields[part].annotation
        if _is_section(annotation):
            model = annotation  # type: ignore[assignment]
    name = _nearest(str(loc[-1]), model.model_fields)
    return name if ", " in name else ".".join([*known, name])


_REASONS: Final[dict[str, str]] = {
    "greater_than_equal": "at_least",
    "greater_than": "more_than",
    "less_than_equal": "at_most",
    "int_parsing": "whole_number",
    "int_type": "whole_number",
    "int_from_float": "whole_number",
    "float_parsing": "number",
    "float_type": "number",
    "decimal_parsing": "number",
    "decimal_type": "number",
    "finite_number": "number",
    "bool_parsing": "yes_or_no",
    "bool_type": "yes_or_no",
    "enum": "one_of",
    "literal_error": "one_of",
    "string_type": "text",
    "string_too_short": "empty",
    "string_pattern_mismatch": "currency",
    "missing": "missing",
    "tuple_type": "list",
    "model_type": "section",
    "model_attributes_type": "section",
}
#: Every reason a ``setting_invalid`` may name; its words are under ``reason.<reason>`` in the catalogues.
REASONS: Final = frozenset(_REASONS.values()) | {
    "json", "not_a_key", "not_allowed", "password_hash", "pattern_braces", "pattern_fields", "pattern_needs_shot_and_take",
    "pattern_path", "ratio", "same_key_twice", "same_name_twice", "token_short", "web_address",
}  # fmt: skip


def _reason(details: ErrorDetails) -> dict[str, Any]:
    """Why a value was refused, as a reason and what its sentence needs."""
    context = details.get("ctx", {})
    if "reason" in context:
        return dict(context)
    reason = _REASONS.get(details["type"], "not_allowed")
    limit = next((context[name] for name in ("ge", "gt", "le") if name in context), None)
    allowed = str(context.get("expected", "")).replace("'", "").replace(" or ", ", ")
    return (
        {"reason": reason}
        | ({} if limit is None else {"limit": str(limit)})
        | ({"allowed": allowed} if allowed else {})
    )


def _environment_names() -> frozenset[str]:
    try:
        given = EnvSettingsSource(Settings)()
    except (EnvironmentUnreadable, json.JSONDecodeError):
        # Reading the settings reports it; nothing can be said about names here.
        return frozenset()
    leaves = dict(_leaves())
    return frozenset(name for name in leaves if _present(given, name.split(".")))


def _present(data: Any, parts: list[str]) -> bool:
    for part in parts:
        if not isinstance(data, Mapping) or part not in data:
            return False
        data = data[part]
    return True


# --- the file ---------------------------------------------------------------------------------------------------------


class SettingsFile:
    """The settings of a data home as they are now; safe to share between threads.

    ``problem`` is the ``SettingsError`` of the last reading, while the last good settings stay in force.
    """

    _HEAD: ClassVar[tuple[str, ...]] = (
        "Settings of Vidgen. Environment variables win over this file: VIDGEN_RUNNER__POLL_INTERVAL=0.2",
        "Keys are secrets: this file is readable by its owner only.",
    )

    def __init__(self, locations: Locations) -> None:
        self.path: Final = locations.settings_file
        self.problem: SettingsError | None = None
        self._settings: Settings | None = None
        self._seen: object = None
        self._lock = threading.Lock()

    def current(self) -> Settings:
        """The settings; the file is read again only when it or the environment has changed.

        :raises SettingsError: as ``load_settings``, when there are no earlier good settings to keep
        """
        with self._lock:
            seen = self._signature()
            if seen != self._seen:
                self._read_again()
                self._seen = seen
            if self._settings is None:
                raise self.problem or SettingsError()
            return self._settings

    def _read_again(self) -> None:
        try:
            self._settings = _build(_read(self.path), str(self.path))
        except SettingsError as error:
            self.problem = error
        else:
            self.problem = None

    def _signature(self) -> object:
        environment = tuple(sorted(item for item in os.environ.items() if item[0].upper().startswith(_PREFIX)))
        try:
            stat = self.path.stat()
        except OSError as error:
            return error.errno, environment
        self._make_private(stat)
        return stat.st_mtime_ns, stat.st_size, stat.st_ino, environment

    def _make_private(self, stat: os.stat_result) -> None:
        """A file written by hand is usually readable by everybody, and holds keys."""
        if os.name == "posix" and stat.st_mode & 0o077 and stat.st_uid == os.getuid():
            self.path.chmod(0o600)

    def from_environment(self) -> frozenset[str]:
        """Dotted names of the settings that the environment decides."""
        return _environment_names()

    def change(self, values: Mapping[str, Any]) -> Settings:
        """Check all of ``values`` (dotted name → value; None: leave it out), then write them at once.

        Comments and order of the file are kept. Returns the settings in force afterwards.

        :raises SettingsError: ``setting_from_environment`` (field), ``settings_unwritable`` (path, why),
            ``settings_locked`` (path), and as ``load_settings``; nothing has been written then
        """
        fixed = sorted(self.from_environment() & set(values))
        if fixed:
            raise SettingsError("setting_from_environment", field=fixed[0], where=_variable(fixed[0]))
        with self._writing():
            data = _read(self.path)
            for name, value in values.items():
                _leaf(name)
                _put(data, name, _plain(value))
            settings = _build(data, str(self.path))
            document = tomlkit.parse(_read_text(self.path))
            for name in values:
                # What validation made of the value, so that "5" is written as 5.
                _put_toml(document, name, _plain(dotted_get(settings, name)))
            self._write(tomlkit.dumps(document))
        return self.current()

    def write_default(self) -> bool:
        """Write a file with every setting, its sentence and its default, unless there is one; whether it was written.

        :raises SettingsError: ``settings_unwritable``, ``settings_locked``
        """
        with self._writing():
            if self.path.exists():
                return False
            self._write(tomlkit.dumps(_default_document(self._HEAD)))
            return True

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Hold the lock between processes: of two writers neither loses the other's change."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.parent.chmod(0o700)
            with filelock.FileLock(self.path.with_name(self.path.name + ".lock"), timeout=LOCK_SECONDS, mode=0o600):
                yield
        except filelock.Timeout:
            raise SettingsError("settings_locked", path=str(self.path)) from None
        except OSError as error:
            raise SettingsError("settings_unwritable", path=str(self.path), why=error.strerror or "") from error

    def _write(self, text: str) -> None:
        # A settings file that is a link into somebody's dotfiles stays one.
        target = self.path.resolve()
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".settings-", suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(target)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        _sync_folder(target.parent)
        with self._lock:
            self._seen = None


def _variable(name: str) -> str:
    return _PREFIX + name.upper().replace(".", "__")


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _plain(value: Any) -> Any:
    """A value as TOML knows it; secrets in clear, for they go into the file and nowhere else."""
    match value:
        case SecretStr():
            return value.get_secret_value()
        case KeySettings():
            kept = {"name": value.name, "secret": value.secret.get_secret_value()}
            return kept if value.enabled else kept | {"enabled": False}
        case StrEnum():
            return value.value
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case Path():
            return str(value)
        case list() | tuple():
            return [_plain(item) for item in value]
        case dict():
            return {name: _plain(item) for name, item in value.items()}
        case _:
            return value


def _put(data: dict[str, Any], name: str, value: Any) -> None:
    *sections, last = name.split(".")
    for section in sections:
        data = data.setdefault(section, {})
    data.pop(last, None)
    if value is not None:
        data[last] = value


def _put_toml(document: Any, name: str, value: Any) -> None:
    *sections, last = name.split(".")
    for depth, section in enumerate(sections):
        if section not in document:
            document[section] = tomlkit.table(is_super_table=depth < len(sections) - 1)
        document = document[section]
    if value is None:
        document.pop(last, None)
    elif isinstance(value, list):
        document[last] = _toml_list(value, as_tables=isinstance(document.get(last), AoT))
    else:
        document[last] = value


def _toml_list(items: list[dict[str, Any]], *, as_tables: bool) -> Any:
    if as_tables and items:
        tables = tomlkit.aot()
        for item in items:
            tables.append(tomlkit.item(item))
        return tables
    array = tomlkit.array()
    for item in items:
        inline = tomlkit.inline_table()
        inline.update(item)
        array.append(inline)
    return array.multiline(bool(items))


def _default_document(head: tuple[str, ...]) -> tomlkit.TOMLDocument:
    document = tomlkit.document()
    for line in head:
        document.add(tomlkit.comment(line))
    document.add(tomlkit.nl())
    _describe(document, Settings)
    return document


def _describe(table: Any, model: type[BaseModel]) -> None:
    fields = model.model_fields.items()
    for name, field in fields:
        if _is_section(field.annotation):
            continue
        table.add(tomlkit.comment(field.description or ""))
        if field.default is None:
            table.add(tomlkit.comment(f"{name} ="))
        else:
            table.add(name, _plain(field.default))
    for name, field in fields:
        section = field.annotation
        if not (isinstance(section, type) and issubclass(section, Section)):
            continue
        only_sections = all(_is_section(inner.annotation) for inner in section.model_fields.values())
        inner_table = tomlkit.table(is_super_table=only_sections)
        _describe(inner_table, section)
        table.add(name, inner_table)
