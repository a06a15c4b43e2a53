"""Files that visitors drop onto a page."""

from __future__ import annotations

import pytest
from server_client import TestClient

from vidgen_core.services.facade import Vidgen
from vidgen_core.services.imports.staging import Staging
from vidgen_core.web import uploads


@pytest.fixture
def staging(vidgen: Vidgen) -> Staging:
    return vidgen.imports.open_staging()


def test_a_file_lies_in_staging_under_its_name(client: TestClient, staging: Staging) -> None:
    answer = client.put(f"/api/incoming/{staging.name}/第一集/1.0.jpg", content=b"x" * 3_000_000)

    assert (answer.status_code, answer.json()) == (201, {"name": "第一集/1.0.jpg"})
    path = staging.find("第一集/1.0.jpg")
    assert path is not None
    assert path.read_bytes() == b"x" * 3_000_000


def test_the_same_file_again_takes_the_place_of_the_one_before(client: TestClient, staging: Staging) -> None:
    names = [client.put(f"/api/incoming/{staging.name}/a.jpg", content=body).json()["name"] for body in (b"xx", b"y")]

    assert names == ["a.jpg", "a.jpg"]
    assert (staging.path / "a.jpg").read_bytes() == b"y"


@pytest.mark.parametrize("name", ["%2e%2e/%2e%2e/settings.toml", "..%2f..%2fsettings.toml", "%2fetc%2fpasswd"])
def test_a_name_leads_nowhere_else(client: TestClient, vidgen: Vidgen, staging: Staging, name: str) -> None:
    client.put(f"/api/incoming/{staging.name}/{name}", content=b"evil")

    written = [path for path in vidgen.locations.home.rglob("*") if path.is_file() and path.read_bytes() == b"evil"]
    assert all(path.is_relative_to(staging.path) for path in written)
    assert not vidgen.locations.settings_file.exists() or b"evil" not in vidgen.locations.settings_file.read_bytes()


@pytest.mark.parametrize("name", ["0" * 16, "..", "images", "x"])
def test_only_who_knows_the_staging_folder_may_put_something_in(
    client: TestClient, staging: Staging, name: str
) -> None:
    assert client.put(f"/api/incoming/{name}/a.jpg", content=b"x").status_code == 404
    assert list(staging.path.iterdir()) == []


def test_a_foreign_page_may_not(client: TestClient, staging: Staging) -> None:
    answer = client.put(f"/api/incoming/{staging.name}/a.jpg", content=b"x", headers={"Origin": "https://evil.example"})

    assert answer.status_code == 403
    assert list(staging.path.iterdir()) == []


def test_what_is_too_large_leaves_nothing_behind(
    client: TestClient, staging: Staging, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "LARGEST", 1000)

    announced = client.put(f"/api/incoming/{staging.name}/a.jpg", content=b"x" * 1001)
    unannounced = client.put(f"/api/incoming/{staging.name}/b.jpg", content=iter([b"x" * 600, b"x" * 600]))

    assert (announced.status_code, unannounced.status_code) == (413, 413)
    assert list(staging.path.iterdir()) == []
