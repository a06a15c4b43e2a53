"""KIE's models: what each takes and how it wants to be asked, from the live catalogue or else from the built-in table.

Both hold request schemas (``schema``), whose fields are recognised by one set of rules (``roles``); the table says besides
what schemas do not say. A model of which there is no schema takes a prompt and nothing else: no request is made up.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any, Final, Literal

from pydantic import Field as Default
from pydantic import TypeAdapter

from vidgen_core.domain.base import Frozen
from vidgen_core.domain.providers import ModelPrice
from vidgen_core.domain.shots import GenerationMode
from vidgen_core.domain.tasks import GenerationParams, ParentTake
from vidgen_core.providers.capabilities import Capabilities, Problem, PromptLimits, SecondsRange
from vidgen_core.providers.kie.price_prose import prices_in
from vidgen_core.providers.kie.roles import Role, Roles, ratio_name, read_roles, seconds_in, size_name, switch
from vidgen_core.providers.kie.schema import Field, Form, form_of

#: The size of a picture that is left to its model.
AUTO: Final = "auto"

#: Seconds of a video that a default may name; more is a mistake.
_LONGEST: Final = 3600.0
#: What is done with a finished video.
Finish = Literal["extend", "upscale", "fetch_1080p", "fetch_4k"]


class ModelRow(Frozen):
    """What the built-in table says of a model."""

    fields: dict[str, dict[str, Any]]
    makes: Literal["video", "picture"] = "video"
    callback: bool = True
    roles: dict[str, Role | None] = Default(default_factory=dict)
    #: Their words for our sizes, where they are no sizes.
    sizes: dict[str, str] = Default(default_factory=dict)
    fixed: dict[str, Any] = Default(default_factory=dict)
    sound: Literal["no", "always"] | None = None
    unsure: frozenset[str] = frozenset()
    finish: Finish | None = None
    #: The models whose videos are finished; ``*``: a video of anybody.
    of: tuple[str, ...] = ()


class Listed(Frozen):
    """What the live catalogue says of a model."""

    makes: Literal["video", "picture", "other"] = "other"
    price: str = ""
    #: None: its schema is not known.
    forms: tuple[Form, ...] | None = None


class KieForm(Frozen):
    """One way to ask a model, with what its fields are for."""

    form: Form
    roles: Roles

    def field(self, *roles: Role) -> Field | None:
        name = self.roles.name(*roles)
        return self.form.fields[name] if name else None

    def takes(self, mode: GenerationMode) -> bool:
        """Whether a video can be made from the material of ``mode``, for all that the schema says."""
        roles, first, last = self.roles, self._first, self.field("last")
        if roles.unknown or any(field.required for role in _SOURCES if (field := self.field(role)) is not None):
            return False
        references, frames = self.field(*_REFERENCES), self.field("frames", "by_mode")
        match mode:
            case GenerationMode.TEXT:
                pictures = [field for field in (first, last, references, frames) if field is not None]
                return not any(field.required or (field.is_list and field.shortest) for field in pictures)
            case GenerationMode.FIRST_FRAME:
                return first is not None and (first.shortest or 0) < 2 and not (last is not None and last.required)
            case GenerationMode.FIRST_LAST_FRAME:
                return first is not None and (last is not None or (frames is not None and frames.longest != 1))
            case GenerationMode.REFERENCES:
                return references is not None

    @property
    def _first(self) -> Field | None:
        return self.field(*_FIRST)


_FIRST: Final[tuple[Role, ...]] = ("first", "frames", "first_or_references", "by_mode", "unsure_pictures")
_LAST: Final[tuple[Role, ...]] = ("last", "frames", "by_mode")
#: What a finished video is named by.
_SOURCES: Final[tuple[Role, ...]] = ("task", "video")
_REFERENCES: Final[tuple[Role, ...]] = ("references", "first_or_references", "by_mode", "unsure_pictures")


class KieModel(Frozen):
    """A model of the jobs API."""

    model: str
    makes: Literal["video", "picture", "other"] = "video"
    forms: tuple[KieForm, ...] = ()
    sizes: dict[str, str] = Default(default_factory=dict)
    sound: Literal["no", "always"] | None = None
    unsure: frozenset[str] = frozenset()
    price: str = ""
    finish: Finish | None = None
    of: tuple[str, ...] = ()
    #: Whether it is known from the live catalogue.
    live: bool = False

    @property
    def is_ordered(self) -> bool:
        """Whether it can be ordered by itself: something can be made from one of its forms."""
        return self.finish is None and any(form.takes(mode) for form in self.forms for mode in GenerationMode)

    def against(self, params: GenerationParams) -> tuple[Problem, ...]:
        """What stands against an order although each of its values is taken: no one form takes them all."""
        mode = params.mode or GenerationMode.TEXT
        able = [form for form in self.forms if form.takes(mode)]
        chosen = self._finishing(params.parent) if params.parent else self.form_for(params)
        if chosen is not None:
            return tuple(self._left_out(chosen, params))
        if params.parent is not None:
            return (Problem(field="model", code="model_form_missing", params={"model": self.model}),)
        if able:
            return (Problem(field="model", code="combination_not_taken", params={"model": self.model}),)
        unknown = sorted({name for form in self.forms for name in form.roles.unknown})
        if self.forms and not able and unknown:
            told = {"model": self.model, "field": ", ".join(unknown)}
            return (Problem(field="model", code="model_field_unknown", params=told),)
        return ()

    def _left_out(self, chosen: KieForm, params: GenerationParams) -> Iterator[Problem]:
        """What only other forms have a field for, and a prompt that none has one for."""
        if params.prompt and chosen.field("prompt") is None:
            yield Problem(field="prompt", code="prompt_left_out", params={"model": self.model}, fatal=False)
        values: tuple[tuple[Role, str, object, str], ...] = (
            (
                "ratio",
                "aspect_ratio",
                "aspect_ratio" in params.chosen and params.aspect_ratio,
                "aspect_ratio_left_out",
            ),
            ("size", "size", "size" in params.chosen and params.size != AUTO and params.size, "size_left_out"),
            ("seed", "seed", params.seed is not None, "seed_not_taken"),
            ("watermark", "watermark", params.watermark, "watermark_not_taken"),
            ("negative", "negative_prompt", params.negative_prompt, "negative_prompt_left_out"),
            ("seconds", "duration", params.duration is not None, "duration_ignored"),
            ("sound", "sound", params.sound is not None, "sound_perhaps_ignored"),
        )
        for role, field, value, code in values:
            if value and chosen.field(role) is None and self._fields(role):
                told = {"model": self.model, "value": value}
                yield Problem(field=field, code=code, params=told, fatal=False)

    def form_for(self, params: GenerationParams) -> KieForm | None:
        """The form that takes all the material of an order; None: there is none."""
        mode = params.mode or GenerationMode.TEXT
        requested: dict[Role, object] = {
            "prompt": params.prompt,
            "sound": params.sound,
            "negative": params.negative_prompt,
            "seconds": params.duration,
        }
        able = [one for one in self.forms if one.takes(mode)]
        # What no form has is warned about before; what some have must not be lost in another.
        listed_roles = [role for role, value in requested.items() if value and any(one.field(role) for one in able)]
        fitting = [one for one in able if all(one.field(role) for role in listed_roles)]
        # The same holds for values: each may be taken by one form and not by another.
        tests = [test for test in self._fits(params) if any(map(test, self.forms))]
        return next((one for one in fitting if all(test(one) for test in tests)), None)

    def _fits(self, params: GenerationParams) -> Iterator[Callable[[KieForm], bool]]:
        """Of each value of an order, whether a form takes it or leaves it open."""

        def listed(role: Role, value: str, name: Callable[[str], str | None]) -> Callable[[KieForm], bool]:
            def test(form: KieForm) -> bool:
                field = form.field(role)
                return field is None or not field.enum or value in {name(str(word)) for word in field.enum}

            return test

        def lasts(form: KieForm) -> bool:
            values, span = seconds_in(field) if (field := form.field("seconds")) else ((), None)
            inside = params.duration in values or (span is not None and span[0] <= (params.duration or 0) <= span[1])
            return inside or not (values or span)

        def holds(form: KieForm) -> bool:
            field = form.field(*_REFERENCES)
            return field is None or field.longest is None or len(params.references) <= _most(field)

        yield listed("ratio", params.aspect_ratio, ratio_name)
        if params.size != AUTO:
            yield listed("size", params.size, self.size_of)
        if params.duration is not None:
            yield lasts
        if params.mode is GenerationMode.REFERENCES:
            yield holds

    def size_of(self, word: str) -> str | None:
        """Our name for a size of theirs."""
        return self.sizes.get(word) or size_name(word)

    # --- what it takes

    def capabilities(self) -> Capabilities:
        if not self.forms:
            return _unknown(self.model)
        taken = frozenset(mode for mode in GenerationMode if any(form.takes(mode) for form in self.forms))
        unsure_pictures = any(form.field("unsure_pictures") for form in self.forms)
        doubted = {GenerationMode.FIRST_FRAME, GenerationMode.REFERENCES} if unsure_pictures else set()
        doubted |= {GenerationMode.REFERENCES} if "references" in self.unsure else set()
        values, span = self._seconds()
        prompts = self._fields("prompt")
        seed = next(iter(self._fields("seed")), None)
        references = [field for form in self.forms if (field := form.field(*_REFERENCES)) is not None]
        ratios = _unique(ratio_name(str(word)) for field in self._fields("ratio") for word in field.enum)
        sizes = _unique(self.size_of(str(word)) for field in self._fields("size") for word in field.enum)
        seconds = self._fields("seconds")
        unsure = {name for name in self.unsure if name in Capabilities.model_fields}
        if seconds and not values and span is None:
            unsure.add("durations")
        return Capabilities(
            model=self.model,
            aspect_ratios=ratios,
            sizes=(AUTO, *sizes) if sizes and self.makes == "picture" else sizes,
            durations=values,
            duration_range=SecondsRange(least=span[0], most=span[1]) if span else None,
            duration_needed=any(field.required and field.default is None for field in seconds) and not values,
            whole_seconds=True,
            modes=taken - doubted,
            unsure_modes=taken & doubted,
            max_references=max((_most(field) for field in references), default=0) or None,
            image_transport="upload",
            sound="optional" if self._fields("sound") else self.sound,
            negative_prompt=bool(self._fields("negative")),
            prompt=PromptLimits(
                needed=bool(prompts) and all(field.required for field in prompts),
                least=min((field.shortest or 0 for field in prompts), default=0),
                most=max((field.longest for field in prompts if field.longest), default=None),
            ),
            takes_seed=seed is not None,
            seed_range=_whole_range(seed) if seed else None,
            takes_watermark=bool(self._fields("watermark")),
            takes_callback=any(form.form.callback for form in self.forms),
            unsure=frozenset(unsure),
            note=None if ratios else "note.ratio_follows_picture",
        )

    def _fields(self, *roles: Role) -> list[Field]:
        return [field for form in self.forms if (field := form.field(*roles)) is not None]

    def _seconds(self) -> tuple[tuple[float, ...], tuple[float, float] | None]:
        seen = [seconds_in(field) for field in self._fields("seconds")]
        spans = [span for _, span in seen if span]
        wide = (min(span[0] for span in spans), max(span[1] for span in spans)) if spans else None
        return tuple(sorted({value for values, _ in seen for value in values})), wide

    def prices(self) -> tuple[ModelPrice, ...]:
        """What a video or picture costs, as far as the prose of its price can be read."""
        sent: list[object] = [self.model]
        seconds = sound = None
        if self.forms:
            form = self.forms[0]
            sent += [*form.roles.fixed.values(), *_defaults(form)]
            seconds = _default_seconds(form.field("seconds"))
            if (heard := form.field("sound")) is not None:
                sound = heard.default == switch(heard).get(True, True)
        found = prices_in(
            self.model, self.price, values=sent, sizes=_lower(self.sizes), usual_seconds=seconds, usual_sound=sound
        )
        size = self.forms[0].field("size") if self.forms and self.makes == "picture" else None
        usual = self.size_of(str(size.default)) if size else None
        return (*found, *(price.model_copy(update={"size": AUTO}) for price in found if usual and price.size == usual))

    # --- how it is asked

    def request(
        self,
        params: GenerationParams,
        pictures: Mapping[str, list[str]],
        *,
        seed: int | None,
        translate: bool,
        source: Mapping[Role, str] | None = None,
    ) -> dict[str, Any] | None:
        """The body of ``POST /api/v1/jobs/createTask``; None where no form takes all that is asked for.

        :param params: as ``Capabilities.settle`` gives them
        :param pictures: links, by ``first``, ``last`` and ``references``
        :param source: of a video that is finished: the id of its job (*task*) or its link (*video*)
        """
        chosen = self._finishing_form(source) if source else self.form_for(params)
        if chosen is None:
            return None if self.forms or params.mode is not GenerationMode.TEXT else self._prompt_alone(params)
        fields: dict[str, Any] = dict(chosen.roles.fixed)
        requested: dict[Role, Any] = {
            "prompt": params.prompt or None,
            "negative": params.negative_prompt or None,
            "mode": chosen.roles.modes.get(params.mode) if params.mode else None,
            "sound": params.sound,
            "seconds": params.duration,
            "ratio": params.aspect_ratio,
            "size": None if params.size == AUTO else params.size,
            "seed": seed,
            "watermark": params.watermark or None,
            "translation": translate,
            **(source or {}),
        }
        if chosen.roles.modes and params.mode is GenerationMode.FIRST_FRAME and requested["mode"] is None:
            requested["mode"] = chosen.roles.modes.get(GenerationMode.FIRST_LAST_FRAME)
        for role, value in requested.items():
            name = chosen.roles.name(role)
            if name is not None and (value := self._written(role, chosen.form.fields[name], value)) is not None:
                fields[name] = value
        fields |= _picture_fields(chosen, pictures)
        callback = {"callBackUrl": params.callback_url} if chosen.form.callback and params.callback_url else {}
        return {"model": self.model, "input": fields} | callback

    def _finishing(self, parent: ParentTake) -> KieForm | None:
        """The form that names the job of a take, else the one that names its file."""
        by_job = self._finishing_form({"task": parent.remote_id}) if parent.remote_id else None
        return by_job or self._finishing_form({"video": parent.video})

    def _finishing_form(self, source: Mapping[Role, str]) -> KieForm | None:
        able = (form for form in self.forms if all(form.field(role) for role in source) and not form.roles.unknown)
        return next(able, None)

    def _prompt_alone(self, params: GenerationParams) -> dict[str, Any]:
        callback = {"callBackUrl": params.callback_url} if params.callback_url else {}
        return {"model": self.model, "input": {"prompt": params.prompt}} | callback

    def _written(self, role: Role, field: Field, value: Any) -> Any:
        """A value in the model's own words; what is left open is said where the schema wants it said."""
        if role == "seconds":
            seconds = value if value is not None else _default_seconds(field)
            return None if seconds is None else _number(field, seconds)
        if role in ("ratio", "size") and value is not None:
            named = ratio_name if role == "ratio" else self.size_of
            words = {named(str(word)): word for word in field.enum}
            value = words.get(value if value in words else str(value).upper(), field.default)
        if role == "sound" and value is not None:
            return switch(field).get(value, value)
        if value is None and field.required:
            return field.default if field.default is not None else False if field.type == "boolean" else None
        return value


