"""Where a job stands, read out of a provider's whole answer to a poll.

Relays pass on what their upstreams say, so the word for *done* cannot be a fixed list at a fixed place: ``read`` looks for
status words, end markers and filter counters wherever they stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from vidgen_core.providers.base import RemoteStatus
from vidgen_core.providers.http.cleaning import clean, identifier, read_json

#: Values read in one answer, and levels of nesting; JSON inside text counts as a level.
_MOST_VALUES: Final = 20_000
_MOST_LEVELS: Final = 12


@dataclass(frozen=True)
class Value:
    """One text, number or flag of an answer, with the names that lead to it."""

    path: tuple[str, ...]
    value: Any

    @property
    def place(self) -> str:
        return ".".join(self.path)


def values(body: Any) -> Iterator[Value]:
    """Every plain value of an answer, outer ones before inner ones; JSON inside text is parsed, too."""
    level: list[tuple[tuple[str, ...], Any]] = [((), body)]
    seen = 0
    for _ in range(_MOST_LEVELS):
        deeper: list[tuple[tuple[str, ...], Any]] = []
        for path, found in level:
            seen += 1
            if seen > _MOST_VALUES:
                return
            inner = _loads(found)
            if isinstance(inner, Mapping):
                deeper.extend(((*path, str(name)), value) for name, value in inner.items())
            elif isinstance(inner, list):
                deeper.extend((path, value) for value in inner)
            else:
                yield Value(path, found)
        level = deeper


def _loads(value: Any) -> Any:
    """JSON text as what it means; anything else as it is."""
    if not isinstance(value, str) or value.lstrip()[:1] not in {"[", "{", '"'}:
        return value
    found = clean(read_json(value))
    return value if found is None else found


def of_job(body: Any, job_id: str) -> Any:
    """An answer without other jobs, where it tells of several and names the one that was asked for."""
    inner = _loads(body)
    if isinstance(inner, list):
        name = next(filter(None, (_place_of_id(one, job_id) for one in inner)), None)
        kept = [one for one in inner if name is None or not _is_of_another(one, name, job_id)]
        found: Any = kept if name else [of_job(one, job_id) for one in inner]
    elif isinstance(inner, Mapping):
        many = job_id in inner and all(isinstance(one, Mapping) for one in inner.values())
        found = {name: of_job(one, job_id) for name, one in inner.items() if not many or name == job_id}
    else:
        return body
    return body if found == inner else found


def names_another(named: str | None, job_id: str) -> bool:
    """Whether the id in an answer is that of another job; one that only lacks a prefix, or has one more, is the same."""
    return named is not None and named not in job_id and job_id not in named


def _place_of_id(entry: Any, job_id: str) -> str | None:
    """The member of a job that holds its id."""
    if not isinstance(entry, Mapping):
        return None
    ids = (name for name, one in entry.items() if tokens_of(name)[-1:] == ["id"] and identifier(one) == job_id)
    return next(ids, None)


def _is_of_another(entry: Any, name: str, job_id: str) -> bool:
    return isinstance(entry, Mapping) and identifier(entry.get(name)) not in (None, job_id)


# --- what a name says -----------------------------------------------------------------------------------------------


def _set_of(words: str) -> frozenset[str]:
    return frozenset(words.split())


#: Names below which nothing is a result: what was sent, and where news go.
_HARD: Final = _set_of(
    "input inputs reference references ref refs request requests req param params parameter parameters arguments args callback "
    "callbacks webhook webhooks hook hooks notify notification prompt prompts log logs docs doc documentation help support "
    "billing pricing payment topup account"
)
#: Names of pictures, sounds and pages; the last such name, or *video*, of a path decides.
_SOFT: Final = _set_of(
    "thumb thumbs thumbnail thumbnails cover covers poster posters image images img imgs picture pictures photo photos pic pics gif "
    "frame frames keyframe keyframes avatar icon logo audio audios music voice sound subtitle subtitles caption captions "
    "status cancel self get stream poll query web website page homepage dashboard console error errors mask storyboard"
)
_VIDEO_NAMES: Final = frozenset({"video", "videos", "mp4", "clip", "clips", "movie", "mov", "webm", "movies"})
_RESULT_NAMES: Final = _set_of(
    "url urls uri uris link links href output outputs result results download downloads content contents file files media data asset "
    "assets artifact artifacts generation generations src source location resource resources work works"
)
_SPLIT_NAME: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+(?:[a-z](?![a-z]))?|[^\x00-\x7f]+")


def tokens_of(name: str) -> list[str]:
    """``videoUrl``, ``video_url`` and ``VIDEO-URL`` alike as *video*, *url*."""
    return [token.lower() for token in _SPLIT_NAME.findall(name)]


def kind_of(path: Sequence[str]) -> str:
    """*video*, *no* (a picture, sound or page), *result* or nothing, by the last name that says something."""
    result = ""
    for name in reversed(path):
        for token in reversed(tokens_of(name)):
            if token in _VIDEO_NAMES:
                return "video"
            if token in _SOFT:
                return "no"
            if token in _RESULT_NAMES:
                result = "result"
    return result


# --- where it stands ------------------------------------------------------------------------------------------------


#: The union of all words seen, in lower case with ``_`` between them. Whatever is not here counts as still running.
STATUS_WORDS: Final[Mapping[RemoteStatus, str]] = {
    RemoteStatus.QUEUED: "pending queued queuing queueing in_queue submitted not_start not_started preparing waiting created "
    "scheduled accepted 排队中 排队 等待中 待处理 已提交",
    RemoteStatus.RUNNING: "running processing in_progress inprogress generating started starting working rendering "
    "image_downloading video_generating video_generation_completed video_upsampling video_upsampling_completed "
    "处理中 生成中 进行中 运行中 审核中",
    RemoteStatus.SUCCEEDED: "completed complete success succeeded succeed successful finished finish done "
    "已完成 完成 成功 已成功 生成成功 生成完成 任务完成 完了 完成済み 완료 готово завершено terminé terminada completado concluído completato fertig abgeschlossen",
    RemoteStatus.FAILED: "failed failure fail error errored video_generation_failed video_upsampling_failed expired rejected "
    "denied moderated content_filtered blocked timed_out timeout refused declined 失败 已失败 生成失败 任务失败 超时 违规 审核不通过 审核未通过 已拒绝 "
    "失敗 실패 ошибка échoué échec fallido falló falhou fallito fehlgeschlagen",
    RemoteStatus.CANCELLED: "cancelled canceled aborted revoked 已取消 取消",
}
_BY_WORD: Final = {word: status for status, known in STATUS_WORDS.items() for word in known.split()}
#: Of an enumeration's full name (``TASK_STATUS_SUCCEED``) only the end says something.
_PREFIXES: Final = frozenset({"task", "job", "status", "state", "operation", "prediction", "request", "run", "model"})
#: Words for an envelope that arrived as well as for a job that ended.
_ENVELOPE: Final = frozenset({"success", "succeed", "ok", "成功"})
_STATUS_NAMES: Final = frozenset({"status", "state", "taskstatus", "taskstate", "jobstatus", "jobstate", "videostatus"})
_END_NAMES: Final = frozenset({
    "done", "isdone", "finish", "finished", "isfinish", "isfinished", "completed", "iscompleted", "complete",
    "iscomplete",
})  # fmt: skip
#: Counters, flags and reasons of a filter that took a result away.
_FILTER_NAMES: Final = frozenset(
    {"raimediafilteredcount", "raimediafilteredreasons", "raimediafilteredreason", "filteredcount", "filteredreason", "filteredreasons",
     "filterreason", "filtered", "isfiltered", "contentfiltered", "moderated", "ismoderated", "moderationblocked", "blocked",
     "isblocked", "blockreason", "blockedreason", "nsfwdetected", "hasnsfwconcepts", "flagged", "isflagged"}
)  # fmt: skip
_FILTER_ENDS: Final = frozenset(
    {"safety", "contentfilter", "contentfiltered", "prohibitedcontent", "blocklist", "imagesafety", "videosafety", "recitation",
     "spii", "moderation"}
)  # fmt: skip


@dataclass(frozen=True)
class Reading:
    """What an answer says of its job, links aside."""

    status: RemoteStatus
    #: The provider's own word.
    word: str | None = None
    #: 0–100.
    progress: int | None = None
    #: Why a filter kept the result back, in the provider's words or its counter's name; None: none says so.
    filtered: str | None = None
    #: What all its status words mean, the outermost first.
    all: tuple[RemoteStatus, ...] = ()


def _norm(name: str) -> str:
    return re.sub(r"[\s_.-]", "", name).lower()


def status_of(word: str | None) -> RemoteStatus:
    """The normalized status of a word, whatever its case and spelling."""
    parts = [part for part in re.split(r"[\W_]+", (word or "").strip().lower()) if part]
    status = _BY_WORD.get("_".join(parts))
    if status is None and parts:
        while len(parts) > 1 and parts[0] in _PREFIXES:
            parts = parts[1:]
        status = _BY_WORD.get("_".join(parts))
    return status or RemoteStatus.UNKNOWN


def is_of_the_job(path: Sequence[str]) -> bool:
    """Whether a place can say something of the job: what was sent is repeated in many answers."""
    return all(_HARD.isdisjoint(tokens := tokens_of(name)) or "feedback" in tokens for name in path)


def _words(found: Sequence[Value]) -> list[tuple[int, str]]:
    """The status words of a job with their depths, the outermost first, wherever they stand."""
    return [
        (len(one.path), one.value.strip())
        for one in found
        if isinstance(one.value, str)
        and 0 < len(one.value.strip()) <= 80
        and one.path
        and _norm(one.path[-1]) in _STATUS_NAMES
        and is_of_the_job(one.path)
        and kind_of(one.path[:-1]) != "no"
    ]


def _stage(words: Sequence[tuple[int, str]]) -> str | None:
    if not words:
        return None
    outer, first = words[0]
    if first.lower() in _ENVELOPE:
        # ``success`` around a job that has a word of its own says that the question was answered.
        return next((word for depth, word in words if depth > outer), first)
    return first


def _progress(found: Sequence[Value]) -> int | None:
    """0–100 from a number, ``"75%"`` or a fraction; None where nothing says it. It never means an end."""
    for one in found:
        if one.path and _norm(one.path[-1]) in {"progress", "progresspct", "progresspercent", "percent", "percentage"}:
            if isinstance(one.value, float) and 0 < one.value < 1:
                return int(one.value * 100)
            number = re.match(r"\s*([0-9]{1,9})", str(one.value)) if not isinstance(one.value, bool) else None
            if number:
                return min(int(number[1]), 100)
    return None


def ended_in(found: Sequence[Value]) -> bool | None:
    """What the end markers say; None without any."""
    marks = [
        str(one.value).lower() == "true"
        for one in found
        if (isinstance(one.value, bool) or str(one.value).lower() in {"true", "false"})
        and one.path
        and _norm(one.path[-1]) in _END_NAMES
        and is_of_the_job(one.path)
    ]
    return any(marks) if marks else None


def _filtered(found: Sequence[Value]) -> str | None:
    """Why a filter took the result away: its own words before the name of a counter."""
    reasons: list[str] = []
    counters: list[str] = []
    for one in found:
        name = _norm(one.path[-1]) if one.path else ""
        if name == "finishreason" and isinstance(one.value, str) and _norm(one.value) in _FILTER_ENDS:
            counters.append(one.value)
        elif name == "respectmoderation" and one.value is False:
            counters.append(one.path[-1])
        elif name in _FILTER_NAMES and is_of_the_job(one.path):
            if (
                isinstance(one.value, str)
                and re.search(r"[^\W\d_]", one.value)
                and _norm(one.value) not in {"false", "none", "no", "null"}
            ):
                reasons.append(one.value)
            elif _positive(one.value):
                counters.append(one.path[-1])
    return " ".join(reasons) or next(iter(counters), None)


def _positive(value: Any) -> bool:
    if isinstance(value, str):
        value = int(value) if re.fullmatch(r"[0-9]{1,9}", value.strip()) else 0
    return value is True or (isinstance(value, int | float) and not isinstance(value, bool) and value > 0)


def read(body: Any) -> Reading:
    """Where a job stands by an answer's words, end markers and filter counters."""
    return read_values(list(values(body)))


def read_values(found: Sequence[Value]) -> Reading:
    words, ended = _words(found), ended_in(found)
    word, progress, filtered = _stage(words), _progress(found), _filtered(found)
    status = status_of(word)
    if ended and status in (RemoteStatus.UNKNOWN, RemoteStatus.QUEUED, RemoteStatus.RUNNING):
        status = RemoteStatus.FAILED if _has_error(found) else RemoteStatus.SUCCEEDED
    elif ended is False and word is not None and word.lower() in _ENVELOPE:
        status = RemoteStatus.RUNNING
    elif word is None and ended is None and filtered and progress in (None, 100):
        status = RemoteStatus.SUCCEEDED
    return Reading(status, word, progress, filtered, tuple(status_of(text) for _, text in words))


def _has_error(found: Sequence[Value]) -> bool:
    """An ended operation that carries an error, or says that it had no success, has failed."""
    return any(
        one.value is False and _norm(one.place) in {f"{around}{name}" for around in ("", "data", "result") for name in ("success", "issuccess")}
        for one in found
    ) or any(
        "error" in {_norm(name) for name in one.path} and _norm(one.path[-1]) in {"message", "error", "code", "status"} and one.value
        for one in found
    )  # fmt: skip
