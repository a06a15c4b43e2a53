"""Every setting with its one sentence, section by section."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable
from decimal import Decimal
from ipaddress import ip_network
from pathlib import Path, PurePosixPath
from typing import Final, Literal, Self, TypeVar

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from vidgen_core.config.money_settings import CURRENCY, BudgetSettings, GateSettings, PriceSettings
from vidgen_core.config.paths import Locations
from vidgen_core.config.picture_settings import AUTO, PictureSettings
from vidgen_core.domain.provider_settings import KeyedSettings, KeySettings, ProviderSettings
from vidgen_core.domain.providers import (
    ProviderId,
    ProviderSpec,
    for_each_provider,
    local_provider,
    paid_picture_provider,
    specs,
    video_providers,
)
from vidgen_core.domain.setting_values import Section, WebAddress, names_in, paths_in, wrong

#: What a file name pattern may name.
PATTERN_FIELDS: Final = frozenset({"project", "shot", "take", "provider", "model", "created", "chosen"})
#: Environment variables that are settings begin so.
PREFIX: Final = "VIDGEN_"
_Section = TypeVar("_Section", bound=ProviderSettings)


class RunnerSettings(Section):
    """How the runner works through the queue."""

    max_concurrent: int = Field(default=3, ge=1, le=1000)
    """How many remote jobs may be in flight at once, per provider."""
    slider_top: int = Field(default=5, ge=1, le=1000)
    """The highest value the concurrency slider offers."""
    poll_interval: float = Field(default=10.0, ge=0.05, allow_inf_nan=False, json_schema_extra={"step": 0.5})
    """Seconds between two status checks of the same remote job."""
    max_wait: float = Field(default=600.0, gt=0, allow_inf_nan=False, json_schema_extra={"step": 30.0})
    """Seconds from submitting until a job counts as timed out; a later result is still taken in."""
    retry_on_fail: bool = True
    """Whether temporary failures are retried automatically."""
    max_retries: int = Field(default=2, ge=0, le=20)
    """How many times one task may be retried automatically."""
    retry_unknown_failures: bool = False
    """Whether a job that failed for an unknown reason is submitted, and paid for, once more automatically."""
    takes_per_shot: int = Field(default=3, ge=1, le=5)
    """How many takes one click on Generate makes."""
    backoff_base: float = Field(default=5.0, gt=0, allow_inf_nan=False)
    """Seconds before the first retry; each further one waits twice as long, with some randomness."""
    backoff_max: float = Field(default=300.0, gt=0, allow_inf_nan=False, json_schema_extra={"step": 10.0})
    """The longest wait before a retry, in seconds."""


class DownloadSettings(Section):
    """How results are downloaded."""

    min_rate: int = Field(default=4096, ge=0, json_schema_extra={"step": 1024})
    """Bytes per second below which a download makes room for others and continues later; 0: no limit."""
    max_bytes: int = Field(default=2 * 1024**3, ge=1, json_schema_extra={"step": 1_000_000})
    """The largest result in bytes; a larger one is not downloaded."""


class ChecksSettings(Section):
    """What a finished clip is checked for, on this machine; a check changes nothing by itself."""

    enabled: bool = True
    """Whether every clip is checked after its download."""
    ask_model: bool = False
    """Whether a take can be shown to the language model of [writing], which costs money; only a click does so."""
    damaged: float = Field(default=0.95, ge=0, le=1, json_schema_extra={"step": 0.01})
    """The least share of the promised frames that can be decoded."""
    length_differs: float = Field(default=0.5, ge=0, json_schema_extra={"step": 0.1})
    """Seconds by which a length may differ from what was asked for."""
    ratio_differs: float = Field(default=0.05, ge=0, json_schema_extra={"step": 0.01})
    """Share by which the ratio of width to height may differ."""
    size_differs: float = Field(default=0.9, ge=0, json_schema_extra={"step": 0.05})
    """The least share of the shorter side asked for that has to come; it changes no verdict."""
    same_file: float = Field(default=0, ge=0, json_schema_extra={"step": 1.0})
    """How many earlier takes of other shots may be the same video."""
    black: float = Field(default=0.03, ge=0, le=1, json_schema_extra={"step": 0.01})
    """The largest share of frames that are black or white all over."""
    frozen: float = Field(default=0.5, ge=0, le=1, json_schema_extra={"step": 0.05})
    """The largest share of a clip in which nothing moves."""
    first_frame_differs: float = Field(default=0.58, ge=-1, le=1, json_schema_extra={"step": 0.01})
    """The least similarity of the first frame to its picture, 1 being the same."""
    last_frame_differs: float = Field(default=0.58, ge=-1, le=1, json_schema_extra={"step": 0.01})
    """The least similarity of the last frame to the picture asked for."""
    cuts: float = Field(default=0, ge=0, json_schema_extra={"step": 1.0})
    """How many cuts one shot may have."""
    flicker: float = Field(default=3.0, ge=0, json_schema_extra={"step": 0.5})
    """How far brightness may jump up and down, in percent."""
    blurred: float = Field(default=0.48, ge=0, json_schema_extra={"step": 0.05})
    """The least sharpness, as a share of that of the reference picture."""
    drifts: float = Field(default=0.6, ge=0, json_schema_extra={"step": 0.05})
    """The least sharpness of the end, as a share of that of the beginning."""
    text: float = Field(default=3, ge=0, json_schema_extra={"step": 1.0})
    """How many letters may be read that the reference does not have; needs the extra vidgen[checks]."""
    silent: float = Field(default=-55.0, ge=-70, le=0, json_schema_extra={"step": 1.0})
    """The least level of the loudest sample where sound was asked for, in dB of full scale."""
    clipped: float = Field(default=0.01, ge=0, le=1, json_schema_extra={"step": 0.01})
    """The largest share of samples at full scale."""
    loud: float = Field(default=-8.0, ge=-70, le=0, json_schema_extra={"step": 1.0})
    """The greatest loudness in LUFS."""

    @property
    def limits(self) -> dict[str, float]:
        """The limit of every check by its code."""
        return {name: float(value) for name, value in self if not isinstance(value, bool)}


class Providers(Section):
    """One section for each provider: the fields are those of the registered providers."""

    def of(self, mode: ProviderId) -> ProviderSettings:
        """The section of one provider."""
        found: ProviderSettings = getattr(self, mode)
        return found

    def own(self, mode: ProviderId, kind: type[_Section]) -> _Section:
        """The section of a provider as its own folder knows it."""
        found = self.of(mode)
        assert isinstance(found, kind)
        return found

    @property
    def pictures(self) -> PictureSettings:
        """How pictures are drawn, and by whom."""
        return self.own(paid_picture_provider(), PictureSettings)


class ChainSettings(Section):
    """How shots of a chain continue each other, and how far their look may drift."""

    first_passing: bool = False
    """Continue with the first take that passes its checks outside an auto-run, too; off: wait until a take is chosen."""
    least_sharpness: float = Field(default=0.1, ge=0, json_schema_extra={"step": 0.05})
    """The least sharpness of a last frame, as a share of the first frame of its chain; below it the next shot waits for you."""
    most_colour: float = Field(default=80.0, ge=0, le=255, json_schema_extra={"step": 5.0})
    """How far the colours of a last frame may lie from those of the first frame of its chain, 255 being black from white."""
    least_similarity: float = Field(default=-1.0, ge=-1, le=1, json_schema_extra={"step": 0.05})
    """The least similarity of a last frame to the first frame of its chain, 1 being the same; -1: none is required."""


class NoticeSettings(Section):
    """Who is notified when a batch has ended or nothing more is submitted."""

    url: SecretStr = SecretStr("")
    """The address that notices are sent to; whoever knows it can write to your group, so it is kept like a key. It may be in your own network."""
    kind: Literal["feishu", "dingtalk", "wecom", "slack", "telegram", "bark", "ntfy", "mail", "generic"] = "feishu"
    """The service it belongs to; generic is JSON for a program of your own, mail is smtp://name:password@host/to@example.com."""
    secret: SecretStr = SecretStr("")
    """The signing secret of Feishu or DingTalk; empty: no signature."""
    language: Literal["auto", "zh", "en"] = "auto"
    """The language of the notices; auto is that of the program."""
    on_batch_end: bool = True
    """Notify when a batch has ended."""
    on_pause: bool = True
    """Notify when a provider's queue is held, or the queue pauses automatically."""
    on_budget: bool = True
    """Notify when a budget limit is near (budget.warn_at)."""
    on_question: bool = True
    """Notify when somebody has to answer: an agent asks to order, or a job waits until its price is confirmed."""
    address: WebAddress = ""
    """The address of this server for people, e.g. https://studio.example; with it such notices contain a link to the answer."""
    least_tasks: int = Field(default=1, ge=1, le=1_000_000)
    """Batches with fewer tasks send no notice."""

    @field_validator("url")
    @classmethod
    def _must_be_an_address(cls, secret: SecretStr) -> SecretStr:
        value = secret.get_secret_value().strip()
        if value and not re.fullmatch(r"(https?|smtps?)://[^\s/?#]\S*", value):
            raise wrong("web_address")
        return SecretStr(value)


