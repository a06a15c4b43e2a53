"""The façade: everything a door (screen, HTTP API, command line, test) may ask, in one object.

``Vidgen`` is sync and returns plain frozen values. It meets the runner only in the store.
"""

from vidgen_core.app.drawing import Character, References
from vidgen_core.app.vidgen import Vidgen
from vidgen_core.app.views import (
    BalanceDifference,
    BudgetView,
    Canary,
    Estimate,
    Finding,
    Frame,
    Generated,
    Imported,
    KnownConnection,
    Outcome,
    Preflight,
    PreflightProblem,
    Preview,
    Refusal,
    RowNote,
    ShotProblem,
    ShotRefusal,
    ShotView,
    SpendLine,
    Status,
    Step,
    StepName,
)

__all__ = [
    "BalanceDifference",
    "BudgetView",
    "Canary",
    "Character",
    "Estimate",
    "Finding",
    "Frame",
    "Generated",
    "Imported",
    "KnownConnection",
    "Outcome",
    "Preflight",
    "PreflightProblem",
    "Preview",
    "References",
    "Refusal",
    "RowNote",
    "ShotProblem",
    "ShotRefusal",
    "ShotView",
    "SpendLine",
    "Status",
    "Step",
    "StepName",
    "Vidgen",
]
