"""Where a job stands and where its video is, read out of a provider's whole answer to a poll.

Relays pass on what their upstreams say, so neither the place of a link nor the word for *done* can be a fixed list.
``read`` looks for status words, end markers and filter counters wherever they stand; ``candidates`` collects every link of an
answer that can be the video, the best one first; ``outcome`` puts both together and asks the link itself (a HEAD request)
only where nothing else tells what is behind it.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote, urljoin, urlsplit

from vidgen_core.providers.base import RemoteStatus
from vidgen_core.providers.http.cleaning import clean, read_json

#: Stage of ours for a job that is said to be done and names no link that can be its video.
WITHOUT_LINK: Final = "completed_without_link"
#: Values read in one answer, and levels of nesting; JSON inside text counts as a level.
_MOST_VALUES: Final = 20_000
_MOST_LEVELS: Final = 12
#: Links that are asked what they are, where nothing else tells.
_MOST_PROBES: Final = 3
#: Characters of a link; longer ones are no links.
_LONGEST_LINK: Final = 8192


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


# --- where it stands ------------------------------------------------------------------------------------------------


#: The union of all words seen, in lower case with ``_`` between them. Whatever is not here counts as still running.
STATUS_WORDS: Final[Mapping[RemoteStatus, str]] = {
    RemoteStatus.QUEUED: "pending queued queuing queueing in_queue submitted not_start not_started preparing waiting created "
    "scheduled accepted 排队中 排队 等待中 待处理 已提交",
    RemoteStatus.RUNNING: "running processing in_progress inprogress generating started starting working rendering "
    "image_downloading video_generating video_generation_completed video_upsampling video_upsampling_completed "
    "处理中 生成中 进行中 运行中 审核中",
    RemoteStatus.SUCCEEDED: "completed complete success succeeded succeed successful finished finish done "
    "已完成 完成 成功 已成功 生成成功 生成完成 任务完成",
    RemoteStatus.FAILED: "failed failure fail error errored video_generation_failed video_upsampling_failed expired rejected "
    "denied moderated content_filtered blocked timed_out timeout 失败 已失败 生成失败 任务失败 超时 违规 审核不通过 审核未通过 已拒绝",
    RemoteStatus.CANCELLED: "cancelled canceled aborted revoked 已取消 取消",
}
_BY_WORD: Final = {word: status for status, known in STATUS_WORDS.items() for word in known.split()}
#: Of an enumeration's full name (``TASK_STATUS_SUCCEED``) only the end says something.
_PREFIXES: Final = frozenset({"task", "job", "status", "state", "operation", "prediction", "request", "run", "model"})
#: Words for an envelope that arrived as well as for a job that ended.
_ENVELOPE: Final = frozenset({"success", "succeed", "ok", "成功"})
_STATUS_NAMES: Final = frozenset({"status", "state", "taskstatus", "taskstate", "jobstatus", "jobstate", "videostatus"})
_END_NAMES: Final = frozenset(
    {
        "done",
        "isdone",
        "finish",
        "finished",
        "isfinish",
        "isfinished",
        "completed",
        "iscompleted",
        "complete",
        "iscomplete",
    }
)
#: Counters, flags and reasons of a filter that took a result away.
_FILTER_NAMES: Final = frozenset(
    {"raimediafilteredcount", "raimediafilteredreasons", "raimediafilteredreason", "filteredcount", "filteredreason", "filteredreasons",
     "filterreason", "filtered", "isfiltered", "contentfiltered", "moderated", "ismoderated", "moderationblocked", "blocked",
     "isblocked", "blockreason", "blockedreason", "nsfwdetected"}
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
    return not any(_hard(name) for name in path)


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
        and _kind_of(one.path[:-1]) != "no"
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


def _ended(found: Sequence[Value]) -> bool | None:
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
    return _read(list(values(body)))


def _read(found: Sequence[Value]) -> Reading:
    words, ended = _words(found), _ended(found)
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
    """An ended operation that carries an error has failed."""
    return any(
        "error" in {_norm(name) for name in one.path} and _norm(one.path[-1]) in {"message", "error", "code", "status"} and one.value
        for one in found
    )  # fmt: skip


# --- where the video is ---------------------------------------------------------------------------------------------


def _set_of(words: str) -> frozenset[str]:
    return frozenset(words.split())


_VIDEO_ENDINGS: Final = (".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi", ".mpg", ".mpeg", ".ts", ".ogv", ".flv")
_OTHER_ENDINGS: Final = (
    ".jpg", ".jpeg", ".png", ".gif", ".webp", ".avif", ".bmp", ".svg", ".ico", ".heic", ".tif", ".tiff", ".mp3", ".wav",
    ".m4a", ".aac", ".ogg", ".flac", ".json", ".txt", ".html", ".htm", ".php", ".srt", ".vtt", ".log", ".zip", ".pdf", ".m3u8",
    ".css", ".js", ".xml", ".csv", ".md",
)  # fmt: skip
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
#: Only their shape tells of these that they are addresses: texts without a scheme.
_ADDRESS_NAMES: Final = frozenset({"url", "urls", "uri", "uris", "link", "links", "href", "src", "path", "location"})
_SPLIT_NAME: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+(?:[a-z](?![a-z]))?|[^\x00-\x7f]+")
_ABSOLUTE: Final = re.compile(r"(?:https?:)?//[^\s/?#\\]+", re.IGNORECASE)
_IN_TEXT: Final = re.compile(r"""https?://[^\s"'<>\\()\[\]{}，。；、]+""", re.IGNORECASE)


