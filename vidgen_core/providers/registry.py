"""Register the provider of every folder beside this file, and build adapters.

A new provider is a folder with a ``spec.py`` that holds ``SPEC``; no line here or elsewhere changes.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from importlib import import_module
from importlib.machinery import FileFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidgen_core.domain.providers import ProviderId, register

if TYPE_CHECKING:
    from vidgen_core.config.paths import Locations
    from vidgen_core.config.schema import Settings
    from vidgen_core.providers.base import Provider, UploadCache


def register_all() -> None:
    """Register every folder that has a ``spec.py``, in the order that the specs ask for; may be called again."""
    folder = import_module(__name__.rpartition(".")[0])
    found = [
        import_module(f"{folder.__name__}.{name}.spec").SPEC
        for finder, name, is_folder in pkgutil.iter_modules(folder.__path__)
        if is_folder and isinstance(finder, FileFinder) and Path(finder.path, name, "spec.py").is_file()
    ]
    for spec in sorted(found, key=lambda spec: (spec.place, spec.name)):
        register(spec)


def load(path: str) -> Any:
    """What ``module:name`` names."""
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)


def open_provider(
    mode: ProviderId, settings: Callable[[], Settings], locations: Locations, uploads: UploadCache | None = None
) -> Provider:
    """A new instance of a provider.

    :param uploads: where links of uploaded pictures are remembered
    """
    spec = mode.spec
    more = {"uploads": uploads} if spec.keeps_uploads else {}
    provider: Provider = load(spec.adapter)(settings, locations, **more)
    return provider