class LibrarySettings(Section):
    """Which sources of pictures are allowed."""

    allow_private_links: bool = False
    """Whether image links may point into your own network."""


class WritingSettings(KeyedSettings):
    """The language model that proposes storyboards and writes prompts; its keys are separate from those for video."""

    base_url: WebAddress = next((spec.llm_url for spec in specs() if spec.llm_url), "")
    """The address of an OpenAI-compatible model: the part before /v1/chat/completions."""
    model: str = Field(default="", json_schema_extra={"placeholder": "settings.writing.no_model"})
    """The model's name; empty: scripts are split and prompts are written on this machine, without a model."""
    vision: bool = False
    """Whether the model takes pictures; if so, the shot's picture is sent when its prompt is written."""
    language: Literal["auto", "zh", "en"] = "auto"
    """The language of the prompts it writes; auto: that of the script."""
    temperature: float = Field(default=0.6, ge=0, le=2, allow_inf_nan=False, json_schema_extra={"step": 0.1})
    """How freely it writes: 0 is the same each time, 1 is free."""
    piece_size: int = Field(default=1800, ge=200, le=20_000, json_schema_extra={"step": 100})
    """Characters of a script in one request; smaller pieces need more requests and lose less."""
    max_concurrent: int = Field(default=2, ge=1, le=20)
    """How many requests may run at once."""
    price_in: Decimal = Field(default=Decimal(0), ge=0)
    """The price of a million tokens sent; 0: not known."""
    price_out: Decimal = Field(default=Decimal(0), ge=0)
    """The price of a million tokens received; 0: not known."""
    currency: str = Field(default="CNY", pattern=CURRENCY)
    """The currency of these prices."""

    @property
    def usable_keys(self) -> tuple[KeySettings, ...]:
        """Those that are not switched off."""
        return tuple(key for key in self.keys if key.works)


