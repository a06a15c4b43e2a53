"""The ZIP holds the chosen takes in shot order, and says what they are."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from exporting_material import film_of, make_video, quiet

from vidgen_core.domain.errors import FileError, InputError, Refused
from vidgen_core.domain.shots import GenerationMode, ShotReference
from vidgen_core.domain.tasks import GenerationParams
from vidgen_core.services.exports.archive import write_archive, write_zip
from vidgen_core.services.exports.film import Cancelled, Film, Format, Options
from vidgen_core.services.exports.naming import clip_names
from vidgen_core.services.exports.writers import write_film
from vidgen_core.services.imports.readers.reader import read_sources


def test_a_zip_holds_forty_takes_in_shot_order_byte_for_byte(film: Film, tmp_path: Path) -> None:
    target = tmp_path / "out.zip"

    write_archive(film, target, Options(), quiet)

    with zipfile.ZipFile(target) as archive:
        names = [name for name in archive.namelist() if name.endswith(".mp4")]
        assert names == sorted(names)
        assert names[0] == "001_1.0-v2.mp4"
        assert names[39] == "040_40.0-v2.mp4"
        for clip, name in zip(film.takes, names, strict=True):
            assert clip.source is not None
            assert archive.read(name) == clip.source.read_bytes()
        assert archive.testzip() is None


def test_the_manifest_tells_each_file_its_shot_and_what_is_missing(film: Film, tmp_path: Path) -> None:
    target = tmp_path / "out.zip"

    write_archive(film, target, Options(), quiet)

    with zipfile.ZipFile(target) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        table = list(csv.DictReader(io.StringIO(archive.read("manifest.csv").decode("utf-8-sig"))))
    assert manifest["missing"] == ["41.0", "42.0"]
    assert [entry["shot"] for entry in manifest["clips"]] == [f"{number}.0" for number in range(1, 41)]
    assert [row["video"] for row in table] == [entry["video"] for entry in manifest["clips"]]
    assert manifest["clips"][4]["width"] == 128


def test_a_prompt_cannot_become_a_formula_in_the_manifest(tmp_path: Path) -> None:
    video = make_video(tmp_path / "a.mp4", (9, 9, 9))
    film = film_of({1: video}, 1, tmp_path, prompt="=HYPERLINK(1)")

    write_archive(film, tmp_path / "out.zip", Options(), quiet)

    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert "'=HYPERLINK(1)" in archive.read("manifest.csv").decode("utf-8-sig")


def test_a_zip_never_lies_whole_in_memory(tmp_path: Path) -> None:
    large = tmp_path / "large.bin"
    with large.open("wb") as file:
        file.truncate(64 << 20)
    tracemalloc.start()

    write_zip({"large.bin": large}, tmp_path / "out.zip", quiet)

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (tmp_path / "out.zip").stat().st_size > 64 << 20
    assert peak < 8 << 20


def test_progress_rises_to_one_and_cancelling_leaves_nothing_behind(film: Film, tmp_path: Path) -> None:
    seen: list[float] = []
    write_archive(film, tmp_path / "whole.zip", Options(), seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0

    def stop(done: float) -> None:
        if done > 0.5:
            raise Cancelled

    with pytest.raises(Cancelled):
        write_archive(film, tmp_path / "stopped.zip", Options(), stop)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["whole.zip"]


def test_names_differ_even_where_the_pattern_does_not(film: Film) -> None:
    names = [str(name) for name in clip_names("{order}/{shot}-{take}", film.project, film.takes)]
    assert names[0] == "1/1.0-2.mp4"

    twins = film.model_copy(update={"clips": (film.clips[0], film.clips[0])})
    assert [str(name) for name in clip_names("{shot}-v{take}.mp4", "p", twins.clips)] == [
        "1.0-v2.mp4",
        "1.0-v2 (2).mp4",
    ]


def test_names_are_safe_on_windows(tmp_path: Path) -> None:
    video = make_video(tmp_path / "a.mp4", (9, 9, 9))
    film = film_of({1: video}, 1, tmp_path, number='CON<>:"|?*')

    (name,) = clip_names("{project}/{shot}_v{take}", 'a:b\\c/d."', film.takes)

    assert not set('<>:"\\|?*') & set(str(name))
    assert len(name.parts) == 2


@pytest.mark.parametrize("pattern", ["{shot}", "../{shot}{take}", "{shot}{take}{nope}", "{order", "{order:x}{shot}"])
def test_a_pattern_that_cannot_work_is_refused(film: Film, pattern: str) -> None:
    with pytest.raises(InputError) as refused:
        clip_names(pattern, film.project, film.takes)
    assert refused.value.code == "pattern_invalid"


@pytest.mark.parametrize("kind", [Format.ZIP, Format.MP4, Format.OTIO, Format.FCPXML, Format.EDL, Format.JIANYING])
def test_every_format_says_that_nothing_is_chosen(kind: Format, tmp_path: Path) -> None:
    film = film_of({}, 3, tmp_path, stills=True)
    with pytest.raises(Refused) as refused:
        write_film(film, kind, tmp_path / "out", Options(), quiet)
    assert refused.value.code == "export_nothing_chosen"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", [Format.ZIP, Format.MP4, Format.OTIO, Format.FCPXML, Format.EDL, Format.JIANYING])
def test_every_format_names_the_takes_whose_file_is_gone(kind: Format, tmp_path: Path) -> None:
    video = make_video(tmp_path / "a.mp4", (9, 9, 9))
    film = film_of({2: video}, 3, tmp_path)
    video.unlink()
    with pytest.raises(FileError) as refused:
        write_film(film, kind, tmp_path / "out", Options(), quiet)
    assert refused.value.code == "export_files_gone"
    assert refused.value.params == {"n": 1, "shots": "2.0"}


def test_the_manifest_says_what_a_take_was_made_from(film: Film, tmp_path: Path) -> None:
    params = GenerationParams(
        aspect_ratio="9:16",
        size="720P",
        mode=GenerationMode.FIRST_LAST_FRAME,
        last_frame="z.png",
        sound=True,
        negative_prompt="=rain",
        references=(ShotReference(image="a.png"),),
    )
    first, *rest = film.clips
    told = film.model_copy(update={"clips": (first.model_copy(update={"params": params}), *rest)})
    write_archive(told, tmp_path / "film.zip", Options(), quiet)
    with zipfile.ZipFile(tmp_path / "film.zip") as archive:
        known, unknown = json.loads(archive.read("manifest.json"))["clips"][:2]
    names = ("mode", "sound", "negative_prompt", "has_last_frame", "reference_count")
    assert [known[name] for name in names] == ["first_last_frame", True, "=rain", True, 1]
    assert [unknown[name] for name in names] == [None] * 5


def test_the_zip_comes_back_as_the_shots_it_was_made_of(film: Film, tmp_path: Path) -> None:
    write_archive(film, tmp_path / "film.zip", Options(), quiet)
    with zipfile.ZipFile(tmp_path / "film.zip") as archive:
        archive.extractall(tmp_path / "out")

    plan = read_sources([tmp_path / "out" / name for name in ("manifest.json", "manifest.csv")])

    assert [(shot.number, shot.prompt) for shot in plan.ok] == [
        (clip.shot.number, clip.take.prompt or clip.shot.prompt) for clip in film.takes if clip.take
    ]
    assert [note.code for note in plan.notes] == ["list_repeated"]