@dataclass(frozen=True)
class LinkCandidate:
    """A link that can be the video."""

    url: str
    #: How much speaks for it.
    points: int
    #: Its ending, its name or its place says that it is a video; others have to be asked.
    sure: bool
    #: Its ending or its name says *video*, not only *result*.
    video: bool


def _tokens(name: str) -> list[str]:
    """``videoUrl``, ``video_url`` and ``VIDEO-URL`` alike as *video*, *url*."""
    return [token.lower() for token in _SPLIT_NAME.findall(name)]


def _hard(name: str) -> bool:
    return not _HARD.isdisjoint(_tokens(name))


def _kind_of(path: Sequence[str]) -> str:
    """*video*, *no* (a picture, sound or page), *result* or nothing, by the last name that says something."""
    result = ""
    for name in reversed(path):
        for token in reversed(_tokens(name)):
            if token in _VIDEO_NAMES:
                return "video"
            if token in _SOFT:
                return "no"
            if token in _RESULT_NAMES:
                result = "result"
    return result


def links_in(text: str, base: str, *, address: bool) -> Iterator[tuple[str, bool]]:
    """The links that a text holds, whole, and whether the text is nothing but links.

    :param address: the text's name says that it is an address, so that one without a scheme counts, too
    """
    plain = _plain(text)
    if not plain or len(plain) > 200_000:
        return
    pieces = re.split(r",(?=\s*(?:https?:)?//)", plain, flags=re.IGNORECASE)
    words = [word for piece in pieces for word in piece.split()]
    if words and all(_ABSOLUTE.match(word) for word in words):
        joined = [_absolute(word, base) for word in words]
    elif len(words) == 1 and _is_relative(words[0], address):
        joined = [_absolute(words[0], base)]
    elif (
        len(words) > 1
        and _ABSOLUTE.match(words[0])
        and not re.search(r"[ \u3000]", plain)
        and "://" not in "".join(words[1:])
    ):
        # One link that was broken into lines.
        joined = [_absolute("".join(words), base)]
    else:
        for found in _IN_TEXT.findall(plain):
            if (url := _absolute(found.rstrip(".,;:!?*`|"), base)) is not None:
                yield url, False
        return
    yield from ((url, True) for url in joined if url is not None)


