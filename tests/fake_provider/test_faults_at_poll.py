"""Every way in which a look at a job goes wrong, and every way in which a job ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from rehearsal_wire import Wire

from vidgen_core.fake_provider.faults import CATALOGUE, KIE, YUNWU, Verb

State = dict[str, Any]


def yunwu(wire: Wire, prompt: str, age: float = 0.0) -> Callable[[], httpx.Response]:
    """How to look at a new Yunwu job that is ``age`` seconds old."""
    job_id = wire.yunwu_submit(prompt).json()["id"]
    wire.pass_time(age)
    return lambda: wire.yunwu_look(job_id)


def veo(wire: Wire, prompt: str, age: float = 0.0) -> Callable[[], httpx.Response]:
    job_id = wire.veo_submit(prompt).json()["data"]["taskId"]
    wire.pass_time(age)
    return lambda: wire.veo_look(job_id)


def task(wire: Wire, prompt: str, age: float = 0.0) -> Callable[[], httpx.Response]:
    job_id = wire.task_submit(prompt).json()["data"]["taskId"]
    wire.pass_time(age)
    return lambda: wire.task_look(job_id)


def yunwu_state(wire: Wire, prompt: str, age: float) -> State:
    state: State = yunwu(wire, prompt, age)().json()
    return state


def veo_state(wire: Wire, prompt: str, age: float) -> State:
    state: State = veo(wire, prompt, age)().json()["data"]
    return state


def task_state(wire: Wire, prompt: str, age: float) -> State:
    state: State = task(wire, prompt, age)().json()["data"]
    return state


#: A job of the standing options takes 2–6 seconds.
RUNNING, ENDED = 1.0, 60.0

#: Fault → whether an answer of Yunwu, of KIE is the disturbed one.
DISTURBANCES: dict[str, tuple[Callable[[httpx.Response], bool], Callable[[httpx.Response], bool]]] = {
    "poll-500": (lambda r: r.status_code == 500, lambda r: r.json()["code"] == 500),
    "poll-429": (lambda r: r.status_code == 429, lambda r: r.json()["code"] == 429),
    "poll-html": (lambda r: r.status_code == 200 and "<html>" in r.text,) * 2,
    "poll-gateway": (lambda r: r.status_code == 502 and "<html>" in r.text,) * 2,
    "poll-not-found": (
        lambda r: r.status_code == 400 and r.json()["code"] == "task_not_exist",
        lambda r: r.json() == {"code": 422, "msg": "recordInfo is null", "data": None},
    ),
}


@pytest.mark.parametrize("name", DISTURBANCES)
@pytest.mark.parametrize(("look", "side"), [(yunwu, 0), (veo, 1), (task, 1)])
def test_the_first_looks_are_disturbed_and_later_ones_are_not(
    wire: Wire, name: str, look: Callable[..., Callable[[], httpx.Response]], side: int
) -> None:
    ask, wrong = look(wire, f"[[{name}:3]]", ENDED), DISTURBANCES[name][side]
    assert [wrong(ask()) for _ in range(3)] == [True, True, True]
    later = ask()
    assert not wrong(later)
    assert "mp4" in later.text


@pytest.mark.parametrize("look", [yunwu, veo])
def test_a_look_can_be_reset(wire: Wire, look: Callable[..., Callable[[], httpx.Response]]) -> None:
    ask = look(wire, "[[poll-reset]]", ENDED)
    for _ in range(2):
        with pytest.raises(httpx.ReadError):
            ask()
    assert "mp4" in ask().text


def test_a_look_can_be_slow(wire: Wire) -> None:
    ask = yunwu(wire, "[[slow-poll:60]]")
    wire.http.timeout = httpx.Timeout(0.2)
    with pytest.raises(httpx.ReadTimeout):
        ask()
    assert yunwu(wire, "[[slow-poll:0.01]]")().json()["status"] == "pending"


def test_progress_comes_in_every_form(wire: Wire) -> None:
    assert 0 < yunwu_state(wire, "a", RUNNING)["progress"] < 100
    assert yunwu_state(wire, "[[progress-percent]]", ENDED)["progress"] == "100%"
    assert "progress" not in yunwu_state(wire, "[[progress-missing]]", RUNNING)
    assert yunwu_state(wire, "[[progress-null]]", RUNNING)["progress"] is None
    assert task_state(wire, "[[progress-percent]]", ENDED)["progress"] == "100%"
    assert "progress" not in veo_state(wire, "[[progress-missing]]", RUNNING)
    assert veo_state(wire, "[[progress-null]]", RUNNING)["progress"] is None


def test_a_running_job_may_have_a_status_nobody_knows_or_none(wire: Wire) -> None:
    assert yunwu_state(wire, "[[status-unknown]]", RUNNING)["status"] == "contemplating"
    assert yunwu_state(wire, "[[status-unknown]]", ENDED)["status"] == "completed"
    assert "status" not in yunwu_state(wire, "[[status-missing]]", RUNNING)
    assert yunwu_state(wire, "[[status-missing]]", ENDED)["status"] == "completed"
    assert veo_state(wire, "[[status-unknown]]", RUNNING)["successFlag"] == 7
    assert veo_state(wire, "[[status-unknown]]", ENDED)["successFlag"] == 1
    assert "successFlag" not in veo_state(wire, "[[status-missing]]", RUNNING)
    assert task_state(wire, "[[status-unknown]]", RUNNING)["state"] == "contemplating"
    assert "state" not in task_state(wire, "[[status-missing]]", RUNNING)
    assert task_state(wire, "[[status-missing]]", ENDED)["state"] == "success"


def test_yunwus_status_and_id_come_in_other_shapes(wire: Wire) -> None:
    nested = yunwu_state(wire, "[[status-nested]]", ENDED)
    assert ("status" in nested, nested["data"]["status"]) == (False, "completed")
    words = [yunwu_state(wire, "[[status-uppercase]] [[slow:10]]", age)["status"] for age in (0.0, 2.0, 5.0, ENDED)]
    assert words == ["NOT_START", "SUBMITTED", "IN_PROGRESS", "SUCCESS"]
    assert yunwu_state(wire, "[[status-uppercase]] [[failed]]", ENDED)["status"] == "FAILURE"
    ask = yunwu(wire, "[[id-without-prefix]]")
    job_id = wire.server.jobs()[-1]["id"]
    assert ask().json()["id"] == job_id.partition(":")[2]


def test_a_word_that_sounds_finished_comes_before_the_link(wire: Wire) -> None:
    job_id = wire.yunwu_submit("[[upsampling-completed]] [[slow:100]]").json()["id"]
    wire.pass_time(95.0)
    state = wire.yunwu_look(job_id).json()
    assert (state["status"], state["video_url"]) == ("video_upsampling_completed", None)
    wire.pass_time(6.0)
    assert wire.yunwu_look(job_id).json()["video_url"]


def test_a_link_may_come_late(wire: Wire) -> None:
    ask = yunwu(wire, "[[url-late]]", ENDED)
    states = [ask().json() for _ in range(3)]
    assert [(s["status"], bool(s["video_url"])) for s in states] == [("completed", b) for b in (False, False, True)]
    ask = veo(wire, "[[url-late:1]]", ENDED)
    links = [ask().json()["data"]["response"]["resultUrls"] for _ in range(2)]
    assert [len(found) for found in links] == [0, 1]
    ask = task(wire, "[[url-late:1]]", ENDED)
    assert [len(json.loads(ask().json()["data"]["resultJson"])["resultUrls"]) for _ in range(2)] == [0, 1]


YUNWU_PLACES: dict[str, Callable[[State], str]] = {
    "url": lambda s: s["url"],
    "videoUrl": lambda s: s["videoUrl"],
    "detail.video_url": lambda s: s["detail"]["video_url"],
    "detail.url": lambda s: s["detail"]["url"],
    "detail.generations": lambda s: s["detail"]["generations"][0]["url"],
    "data.video_url": lambda s: s["data"]["video_url"],
    "data.url": lambda s: s["data"]["url"],
    "data.output": lambda s: s["data"]["output"],
    "data.list": lambda s: s["data"][0]["url"],
    "output.url": lambda s: s["output"]["url"],
    "content.video_url": lambda s: s["content"]["video_url"],
    "data.task_result.videos.*.url": lambda s: s["data"]["task_result"]["videos"][0]["url"],
    "outputs.*": lambda s: s["outputs"][0],
}


@pytest.mark.parametrize("place", YUNWU_PLACES)
def test_yunwus_link_stands_where_the_tag_says(wire: Wire, place: str) -> None:
    state = yunwu_state(wire, f"[[url-in:{place}]]", ENDED)
    assert state["video_url"] is None
    assert wire.fetch(YUNWU_PLACES[place](state)).status_code == 200


def test_kies_links_stand_where_the_tag_says(wire: Wire) -> None:
    places: list[tuple[State, Callable[[State], str]]] = [
        (veo_state(wire, "[[url-in]]", ENDED), lambda s: json.loads(s["response"]["resultUrls"])[0]),
        (veo_state(wire, "[[url-in:data.resultUrls]]", ENDED), lambda s: json.loads(s["resultUrls"])[0]),
        (veo_state(wire, "[[url-in:originUrls]]", ENDED), lambda s: s["response"]["originUrls"][0]),
        (task_state(wire, "[[url-in]]", ENDED), lambda s: json.loads(s["resultJson"])["result_urls"][0]),
        (task_state(wire, "[[url-in:origin_urls]]", ENDED), lambda s: json.loads(s["resultJson"])["origin_urls"][0]),
        (
            task_state(wire, "[[url-in:data.result_urls]]", ENDED),
            lambda s: json.loads(s["resultJson"])["data"]["result_urls"][0],
        ),
    ]
    assert [wire.fetch(find(state)).status_code for state, find in places] == [200] * 6


def test_kies_links_may_stand_anywhere(wire: Wire) -> None:
    veo_answer = veo_state(wire, "[[url-in:video.files.*.href]]", ENDED)["response"]
    link_of_veo = veo_answer["video"]["files"][0]["href"]
    assert "resultUrls" not in veo_answer
    link_of_task = json.loads(task_state(wire, "[[url-in:works.*.resource]]", ENDED)["resultJson"])["works"][0][
        "resource"
    ]
    assert [wire.fetch(link).status_code for link in (link_of_veo, link_of_task)] == [200, 200]


@pytest.mark.parametrize("state_of", [yunwu_state, veo_state])
def test_a_link_is_written_as_the_tag_says(wire: Wire, state_of: Callable[..., State]) -> None:
    def written(way: str) -> str:
        state = state_of(wire, f"[[link-as:{way}]]", ENDED)
        return str(state["video_url"] if "video_url" in state else state["response"]["resultUrls"][0])

    host = wire.url.removeprefix("http:")
    links = {way: written(way) for way in ("relative", "host", "capitals", "blanks", "key")}
    assert links["relative"].startswith("/")
    assert links["host"].startswith(f"{host}/")
    assert links["capitals"].startswith(f"HTTP:{host}/")
    assert links["blanks"].startswith(f" \nhttp:{host}/")
    assert links["blanks"].endswith("\t\n")
    asked = [links["relative"], links["blanks"].strip(), links["key"]]
    assert [wire.fetch(link).status_code for link in asked] == [200, 200, 401]
    assert wire.http.get(links["key"]).status_code == 200
    assert wire.server.stats()["downloads_with_authorization"] == 0


@pytest.mark.parametrize("state_of", [yunwu_state, veo_state, task_state])
def test_an_end_may_be_a_marker_alone(wire: Wire, state_of: Callable[..., State]) -> None:
    words = {"status", "successFlag", "state"}
    for age, done in ((RUNNING, False), (ENDED, True)):
        state = state_of(wire, "[[done-marker]]", age)
        assert (state["done"], words & set(state)) == (done, set())
    assert "mp4" in json.dumps(state)
    filtered = state_of(wire, "[[filtered-count]]", ENDED)
    assert (filtered["done"], words & set(filtered)) == (True, set())
    assert "raiMediaFilteredCount" in json.dumps(filtered)
    assert "mp4" not in json.dumps(filtered)


def test_yunwus_status_stands_where_the_tag_says(wire: Wire) -> None:
    state = yunwu_state(wire, "[[status-in:a.b]]", ENDED)
    assert ("status" in state, state["a"]["b"]) == (False, "completed")
    assert yunwu_state(wire, "[[status-in]]", RUNNING)["output"]["task_status"] != "completed"


@pytest.mark.parametrize("look", [yunwu, veo, task])
@pytest.mark.parametrize("when", ["3600", "999999999", "Fri, 31 Dec 9999 23:59:59 GMT", "soon"])
def test_the_first_look_may_name_any_time_to_wait(
    wire: Wire, look: Callable[..., Callable[[], httpx.Response]], when: str
) -> None:
    ask = look(wire, f"[[poll-retry-after:{when}]]", ENDED)
    first, second = ask(), ask()
    assert (first.status_code, first.headers["retry-after"]) == (429, when)
    assert "mp4" in second.text


def test_the_1080p_file_takes_its_time(wire: Wire) -> None:
    job_id = wire.veo_submit("[[hd-processing:2]]").json()["data"]["taskId"]
    wire.pass_time()
    codes = [wire.http.get("/api/v1/veo/get-1080p-video", params={"taskId": job_id}).json()["code"] for _ in range(3)]
    assert codes == [400, 400, 200]


def test_the_first_looks_at_kie_can_find_nothing_by_option(start: Callable[..., Wire]) -> None:
    ask = task(start(kie_record_lag=2), "a")
    assert [ask().json()["code"] for _ in range(3)] == [422, 422, 200]


#: Fault → words of Yunwu, code and words of KIE, whether the money comes back.
FAILURES = {
    "failed": ("upstream error", "501", "Generation failed", True),
    "failed-no-refund": ("upstream error", "501", "Generation failed", False),
    "failed-parameter": ("invalid_request", "422", "not supported", True),
    "failed-overloaded": ("负载已饱和", "455", "overloaded", True),
    "failed-timeout": ("任务超时", "408", "10 minutes", True),
    "moderated-output": ("OutputVideoSensitiveContentDetected", "400", "flagged", True),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_job_fails_with_its_reason_and_its_money(wire: Wire, name: str) -> None:
    chinese_side, code, words, refunded = FAILURES[name]
    state = yunwu_state(wire, f"[[{name}]]", ENDED)
    assert (state["status"], state["video_url"]) == ("failed", None)
    assert chinese_side in state["error"]
    data = veo_state(wire, f"[[{name}]]", ENDED)
    assert (data["successFlag"], str(data["errorCode"])) == (3, code)
    assert words in data["errorMessage"]
    data = task_state(wire, f"[[{name}]]", ENDED)
    assert (data["state"], data["failCode"], data["resultJson"]) == ("fail", code, "")
    assert words in data["failMsg"]
    # Six seconds of Grok in 480p cost 2.4 credits each; a Veo video costs 60.
    assert data["creditsConsumed"] == (0 if refunded else 14.4)
    stats = wire.server.stats()
    assert stats["charged"] == {YUNWU: 0.4, KIE: 74.4}
    assert stats["refunded"] == (stats["charged"] if refunded else {})


@pytest.mark.parametrize("state_of", [yunwu_state, veo_state, task_state])
def test_a_job_fails_with_any_words(wire: Wire, state_of: Callable[..., State]) -> None:
    said = "duration must be between 4 and 8 seconds"
    assert said in json.dumps(state_of(wire, f"[[failed-words:{said}]]", ENDED))
    assert "No video could be generated" in json.dumps(state_of(wire, "[[failed-words]]", ENDED))
    odd = json.dumps(state_of(wire, "[[failed-odd-text]]", ENDED), ensure_ascii=False)
    assert "²" in odd
    assert "\ud83d" in odd
    stats = wire.server.stats()
    assert stats["refunded"] == stats["charged"]


@pytest.mark.parametrize("look", [yunwu, veo, task])
def test_a_failure_repeats_the_key_so_that_only_a_parser_finds_it(
    wire: Wire, look: Callable[..., Callable[[], httpx.Response]]
) -> None:
    reply = look(wire, "[[failed-echo-key]]", ENDED)()
    assert "sk-good" not in reply.text
    assert json.dumps(reply.json()).count("sk-good") == 3


ERROR_PLACES: dict[str, Callable[[State], str]] = {
    "fail_reason": lambda s: s["fail_reason"],
    "failReason": lambda s: s["failReason"],
    "message": lambda s: s["message"],
    "reason": lambda s: s["reason"],
    "detail.error": lambda s: s["detail"]["error"],
    "error.message": lambda s: s["error"]["message"],
}


@pytest.mark.parametrize("place", ERROR_PLACES)
def test_yunwus_reason_stands_where_the_tag_says(wire: Wire, place: str) -> None:
    state = yunwu_state(wire, f"[[error-in:{place}]]", ENDED)
    assert state["status"] == "failed"
    assert "upstream error" in ERROR_PLACES[place](state)


def test_success_may_have_no_link_for_ever(wire: Wire) -> None:
    for name in ("completed-without-url", "moderated-silent"):
        ask = yunwu(wire, f"[[{name}]]", ENDED)
        states = [ask().json() for _ in range(5)]
        assert {(s["status"], s["progress"], s["video_url"]) for s in states} == {("completed", 100, None)}
        assert [s.get("moderated", False) for s in states] == [name == "moderated-silent"] * 5
    assert veo_state(wire, "[[completed-without-url]]", ENDED)["response"]["resultUrls"] == []


def test_a_cancelled_job_says_so_and_gives_the_money_back(wire: Wire) -> None:
    assert yunwu_state(wire, "[[cancelled]]", ENDED)["status"] == "cancelled"
    assert wire.server.stats()["refunded"] == {YUNWU: 0.4}


def test_a_stuck_job_runs_for_ever(wire: Wire) -> None:
    ask = yunwu(wire, "[[stuck]]", 10_000_000.0)
    assert (ask().json()["status"], ask().json()["progress"]) == ("video_generating", 50)
    assert veo_state(wire, "[[stuck]]", 10_000_000.0)["successFlag"] == 0
    assert wire.server.stats()["in_flight"] == {YUNWU: 1, KIE: 1}


def test_a_slow_job_takes_as_long_as_the_tag_says(wire: Wire) -> None:
    ask = yunwu(wire, "[[slow:1000]]", 999.0)
    assert ask().json()["status"] == "video_upsampling"
    wire.pass_time(2.0)
    assert ask().json()["status"] == "completed"


#: Judged by the checks of takes: ``tests/media/test_checks.py``.
FAULTY_CLIPS = {
    "frozen", "black-frames", "cut", "other-picture", "repeated-stream", "text-on-top", "silent", "flicker", "blurred",
}  # fmt: skip


def test_every_fault_of_looks_and_results_is_tested() -> None:
    looks = {*DISTURBANCES, "poll-reset", "slow-poll", "progress-percent", "progress-missing", "progress-null"}
    looks |= {"status-unknown", "status-missing", "status-nested", "status-uppercase", "id-without-prefix"}
    looks |= {"upsampling-completed", "url-late", "url-in", "hd-processing"}
    looks |= {"status-in", "poll-retry-after", "link-as", "done-marker"}
    results = {*FAILURES, "error-in", "completed-without-url", "moderated-silent", "cancelled", "stuck", "slow"}
    results |= {"failed-words", "failed-odd-text", "failed-echo-key", "filtered-count"}
    in_downloads, at_lovart = {"identical-file", "same-clip", "wrong-ratio", "ignores-field"}, {"upside-down"}
    at_lovart |= FAULTY_CLIPS
    assert looks == {fault.name for fault in CATALOGUE.values() if fault.verb is Verb.POLL}
    assert results | in_downloads | at_lovart == {
        fault.name for fault in CATALOGUE.values() if fault.verb is Verb.RESULT
    }
