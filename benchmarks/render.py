"""Seconds to render a clip of five seconds, by size and move: ``python benchmarks/render.py [--clips N]``."""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from vidgen_core.media.kenburns import RenderSpec, pixel_size, render
from vidgen_core.media.sample_art import write_sample

SIZES = ("480P", "720P", "1080P", "4K")
PROMPTS = {"drift": "", "pan": "pan left", "zoom": "zoom in", "handheld": "handheld", "orbit": "orbit shot"}


def measure(spec: RenderSpec, folder: Path, clips: int) -> tuple[float, float, int]:
    """The least seconds on the clock and of the processor among some clips, and the bytes of the last."""
    target = folder / "clip.mp4"
    walls, processor = [], []
    for seed in range(clips):
        wall, used = time.perf_counter(), time.process_time()
        render(spec.model_copy(update={"seed": seed}), target)
        walls.append(time.perf_counter() - wall)
        processor.append(time.process_time() - used)
    return min(walls), min(processor), target.stat().st_size


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=2, help="clips a line; the quickest counts")
    parser.add_argument("--image", type=Path, help="a picture of your own instead of a drawn 12 megapixel one")
    parser.add_argument("--ratio", default="9:16")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        image = options.image or folder / "picture.jpg"
        if options.image is None:
            write_sample(image, 3, 4000, 3000)
        print(f"{'size':>6} {'pixels':>10} {'move':>9} {'wall s':>7} {'cpu s':>7} {'MB':>6}")
        for size in SIZES:
            width, height = pixel_size(size, options.ratio)
            for move, prompt in PROMPTS.items():
                spec = RenderSpec(image=image, prompt=prompt, width=width, height=height)
                wall, used, written = measure(spec, folder, options.clips if size != "4K" else 1)
                print(
                    f"{size:>6} {width:>5}x{height:<4} {move:>9} {wall:7.2f} {used:7.2f} {written / 1e6:6.2f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
