"""Projects and their settings."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Row, bindparam, insert, select, update

from vidgen_core.db.dialect import upsert
from vidgen_core.db.prepared import PreparedStatement
from vidgen_core.db.repository import Repository
from vidgen_core.db.schema.library import project_settings, projects
from vidgen_core.domain.errors import NotFound
from vidgen_core.domain.shots import Project

# Frequent statements are compiled once.
_GET: Final = PreparedStatement(select(projects).where(projects.c.id == bindparam("the_project")))
_SETTINGS: Final = PreparedStatement(
    select(project_settings.c.name, project_settings.c.value).where(
        project_settings.c.project_id == bindparam("the_project")
    )
)


def _project(row: Row[Any]) -> Project:
    return Project(id=row.id, name=row.name, created_at=row.created_at, archived=row.archived_at is not None)


class ProjectRepository(Repository):
    def ensure(self, name: str) -> Project:
        """The project of this name, created if there is none."""
        found = self.find(name)
        if found is not None:
            return found
        _ = self.tx.rev
        new = insert(projects).values(name=name, created_at=self.tx.now()).returning(*projects.c)
        return _project(self.tx.execute(new).one())

    def get(self, project_id: int) -> Project:
        """Raises NotFound project_not_found."""
        row = self.tx.execute(_GET, {"the_project": project_id}).one_or_none()
        if row is None:
            raise NotFound("project_not_found", id=project_id)
        return _project(row)

    def find(self, name: str) -> Project | None:
        row = self.tx.execute(select(projects).where(projects.c.name == name)).one_or_none()
        return None if row is None else _project(row)

    def all(self) -> list[Project]:
        """Oldest first, archived ones among them; deleted ones are gone."""
        query = select(projects).where(projects.c.deleted_at.is_(None)).order_by(projects.c.id)
        return [_project(row) for row in self.tx.execute(query)]

    def rename(self, project_id: int, name: str) -> Project:
        """Give it another name, which no other project has."""
        return self._change(project_id, name=name)

    def archive(self, project_id: int, archived: bool = True) -> Project:
        """Put a project away, or bring it back; what is under way in it goes on."""
        return self._change(project_id, archived_at=self.tx.now() if archived else None)

    def delete(self, project_id: int) -> None:
        """Hide a project; what was spent in it stays in the ledger, and its name is free again."""
        gone = self.get(project_id)
        self._change(project_id, deleted_at=self.tx.now(), name=f"{gone.name}\N{NO-BREAK SPACE}#{project_id}")

    def _change(self, project_id: int, **columns: Any) -> Project:
        _ = self.tx.rev
        change = update(projects).where(projects.c.id == project_id, projects.c.deleted_at.is_(None))
        row = self.tx.execute(change.values(**columns).returning(*projects.c)).one_or_none()
        if row is None:
            raise NotFound("project_not_found", id=project_id)
        return _project(row)

    def settings(self, project_id: int) -> dict[str, Any]:
        def read() -> dict[str, Any]:
            return {row.name: row.value for row in self.tx.execute(_SETTINGS, {"the_project": project_id})}

        return self.tx.known(("settings", project_id), read)

    def set_setting(self, project_id: int, name: str, value: Any) -> None:
        """Keep a JSON value under ``name``; None removes what was kept."""
        _ = self.tx.rev
        new = upsert(project_settings).values(project_id=project_id, name=name, value=value)
        self.tx.execute(new.on_conflict_do_update(index_elements=["project_id", "name"], set_={"value": value}))
        self.tx.forget(("settings", project_id))
