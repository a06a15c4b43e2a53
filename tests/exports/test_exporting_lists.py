"""Exported shot lists import again to the same shots, and no spreadsheet takes a cell for a formula."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path

import openpyxl
import pytest
from exporting_material import ImagesIn, shot
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from vidgen_core.domain.errors import FileError
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.shots import GenerationMode, ReferenceRole, Shot, ShotParams, ShotReference
from vidgen_core.media.images import keep_image
from vidgen_core.services.exports.film import Format, Options
from vidgen_core.services.exports.shot_list import shot_list
from vidgen_core.services.exports.writers import write_shots
from vidgen_core.services.imports.plan import PlannedShot
from vidgen_core.services.imports.readers.pictures import Surroundings
from vidgen_core.services.imports.readers.reader import read_list, read_sources
from vidgen_core.services.imports.values import clean

LISTS = [Format.CSV, Format.JSON, Format.XLSX]
KINDS = {Format.CSV: "text", Format.JSON: "json", Format.XLSX: "xlsx"}


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    return folder


@pytest.fixture
def shots(images: Path, tmp_path: Path) -> list[Shot]:
    """Every kind of cell that has ever broken a list."""
    Image.new("RGB", (300, 400), (9, 90, 200)).save(tmp_path / "picture.png")
    key = keep_image(tmp_path / "picture.png", images)
    params = ShotParams(
        provider=ProviderId("kie"),
        model="veo3_fast",
        aspect_ratio="9:16",
        size="1080P",
        duration=7.5,
        takes=3,
        seed=12345,
        watermark="我的",
        callback_url="https://example.org/done?a=1",
        mode=GenerationMode.FIRST_LAST_FRAME,
        sound=False,
        negative_prompt="雨, 雪\n模糊",
    )
    Image.new("RGB", (300, 400), (200, 90, 9)).save(tmp_path / "other.png")
    other = keep_image(tmp_path / "other.png", images)
    references = (
        ShotReference(image=other),
        ShotReference(image_url="https://example.org/b.png", role=ReferenceRole.STYLE),
        ShotReference(image=key, role=ReferenceRole.OBJECT),
    )
    first = {"image": key, "last_frame": other, "references": references}
    return [
        shot(1, number="1.0", prompt='雨夜, "霓虹"\n第二行; tab\there', **first, params=params, script="他走了。"),
        shot(
            2,
            number="1.10",
            prompt="=HYPERLINK(1)",
            image_url="https://example.org/a.png",
            last_frame_url="https://example.org/z.png",
            params=ShotParams(sound=True, mode=GenerationMode.TEXT),
        ),
        shot(3, number="1.2", prompt="-2 度的早晨", extra={"角色": "小明", "镜头类型": "特写"}),
        shot(4, number="A-1", prompt="@home", picture_prompt="窗边的老人，逆光", image=key, extra={"角色": "+小红"}),
    ]


def facts(item: Shot | PlannedShot) -> tuple[object, ...]:
    return (item.number, item.prompt, item.image_url, item.params, item.extra, item.script, item.picture_prompt)


def others(item: Shot | PlannedShot) -> list[tuple[str, str, str | None, str | None]]:
    """Last frame and references: place, role, key and link."""
    if isinstance(item, PlannedShot):
        return [(one.slot, one.role, one.image_key, one.image_url) for one in item.pictures]
    last = [("last_frame", "character", item.last_frame, item.last_frame_url)]
    listed = [("reference", one.role, one.image, one.image_url) for one in item.references]
    return [one for one in (*last, *listed) if one[2] or one[3]]


@pytest.mark.parametrize("kind", LISTS)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_an_exported_list_imports_to_the_same_shots(
    kind: Format, language: str, shots: list[Shot], images: Path, tmp_path: Path
) -> None:
    target = tmp_path / f"list.{kind}"
    write_shots(shots, kind, target, Options(), language, "ep01", ImagesIn(images))

    plan = read_sources([target])

    assert [planned.reasons for planned in plan.shots] == [()] * 4
    assert [facts(planned) for planned in plan.shots] == [facts(each) for each in shots]
    assert [others(planned) for planned in plan.shots] == [others(each) for each in shots]
    again = tmp_path / "again"
    again.mkdir()
    assert [keep_image(planned.image, again) if planned.image else None for planned in plan.shots] == [
        each.image for each in shots
    ]


@pytest.mark.parametrize("kind", LISTS)
def test_a_list_with_its_pictures_imports_on_another_machine(
    kind: Format, shots: list[Shot], images: Path, tmp_path: Path
) -> None:
    write_shots(shots, kind, tmp_path / "list.zip", Options(pictures=True), "zh", "ep01", ImagesIn(images))
    elsewhere = tmp_path / "elsewhere"
    with zipfile.ZipFile(tmp_path / "list.zip") as archive:
        archive.extractall(elsewhere)

    plan = read_sources([elsewhere / f"shots.{kind}"], may_leave=False)

    assert [facts(planned) for planned in plan.shots] == [facts(each) for each in shots]
    assert [others(planned) for planned in plan.shots] == [others(each) for each in shots]
    assert [planned.image is not None for planned in plan.shots] == [True, False, False, True]


def test_a_column_called_like_a_field_does_not_take_its_place(images: Path, tmp_path: Path) -> None:
    odd = [shot(1, number="7.0", extra={"镜号": "other", "no": "third"})]
    target = tmp_path / "list.csv"
    write_shots(odd, Format.CSV, target, Options(), "zh", "ep01", ImagesIn(images))

    (planned,) = read_sources([target]).shots

    assert (planned.number, planned.extra) == ("7.0", {"镜号": "other", "no": "third"})


#: Beginnings that spreadsheets reckon at, and apostrophes that are there already.
_BAITS = st.sampled_from(["", "=", "+", "-", "@", "＝", "＋", "－", "＠", "'", "''", "'=", "' =", "'@", "’="])
_PROMPTS = st.builds(lambda bait, rest: clean(bait + rest), _BAITS, st.text(max_size=12)).filter(bool)


@pytest.mark.parametrize("kind", LISTS)
@given(prompt=_PROMPTS, header=_PROMPTS, cell=_PROMPTS)
def test_whatever_a_cell_holds_comes_back_and_no_spreadsheet_reckons_with_it(
    kind: Format, prompt: str, header: str, cell: str
) -> None:
    odd = [shot(1, number="1", prompt=prompt, extra={f"x {header}": "+1", f"{header} x": cell})]

    data = shot_list(odd, kind, "en", "p", lambda _: "")

    assert [facts(planned) for planned in read_list(data, KINDS[kind], Surroundings(Path())).shots] == [
        facts(each) for each in odd
    ]
    if kind is Format.CSV:
        cells = [cell for row in csv.reader(io.StringIO(data.decode("utf-8-sig"))) for cell in row]
        assert [cell for cell in cells if cell.lstrip().startswith(tuple("=+-@＝＋－＠"))] == []


def test_no_cell_of_a_csv_begins_like_a_formula(shots: list[Shot]) -> None:
    data = shot_list(shots, Format.CSV, "en", "p", lambda _: "=cmd")
    cells = [cell for row in csv.reader(io.StringIO(data.decode("utf-8-sig"))) for cell in row]
    assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))] == []


def test_every_cell_of_a_workbook_is_text(shots: list[Shot]) -> None:
    data = shot_list(shots, Format.XLSX, "en", "p", lambda _: "=cmd")
    book = openpyxl.load_workbook(io.BytesIO(data))
    cells = [cell for row in book.active.iter_rows() for cell in row if cell.value is not None]
    assert {cell.data_type for cell in cells} == {"s"}
    assert "=HYPERLINK(1)" in {cell.value for cell in cells}


@pytest.mark.parametrize("kind", LISTS)
@pytest.mark.parametrize("pictures", [False, True])
def test_a_list_that_finds_no_room_is_said_so(
    kind: Format, pictures: bool, shots: list[Shot], images: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    # Linux' own full disk stands where the working file would be.
    (folder / "list.part").symlink_to("/dev/full")

    with pytest.raises(FileError) as refused:
        write_shots(shots, kind, folder / "list", Options(pictures=pictures), "en", "p", ImagesIn(images))

    assert refused.value.code == "disk_full"
    assert list(folder.iterdir()) == []
