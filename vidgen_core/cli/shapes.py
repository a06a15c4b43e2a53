"""The machine-readable answers; scripts depend on their shape, so it is fixed here and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vidgen_core.app import ShotView


def shot_shape(view: ShotView, project: str, images: Path) -> dict[str, Any]:
    """One shot as ``vidgen shots --json`` prints it."""
    shot = view.shot
    return {
        "id": str(shot.id),
        "project": project,
        "shot": shot.number,
        "prompt": shot.prompt,
        "script": shot.script,
        "picture_prompt": shot.picture_prompt,
        "image": str(images / shot.image) if shot.image else None,
        "image_url": shot.image_url,
        "params": shot.params.model_dump(mode="json", exclude_none=True),
        "extra": shot.extra,
        "tasks": {status.value: count for status, count in view.counts.items()},
        "pictures": [
            {
                "number": picture.number,
                "file": str(images / picture.image) if picture.image else None,
                "model": picture.model or None,
                "chosen": picture.chosen,
            }
            for picture in view.candidates
        ],
        "takes": [
            {
                "take": take.number,
                "file": str(Path(take.folder, take.file)),
                "seconds": take.seconds,
                "width": take.width,
                "height": take.height,
                "chosen": take.id == shot.chosen_take_id,
            }
            for take in view.takes
        ],
    }
