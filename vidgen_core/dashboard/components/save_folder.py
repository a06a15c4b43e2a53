"""Where videos will be saved: whether the folder can be used, and what a file will be called."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import streamlit as st

from vidgen_core.config.schema import Settings
from vidgen_core.dashboard.components.labels import plain
from vidgen_core.dashboard.session import Visit, sentence
from vidgen_core.domain.errors import InputError
from vidgen_core.media.naming import check_pattern, take_path


def show_folder(visit: Visit, typed: str) -> Path:
    """Say of a typed folder where it is, that it can be written to, and how much room there is; return it."""
    t = visit.t
    folder = Settings.model_construct(save_dir=typed.strip()).save_folder(visit.app.locations)
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        st.error(t("settings.folder_closed", path=plain(str(folder))), icon=":material/folder_off:")
        return folder
    free = t.bytes(shutil.disk_usage(existing).free)
    known = "settings.folder_ready" if folder.exists() else "settings.folder_new"
    st.caption(f":material/folder: {t(known, path=plain(str(folder)), free=free)}")
    return folder


def show_example(visit: Visit, folder: Path, pattern: str) -> None:
    """The path that the pattern makes of a take, or why it cannot be used."""
    t = visit.t
    try:
        check_pattern(pattern)
        example = _example(visit, pattern)
    except InputError as error:
        st.error(sentence(error), icon=":material/error:")
    else:
        st.caption(f":material/movie: {t('settings.pattern_example', path=plain(str(folder / example)))}")


def _example(visit: Visit, pattern: str) -> str:
    settings = visit.app.settings()
    section = settings.providers.of(settings.mode)
    return str(
        take_path(pattern, project=visit.project.name, shot="1.0", take=1, model=section.model, provider=settings.mode)
    )
