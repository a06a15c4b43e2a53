"""Lists as Excel, WPS, LibreOffice and people by hand make them."""

import base64
import csv
import io
import time
from pathlib import Path

import pytest
from importing_factories import codes, draw, read_csv

from vidgen_core.domain.errors import InputError
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.shots import ShotParams
from vidgen_core.services.imports.columns import plain_header

CHINESE = "编号,参考图,提示词,比例,视频数\r\n1.0,a.png,镜头缓缓推进,9:16,3\r\n1.1,b.jpg,向左平移,16:9,\r\n"


def refusal(data: bytes, folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_csv(data, folder)
    return caught.value.code


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_every_encoding_and_delimiter_gives_the_same_shots(folder: Path, encoding: str, delimiter: str) -> None:
    plan = read_csv(CHINESE.replace(",", delimiter).encode(encoding), folder)

    assert [(shot.number, shot.prompt, shot.verdict) for shot in plan.shots] == [
        ("1.0", "镜头缓缓推进", "ok"),
        ("1.1", "向左平移", "ok"),
    ]
    assert [shot.image for shot in plan.shots] == [folder / "a.png", folder / "b.jpg"]
    assert [shot.params for shot in plan.shots] == [
        ShotParams(aspect_ratio="9:16", takes=3),
        ShotParams(aspect_ratio="16:9"),
    ]


@pytest.mark.parametrize(
    ("header", "field"),
    [
        *[(name, "shot") for name in ("shot", "Number", "NO", "id", "编号", "镜号", "镜头", "序号")],
        *[
            (name, "image")
            for name in ("image", "Image URL", "image_url", "IMAGEURL", "reference", "参考图", "图片", "图")
        ],
        *[(name, "prompt") for name in ("prompt", "Text", "提示词", "视频提示词", "描述", "提 示 词", "ＰＲＯＭＰＴ")],
        *[(name, "aspect_ratio") for name in ("aspect_ratio", "Aspect Ratio", "ratio", "比例", "长宽比")],
        *[(name, "takes") for name in ("takes", "count", "n", "数量", "条数", "视频数")],
        *[(name, "seed") for name in ("seed", "种子")],
        *[(name, "callback_url") for name in ("callback_url", "CallbackUrl", "回调")],
        *[(name, "provider") for name in ("provider", "供应商")],
        *[(name, "duration") for name in ("duration", "时长")],
    ],
)
def test_headers_are_known_in_either_language(folder: Path, header: str, field: str) -> None:
    other = "image" if field == "prompt" else "prompt"

    plan = read_csv(f"{header},{other}\n1,x\n".encode(), folder)

    assert plan.recognised == {header: field, other: other}


def test_unknown_columns_are_kept(folder: Path) -> None:
    plan = read_csv("prompt,景别,备注,\nx,远景,,stray\ny,,再看\n".encode(), folder)

    assert [shot.extra for shot in plan.shots] == [{"景别": "远景", "#4": "stray"}, {"备注": "再看"}]
    assert plan.unknown == ("景别", "备注")


def test_of_two_columns_for_one_field_the_better_name_wins(folder: Path) -> None:
    plan = read_csv(b"text,prompt\nspoken words,camera pans\n", folder)

    assert [(shot.prompt, shot.extra) for shot in plan.shots] == [("camera pans", {"text": "spoken words"})]


def test_a_title_and_empty_rows_are_stepped_over(folder: Path) -> None:
    text = "第一集 镜头表,,,\n,,,\n\n编号,参考图,提示词,比例\n\n1.0,a.png,推进,\n,,,\n 2.0,,平移,1:1\n\n"

    plan = read_csv(text.encode("gbk"), folder)

    assert [(shot.line, shot.number) for shot in plan.shots] == [(6, "1.0"), (8, "2.0")]


def test_the_delimiter_hint_of_excel_is_no_row(folder: Path) -> None:
    plan = read_csv("sep=;\r\nshot;prompt\r\n1;a, b\r\n".encode("utf-8-sig"), folder)

    assert [(shot.line, shot.prompt) for shot in plan.shots] == [(3, "a, b")]


def test_quoted_line_ends_belong_to_the_cell_and_lines_stay_physical(folder: Path) -> None:
    text = 'shot,prompt\r\n1,"first\r\nsecond, ""quoted"""\r\n2,\r\n3,"x\ny\nz"\r\n4,last\r\n'

    plan = read_csv(text.encode(), folder)

    assert [(shot.line, shot.prompt) for shot in plan.shots] == [
        (2, 'first\nsecond, "quoted"'),
        (4, ""),
        (5, "x\ny\nz"),
        (8, "last"),
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_of_every_system_are_understood(folder: Path, end: str) -> None:
    plan = read_csv(f"shot,prompt{end}1,a{end}2,b".encode(), folder)

    assert [(shot.line, shot.prompt) for shot in plan.shots] == [(2, "a"), (3, "b")]


def test_rows_keep_their_order(folder: Path) -> None:
    plan = read_csv(b"no,prompt\n2,a\n1.10,b\n1.2,c\n", folder)

    assert [shot.number for shot in plan.shots] == ["2", "1.10", "1.2"]


def test_one_of_picture_and_prompt_is_enough(folder: Path) -> None:
    plan = read_csv(b"shot,image,prompt\n1,a.png,\n2,,words\n3,,\n,a.png,\n", folder)

    assert codes(plan) == [
        (2, "ok", []),
        (3, "ok", []),
        (4, "rejected", ["row_empty_shot"]),
        (5, "ok", []),
    ]
    assert plan.shots[3].number is None


def test_bad_rows_name_their_line_and_never_stop_the_good_ones(folder: Path) -> None:
    (folder / "text.jpg").write_text("not a picture")
    (folder / "empty.png").touch()
    rows = [
        "1,a.png,ok,,,,,",
        "2,gone.png,x,,,,,",
        "3,text.jpg,x,,,,,",
        "4,empty.png,x,,,,,",
        "5,a.png,x,broad,9,abc,forever,sora",
        "6,b.jpg,fine,,,,,",
        "7,http://,x,,,,,",
        "8,,x,0:9,2.5,-2,0,",
    ]
    text = "shot,image,prompt,ratio,takes,seed,duration,provider\n" + "\n".join(rows)

    plan = read_csv(text.encode(), folder)

    invalid = ["ratio_invalid", "takes_invalid", "seed_invalid", "duration_invalid"]
    assert codes(plan) == [
        (2, "ok", []),
        (3, "rejected", ["image_missing"]),
        (4, "rejected", ["image_not_a_picture"]),
        (5, "rejected", ["image_empty"]),
        (6, "rejected", ["row_provider_unknown", "ratio_invalid", "duration_invalid", "takes_invalid", "seed_invalid"]),
        (7, "ok", []),
        (8, "rejected", ["image_link_invalid"]),
        (9, "rejected", ["ratio_invalid", "duration_invalid", "takes_invalid", "seed_invalid"]),
    ]
    assert set(invalid) <= {reason.code for reason in plan.rejected[-1].reasons}
    assert plan.rejected[0].reasons[0].params == {"path": "gone.png"}
    assert [shot.number for shot in plan.ok] == ["1", "6"]


@pytest.mark.parametrize(
    ("cell", "field", "value"),
    [
        ("9：16", "aspect_ratio", "9:16"),
        ("16x9", "aspect_ratio", "16:9"),
        ("09:16:00", "aspect_ratio", "9:16"),
        ("4:03", "aspect_ratio", "4:3"),
        ("auto", "aspect_ratio", "Auto"),
        ("3.0", "takes", 3),
        ("12345", "seed", 12345),
        ("-1", "seed", None),
        ("随机", "seed", None),
        ("5s", "duration", 5.0),
        ("2.5 秒", "duration", 2.5),
        ("云雾 API", "provider", ProviderId("yunwu")),
        ("KIE", "provider", ProviderId("kie")),
        ("veo3_fast", "model", "veo3_fast"),
        ("https://example.com/hook", "callback_url", "https://example.com/hook"),
    ],
)
def test_values_are_taken_as_people_and_spreadsheets_write_them(
    folder: Path, cell: str, field: str, value: object
) -> None:
    plan = read_csv(f"prompt,{field}\nx,{cell}\n".encode(), folder)

    assert codes(plan) == [(2, "ok", [])]
    assert getattr(plan.shots[0].params, field) == value


def test_cells_that_were_kept_from_being_numbers_or_formulas_are_their_text(folder: Path) -> None:
    text = 'shot,image,prompt\n="001",="a.png","=""say """"hi"""""""\n\'002,a.png,\'twas night\n'

    plan = read_csv(text.encode(), folder)

    assert [(shot.number, shot.image, shot.prompt) for shot in plan.ok] == [
        ("001", folder / "a.png", 'say "hi"'),
        ("002", folder / "a.png", "'twas night"),
    ]


def test_pictures_are_found_by_every_spelling_of_their_path(folder: Path) -> None:
    cells = [
        "a.png",
        "./a.png",
        "子目录/图 1.jpg",
        "子目录\\图 1.jpg",
        str(folder / "b.jpg"),
        (folder / "b.jpg").as_uri(),
    ]
    text = "image\n" + "\n".join(cells)

    plan = read_csv(text.encode(), folder)

    found = [shot.image.resolve() for shot in plan.shots if shot.image]
    inner = folder / "子目录" / "图 1.jpg"
    assert found == [folder / "a.png", folder / "a.png", inner, inner, folder / "b.jpg", folder / "b.jpg"]


def test_a_path_of_another_machine_finds_the_picture_beside_the_list(folder: Path) -> None:
    plan = read_csv(b"image\nC:\\Users\\me\\a.png\n", folder)

    assert codes(plan) == [(2, "warning", ["image_found_beside"])]
    assert plan.shots[0].image == folder / "a.png"


def test_a_list_from_elsewhere_reads_no_picture_outside_of_its_folder(folder: Path) -> None:
    outside = draw(folder / "private.png")
    inside = draw(folder / "upload" / "mine.png")
    (inside.parent / "link.png").symlink_to(outside)
    text = f"image\nmine.png\n../private.png\n{outside}\nlink.png\n"

    plan = read_csv(text.encode(), inside.parent, may_leave=False)

    assert [verdict for _, verdict, _ in codes(plan)] == ["ok", "rejected", "rejected", "rejected"]
    assert {code for _, _, found in codes(plan)[1:] for code in found} == {"image_outside"}
    assert all(shot.verdict != "rejected" for shot in read_csv(text.encode(), inside.parent).shots)


def test_a_list_from_elsewhere_does_not_learn_which_files_there_are(folder: Path) -> None:
    draw(folder / "private.png")
    base = folder / "upload"
    base.mkdir()
    for name in ("../{}.png", f"{folder}/{{}}.png", f"file://{folder}/{{}}.png", "sub/../../{}.png", "..\\{}.png"):
        there, not_there = (
            read_csv(f"image\n{name.format(one)}\n".encode(), base, may_leave=False).shots[0].reasons[0].code
            for one in ("private", "nothing")
        )
        assert there == not_there == "image_outside", name


def test_links_are_kept_and_not_fetched(folder: Path) -> None:
    plan = read_csv(b"image\nhttps://example.com/a.png?x=1\n", folder)

    assert (plan.shots[0].image_url, plan.shots[0].image) == ("https://example.com/a.png?x=1", None)


def test_a_picture_inside_the_list_is_decoded_and_checked(folder: Path) -> None:
    noise = draw(folder / "big.bmp", (300, 300)).read_bytes()
    encoded = base64.b64encode(noise).decode()
    text = f'image\n"data:image/bmp;base64,{encoded}"\n"data:image/png;base64,aGVsbG8="\n"data:image/png;base64,%%"\n"data:x"\n'

    plan = read_csv(text.encode(), folder)

    assert len(encoded) > 131_072, "longer than the csv module allows by itself"
    assert plan.shots[0].image_data == noise
    assert codes(plan) == [
        (2, "ok", []),
        (3, "rejected", ["image_not_a_picture"]),
        (4, "rejected", ["image_data_broken"]),
        (5, "rejected", ["image_data_broken"]),
    ]


def test_a_picture_embedded_by_wps_is_explained(folder: Path) -> None:
    plan = read_csv(b'image\n"=DISPIMG(""ID_1F"",1)"\n', folder)

    assert codes(plan) == [(2, "rejected", ["image_embedded"])]


def test_repeated_rows_and_numbers_are_pointed_out(folder: Path) -> None:
    plan = read_csv(b"no,image,prompt\n1,a.png,x\n1,a.png,x\n1,b.jpg,x\n2,a.png,x\n,,y\n,,y\n", folder)

    assert codes(plan) == [
        (2, "ok", []),
        (3, "warning", ["row_repeated"]),
        (4, "warning", ["number_twice"]),
        (5, "ok", []),
        (6, "ok", []),
        (7, "warning", ["row_repeated"]),
    ]
    assert plan.shots[2].reasons[0].params == {"number": "1", "line": 2}


def test_an_open_quote_costs_its_own_row_only(folder: Path) -> None:
    text = 'no,prompt\n1,a\n2,"open\n3,c\n4,"d, e"\n5,f\n'

    plan = read_csv(text.encode(), folder)

    assert codes(plan) == [
        (2, "ok", []),
        (3, "rejected", ["row_quote_open"]),
        (4, "ok", []),
        (5, "ok", []),
        (6, "ok", []),
    ]
    assert plan.shots[3].prompt == "d, e"


def test_inch_marks_inside_of_cells_do_no_harm(folder: Path) -> None:
    plan = read_csv(b'no,prompt\n1,a 5" screen\n2,b\n3,a 7" screen', folder)

    assert [shot.prompt for shot in plan.shots] == ['a 5" screen', "b", 'a 7" screen']


def test_half_characters_and_zeros_are_taken_out(folder: Path) -> None:
    plan = read_csv("prompt\n'=1+1\n\ta\0b \n".encode("utf-16"), folder)

    assert [shot.prompt for shot in plan.shots] == ["=1+1", "ab"]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "list_empty"),
        (b"\xef\xbb\xbf\r\n,,\r\n", "list_empty"),
        (b"colour,length\nred,5\n", "list_without_header"),
        (b"shot,ratio\n1,9:16\n", "list_without_header"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)) * 9, "list_not_text"),
        (b"prompt\n" + b'"a\n' * 1100, "list_broken"),
    ],
)
def test_what_is_no_list_is_refused_by_a_code(folder: Path, data: bytes, code: str) -> None:
    assert refusal(data, folder) == code


def test_a_file_that_cannot_be_opened_is_refused_by_a_code(folder: Path) -> None:
    for path in (folder / "gone.csv", folder):
        with pytest.raises(InputError, match="list_unreadable"):
            read_csv(path, folder)


@pytest.mark.extended
def test_five_thousand_rows_are_quick(folder: Path) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(["编号", "参考图", "提示词", "比例", "备注"])
    writer.writerows(
        [f"{row // 10}.{row % 10}", "a.png", f"镜头推进，{row}\n第二行", "9:16", "远景"] for row in range(5000)
    )
    data = out.getvalue().encode("gbk")

    started = time.process_time()
    plan = read_csv(data, folder)

    assert len(plan.ok) == 5000
    assert time.process_time() - started < 5
    assert plan.shots[-1].line == 2 + 4999 * 2


def test_a_cell_of_megabytes_is_looked_at_no_further_than_a_header_goes() -> None:
    assert len(plain_header("a" * 1_000_000)) < 2000