def _plain(text: str) -> str:
    """A text without what escaping and quoting have put into and around it."""
    plain = text.replace("\\/", "/").replace("\\u0026", "&").strip(" \t\r\n\f\v\u3000\u00a0\u200b\ufeff\"'`<>")
    if re.match(r"(?:https?)?%3a(?:%2f){2}|https?%3a", plain, re.IGNORECASE):
        plain = unquote(plain)
    # Not html.unescape: it would take ``&copy=1`` of a query for a sign.
    return re.sub(r"&(?:amp|#38|#x26);", "&", plain, flags=re.IGNORECASE)


def _is_relative(word: str, address: bool) -> bool:
    if re.match(r"[a-z][a-z0-9+.-]*:", word, re.IGNORECASE) or not re.fullmatch(r"[!-~]+", word):
        return False
    if word.startswith("/"):
        return len(word) > 1 and not word.startswith("//")
    ends = _ending(word) in _VIDEO_ENDINGS
    return (ends and "/" in word) or (address and ("/" in word or ends))


def resolve(link: Any, base: str) -> str | None:
    """A link of an answer as it can be asked for, or None where it is none."""
    found = list(links_in(link, base, address=True)) if isinstance(link, str) else []
    return found[0][0] if found and found[0][1] else None


#: A host without its scheme; the first part of a relative path has no dot.
_BARE_HOST: Final = re.compile(
    r"[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){0,8}\.[a-z]{2,24}(?::[0-9]{1,5})?/", re.IGNORECASE
)


def _absolute(link: str, base: str) -> str | None:
    if len(link) > _LONGEST_LINK:
        return None
    if _BARE_HOST.match(link):
        link = f"//{link}"
    try:
        url = urljoin(f"{base.rstrip('/')}/", link)
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return None
    if parts.scheme.lower() not in {"http", "https"} or not host:
        return None
    return f"{parts.scheme.lower()}{url[len(parts.scheme) :]}"


def _ending(url: str) -> str:
    """The ending of a link's path, or of a file that its query names."""
    path, _, rest = url.partition("?")
    name = unquote(path.partition("#")[0]).rstrip("/").rpartition("/")[2].lower()
    dot = name.rfind(".")
    ending = name[dot:] if dot > 0 else ""
    if ending in _VIDEO_ENDINGS or ending in _OTHER_ENDINGS:
        return ending
    named = re.search(r"\.(mp4|m4v|mov|webm|mkv)(?=[&\"';]|%22|%27|$)", rest, re.IGNORECASE)
    return f".{named[1].lower()}" if named else ending


def candidates(body: Any, base: str, known: Sequence[str] = ()) -> list[LinkCandidate]:
    """Every link of an answer that can be the video, the best first.

    :param known: dotted paths at which a provider has its link, in order; a name that is a list counts by its entries
    """
    return _candidates(list(values(body)), base, known)


def _candidates(found: Sequence[Value], base: str, known: Sequence[str]) -> list[LinkCandidate]:
    order = {place: number for number, place in enumerate(known)}
    best: dict[str, tuple[int, int, LinkCandidate]] = {}
    for one in found:
        if not isinstance(one.value, str) or not is_of_the_job(one.path):
            continue
        kind = _kind_of(one.path)
        place = order.get(one.place)
        address = bool(one.path) and not _ADDRESS_NAMES.isdisjoint(_tokens(one.path[-1]))
        for url, whole in links_in(one.value, base, address=address or place is not None or kind == "video"):
            candidate = _judge(url, one.path, kind, whole=whole, known=place is not None)
            rank = len(known) if place is None else place
            if candidate is None:
                continue
            if url not in best or (-candidate.points, rank) < (-best[url][2].points, best[url][1]):
                number = best[url][0] if url in best else len(best)
                best[url] = (number, rank, candidate)
    return [one for _, _, one in sorted(best.values(), key=lambda entry: (-entry[2].points, entry[1], entry[0]))]


def _judge(url: str, path: Sequence[str], kind: str, *, whole: bool, known: bool) -> LinkCandidate | None:
    ending = _ending(url)
    film = ending in _VIDEO_ENDINGS
    if ending in _OTHER_ENDINGS or (kind == "no" and not known):
        return None
    named = whole and (kind == "video")
    tokens = [token for name in path for token in _tokens(name)]
    points = 8 * named + 4 * film + 3 * (known and whole) + (kind == "result") + _extra(tokens)
    return LinkCandidate(url=url, points=points, sure=named or film or (known and whole), video=named or film)


