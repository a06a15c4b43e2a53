"""A server below a path of another: it makes no difference whether the proxy passes the path on or takes it off."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from server_client import HERE, WS, TestClient
from starlette.applications import Starlette

from vidgen_core.domain.shots import Shot
from vidgen_core.domain.takes import Take
from vidgen_core.services.access.auth import Auth, base_of
from vidgen_core.services.access.permissions import Role
from vidgen_core.services.facade import Vidgen
from vidgen_core.web import serve

BASE = "/team/studio"


@pytest.fixture
def below(vidgen: Vidgen) -> Iterator[TestClient]:
    serving = serve("127.0.0.1", BASE)
    app = Starlette(routes=serving.routes, middleware=serving.middleware, lifespan=serving.lifespan)
    with TestClient(app, base_url=HERE, raise_server_exceptions=False, follow_redirects=False) as client:
        yield client


@pytest.mark.parametrize("written", ["team/studio", "/team/studio", "/team/studio/", "team//studio"])
def test_a_path_can_be_written_in_any_way(written: str) -> None:
    assert base_of(written) == BASE


@pytest.mark.parametrize("path", [BASE, ""])
def test_addresses_in_answers_lead_back_through_the_path(below: TestClient, shot: Shot, take: Take, path: str) -> None:
    (first, _) = below.get(f"{path}/api/shots?project=ep01").json()["items"]

    assert first["image"] == f"{BASE}/app/static/media/original/{shot.id}"
    assert first["takes"][0]["video"] == f"{BASE}/api/tasks/{take.task_id}/video"
    for address in (first["image"], first["takes"][0]["video"]):
        assert below.get(address).status_code == 200
    assert below.get(f"{path}/api/openapi.json").json()["servers"] == [{"url": f"{BASE}/api"}]
    assert below.get(f"{path}/shots?project=ep01").headers["location"] == f"{BASE}/?project=ep01"


@pytest.mark.parametrize("path", [BASE, ""])
def test_access_is_checked_below_the_path_too(below: TestClient, vidgen: Vidgen, path: str) -> None:
    Auth(vidgen.settings_file).set_password(Role.VIEWER, "look-look-look")
    vidgen.settings_file.change({"sharing.sign_in": "password"})

    assert below.get(f"{path}/tasks?project=ep01").headers["location"] == (
        f"{BASE}/sign-in?next=%2Ftasks%3Fproject%3Dep01"
    )
    assert below.get(f"{path}/api/shots").status_code == 401
    assert below.get(f"{path}/_stcore/host-config").status_code == 401
    assert f'action="{BASE}/sign-in"' in below.get(f"{path}/sign-in").text
    entered = below.post(f"{path}/sign-in", data={"password": "look-look-look", "next": "/tasks?project=ep01"})
    assert (entered.status_code, entered.headers["location"]) == (303, f"{BASE}/tasks?project=ep01")
    # As the browser sees it; what else lives on this host is not sent the cookie.
    assert below.get(f"{BASE}/api/shots?project=ep01").status_code == 200
    assert f"Path={BASE};" in f"{entered.headers['set-cookie']};"


def test_a_neighbour_s_path_is_not_ours(below: TestClient) -> None:
    assert below.get("/team/studio-two/api/shots").status_code == 404


def test_what_changed_is_told_below_the_path_too(below: TestClient, vidgen: Vidgen, shot: Shot) -> None:
    address = f"{WS}{BASE}/api/ws?project={shot.project_id}"
    with below.websocket_connect(address, headers={"origin": HERE}) as socket:
        assert socket.receive_json()["hello"] is True
        vidgen.shots.edit(shot.id, prompt="snow")
        assert socket.receive_json()["shots"] == [shot.id]
