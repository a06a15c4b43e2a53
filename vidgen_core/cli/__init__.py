"""The command line: the same façade as the screens, for people in a terminal and for scripts.

Help texts in the code are ids of the catalogue area ``cli``; they are translated when the program starts.
Modules load what they need inside their commands, so that ``vidgen --help`` answers at once.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from typing import NoReturn

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command and leave with its exit status: 0 done, 1 some failed, 2 wrong use or settings, 130 interrupted."""
    # Nothing of what is imported becomes waste, and looking for it takes a tenth of the time; ``Session`` turns it on.
    gc.disable()
    from vidgen_core.cli.program import run

    sys.exit(run(arguments))
