"""What the relay lists: labels decide the route, prices are taken as they make sense, and nothing hostile is believed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
import respx
from provider_world import World, make_params

from vidgen_core.providers.yunwu.adapter import Yunwu
from vidgen_core.providers.yunwu.billing import prices
from vidgen_core.providers.yunwu.catalogue import video_models

STATUS = {"data": {"quota_per_unit": 500_000, "usd_exchange_rate": 7.3}}


@pytest.fixture
async def yunwu(world: World) -> AsyncIterator[Yunwu]:
    provider = Yunwu(world.settings, world.locations)
    yield provider
    await provider.close()


def listed(*labels: str, name: str = "model-x", **more: Any) -> Any:
    row = {"id": name, "supported_endpoint_types": list(labels), "tags": "视频"}
    return video_models({"data": [row], **more})


@pytest.mark.parametrize(
    "label",
    [
        "Unified video format", "unified VIDEO format", " Unified  Video Format ", "OpenAI video format", "openAI视频格式",
        "Grok video", "grok视频", "GROK视频", "Doubao video", "Doubao video (Async)", "Doubao video（Async）", "豆包视频异步", "豆包视频",
        "视频统一格式", "统一视频格式", "Unified video format (async)", "視頻統一格式", "Ｕnified video format（beta）", "统一视频格式(新)",
    ],
)  # fmt: skip
def test_labels_of_the_unified_route_are_known_in_both_languages_and_any_case(label: str) -> None:
    assert listed(label)["model-x"].families == ("unified",)


@pytest.mark.parametrize(
    ("label", "family"),
    [
        ("OpenAI official video format", "openai"), ("openAI官方视频格式", "openai"), ("Grok video (OpenAI format)", "openai"),
        ("grok视频openai格式", "openai"), ("海螺视频生成", "hailuo"), ("Hailuo video generation", "hailuo"), ("vidu文生视频", "vidu"),
        ("Vidu text to video", "vidu"), ("vidu首尾帧", "vidu"), ("vidu参考生视频", "vidu"), ("图生视频", "kling"), ("文生视频", "kling"),
        ("Kling video", "kling"),
    ],
)  # fmt: skip
def test_labels_of_other_routes_are_told_apart(label: str, family: str) -> None:
    assert listed(label)["model-x"].families == (family,)


@pytest.mark.parametrize(
    "label",
    [
        "Happyhorse video",
        "happyhorse视频",
        "runway图生视频",
        "luma视频生成",
        "wan视频生成",
        "pixverse视频",
        "minimax/video-01异步",
    ],
)
def test_routes_that_are_not_spoken_are_named_and_not_offered(yunwu: Yunwu, label: str) -> None:
    models = listed(label)
    assert models["model-x"].families == ()
    yunwu._catalogue.keep(yunwu.base_url, models)
    [problem] = yunwu.check("model-x", make_params())
    assert (problem.code, problem.params["route"], problem.fatal) == ("route_not_spoken", label, True)
    # What was queued with it waits until the list is right again.
    assert yunwu.awaited("model-x") == problem
    assert yunwu.models() == ("grok-video-3", *[name for name in yunwu.models() if name != "grok-video-3"])
    assert "model-x" not in yunwu.models()


@pytest.mark.parametrize("label", ["openai", "image-generation", "文生图", "vidu生图", "嵌入", "", "mj动作"])
def test_what_makes_no_videos_is_no_video_model(label: str) -> None:
    assert listed(label) == {}


def test_the_list_itself_says_what_its_labels_stand_for() -> None:
    told = {"New label": {"path": "/v1/video/create"}, "Grok video": {"path": "/v1/videos", "method": "POST"}}
    assert listed("New label", supported_endpoint=told)["model-x"].families == ("unified",)
    assert listed("Grok video", supported_endpoint=told)["model-x"].families == ("openai",)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"supported_endpoint_types": "Grok video, something"}, None),
        ({"supported_endpoint_types": [{"type": "Novel", "path": "/v1/video/create"}]}, None),
        ({"endpoints": {"Novel": {"path": "/v1/video/create", "method": "POST"}}}, None),
        ({"supported_endpoints": ["Novel"]}, [{"label": "Novel", "path": "https://relay.example/v1/video/create"}]),
        ({"endpoint_types": ["Novel"]}, {"Novel": "/v1/video/create"}),
    ],
)  # fmt: skip
def test_labels_and_paths_are_found_in_shapes_that_nobody_announced(row: dict[str, Any], told: Any) -> None:
    priced_row = {"quota_type": 1, "model_price": 0.1, **row}
    for rows in ([{"model_name": "veo9", **priced_row}], {"veo9": priced_row}):
        body = {"data": rows, "supported_endpoint": told}
        assert video_models(body)["veo9"].families == ("unified",)
        assert [one.model for one in prices(body, STATUS)] == ["veo9"]


def test_the_unified_route_is_preferred_where_a_model_has_several() -> None:
    assert listed("openAI官方视频格式", "视频统一格式")["model-x"].families == ("unified", "openai")


@pytest.mark.parametrize(
    "body",
    [
        None, 7, "x", [], {}, {"data": None}, {"data": "x"}, {"data": [None, 7, [], {}]}, {"data": [{"id": 7}]},
        {"data": [{"id": "a\n b", "supported_endpoint_types": ["Grok video"]}]},
        {"data": [{"id": "x" * 300, "supported_endpoint_types": ["Grok video"]}]},
        {"data": {"a": {"b": 1}}}, {"data": {"a": {"supported_endpoint_types": {"x": {"path": 7}}}}},
        {"data": [{"id": "a", "supported_endpoint_types": [None, 7, {}]}]},
        {"data": [{"id": "a", "supported_endpoint_types": ["x"]}], "supported_endpoint": [1]},
    ],
)  # fmt: skip
def test_lists_that_make_no_sense_list_nothing(body: Any) -> None:
    assert video_models(body) == {}


@pytest.mark.parametrize(
    "wrap",
    [
        lambda rows: {"data": rows}, lambda rows: {"data": {"models": rows}}, lambda rows: {"data": {"list": rows}},
        lambda rows: {"models": rows}, lambda rows: rows,
    ],
)  # fmt: skip
def test_rows_are_found_in_any_envelope(wrap: Any) -> None:
    rows = [{"model_name": "veo3.1", "supported_endpoint_types": ["视频统一格式"], "quota_type": 1, "model_price": 0.1}]
    assert list(video_models(wrap(rows))) == ["veo3.1"]
    assert [(one.model, one.amount, one.currency) for one in prices(wrap(rows), STATUS)] == [
        ("veo3.1", Decimal("0.7300"), "CNY")
    ]


def priced(**row: Any) -> Any:
    base = {"model_name": "veo3.1", "quota_type": 1, "model_price": 0.1, "enable_groups": ["default"]}
    return prices({"data": [base | row], "group_ratio": {"default": 2}}, STATUS)


@pytest.mark.parametrize(
    "row",
    [
        {"model_price": -1}, {"model_price": 0}, {"model_price": float("nan")}, {"model_price": 1e300}, {"model_price": "0.1"},
        {"model_price": True}, {"model_price": None}, {"model_price": {"usd": 1}}, {"quota_type": 0}, {"quota_type": True},
        {"model_name": ""}, {"model_name": 7}, {"model_name": "x" * 300}, {"model_name": "a\u0000b"}, {"enable_groups": ["vip"]},
        {"model_price": 1e-9},
    ],
)  # fmt: skip
def test_a_price_that_makes_no_sense_or_is_not_ours_is_left_out(row: dict[str, Any]) -> None:
    assert priced(**row) == ()


@pytest.mark.parametrize("ratio", [None, 0, -3, "2", True, float("inf"), 1e9])
def test_a_factor_that_makes_no_sense_counts_as_one(ratio: Any) -> None:
    body = {"data": [{"model_name": "veo3.1", "quota_type": 1, "model_price": 0.1}], "group_ratio": {"default": ratio}}
    [found] = prices(body, STATUS)
    assert found.amount == Decimal("0.7300")


def test_the_factor_of_the_group_counts() -> None:
    assert priced()[0].amount == Decimal("1.4600")


async def test_prices_come_from_the_newer_list_and_where_there_is_none_from_the_older(yunwu, world) -> None:
    rows = {
        "data": [
            {"model_name": "veo3.1", "quota_type": 1, "model_price": 0.1, "supported_endpoint_types": ["视频统一格式"]}
        ]
    }
    with respx.mock(base_url=world.server.url) as wire:
        wire.get("/api/status").respond(json=STATUS)
        newer = wire.get("/api/pricing_new").respond(json=rows)
        assert [one.model for one in await yunwu.price_list()] == ["veo3.1"]
        assert yunwu.models() == ("grok-video-3", "veo3.1")
        for answer in ({"status_code": 404}, {"text": "<html>"}, {"json": {"success": False}}):
            newer.respond(**answer)
            wire.get("/api/pricing").respond(json={"data": [{"model_name": "veo2", "quota_type": 1, "model_price": 1}]})
            assert [one.model for one in await yunwu.price_list()] == ["veo2"]
    # What makes no sense leaves what was known, also for a process that starts later.
    again = Yunwu(world.settings, world.locations)
    assert again.models() == ("grok-video-3", "veo3.1")
    await again.close()


async def test_a_list_of_another_address_says_nothing_here(yunwu, world) -> None:
    yunwu._catalogue.keep("https://relay.example", listed("视频统一格式"))
    assert "model-x" not in yunwu.models()


async def test_a_model_that_only_the_list_names_is_usable_by_its_route(yunwu, world) -> None:
    yunwu._catalogue.keep(yunwu.base_url, listed("vidu图生视频", name="viduq9"))
    assert "viduq9" in yunwu.models()
    codes = {one.code: one.fatal for one in yunwu.check("viduq9", make_params(image="a.jpg"))}
    assert codes["image_perhaps_ignored"] is False


async def test_models_are_read_anew_once_an_hour_and_what_fails_changes_nothing(yunwu, world, monkeypatch) -> None:
    rows = {"data": [{"id": "veo9", "supported_endpoint_types": ["视频统一格式"]}]}
    with respx.mock(base_url=world.server.url) as wire:
        asked = wire.get("/v1/models").respond(json=rows)
        wire.get("/api/pricing_new").respond(404)
        assert await yunwu.refresh_models(None)
        assert "veo9" in yunwu.models()
        assert not await yunwu.refresh_models(None)
        assert asked.call_count == 1
        monkeypatch.setattr("vidgen_core.providers.yunwu.adapter.LIST_AGE", 0.0)
        for answer in ({"status_code": 500}, {"text": "<html>"}, {"json": {"data": []}}):
            asked.respond(**answer)
            assert not await yunwu.refresh_models(None)
            assert "veo9" in yunwu.models()
    world.options = {"yunwu": {"live_catalogue": False}}
    with respx.mock:
        assert not await yunwu.refresh_models(None)
