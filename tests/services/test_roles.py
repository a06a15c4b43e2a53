"""Who may do what with the façade."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import vidgen_core
from vidgen_core.config.paths import Locations
from vidgen_core.domain.errors import Refused
from vidgen_core.domain.providers import ProviderId
from vidgen_core.i18n import get_text
from vidgen_core.services.access.permissions import (
    AT_HOME,
    Role,
    Visitor,
    access_of,
    as_visitor,
    verbs_of,
)
from vidgen_core.services.context import services_of
from vidgen_core.services.facade import Vidgen

#: What visitors have nothing to do with: the life of the program, and what services do for each other.
INTERNAL = {
    "": {"open", "context", "store", "revision_cache", "stop_soon", "stop_at_once", "close"},
    "sessions": {
        "begin",
        "find",
        "end",
        "sign_out",
        "has_ended",
        "redeem",
        "log_sign_in",
        "is_known",
        "remember",
    },
    "agents": {"find"},
    "answers": {"read", "yes", "no"},
    "prompts": {"wanted"},
    "scripts": {"wanted"},
    "model_judge": {"wanted"},
    "requests": {"claim", "take_over", "carried_out", "end"},
    "worker": {"begin_journal", "job_ended", "start", "start_embedded", "stop", "stop_soon", "stop_at_once"},
    "checks": {"start", "stop"},
    "reviews": {"open", "grant", "is_granted", "take", "vote", "comment", "remove_comment"},
    "watched_folders": {"start", "stop"},
    "exports": {"close"},
    "notifications": {"start", "stop"},
    "progress": {"start", "stop"},
    "llm_queue": {"start", "stop", "stop_soon", "stop_at_once", "close", "settings", "each", "ask", "used", "left"},
}


@pytest.fixture
def app(locations: Locations) -> Vidgen:
    return Vidgen.open(locations)


def nouns(app: Vidgen) -> dict[str, type]:
    return {"": Vidgen} | {noun: type(service) for noun, service in services_of(app).items()}


def test_every_verb_of_the_facade_has_a_role(app: Vidgen) -> None:
    undecided = {
        noun: left
        for noun, kind in nouns(app).items()
        if (left := {v for v in verbs_of(kind) if not access_of(kind, v)})
    }
    assert undecided == INTERNAL


def test_every_act_has_words_for_the_log(app: Vidgen) -> None:
    acts = {
        f"did_{noun}_{verb}"
        for noun, kind in nouns(app).items()
        for verb in verbs_of(kind)
        if (access := access_of(kind, verb)) and access.is_logged
    }
    assert "did_shots_add" in acts
    for lang in ("en", "zh"):
        t = get_text(lang, strict=True)
        assert all(t(f"log.{act}", who="Li", what="7") for act in acts)


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
        lambda: viewer.store.write,
        viewer.close,
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
        maker.diagnostics.keys(ProviderId("kie"))
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


def test_a_verb_that_nobody_has_decided_on_is_the_owners(app: Vidgen) -> None:
    class Tasks:
        def something_new(self) -> bool:
            return True

    class Facade:
        context = app.context

        def __init__(self) -> None:
            self.tasks = Tasks()

    with pytest.raises(Refused, match="role_forbids_owner"):
        as_visitor(Facade(), Visitor(Role.MAKER, "Li")).tasks.something_new()
    assert as_visitor(Facade(), Visitor(Role.OWNER, "Wei")).tasks.something_new()


def test_what_serves_people_asks_services_and_never_the_store() -> None:
    package = Path(vidgen_core.__file__).parent
    opened = [
        path.name
        for folder in ("dashboard", "web", "cli")
        for path in (package / folder).rglob("*.py")
        if re.search(r"\bstore\.(read|write|revision|backup)\(", path.read_text(encoding="utf-8"))
    ]
    assert opened == []