class SharingSettings(Section):
    """Who may use this installation from another machine."""

    token: SecretStr = SecretStr("")
    """What programs send as ``Authorization: Bearer …``; created at the first start, and valid for signing in as owner."""
    sign_in: Literal["none", "password", "oidc"] = "none"
    """How people sign in: not at all (this machine only), with a password, or with OpenID Connect (oidc)."""
    viewer_password: SecretStr = SecretStr("")
    """Argon2 hash of the password of viewers; set it on the settings screen."""
    maker_password: SecretStr = SecretStr("")
    """Argon2 hash of the password of makers, who generate."""
    owner_password: SecretStr = SecretStr("")
    """Argon2 hash of the password of owners, who also change keys, settings and budget."""
    viewers: str = ""
    """With oidc: e-mail addresses of viewers, separated by commas; @studio.example is a whole domain, * everybody."""
    makers: str = ""
    """With oidc: e-mail addresses of makers, who generate."""
    owners: str = ""
    """With oidc: e-mail addresses of owners, who also change keys, settings and budget."""
    allowed_hosts: str = Field(default="", json_schema_extra={"placeholder": "studio.example"})
    """Further host names of this server, separated by commas, e.g. studio.example; read at the start."""
    trusted_proxies: str = Field(default="", json_schema_extra={"placeholder": "10.0.0.5, 172.16.0.0/12"})
    """Proxies on other machines whose X-Forwarded-For is trusted, e.g. 10.0.0.5 or 172.16.0.0/12; read at the start."""

    @field_validator("viewer_password", "maker_password", "owner_password")
    @classmethod
    def _must_be_a_hash(cls, secret: SecretStr) -> SecretStr:
        value = secret.get_secret_value()
        if value and not value.startswith("$argon2"):
            raise wrong("password_hash")
        return secret

    @field_validator("trusted_proxies")
    @classmethod
    def _must_be_addresses(cls, names: str) -> str:
        try:
            everybody = any(ip_network(name).prefixlen == 0 for name in names_in(names))
        except ValueError:
            raise wrong("proxy_address") from None
        if everybody:
            raise wrong("proxy_everybody")
        return names

    @field_validator("token")
    @classmethod
    def _must_be_long(cls, secret: SecretStr) -> SecretStr:
        value = secret.get_secret_value().strip()
        if value and not re.fullmatch(r"[!-~]{20,}", value):
            raise wrong("token_short")
        return SecretStr(value)


