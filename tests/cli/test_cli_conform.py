"""``vidgen export --format all`` and ``vidgen conform``: the cut goes out whole and comes back."""

from __future__ import annotations

from pathlib import Path

import opentimelineio as otio
from cli_doubles import Vidgen
from PIL import Image


def test_a_cut_goes_out_in_every_format_and_comes_back(vidgen: Vidgen, tmp_path: Path) -> None:
    shots = tmp_path / "shots.csv"
    Image.new("RGB", (160, 90)).save(tmp_path / "a.png")
    shots.write_text("shot,image,prompt,script\n1,a.png,a boat,Hello.\n2,a.png,a lake,\n", encoding="utf-8")
    vidgen("import", str(shots))
    vidgen("generate", "--all", "--takes", "1", "--yes")
    vidgen("run", "--until-done")
    for shot in "12":
        vidgen("pick", shot, "1")

    told = vidgen("export", "--to", str(tmp_path / "out"), "--format", "all", "--json").json
    assert told["failed"] == []
    assert all(Path(file).is_file() for file in told["files"])

    cut = tmp_path / "out" / "default.otio"
    timeline = otio.adapters.read_from_file(str(cut))
    track = timeline.video_tracks()[0]
    first, second = (item.clone() for item in track)
    del track[:]
    track.extend([second, first])
    otio.adapters.write_to_file(timeline, str(cut))
    looked = vidgen("conform", str(cut), "--dry-run", "--json").json
    assert [(change["shot"], change["place"]) for change in looked["changes"]] == [("2", 1), ("1", 2)]
    assert [shot["shot"] for shot in vidgen("shots", "--json").json] == ["1", "2"]
    assert vidgen("conform", str(cut), "--json").json["applied"]
    assert [shot["shot"] for shot in vidgen("shots", "--json").json] == ["2", "1"]
    assert vidgen("conform", "--undo", "--json").json == {"undone": "default.otio"}
    assert [shot["shot"] for shot in vidgen("shots", "--json").json] == ["1", "2"]