def _picture_fields(chosen: KieForm, pictures: Mapping[str, list[str]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for roles, kind in ((_FIRST, "first"), (_LAST, "last"), (_REFERENCES, "references")):
        links, name = pictures.get(kind) or [], chosen.roles.name(*roles)
        if links and name:
            found[name] = [*found.get(name, []), *links] if chosen.form.fields[name].is_list else links[0]
    return found


def _number(field: Field, seconds: float) -> str | int | float:
    whole = int(seconds) if seconds == int(seconds) else seconds
    if field.enum:
        return next((word for word in field.enum if str(word) in (str(whole), f"{whole}s")), whole)
    return str(whole) if field.type == "string" else whole


def _default_seconds(field: Field | None) -> float | None:
    if field is None:
        return None
    for value in (field.default, *field.enum[:1]) if field.required else (field.default,):
        try:
            seconds = float(str(value).removesuffix("s"))
        except ValueError:
            continue
        if 0 < seconds <= _LONGEST:
            return seconds
    return None


def _defaults(form: KieForm) -> list[object]:
    return [field.default for field in form.form.fields.values() if isinstance(field.default, str)]


def _most(field: Field) -> int:
    return (field.longest or 0) if field.is_list else 1


def _whole_range(field: Field) -> tuple[int, int] | None:
    if field.minimum is None or field.maximum is None:
        return None
    return max(0, int(field.minimum)), int(field.maximum)


def _lower(words: Mapping[str, str]) -> dict[str, str]:
    return {word.lower(): ours for word, ours in words.items()}


def _unique(names: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in names if name))


# --- the built-in table ------------------------------------------------------------------------------------------------


@cache
def built_in() -> Mapping[str, ModelRow]:
    """The built-in table by model."""
    found = json.loads(resources.files(__package__).joinpath("models.json").read_text("utf-8"))
    return TypeAdapter(dict[str, ModelRow]).validate_python(found["models"])


def model_of(model: str, listed: Listed | None = None) -> KieModel:
    """Everything known of a model: its live schema where it can be used, else the built-in one.

    What the table knows of single fields holds for both.
    """
    row = built_in().get(model)
    makes = listed.makes if listed and listed.makes != "other" else row.makes if row else "video"
    common = {
        "model": model,
        "makes": makes,
        "price": listed.price if listed else "",
        "sizes": row.sizes if row else {},
        "sound": row.sound if row else None,
        "finish": row.finish if row else None,
        "of": row.of if row else (),
    }
    if listed is not None and listed.forms:
        forms = [_read(form, row, draws=makes == "picture") for form in listed.forms]
        usable = tuple(form for form in forms if not form.roles.unknown)
        if usable:
            return KieModel(forms=usable, live=True, **common)
    if row is None:
        return KieModel(**common)
    return KieModel(forms=(_built_in_form(model, draws=makes == "picture"),), unsure=row.unsure, **common)


@cache
def _built_in_form(model: str, *, draws: bool) -> KieForm:
    """The form of a model of the built-in table; reading those of all takes a fifth of a second."""
    row = built_in()[model]
    return _read(form_of(row.fields, callback=row.callback), row, draws=draws)


def _read(form: Form, row: ModelRow | None, *, draws: bool) -> KieForm:
    hints, fixed = (row.roles, row.fixed) if row else ({}, {})
    return KieForm(form=form, roles=read_roles(form, draws=draws, hints=hints, fixed=fixed))


def _unknown(model: str) -> Capabilities:
    """Of a model without a schema nothing is known but that it has a prompt: no picture has a field to travel in."""
    names = ("aspect_ratios", "sizes", "durations", "prompt", "modes")
    return Capabilities(
        model=model,
        aspect_ratios=(),
        sizes=(),
        modes=frozenset(),
        unsure_modes=frozenset({GenerationMode.TEXT}),
        image_transport="upload",
        sends_negative_prompt=False,
        takes_callback=True,
        prompt=PromptLimits(needed=True),
        unsure=frozenset(names),
        note="note.model_unknown",
    )
