"""The command line in this process, over a data home of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.cli.cli_doubles import Said, Vidgen
from vidgen_core.cli import session as cli_session
from vidgen_core.cli.program import run


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    settings = {
        "VIDGEN_HOME": str(home),
        "VIDGEN_PROVIDERS__LOCAL__SIZE": "128x72",
        "VIDGEN_PROVIDERS__LOCAL__ASPECT_RATIO": "16:9",
        "VIDGEN_PROVIDERS__LOCAL__DURATION": "0.5",
        "VIDGEN_LANGUAGE": "en",
        "LANG": "C.UTF-8",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return home


@pytest.fixture
def vidgen(home: Path, capfd: pytest.CaptureFixture[str]) -> Vidgen:
    """``vidgen("tasks", "--json")`` runs a command and returns what it said."""

    def call(*arguments: str) -> Said:
        cli_session.text.cache_clear()
        status = run(list(arguments))
        out, err = capfd.readouterr()
        assert "Traceback" not in out + err
        return Said(status, out, err)

    return call


@pytest.fixture
def shot_list(tmp_path: Path) -> Path:
    """A list as a Chinese office has it: GBK, its own headers, one row that cannot be used."""
    Image.linear_gradient("L").resize((160, 90)).convert("RGB").save(tmp_path / "a.jpg")
    rows = [
        "镜号,参考图,提示词,数量,备注",
        "1.0,a.jpg,镜头缓缓推进,1,海边",
        "1.1,,向左平移,1,",
        "2.0,gone.jpg,缺图,,",
        ",,,,只有备注",
    ]
    path = tmp_path / "ep01.csv"
    path.write_bytes("\r\n".join(rows).encode("gb18030"))
    return path
