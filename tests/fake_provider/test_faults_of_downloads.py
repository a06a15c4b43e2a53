"""Every way in which the bytes of a result can go wrong."""

from __future__ import annotations

import io
from collections.abc import Callable

import av
import httpx
import pytest
from rehearsal_wire import Wire, decode

from vidgen_core.fake_provider.faults import CATALOGUE, Verb

LINKS = [Wire.yunwu_link, Wire.veo_link]


@pytest.fixture(params=LINKS, ids=["yunwu", "kie"])
def link_of(request: pytest.FixtureRequest, wire: Wire) -> Callable[[str], str]:
    """A finished job's link, at each provider."""
    return lambda prompt: request.param(wire, prompt)


@pytest.mark.parametrize(("name", "status"), [("link-404", 404), ("download-500", 500)])
def test_the_first_downloads_fail_and_the_next_one_works(
    wire: Wire, link_of: Callable[[str], str], name: str, status: int
) -> None:
    link = link_of(f"[[{name}]]")
    assert [wire.fetch(link).status_code for _ in range(3)] == [status, status, 200]


def test_a_download_can_be_reset(wire: Wire, link_of: Callable[[str], str]) -> None:
    link = link_of("[[download-reset]]")
    with pytest.raises(httpx.ReadError):
        wire.fetch(link)
    assert wire.fetch(link).status_code == 200


def test_an_expired_link_of_yunwu_is_renewed_by_a_look(wire: Wire) -> None:
    job_id = wire.yunwu_submit("[[link-expired]]").json()["id"]
    wire.pass_time()
    links = [wire.yunwu_look(job_id).json()["video_url"] for _ in range(2)]
    assert [wire.fetch(link).status_code for link in links] == [403, 200]


def test_an_expired_link_of_kie_is_renewed_only_by_asking_for_one(wire: Wire) -> None:
    job_id = wire.veo_submit("[[link-expired]]").json()["data"]["taskId"]
    wire.pass_time()
    links = [wire.veo_look(job_id).json()["data"]["response"]["resultUrls"][0] for _ in range(2)]
    assert [wire.fetch(link).status_code for link in links] == [403, 403]
    fresh = wire.http.post("/api/v1/common/download-url", json={"url": links[0]}).json()["data"]
    assert wire.fetch(fresh).status_code == 200


def test_a_dead_link_stays_dead(wire: Wire) -> None:
    link = wire.veo_link("[[link-dead]]")
    fresh = wire.http.post("/api/v1/common/download-url", json={"url": link}).json()["data"]
    assert [wire.fetch(link).status_code, wire.fetch(fresh).status_code] == [403, 403]


def test_a_link_can_lead_to_another(wire: Wire, link_of: Callable[[str], str]) -> None:
    first = wire.fetch(link_of("[[download-redirect]]"))
    assert first.status_code == 302
    assert decode(wire.fetch(first.headers["location"]).content)[2] == 1.0


@pytest.mark.parametrize(
    ("name", "error"), [("truncated", httpx.RemoteProtocolError), ("truncated-reset", httpx.ReadError)]
)
def test_a_body_that_stops_halfway_can_be_taken_up_again(
    wire: Wire, link_of: Callable[[str], str], name: str, error: type[Exception]
) -> None:
    link, got = link_of(f"[[{name}]]"), bytearray()
    with pytest.raises(error), wire.bare.stream("GET", link) as reply:  # noqa: PT012 -- the loop is what fails
        promised = int(reply.headers["content-length"])
        for piece in reply.iter_raw():
            got += piece
    assert 0 < len(got) < promised
    rest = wire.fetch(link, Range=f"bytes={len(got)}-")
    assert rest.status_code == 206
    assert decode(bytes(got) + rest.content)[2] == 1.0


