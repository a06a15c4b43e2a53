"""Who may do what with the façade."""

from __future__ import annotations

import inspect

import pytest

from vidgen_core.config.paths import Locations
from vidgen_core.domain.errors import Refused
from vidgen_core.domain.providers import ProviderId
from vidgen_core.i18n import get_text
from vidgen_core.services.access.permissions import ACTS, AT_HOME, LOOKS, PREPARES, Role, Visitor, as_visitor, role_for
from vidgen_core.services.facade import Vidgen

#: Verbs that are the owners' on purpose.
RULES = {
    "worker": {"attach", "begin_journal", "doubt", "start", "stop", "stop_soon", "stop_at_once"},
    "watched_folders": {"start", "stop"},
    "diagnostics": {"keys"},
    "budget": {"limit_project", "go_on", "set_prices", "refresh_prices", "refresh_soon"},
    "log": {"clear"},
    "exports": {"close"},
    "disputes": {"write"},
    "notifications": {"test", "start", "stop"},
    "progress": {"start", "stop", "note"},
    "llm_queue": {
        "start",
        "stop",
        "stop_soon",
        "stop_at_once",
        "close",
        "settings",
        "open_chat",
        "ask",
        "test",
        "used",
    },
    "cleanup": {"plan", "carry_out", "backup"},
    "settings_file": {"change", "write_default"},
    "store": {"open", "backup", "checkpoint", "close"},
}


@pytest.fixture
def app(locations: Locations) -> Vidgen:
    return Vidgen.open(locations)


def verbs(value: object) -> set[str]:
    return {name for name, _ in inspect.getmembers(type(value)) if not name.startswith("_")}


def test_every_verb_of_the_facade_has_a_role(app: Vidgen) -> None:
    undecided = {
        noun: left
        for noun in LOOKS
        if (
            left := verbs(getattr(app, noun))
            - LOOKS[noun]
            - PREPARES.get(noun, frozenset())
            - ACTS.get(noun, frozenset())
            - RULES.get(noun, set())
        )
    }
    assert undecided == {}
    no_nouns = {"locations", "revision_cache"}
    nouns = {name for name in vars(app) if not name.startswith("_")} - no_nouns
    assert nouns <= set(LOOKS)


def test_every_act_has_words_for_the_log() -> None:
    for lang in ("en", "zh"):
        t = get_text(lang, strict=True)
        for noun, named in ACTS.items():
            assert all(t(f"log.did_{noun}_{verb}", who="Li", what="7") for verb in named)


def test_a_viewer_looks_and_changes_nothing(app: Vidgen) -> None:
    project = app.projects.ensure("ep01")
    viewer = as_visitor(app, Visitor(Role.VIEWER, "Li"))
    assert [one.name for one in viewer.projects.all()] == ["ep01"]
    assert viewer.worker.status(project.id).counts is not None
    for refused in (
        lambda: viewer.projects.ensure("other"),
        lambda: viewer.shots.add(project.id, prompt="rain"),
        lambda: viewer.worker.pause(),
        lambda: viewer.settings_file.change({"mode": "yunwu"}),
        lambda: viewer.log.clear(None),
        viewer.store.write,
        lambda: viewer.close,
    ):
        with pytest.raises(Refused) as error:
            refused()
        assert error.value.code.startswith("role_forbids_")
    assert app.shots.ids(project.id) == []


def test_a_maker_makes_and_leaves_the_settings_alone(app: Vidgen) -> None:
    maker = as_visitor(app, Visitor(Role.MAKER, "Li"))
    project = maker.projects.ensure("ep01")
    shot = maker.shots.add(project.id, prompt="rain")
    with pytest.raises(Refused, match="role_forbids_owner"):
        maker.settings_file.change({"budget.limit": 1000})
    with pytest.raises(Refused, match="role_forbids_owner"):
        maker.diagnostics.keys(ProviderId.KIE)
    line = next(line for line in app.log.page(project.id) if line.code == "did_shots_add")
    assert line.params["who"] == "Li"
    assert maker.shots.get(shot.id).prompt == "rain"


def test_a_change_of_settings_is_noted_by_name_and_never_by_value(app: Vidgen) -> None:
    owner = as_visitor(app, Visitor(Role.OWNER, "Wei"))
    owner.settings_file.change({"providers.yunwu.keys": [{"name": "a", "secret": "sk-0123456789ab"}]})
    line = app.log.page(None)[0]
    assert (line.code, line.params["what"]) == ("did_settings_file_change", "providers.yunwu.keys")


def test_the_person_at_this_machine_gets_the_facade_itself(app: Vidgen) -> None:
    assert as_visitor(app, AT_HOME) is app


def test_a_verb_that_nobody_has_decided_on_is_the_owners() -> None:
    assert role_for("tasks", "something_new") is Role.OWNER
    assert role_for("new_noun", "get") is Role.OWNER
