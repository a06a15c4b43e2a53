"""File names follow the pattern and are safe on every system, whatever people type."""

from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidgen_core.domain.errors import InputError
from vidgen_core.media.files import check_pattern, take_path

DEFAULT = "{project}/{shot}/{shot}-v{take}.mp4"


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (DEFAULT, "雨夜/1.10/1.10-v3.mp4"),
        ("{shot:0>6}_{take:02d}.mp4", "001.10_03.mp4"),
        ("{project}\\{provider}-{model}\\{shot} {take}.MP4", "雨夜/kie-veo3_fast/1.10 3.MP4"),
        ("{created:%Y-%m-%d}/{shot}/{take}.mp4", "2026-01-02/1.10/3.mp4"),
        ("{shot}-{take}{chosen}.mp4", "1.10-3.mp4"),
    ],
)
def test_the_pattern_is_filled_in(pattern: str, expected: str) -> None:
    check_pattern(pattern)

    path = take_path(
        pattern,
        project="雨夜",
        shot="1.10",
        take=3,
        model="veo3/fast",
        provider="kie",
        created=datetime(2026, 1, 2, tzinfo=UTC),
    )

    assert path == PurePosixPath(expected)


def test_a_chosen_take_can_say_so() -> None:
    assert (
        take_path("{shot}-{take}-{chosen}.mp4", project="p", shot="1.0", take=1, chosen=True).name == "1.0-1-chosen.mp4"
    )


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("", "pattern_needs_shot_and_take"),
        ("{shot}.mp4", "pattern_needs_shot_and_take"),
        ("{project}/{take}.mp4", "pattern_needs_shot_and_take"),
        ("{shot-{take}.mp4", "pattern_braces"),
        ("{shot}-{take.mp4", "pattern_braces"),
        ("{shot}-{take}-{user}.mp4", "pattern_fields"),
        ("{shot}-{take}-{}.mp4", "pattern_fields"),
        ("{shot.__class__}-{take}-{shot}.mp4", "pattern_fields"),
        ("{shot[0]}{shot}-{take}.mp4", "pattern_fields"),
        ("{shot!r}-{take}.mp4", "pattern_format"),
        ("{shot:d}-{take}.mp4", "pattern_format"),
        ("{shot:>999999999}-{take}.mp4", "pattern_format"),
        ("{shot:{take}}-{take}.mp4", "pattern_format"),
        ("/videos/{shot}-{take}.mp4", "pattern_path"),
        ("\\\\server\\{shot}-{take}.mp4", "pattern_path"),
        ("C:\\videos\\{shot}-{take}.mp4", "pattern_path"),
        ("~/videos/{shot}-{take}.mp4", "pattern_path"),
        ("../{shot}-{take}.mp4", "pattern_path"),
        ("{project}/../../{shot}-{take}.mp4", "pattern_path"),
        ("{shot}-{take}", "pattern_path"),
        ("{shot}-{take}.exe", "pattern_path"),
    ],
)
def test_a_pattern_that_cannot_be_used_says_why(pattern: str, reason: str) -> None:
    with pytest.raises(InputError) as caught:
        check_pattern(pattern)

    assert caught.value.code == "pattern_invalid"
    assert caught.value.params["reason"] == reason


@pytest.mark.parametrize(
    ("project", "folder"),
    [
        ("../../etc", "_.._etc"),
        ("/etc/passwd", "_etc_passwd"),
        ("..", "_"),
        ("", "_"),
        ("   ", "_"),
        ("CON", "CON_"),
        ("nul.txt", "nul_.txt"),
        ('a:b*c?"<>|d', "a_b_c_____d"),
        ("tab\there\nnew\x00line", "tabherenewline"),
        ("\u202egnp.exe", "gnp.exe"),
        ("ends with dots...", "ends with dots"),
        ("雨夜：第一集", "雨夜：第一集"),
        ("{take}", "{take}"),
    ],
)
def test_names_are_made_safe(project: str, folder: str) -> None:
    path = take_path(DEFAULT, project=project, shot="1.0", take=1)

    assert path.parts[1:] == ("1.0", "1.0-v1.mp4")
    assert path.parts[0].replace("nul.txt_", "nul_.txt") == folder


def test_very_long_names_are_cut_and_keep_their_end() -> None:
    path = take_path("{project}-{model}-{shot}-v{take}.mp4", project="长" * 500, model="m" * 500, shot="12.34", take=7)

    assert len(path.name.encode()) <= 220
    assert path.name.endswith("-12.34-v7.mp4")
    assert path.name.startswith("长")


texts = st.text(max_size=300)


@given(project=texts, shot=texts, model=texts, take=st.integers(1, 10**6))
def test_whatever_is_typed_stays_below_the_folder(project: str, shot: str, model: str, take: int) -> None:
    path = take_path("{project}/{model}/{shot}-v{take}.mp4", project=project, shot=shot, model=model, take=take)

    assert len(path.parts) == 3
    assert not path.is_absolute()
    assert not {"", ".", ".."} & set(path.parts)
    assert path.name.endswith(f"v{take}.mp4")
    for part in path.parts:
        assert len(part.encode()) <= 220
        assert not set(part) & set('/\\:*?"<>|\0\n\r\t')
        assert part == part.strip(" .")


def test_the_disk_takes_such_names(tmp_path: Path) -> None:
    path = tmp_path / take_path(DEFAULT, project="长" * 500, shot="¿?*:" * 80, take=1)

    path.parent.mkdir(parents=True)
    path.with_name(f"{path.name}.t123.part").touch()
    path.with_name(f"{path.stem} (2){path.suffix}").touch()
