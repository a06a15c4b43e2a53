"""Who calls a tool: the façade with their rights, the projects they may see, and the language of sentences."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from vidgen_core.domain.agents import Agent
from vidgen_core.domain.errors import NotFound
from vidgen_core.domain.shots import Project, Shot
from vidgen_core.domain.takes import Take
from vidgen_core.domain.tasks import Task
from vidgen_core.i18n import Text
from vidgen_core.services.facade import Vidgen


@dataclass(frozen=True)
class Caller:
    """Somebody who calls tools."""

    app: Vidgen
    #: None: a program with the API token, which has no limits of its own.
    agent: Agent | None
    t: Text

    @property
    def name(self) -> str | None:
        return self.agent.name if self.agent else None

    def projects(self) -> list[Project]:
        """Those that the caller may see."""
        own = None if self.agent is None else self.agent.projects
        return [project for project in self.app.projects.all() if own is None or project.id in own]

    def project(self, name: str) -> Project:
        """:raises NotFound: ``project_unknown`` (name, known), also for one that the caller may not see"""
        wanted = " ".join(name.split())
        projects = self.projects()
        found = next((one for one in projects if one.name == wanted), None)
        if found is None:
            raise NotFound("project_unknown", name=name, known=", ".join(one.name for one in projects) or "–")
        return found

    def project_to_fill(self, name: str) -> Project:
        """The project of that name; one that is not there is made for callers who may see all projects."""
        if self.agent is not None and self.agent.projects is not None:
            return self.project(name)
        return self.app.projects.find(" ".join(name.split())) or self.app.projects.ensure(name)

    def shot(self, project: Project, number: str) -> Shot:
        """:raises NotFound: ``shot_not_in_project`` (shot)"""
        found = self.app.shots.by_number(project.id, number.strip())
        if found is None:
            raise NotFound("shot_not_in_project", shot=number)
        return found

    def take(self, shot: Shot, number: int) -> Take:
        """:raises NotFound: ``video_not_there``"""
        found = next((take for take in self.app.takes.takes_of(shot.id) if take.number == number), None)
        if found is None:
            raise NotFound("video_not_there")
        return found

    def script(self, project: Project, number: str) -> int:
        """:raises NotFound: ``script_not_found``, also for one of another project"""
        found = self.app.scripts.get(int(number) if number.isdecimal() and len(number) < 16 else 0)
        if found.script.project_id != project.id:
            raise NotFound("script_not_found", id=number)
        return found.script.id

    def tasks(self, project: Project, ids: Collection[str]) -> list[Task]:
        """:raises NotFound: ``task_not_found`` (id), also for one of another project"""
        wanted = [int(id_) if id_.isdecimal() and len(id_) < 16 else 0 for id_ in ids]
        found = {task.id: task for task in self.app.tasks.many(wanted) if task.project_id == project.id}
        for given, id_ in zip(ids, wanted, strict=True):
            if id_ not in found:
                raise NotFound("task_not_found", id=given)
        return list(found.values())


#: Finds out who calls: given the HTTP request, or None over stdio.
Callers = Callable[[Any], Caller]
