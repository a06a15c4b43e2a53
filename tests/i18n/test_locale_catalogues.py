"""Both languages say the same things, and everything the program may say."""

import ast
import re
import string
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages import pofile

from vidgen_core.config.error_messages import REASONS
from vidgen_core.domain import errors
from vidgen_core.domain.errors import ErrorKind, VidgenError
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.providers import provider_ids
from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.i18n import LANGUAGES, STATUS_COLOURS, STATUS_ICONS, get_text

ROOT = Path(__file__).parents[2]
CATALOGUES = ROOT / "vidgen_core" / "i18n" / "catalogues"
#: file → id → its sentence, or its plural forms
Sentences = dict[str, dict[str, tuple[str, ...]]]


def sentences(language: str) -> Sentences:
    found: Sentences = {}
    for path in sorted((CATALOGUES / language).glob("*.po")):
        with path.open("rb") as stream:
            catalogue = pofile.read_po(stream, abort_invalid=True)
        found[path.name] = {
            message.id[0] if isinstance(message.id, tuple) else message.id: tuple(message.string)
            if isinstance(message.string, tuple | list)
            else (message.string,)
            for message in catalogue
            if message.id
        }
    return found


ENGLISH, CHINESE = sentences("en"), sentences("zh_CN")
KNOWN = {name for area in ENGLISH.values() for name in area}


def placeholders(forms: tuple[str, ...]) -> set[str]:
    return {name for form in forms for _, name, _, _ in string.Formatter().parse(form) if name is not None}


def program() -> Iterator[tuple[Path, ast.Call]]:
    files = [*(ROOT / "vidgen_core").rglob("*.py"), *(ROOT / "pages").rglob("*.py"), *ROOT.glob("*.py")]
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                yield path, node


def constants(node: ast.expr) -> list[str]:
    """The texts a first argument may be: a literal, or the two ends of a conditional expression."""
    if isinstance(node, ast.IfExp):
        return constants(node.body) + constants(node.orelse)
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []


def called(node: ast.Call) -> str:
    """The last name of what is called: ``t`` for ``t(…)``, ``page.t(…)`` and ``t.n(…)``."""
    function = node.func
    if isinstance(function, ast.Attribute) and function.attr == "n":
        function = function.value
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def used_ids() -> Iterator[tuple[str, str]]:
    for path, node in program():
        if called(node) in ("t", "text") and node.args:
            yield from ((text, str(path.relative_to(ROOT))) for text in constants(node.args[0]) if "." in text)


def error_names() -> set[str]:
    values = vars(errors).values()
    return {value.__name__ for value in values if isinstance(value, type) and issubclass(value, VidgenError)}


def raised_codes() -> Iterator[tuple[str, str]]:
    names = error_names() | {"Reason"}
    for path, node in program():
        if called(node) in names and node.args:
            yield from ((code, str(path.relative_to(ROOT))) for code in constants(node.args[0]))


def test_both_languages_have_the_same_files() -> None:
    assert list(ENGLISH) == list(CHINESE)


@pytest.mark.parametrize("area", ENGLISH)
def test_both_languages_have_the_same_ids(area: str) -> None:
    assert list(ENGLISH[area]) == list(CHINESE[area])


@pytest.mark.parametrize("area", ENGLISH)
def test_both_languages_fill_the_same_placeholders(area: str) -> None:
    differing = {
        name
        for name, forms in ENGLISH[area].items()
        if placeholders(forms) != placeholders(CHINESE[area].get(name, ()))
    }

    assert not differing


def test_no_id_is_there_twice() -> None:
    for language in ("en", "zh_CN"):
        texts = [path.read_text(encoding="utf-8") for path in (CATALOGUES / language).glob("*.po")]
        ids = Counter(name for text in texts for name in re.findall(r'^msgid "(.+)"$', text, re.MULTILINE))

        assert [name for name, times in ids.items() if times > 1] == []


@pytest.mark.parametrize("catalogue", [ENGLISH, CHINESE], ids=["en", "zh_CN"])
def test_no_sentence_is_empty_or_has_loose_ends(catalogue: Sentences) -> None:
    every = [(name, form) for area in catalogue.values() for name, forms in area.items() for form in forms]

    assert [name for name, form in every if not form or form != form.strip()] == []


def test_chinese_sentences_use_chinese_punctuation() -> None:
    every = [(name, form) for area in CHINESE.values() for name, forms in area.items() for form in forms]

    # Inside of quotation marks stands what people have to type.
    assert [name for name, form in every if re.search(r"[\u4e00-\u9fff][,;:?!]", re.sub("“[^”]*”", "", form))] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_counted_in_the_program_has_a_word(language: str) -> None:
    t = get_text(language, strict=True)

    words = [t.status(status) for status in TaskStatus]
    words += [t.level(level) for level in LogLevel]
    words += [t.provider(mode) for mode in provider_ids()]
    words += [t(f"error.kind.{kind.value}") for kind in ErrorKind]

    assert all(words)


def test_every_status_has_an_icon_and_a_colour() -> None:
    assert set(STATUS_ICONS) == set(STATUS_COLOURS) == set(TaskStatus)


def test_every_reason_of_a_wrong_setting_has_words() -> None:
    assert {f"reason.{reason}" for reason in REASONS} <= KNOWN


def test_every_id_the_program_uses_exists() -> None:
    assert sorted({use for use in used_ids() if use[0] not in KNOWN}) == []


def test_every_error_the_program_raises_has_a_sentence() -> None:
    defaults = {(getattr(errors, name).default_code, "vidgen_core/domain/errors.py") for name in error_names()}
    kinds = {kind.value for kind in ErrorKind}
    raised = {(code, where) for code, where in raised_codes() if code not in kinds}

    assert {code for code, _ in raised} >= {"setting_unknown", "settings_unreadable"}, "the scan itself works"
    assert sorted(use for use in raised | defaults if f"error.{use[0]}" not in KNOWN) == []


def test_choices_of_one_list_are_told_apart() -> None:
    # A browser says which one was chosen by its words.
    dashboard = "".join(path.read_text("utf-8") for path in (ROOT / "vidgen_core" / "dashboard").rglob("*.py"))
    lists = set(re.findall(r'format_func=.*?t\(f"((?:\w+\.){2,})\{', dashboard))
    assert "add.field." in lists
    for catalogue in (ENGLISH, CHINESE):
        every = {name: forms for area in catalogue.values() for name, forms in area.items()}
        for choices in lists:
            words = [
                forms
                for name, forms in every.items()
                if name.startswith(choices) and name.count(".") == choices.count(".")
            ]
            assert len(words) == len(set(words)), choices