def test_a_file_can_be_cut_in_half_and_say_so(wire: Wire, link_of: Callable[[str], str]) -> None:
    whole, half = wire.fetch(link_of("a")), wire.fetch(link_of("[[truncated-file]]"))
    assert int(half.headers["content-length"]) == len(half.content)
    # The size of the job's id at its end differs with the provider's ids, the clip does not.
    assert abs(len(half.content) - len(whole.content) // 2) < 2000
    assert half.content[4:8] == b"ftyp"


def test_a_file_can_be_empty_a_page_or_noise(wire: Wire, link_of: Callable[[str], str]) -> None:
    empty, page, noise = (wire.fetch(link_of(f"[[{name}]]")) for name in ("empty-file", "html-file", "garbage-file"))
    assert {reply.status_code for reply in (empty, page, noise)} == {200}
    assert {reply.headers["content-type"] for reply in (empty, page, noise)} == {"video/mp4"}
    assert (empty.content, page.content[:6]) == (b"", b"<html>")
    assert (len(noise.content), noise.content[4:8] == b"ftyp") == (65_536, False)


def test_a_body_can_trickle_or_stall(wire: Wire, link_of: Callable[[str], str]) -> None:
    # What has begun to arrive is waited for longer: a busy machine takes its time with the first byte.
    for name, most, patience in (("slow-body:60", 0, 0.3), ("stalled-body:60", 1_000_000, 3.0)):
        got = bytearray()
        wire.bare.timeout = httpx.Timeout(patience)
        with pytest.raises(httpx.ReadTimeout), wire.bare.stream("GET", link_of(f"[[{name}]]")) as reply:  # noqa: PT012
            for piece in reply.iter_raw():
                got += piece
        assert len(got) <= most
    assert len(got) > 0
    wire.bare.timeout = httpx.Timeout(20.0)
    assert decode(wire.fetch(link_of("[[slow-body:0.001]]")).content)[2] == 1.0
    assert decode(wire.fetch(link_of("[[stalled-body:0.01]]")).content)[2] == 1.0


def test_range_and_length_can_be_missing(wire: Wire, link_of: Callable[[str], str]) -> None:
    whole = wire.fetch(link_of("[[no-range]]"), Range="bytes=10-")
    assert (whole.status_code, whole.content[4:8], "accept-ranges" in whole.headers) == (200, b"ftyp", False)
    chunked = wire.fetch(link_of("[[no-length]]"))
    assert "content-length" not in chunked.headers
    assert decode(chunked.content)[2] == 1.0


def test_different_prompts_can_get_the_same_clip(wire: Wire, link_of: Callable[[str], str]) -> None:
    files = {wire.fetch(link_of(f"{prompt} [[identical-file]]")).content for prompt in ("one", "two")}
    assert len(files) == 1


def test_the_same_clip_can_be_another_file_for_each_job(wire: Wire, link_of: Callable[[str], str]) -> None:
    one, other = (wire.fetch(link_of(f"{prompt} [[same-clip]]")).content for prompt in ("one", "two"))
    assert one != other
    assert packets(one) == packets(other)


def test_no_two_jobs_have_the_same_video(wire: Wire, link_of: Callable[[str], str]) -> None:
    films = [wire.fetch(link_of(prompt)).content for prompt in ("one",) * 8]
    assert len({b"".join(packets(film)) for film in films}) == 8
    assert {decode(film)[2] for film in films} == {1.0}


def packets(data: bytes) -> list[bytes]:
    with av.open(io.BytesIO(data)) as container:
        return [bytes(packet) for packet in container.demux(video=0)]


def test_a_body_can_come_a_byte_at_a_time(wire: Wire, link_of: Callable[[str], str]) -> None:
    with wire.bare.stream("GET", link_of("[[trickle:0.001]]")) as reply:
        pieces = reply.iter_raw()
        assert all(len(next(pieces)) <= 64 for _ in range(5))


def test_a_body_can_have_no_end(wire: Wire, link_of: Callable[[str], str]) -> None:
    got = 0
    with wire.bare.stream("GET", link_of("[[endless-body]]")) as reply:
        assert "content-length" not in reply.headers
        for piece in reply.iter_raw():
            got += len(piece)
            if got > 8_000_000:
                break
    assert got > 8_000_000
    assert wire.server.stats()["downloads_total"] == 1


def test_a_length_can_promise_ten_terabytes(wire: Wire, link_of: Callable[[str], str]) -> None:
    for tag, promised in (("huge-length", 10**13), ("huge-length:4000000", 4_000_000)):
        with wire.bare.stream("GET", link_of(f"[[{tag}]]")) as reply:
            assert int(reply.headers["content-length"]) == promised
            assert next(reply.iter_raw())[4:8] == b"ftyp"


def test_a_file_can_come_in_gzip(wire: Wire, link_of: Callable[[str], str]) -> None:
    reply = wire.fetch(link_of("[[gzip-file]]"))
    assert reply.headers["content-encoding"] == "gzip"
    assert int(reply.headers["content-length"]) != len(reply.content)
    assert decode(reply.content)[2] == 1.0


def test_a_video_can_lie_down(wire: Wire, link_of: Callable[[str], str]) -> None:
    width, height, _seconds = decode(wire.fetch(link_of("[[wrong-ratio]]")).content)
    assert width > height
    square = wire.yunwu_link("[[wrong-ratio]]", aspect_ratio="1:1")
    width, height, _seconds = decode(wire.fetch(square).content)
    assert width > height


def test_every_fault_of_downloads_is_tested() -> None:
    tested = {"link-404", "download-500", "download-reset", "link-expired", "link-dead", "download-redirect"}
    tested |= {"truncated", "truncated-reset", "truncated-file", "empty-file", "html-file", "garbage-file"}
    tested |= {"slow-body", "stalled-body", "no-range", "no-length"}
    tested |= {"trickle", "endless-body", "huge-length", "gzip-file"}
    assert tested == {fault.name for fault in CATALOGUE.values() if fault.verb is Verb.DOWNLOAD}
