"""What has ended is not said to be tried again: its sentence says what to do now."""

from __future__ import annotations

import re

import pytest
from babel.messages import pofile

from vidgen_core.domain.errors import ErrorKind
from vidgen_core.domain.tasks import Failure
from vidgen_core.i18n import get_text
from vidgen_core.i18n.text import catalogue_files

PROMISES = {
    "en": re.compile(r"Vidgen (tries again|waits and continues)"),
    "zh": re.compile(r"Vidgen (稍后)?(会(自动)?重试|会等待后自动继续|会稍候自动继续)"),
}


def sentences(lang: str, begin: str) -> dict[str, str]:
    found = {}
    for file in catalogue_files(lang):
        with file.open("rb") as stream:
            found |= {str(one.id): str(one.string) for one in pofile.read_po(stream) if str(one.id).startswith(begin)}
    return found


@pytest.mark.parametrize("lang", PROMISES)
def test_every_sentence_that_promises_a_try_has_one_for_the_end(lang: str) -> None:
    promising = {id_ for id_, said in sentences(lang, "error.").items() if PROMISES[lang].search(said)}
    ended = sentences(lang, "ended.")
    assert promising >= {"error.kind.overloaded", "error.provider_saturated", "error.dns_failed"}
    assert {id_.replace("error.", "ended.", 1) for id_ in promising} == ended.keys()
    assert not [said for said in ended.values() if PROMISES[lang].search(said)]


@pytest.mark.parametrize(("lang", "now"), [("en", "Generate again later"), ("zh", "稍后重新生成")])
def test_a_failure_speaks_of_the_end_unless_its_task_goes_on(lang: str, now: str) -> None:
    t = get_text(lang, strict=True)
    failures = [
        Failure(kind=ErrorKind.OVERLOADED, code="overloaded"),
        Failure(kind=ErrorKind.OVERLOADED, code="provider_saturated", params={"provider": "yunwu", "said": "满了。"}),
    ]
    for failure in failures:
        assert now in t.failure(failure)
        assert PROMISES[lang].search(t.failure(failure, goes_on=True))
        assert not PROMISES[lang].search(t.failure(failure))


def test_other_failures_say_what_they_always_say() -> None:
    t = get_text("en", strict=True)
    failure = Failure(kind=ErrorKind.MODERATION, code="moderation")
    assert t.failure(failure) == t.failure(failure, goes_on=True) == t("error.kind.moderation")
