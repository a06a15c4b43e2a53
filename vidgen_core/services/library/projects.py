"""Projects, and the sample one that a fresh home begins with."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vidgen_core.db import NewShot
from vidgen_core.domain.errors import InputError
from vidgen_core.domain.shots import Project, ShotParams
from vidgen_core.i18n import choose_language
from vidgen_core.providers.http.cleaning import clean_text
from vidgen_core.services.access.permissions import Role, requires

if TYPE_CHECKING:
    from vidgen_core.services.context import ServiceContext
    from vidgen_core.services.library.shots import Shots

#: Number and prompt of the sample shots: each says what its drawn picture shows and another way for the camera to move.
SAMPLE: Final[dict[str, tuple[str, tuple[tuple[str, str], ...]]]] = {
    "zh": (
        "示例短剧",
        (
            ("1.0", "夕阳下的群山，镜头缓缓推进"),
            ("1.1", "黄昏的城市，镜头向左平移"),
            ("2.0", "杉林后的湖面，镜头缓慢拉远"),
            ("2.1", "暮色中的杉林，镜头向上摇"),
            ("3.0", "星空下的山丘，手持镜头轻轻晃动"),
            ("3.1", "清晨的山峦，镜头环绕主体"),
        ),
    ),
    "en": (
        "Sample short",
        (
            ("1.0", "Mountains at sunset, camera slowly zooms in"),
            ("1.1", "The city at dusk, pan left"),
            ("2.0", "A lake behind the firs, camera slowly pulls back"),
            ("2.1", "Firs in the evening light, tilt up"),
            ("3.0", "Hills under the stars, handheld"),
            ("3.1", "Morning in the mountains, camera orbits the subject"),
        ),
    ),
}
LONGEST_NAME: Final = 120


class Projects:
    """Films in the making."""

    def __init__(self, ctx: ServiceContext, shots: Shots) -> None:
        self._ctx = ctx
        self._shots = shots

    @requires(Role.VIEWER)
    def all(self) -> list[Project]:
        with self._ctx.store.read() as tx:
            return tx.projects.all()

    @requires(Role.VIEWER)
    def get(self, project_id: int) -> Project:
        """:raises NotFound:"""
        with self._ctx.store.read() as tx:
            return tx.projects.get(project_id)

    @requires(Role.VIEWER)
    def find(self, name: str) -> Project | None:
        with self._ctx.store.read() as tx:
            return tx.projects.find(name)

    @requires(Role.MAKER)
    def ensure(self, name: str) -> Project:
        """The project of that name, made if there is none.

        :raises InputError: ``project_name_empty``, ``project_name_too_long`` (limit)
        """
        wanted = " ".join(clean_text(name).split())
        if not wanted:
            raise InputError("project_name_empty")
        if len(wanted) > LONGEST_NAME:
            raise InputError("project_name_too_long", limit=LONGEST_NAME)
        found = self.find(wanted)
        if found is not None:
            return found
        with self._ctx.store.write() as tx:
            return tx.projects.ensure(wanted)

    @requires(Role.MAKER)
    def ensure_sample(self) -> Project | None:
        """The sample project, made only in a home that has no project yet; None where there is one already."""
        if self.all():
            return None
        return self.make_sample(SAMPLE[self._language()][0])

    @requires(Role.MAKER)
    def make_sample(self, name: str) -> Project:
        """A project with six shots and their pictures; one that has shots already stays as it is."""
        project = self.ensure(name)
        if not self._shots.ids(project.id):
            sample = SAMPLE[self._language()][1]
            from vidgen_core.media.sample_art import SAMPLE_IMAGES

            shots = [self._sample_shot(picture, *shot) for picture, shot in zip(SAMPLE_IMAGES, sample, strict=True)]
            with self._ctx.store.write() as tx:
                tx.shots.add(project.id, shots)
        return project

    def _sample_shot(self, picture: Path, number: str, prompt: str) -> NewShot:
        key = self._shots.keep_image(picture)
        return NewShot(number=number, prompt=prompt, image=key, params=ShotParams(aspect_ratio="9:16"))

    def _language(self) -> str:
        return choose_language(self._ctx.settings().language, os.environ.get("LC_ALL") or os.environ.get("LANG"))
