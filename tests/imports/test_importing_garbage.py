"""Whatever the bytes: a plan, or an InputError."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from importing_factories import read_csv, read_storyboard, read_xlsx
from PIL import Image

from vidgen_core.domain.errors import InputError
from vidgen_core.services.imports.plan import ImportPlan
from vidgen_core.services.imports.readers.archive import is_archive
from vidgen_core.services.imports.readers.folder import read_images
from vidgen_core.services.imports.readers.reader import inspect_sheet

BASE = Path(__file__).parent
quickly = settings(suppress_health_check=[HealthCheck.too_slow])

cells = st.text(max_size=12) | st.sampled_from(
    ["1.0", "9:16", "gone.png", "http://x/y", "data:image/png;base64,AA==", '"', "=1"]
)
headers = (
    st.sampled_from(["shot", "编号", "image", "参考图", "prompt", "提示词", "takes", "seed", "比例", "", "备注"])
    | cells
)
encodings = st.sampled_from(["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le", "latin-1", "big5"])


def survives(read: Callable[..., ImportPlan], data: bytes) -> None:
    try:
        plan = read(data, BASE)
    except InputError:
        return
    assert len(plan.ok) + len(plan.rejected) == len(plan.shots)
    assert all(shot.reasons for shot in plan.rejected)
    # What goes on from here is stored as UTF-8 and as JSON.
    assert plan.model_dump_json(exclude={"shots": {"__all__": {"image_data"}}}).encode()


@quickly
@given(st.binary(max_size=300))
def test_any_bytes_are_survived_as_a_list(data: bytes) -> None:
    survives(read_csv, data)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_a_list_may_break_off_within_any_letter(encoding: str) -> None:
    whole = "编号,提示词\n1,镜头推进\n2,镜头拉远\n".encode(encoding)
    for end in range(len(whole)):
        survives(read_csv, whole[:end])


@quickly
@given(
    st.lists(st.lists(headers, max_size=4), max_size=2),
    st.lists(st.lists(cells, max_size=5), max_size=5),
    encodings,
    st.sampled_from(",;\t|"),
)
def test_any_table_is_survived_as_a_list(
    head: list[list[str]], body: list[list[str]], encoding: str, delimiter: str
) -> None:
    text = "\n".join(delimiter.join(row) for row in [*head, ["prompt", "image", "takes"], *body])

    survives(read_csv, text.encode(encoding, "replace"))


@quickly
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
def test_any_bytes_are_survived_as_a_storyboard(data: bytes) -> None:
    survives(read_storyboard, data)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | cells,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(headers, inner, max_size=3),
    max_leaves=8,
)


@quickly
@given(st.lists(st.dictionaries(headers, values, max_size=5) | values, max_size=4))
def test_any_json_is_survived_as_a_storyboard(shots: list[object]) -> None:
    survives(read_storyboard, json.dumps({"shots": shots}).encode())


@pytest.fixture(scope="module")
def workbook() -> bytes:
    book = openpyxl.Workbook()
    for row in (["编号", "参考图", "提示词"], [1, "a.png", "x"], [2, None, "y"]):
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


@given(data=st.data())
def test_any_damaged_workbook_is_survived(workbook: bytes, data: st.DataObject) -> None:
    with zipfile.ZipFile(io.BytesIO(workbook)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = data.draw(st.sampled_from(sorted(parts)))
    at = data.draw(st.integers(0, len(parts[name])))
    parts[name] = (
        parts[name][:at] + data.draw(st.binary(max_size=20)) + parts[name][at + data.draw(st.integers(0, 40)) :]
    )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for part, content in parts.items():
            archive.writestr(part, content)

    survives(read_xlsx, out.getvalue())


def picture(ending: str) -> bytes:
    out = io.BytesIO()
    Image.linear_gradient("L").resize((96, 80)).convert("RGB").save(
        out, {"jpg": "jpeg", "tif": "tiff"}.get(ending, ending)
    )
    return out.getvalue()


PICTURES = {ending: picture(ending) for ending in ("jpg", "png", "webp", "gif", "bmp", "tif", "avif")}


# Pillow's own words about what it finds in damaged files.
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@given(data=st.data())
def test_any_damaged_picture_is_survived(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    ending = data.draw(st.sampled_from(sorted(PICTURES)))
    whole = PICTURES[ending]
    at, left_out = data.draw(st.integers(0, len(whole))), data.draw(st.integers(0, 40))
    path = tmp_path_factory.getbasetemp() / f"damaged.{ending}"
    path.write_bytes(whole[:at] + data.draw(st.binary(max_size=12)) + whole[at + left_out :])

    (shot,) = read_images([path]).shots

    assert (shot.verdict == "rejected") == (shot.image is None)


def test_an_archive_that_a_later_version_made_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    packed = bytearray(path.read_bytes())
    packed[packed.index(b"PK\1\2") + 6] = 171
    path.write_bytes(packed)
    assert not is_archive(path)
    with pytest.raises(InputError):
        inspect_sheet(path)


@quickly
@given(st.binary(max_size=200), st.sampled_from([".csv", ".txt", ".md", ".json", ".xlsx"]))
def test_any_bytes_are_survived_when_their_columns_are_looked_for(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, ending: str
) -> None:
    path = tmp_path_factory.getbasetemp() / f"looked{ending}"
    path.write_bytes(data)
    try:
        looks = inspect_sheet(path)
    except InputError:
        return
    assert all(set(look.guess.values()) <= set(look.columns) for look in looks)