def _extra(tokens: Sequence[str]) -> int:
    """A copy without the mark before one with it; a preview after everything else."""
    marked = "watermark" in tokens or "watermarked" in tokens
    free = not {"no", "non", "without", "free", "remove", "removed", "clean"}.isdisjoint(tokens)
    clean = (not {"nowatermark", "unwatermarked", "watermarkfree"}.isdisjoint(tokens)) or (marked and free)
    low = not {"preview", "previews", "sample", "draft", "low", "lowres"}.isdisjoint(tokens)
    return 2 * clean - 3 * (marked and not clean) - 5 * low


# --- both together --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LinkOutcome:
    """What an answer comes to."""

    status: RemoteStatus
    #: The provider's own word, or ``WITHOUT_LINK``.
    stage: str | None = None
    progress: int | None = None
    #: With SUCCEEDED: the link.
    url: str | None = None
    #: With FAILED: a filter kept the result back, and says so with these words.
    filtered: str | None = None


#: Says of a link whether a video is behind it; None: that cannot be said.
Probe = Callable[[str], Awaitable[bool | None]]

#: Words with which a link, and only with it, is the end.
_ENDED_BADLY: Final = frozenset({RemoteStatus.FAILED, RemoteStatus.CANCELLED})
_DONE_WITH_A_LINK: Final = frozenset({"video_upsampling_completed", "ready", "available", "ok", "ended"})


async def outcome(
    body: Any,
    base: str,
    probe: Probe,
    *,
    known: Sequence[str] = (),
    reading: Reading | None = None,
) -> LinkOutcome:
    """What an answer to a poll comes to; with SUCCEEDED there is a link, a video without a status word is done, too.

    :param base: the address that was asked, for links that are relative to it
    :param known: as ``candidates`` takes it
    :param reading: where the job stands by the provider's own rules, in place of ``read``
    """
    found = list(values(body))
    seen = reading or _read(found)
    if seen.status in _ENDED_BADLY:
        return LinkOutcome(seen.status, seen.word, seen.progress, filtered=seen.filtered)
    named = _candidates(found, base, known)
    if seen.status is not RemoteStatus.SUCCEEDED:
        named = [one for one in named if one.video]
        if not named or not _ends_with_a_link(seen, _ended(found)):
            return LinkOutcome(seen.status, seen.word, seen.progress)
    url = await choose(named, probe)
    if url is not None:
        return LinkOutcome(RemoteStatus.SUCCEEDED, seen.word, seen.progress, url=url)
    if seen.filtered:
        return LinkOutcome(RemoteStatus.FAILED, "moderated", seen.progress, filtered=seen.filtered)
    if RemoteStatus.FAILED in seen.all:
        return LinkOutcome(RemoteStatus.FAILED, seen.word, seen.progress)
    return LinkOutcome(RemoteStatus.UNKNOWN, WITHOUT_LINK, seen.progress)


def _ends_with_a_link(seen: Reading, ended: bool | None) -> bool:
    """Whether an answer that does not say *done* in its first word means it where a video's link stands beside it."""
    if not _ENDED_BADLY.isdisjoint(seen.all):
        return False
    if RemoteStatus.SUCCEEDED in seen.all or (seen.word or "").strip().lower() in _DONE_WITH_A_LINK:
        return ended is not False
    return seen.word is None and ended is None and seen.progress in (None, 100)


async def choose(named: Sequence[LinkCandidate], probe: Probe) -> str | None:
    """The best candidate that is a video as far as anybody can say."""
    sure = next((one for one in named if one.sure), None)
    if sure is not None:
        return sure.url
    unclear: list[LinkCandidate] = []
    for one in named[:_MOST_PROBES]:
        answer = await probe(one.url)
        if answer:
            return one.url
        if answer is None and one.points > 0:
            unclear.append(one)
    return unclear[0].url if len(unclear) == 1 else None
