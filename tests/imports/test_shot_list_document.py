"""The document about shot lists says what the code does."""

import re
from pathlib import Path

import pytest
from importing_factories import read_csv

from vidgen_core.services.imports.columns import FIELDS, header_names, match_columns, template_csv
from vidgen_core.services.imports.readers.links import LARGEST_PICTURE
from vidgen_core.services.imports.rows import LONGEST_NUMBER, LONGEST_PROMPT
from vidgen_core.services.imports.values import LONGEST, SEED_LIMIT

DOCUMENT = (Path(__file__).parents[2] / "docs" / "shot-lists.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \|$", DOCUMENT, re.MULTILINE)


def test_the_document_names_every_field_with_headers_that_are_known() -> None:
    documented = {field: tuple(name.strip() for name in headers.split(",")) for field, headers, _ in ROWS}

    assert documented.keys() == FIELDS.keys()
    for field, names in documented.items():
        assert names == FIELDS[field][: len(names)], "those of the code, in their order"


def test_the_limits_in_the_document_are_those_of_the_code() -> None:
    holds = {field: text for field, _, text in ROWS}

    assert f"up to {LONGEST_NUMBER} letters" in holds["shot"]
    assert f"up to {LONGEST_PROMPT:,} letters" in holds["prompt"]
    assert f"0–{SEED_LIMIT}" in holds["seed"]
    assert f"up to {LONGEST:.0f}" in holds["duration"]
    assert f"up to {LARGEST_PICTURE >> 20} MB" in DOCUMENT


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_template_has_every_column_and_comes_in_as_it_is(lang: str, tmp_path: Path) -> None:
    plan = read_csv(template_csv(lang), tmp_path)

    assert match_columns(list(header_names(lang).values())).fields.keys() == FIELDS.keys()
    assert [(shot.number, shot.verdict) for shot in plan.shots] == [("1.0", "ok"), ("1.1", "ok")]
    assert plan.unknown == ()