class AccessSettings(Section):
    """What people on other machines may access."""

    path_roots: str = Field(default="", json_schema_extra={"placeholder": "/srv/pictures, /srv/drafts"})
    """Folders of this machine that everybody who signs in may use, one per line or as a JSON list; only an owner at this machine may use others."""

    @field_validator("path_roots")
    @classmethod
    def _must_be_absolute(cls, listed: str) -> str:
        if not all(path.is_absolute() for path in paths_in(listed)):
            raise wrong("absolute_paths")
        return listed

    @property
    def roots(self) -> tuple[Path, ...]:
        """The folders, as paths."""
        return paths_in(self.path_roots)


class ScaleSettings(Section):
    """For more than one machine: what they share."""

    database: SecretStr = SecretStr("")
    """Address of a PostgreSQL database, postgresql://user:password@host/name; empty: a file in the data home. Read at the start."""
    media: str = ""
    """Where videos, pictures and exports are stored for all machines, s3://bucket/folder; empty: in the data home. Read at the start."""
    media_endpoint: WebAddress = ""
    """Address of the S3 server, e.g. https://s3.example.com; empty: Amazon's."""
    media_key: str = ""
    """Access key of the bucket; empty: as AWS_ACCESS_KEY_ID, a profile or the machine's role says."""
    media_secret: SecretStr = SecretStr("")
    """Secret of that access key."""
    timezone: str = Field(default="", json_schema_extra={"placeholder": "Asia/Shanghai"})
    """The time zone in which days of budget and reports begin; required with a database of that kind, e.g. Asia/Shanghai."""

    worker: str = ""
    """The name of this machine's worker; empty: the machine's name."""
    takeover_seconds: float = Field(default=30.0, ge=1, le=600)
    """Seconds without a heartbeat after which a worker's tasks go to others."""

    @field_validator("database")
    @classmethod
    def _must_be_postgres(cls, secret: SecretStr) -> SecretStr:
        value = secret.get_secret_value().strip()
        # A password whose special characters are not quoted would pass for a part of the host or the name.
        if value and not re.fullmatch(r"postgres(ql)?://([^@/#]*@)?[^@/#]*/[^@/#?]+(\?[^#]*)?", value):
            raise wrong("postgres_url")
        return SecretStr(value)

    @field_validator("media")
    @classmethod
    def _must_be_bucket(cls, value: str) -> str:
        value = value.strip().rstrip("/")
        if value and not re.fullmatch(r"(s3://[^\s/?#:@]+|file://)(/[^\s?#]+)*", value):
            raise wrong("media_url")
        return value

    @field_validator("timezone")
    @classmethod
    def _must_be_known(cls, name: str) -> str:
        from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

        try:
            return name and ZoneInfo(name).key
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise wrong("timezone") from None

    @model_validator(mode="after")
    def _must_have_one_day(self) -> Self:
        if self.database.get_secret_value() and not self.timezone:
            raise wrong("timezone_missing")
        return self


