"""``vidgen figures``, ``dispute`` and ``notify``."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

from tests.cli.cli_doubles import Vidgen


def test_figures_of_nothing_say_what_to_do_and_are_still_numbers_for_programs(vidgen: Vidgen) -> None:
    assert "Nothing has been generated" in vidgen("figures").out
    assert vidgen("figures", "--json").json["completed"] == 0


def test_figures_of_a_batch_are_a_table_json_and_a_list(vidgen: Vidgen, shot_list: Path, tmp_path: Path) -> None:
    vidgen("import", str(shot_list))
    vidgen("generate", "--all", "--yes")
    said = vidgen("run", "--until-done")
    assert said.status == 0, said.err
    said = vidgen("figures", "--project", "default", "--days", "2", "--csv", str(tmp_path / "figures.csv"))
    assert said.status == 0
    assert "Success rate" in said.out
    assert "Done" in (tmp_path / "figures.csv").read_text(encoding="utf-8-sig")
    found = vidgen("figures", "--json").json
    assert found["completed"] == 2
    assert found["spend"]["total"] == 0
    assert {stage["stage"] for stage in found["stages"] if stage["n"]} == {"queue", "remote", "download"}


def test_wrong_periods_are_told(vidgen: Vidgen) -> None:
    said = vidgen("figures", "--days", "3", "--since", "2026-01-01")
    assert (said.status, "not both" in said.err) == (2, True)
    assert vidgen("figures", "--since", "tomorrow").status == 2
    assert vidgen("figures", "--provider", "kie", "--json").json["attempts"] == 0


def test_a_dispute_of_nothing_says_so_and_one_of_everything_is_a_zip(
    vidgen: Vidgen, shot_list: Path, tmp_path: Path
) -> None:
    said = vidgen("dispute", "--to", str(tmp_path))
    assert (said.status, "No attempt that was sent matches" in said.err) == (2, True)
    assert vidgen("dispute", "--to", str(tmp_path), "--error", "nonsense").status == 2
    vidgen("import", str(shot_list))
    vidgen("generate", "--all", "--yes")
    vidgen("run", "--until-done")
    said = vidgen("dispute", "--to", str(tmp_path), "--all", "--json")
    with ZipFile(said.json["file"]) as archive:
        assert "attempts.csv" in archive.namelist()
    assert said.json["file"] == str(tmp_path / "dispute.zip")


def test_a_test_message_needs_an_address(vidgen: Vidgen) -> None:
    said = vidgen("notify")
    assert (said.status, "no webhook address" in said.err) == (2, True)
    assert vidgen("config", "set", "notices.url", "not-an-address").status == 2
    assert vidgen("config", "set", "notices.url", "http://127.0.0.1:9/hook/very-secret-token").status == 0
    shown = vidgen("config", "get", "notices.url")
    assert "very-secret" not in shown.out + shown.err
    said = vidgen("notify")
    assert said.status == 2
    assert "127.0.0.1 did not take the message" in said.err
    assert "very-secret" not in said.err
