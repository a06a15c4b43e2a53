"""The façade: everything a door (screen, HTTP API, command line, test) may ask, in one object.

``Vidgen`` is sync and returns plain frozen values. It meets the runner only in the store.
"""

from vidgen_core.app.drawing import Character, References
from vidgen_core.app.logs import words_of
from vidgen_core.app.vidgen import Vidgen
from vidgen_core.app.views import (
    Estimate,
    Finding,
    Frame,
    Generated,
    Imported,
    KnownConnection,
    Outcome,
    Preview,
    Refusal,
    RowNote,
    ShotProblem,
    ShotRefusal,
    ShotView,
    Status,
    Step,
    StepName,
)

__all__ = [
    "Character",
    "Estimate",
    "Finding",
    "Frame",
    "Generated",
    "Imported",
    "KnownConnection",
    "Outcome",
    "Preview",
    "References",
    "Refusal",
    "RowNote",
    "ShotProblem",
    "ShotRefusal",
    "ShotView",
    "Status",
    "Step",
    "StepName",
    "Vidgen",
    "words_of",
]
