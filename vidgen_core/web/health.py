"""Signs of life, for programs that watch this one."""

from __future__ import annotations

from typing import Any

from vidgen_core import __version__
from vidgen_core.domain.errors import VidgenError
from vidgen_core.web.app_instance import get_vidgen


def health_facts() -> dict[str, Any]:
    """Whether the database answers and a runner is at work."""
    try:
        vidgen = get_vidgen()
        beat = vidgen.worker.heartbeat()
    except VidgenError as error:
        return {"ok": False, "version": __version__, "error": {"kind": error.kind, "message": error.code}}
    return {
        "ok": True,
        "version": __version__,
        "runner": {"here": vidgen.worker.is_here, "last_seen": beat.at.isoformat() if beat else None},
    }
