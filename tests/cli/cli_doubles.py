"""What a command leaves behind, as tests look at it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Said:
    """Exit status, standard output and standard error of one command."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What stdout holds, as JSON; it must hold nothing else."""
        return json.loads(self.out)


#: ``vidgen("tasks", "--json")``
Vidgen = Callable[..., Said]