class Settings(BaseSettings):
    """All settings; build them with ``load_settings`` or ``SettingsFile``."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        defer_build=True,
    )

    mode: ProviderId = Field(default_factory=local_provider)
    """Which provider makes new takes."""
    language: Literal["auto", "zh", "en"] = "auto"
    """The language of screens and messages; auto follows the browser or the terminal."""
    save_dir: str = ""
    """The folder for finished videos; empty: the folder ``videos`` in the data home."""
    file_pattern: str = "{project}/{shot}/{shot}-v{take}.mp4"
    """The path of a video below that folder, made of {project} {shot} {take} {provider} {model}."""
    runner: RunnerSettings = RunnerSettings()
    """How the runner works through the queue."""
    download: DownloadSettings = DownloadSettings()
    """How results are downloaded."""
    checks: ChecksSettings = ChecksSettings()
    """What a finished clip is checked for."""
    providers: Providers = Field(default_factory=Providers)
    """One section for each generation mode."""
    prices: tuple[PriceSettings, ...] = ()
    """Your own prices; they come before the built-in ones."""
    budget: BudgetSettings = BudgetSettings()
    """How much may be spent."""
    chain: ChainSettings = ChainSettings()
    """How shots of a chain continue each other."""
    gate: GateSettings = GateSettings()
    """When you are asked before something is paid for."""
    notices: NoticeSettings = NoticeSettings()
    """Who is notified when a batch has ended or nothing more is submitted."""
    library: LibrarySettings = LibrarySettings()
    """Which sources of pictures are allowed."""
    writing: WritingSettings = WritingSettings()
    """The language model that proposes storyboards and writes prompts."""
    sharing: SharingSettings = SharingSettings()
    """Who may use this installation from another machine."""
    access: AccessSettings = AccessSettings()
    """What people on other machines may access."""
    scale: ScaleSettings = ScaleSettings()
    """For more than one machine: what they share."""

    @field_validator("mode")
    @classmethod
    def _must_make_videos(cls, mode: ProviderId) -> ProviderId:
        if not mode.spec.videos:
            raise wrong("not_a_mode", allowed=", ".join(video_providers()))
        return mode

    @field_validator("file_pattern")
    @classmethod
    def _must_name_one_file_a_take(cls, pattern: str) -> str:
        try:
            parts = list(string.Formatter().parse(pattern))
        except ValueError:
            raise wrong("pattern_braces") from None
        fields = {name for _, name, _, _ in parts if name is not None}
        if fields - PATTERN_FIELDS:
            raise wrong("pattern_fields", allowed=" ".join(f"{{{name}}}" for name in sorted(PATTERN_FIELDS)))
        # Without these two, videos would overwrite each other.
        if not {"shot", "take"} <= fields:
            raise wrong("pattern_needs_shot_and_take")
        path = PurePosixPath(pattern.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or path.suffix != ".mp4":
            raise wrong("pattern_path")
        # ``~`` and ``C:`` at the beginning mean another folder to some systems.
        if pattern.startswith("~") or any(":" in text for text, _, _, _ in parts):
            raise wrong("pattern_path")
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

    @property
    def draws(self) -> ProviderId:
        """Who draws new pictures."""
        pictures = self.providers.pictures
        if pictures.drawn_by != AUTO:
            return ProviderId(pictures.drawn_by)
        return paid_picture_provider() if any(key.works for key in pictures.keys) else local_provider()

    def max_concurrent(self, mode: ProviderId) -> int:
        """How many jobs of ``mode`` may be in flight: its own value, else the runner's."""
        return self.providers.of(mode).max_concurrent or self.runner.max_concurrent


def keyed_sections(settings: Settings) -> list[tuple[str, KeyedSettings]]:
    """Every section with keys, by its dotted name."""
    providers = [(f"providers.{name}", section) for name, section in settings.providers]
    return [*providers, ("writing", settings.writing)]


def _add_sections(specs: Iterable[ProviderSpec]) -> None:
    """Give providers their sections; the classes are made anew around them."""
    for spec in specs:
        sentence = (spec.settings.__doc__ or "").partition("\n")[0]
        Providers.__pydantic_fields__[spec.name] = FieldInfo(
            annotation=spec.settings, default_factory=spec.settings, description=sentence
        )
    Providers.model_rebuild(force=True)
    Settings.model_rebuild(force=True)


for_each_provider(_add_sections)
