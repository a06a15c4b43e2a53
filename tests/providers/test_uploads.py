"""Uploads: which links are believed, what a refusal says of the file, and what is forgotten when a link does not work."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import respx
from provider_world import World, job_of, make_key
from pydantic import SecretStr

from vidgen_core.domain.errors import Delivery, ErrorKind, RemoteError
from vidgen_core.i18n import get_text
from vidgen_core.providers.base import Key, Order, Prepared, Provider, RemoteStatus, Submission
from vidgen_core.providers.kie.adapter import Kie
from vidgen_core.providers.lovart.adapter import Lovart
from vidgen_core.providers.yunwu.adapter import Yunwu

K = ErrorKind
LINK = "https://cdn.example.com/a.jpg"
PAGE = "<!doctype html><html><title>Sign in</title></html>"


@dataclass
class Host:
    """A provider, and where it uploads to."""

    provider: Provider
    key: Key
    path: str
    #: The answer around a link.
    around: Any
    world: World

    @property
    def order(self) -> Order:
        return self.world.order(
            self.provider, model="veo3.1" if self.provider.mode == "yunwu" else self.provider.models()[0]
        )

    def answers(self, wire: respx.MockRouter, answer: httpx.Response) -> respx.Route:
        wire.post("/v1/openapi/project/save").respond(json={"code": 0, "data": {"project_id": "p1"}})
        return wire.post(self.path).mock(return_value=answer)

    async def prepared(self, answer: httpx.Response) -> Prepared:
        with respx.mock(base_url=self.world.server.url, assert_all_called=False) as wire:
            self.answers(wire, answer)
            return await self.provider.prepare(self.order, self.key)

    async def refused(self, answer: httpx.Response) -> RemoteError:
        with pytest.raises(RemoteError) as caught:
            await self.prepared(answer)
        assert caught.value.delivery is Delivery.NOT_SENT
        return caught.value


@pytest.fixture(params=["yunwu", "kie", "lovart"])
async def host(request: pytest.FixtureRequest, world: World) -> AsyncIterator[Host]:
    name = request.param
    world.options = {"yunwu": {"images": "upload", "upload_url": world.server.url}}
    made = {"yunwu": Yunwu, "kie": Kie, "lovart": Lovart}[name](world.settings, world.locations)
    path, around = {
        "yunwu": ("/api/upload", lambda link: {"url": link, "created": 1}),
        "kie": ("/api/file-stream-upload", lambda link: {"success": True, "code": 200, "data": {"downloadUrl": link}}),
        "lovart": ("/v1/openapi/file/upload", lambda link: {"code": 0, "data": {"url": link}}),
    }[name]
    pair = Key(id="ab", label="pair", secret=SecretStr("ak_one:sk_other"))
    yield Host(made, pair if name == "lovart" else make_key(), path, around, world)
    await made.close()


def links_of(prepared: Prepared) -> list[str]:
    found = prepared.payload.get("imageUrls") or prepared.payload.get("attachments")
    return found or prepared.payload["fields"]["images"]


@pytest.mark.parametrize(
    ("said", "link"),
    [
        (LINK, LINK),
        ([LINK], LINK),
        ("HTTPS://cdn.example.com/a.jpg", LINK),
        ("//cdn.example.com/a.jpg", "http://cdn.example.com/a.jpg"),
    ],
)
async def test_a_link_is_sent_as_it_can_be_asked_for(host, said, link) -> None:
    assert links_of(await host.prepared(httpx.Response(200, json=host.around(said)))) == [link]


async def test_a_link_that_names_no_host_is_one_of_the_host_that_answered(host) -> None:
    prepared = await host.prepared(httpx.Response(200, json=host.around("/files/a.jpg")))
    assert links_of(prepared) == [f"{host.world.server.url}/files/a.jpg"]


@pytest.mark.parametrize(
    "said", ["null", "error", "ok", "", 5, None, True, {"url": LINK}, "file:///etc/passwd", "data:image/jpeg;base64,AA", "javascript:alert(1)"]
)  # fmt: skip
async def test_what_is_no_link_is_not_sent_with_an_order(host, said) -> None:
    error = await host.refused(httpx.Response(200, json=host.around(said)))
    assert (error.kind, error.code) == (K.PROVIDER, "upload_without_link")


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (413, "Request Entity Too Large", K.FILE, "upload_refused"),
        (413, {"error": {"message": "file too large, at most 10MB"}}, K.FILE, "upload_refused"),
        (200, {"code": 500, "success": False, "msg": "File size exceeds 10MB limit"}, K.FILE, "upload_refused"),
        (415, {"message": "Unsupported media type"}, K.FILE, "upload_refused"),
        (200, {"code": 400, "success": False, "msg": "file type image/jpeg is not supported"}, K.FILE, "upload_refused"),
        (200, {"code": 400, "success": False, "msg": "sensitive content"}, K.MODERATION, "image_refused"),
        (403, {"message": "content policy violation"}, K.MODERATION, "image_refused"),
        (200, {"code": 402, "success": False, "msg": "insufficient credits"}, K.BALANCE, "balance_empty"),
        (200, {"success": True, "code": 200, "data": {"fileName": "x"}}, K.PROVIDER, "upload_without_link"),
        (404, {"message": "page not found"}, K.PARAMETER, "address_wrong"),
        (301, "", K.PARAMETER, "address_wrong"),
        (307, "", K.PARAMETER, "address_wrong"),
        (200, PAGE, K.NETWORK, "answer_unreadable"),
        (403, PAGE, K.NETWORK, "answer_unreadable"),
        (401, PAGE, K.NETWORK, "answer_unreadable"),
        (402, PAGE, K.NETWORK, "answer_unreadable"),
    ],
)  # fmt: skip
async def test_a_refused_upload_is_told_by_what_its_answer_says(host, status, body, kind, code) -> None:
    answer = httpx.Response(status, text=body) if isinstance(body, str) else httpx.Response(status, json=body)
    error = await host.refused(answer)
    assert (error.kind, error.code) == (kind, code)
    for language in ("en", "zh"):
        assert "{" not in get_text(language, strict=True)(f"error.{code}", **error.params)


@pytest.mark.parametrize("where", ["submit", "poll"])
async def test_a_picture_that_the_provider_could_not_fetch_is_uploaded_again(host, where) -> None:
    provider, key, order, url = host.provider, host.key, host.order, host.world.server.url
    why = "failed to download the image from its url"
    ended: dict[str, Any] = {
        "yunwu": {"id": "t1", "status": "failed", "error": {"message": why}},
        "kie": {
            "code": 200,
            "data": {"taskId": "t1", "state": "fail", "successFlag": 2, "errorMessage": why, "failMsg": why},
        },
        "lovart": {"code": 0, "data": {"status": "failed", "message": why}},
    }[provider.mode]
    with respx.mock(base_url=url, assert_all_called=False) as wire:
        uploads = host.answers(wire, httpx.Response(200, json=host.around(LINK)))
        wire.post(path__regex="generate|create|chat").respond(400, json={"code": 400, "message": why, "msg": why})
        wire.get(path__regex=".*").respond(json=ended)
        prepared = await provider.prepare(order, key)
        if where == "submit":
            with pytest.raises(RemoteError):
                await provider.submit(order, prepared, key)
        else:
            job = job_of(order, Submission(remote_id="p1/t1" if provider.mode == "lovart" else "t1"), provider)
            state = await provider.poll(job.model_copy(update={"sent": prepared.sent}), key)
            assert state.status is RemoteStatus.FAILED
            assert state.failure is not None
            assert state.failure.code == "picture_not_fetched"
        await provider.prepare(order, key)
    assert uploads.call_count == 2
