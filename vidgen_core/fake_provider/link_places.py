"""Where a value stands in an answer: dotted names, lists among them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

#: Names of places that stand for lists.
_SHORT: Final[Mapping[str, str]] = {"detail.generations": "detail.generations.*.url", "data.list": "data.*.url"}


def place(body: dict[str, Any], where: str, value: object) -> None:
    """Put a value at a place such as ``data.task_result.videos.*.url``; ``*`` is a list of one."""
    steps = _SHORT.get(where, where).split(".")
    target: dict[str, Any] | list[Any] = body
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        inner: Any = value if following is None else [] if following == "*" else {}
        if isinstance(target, list):
            target.append(inner)
        else:
            known = target.get(step)
            if following is not None and isinstance(known, type(inner)):
                inner = known
            target[step] = inner
        target = inner
