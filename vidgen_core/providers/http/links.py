"""Where the video of a job is, found in a provider's whole answer to a poll.

The place of a link cannot be a fixed list: ``candidates`` collects every link of an answer that can be the video, the best
one first; ``outcome`` puts it together with where the job stands (``job_status``) and asks the link itself (a HEAD request)
only where nothing else tells what is behind it.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote, urljoin, urlsplit

from vidgen_core.providers.base import RemoteStatus
from vidgen_core.providers.http.job_status import (
    Reading,
    Value,
    ended_in,
    is_of_the_job,
    kind_of,
    read_values,
    tokens_of,
    values,
)

#: Stage of ours for a job that is said to be done and names no link that can be its video.
WITHOUT_LINK: Final = "completed_without_link"
#: Links that are asked what they are, where nothing else tells.
_MOST_PROBES: Final = 3
#: Characters of a link; longer ones are no links.
_LONGEST_LINK: Final = 8192


_VIDEO_ENDINGS: Final = (".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi", ".mpg", ".mpeg", ".ts", ".ogv", ".flv")
_OTHER_ENDINGS: Final = (
    ".jpg", ".jpeg", ".png", ".gif", ".webp", ".avif", ".bmp", ".svg", ".ico", ".heic", ".tif", ".tiff", ".mp3", ".wav",
    ".m4a", ".aac", ".ogg", ".flac", ".json", ".txt", ".html", ".htm", ".php", ".srt", ".vtt", ".log", ".zip", ".pdf", ".m3u8",
    ".css", ".js", ".xml", ".csv", ".md",
)  # fmt: skip
#: Only their shape tells of these that they are addresses: texts without a scheme.
_ADDRESS_NAMES: Final = frozenset({"url", "urls", "uri", "uris", "link", "links", "href", "src", "path", "location"})
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
    if "://" in word.partition("?")[0]:
        # Brackets, quotes or Markdown around a whole one.
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
        kind = kind_of(one.path)
        place = order.get(one.place)
        address = bool(one.path) and not _ADDRESS_NAMES.isdisjoint(tokens_of(one.path[-1]))
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
    tokens = [token for name in path for token in tokens_of(name)]
    extra = _extra(tokens)
    points = 8 * named + 4 * film + 3 * (known and whole) + (kind == "result") + extra
    # A preview alone says nothing of an end.
    video = (named or film) and extra > _PREVIEW
    return LinkCandidate(url=url, points=points, sure=named or film or (known and whole), video=video)


#: What a preview is below other links, in points.
_PREVIEW: Final = -20


def _extra(tokens: Sequence[str]) -> int:
    """A copy without the mark before one with it; a preview after everything else."""
    marked = "watermark" in tokens or "watermarked" in tokens
    free = not {"no", "non", "without", "free", "remove", "removed", "clean"}.isdisjoint(tokens)
    clean = (not {"nowatermark", "unwatermarked", "watermarkfree"}.isdisjoint(tokens)) or (marked and free)
    low = not {"preview", "previews", "sample", "draft", "low", "lowres"}.isdisjoint(tokens)
    return 2 * clean - 3 * (marked and not clean) + _PREVIEW * low


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
#: What a word looks like that says that something is still done, or not done yet.
_GOES_ON: Final = re.compile(r"ing$|中$|^(?:not|un|in|pre)|^(?:未|没|不|待)", re.IGNORECASE)
_DONE_WITH_A_LINK: Final = frozenset({"video_upsampling_completed", "ready", "available", "ok", "ended"})


async def outcome(
    body: Any, base: str, probe: Probe, *, known: Sequence[str] = (), reading: Reading | None = None
) -> LinkOutcome:
    """What an answer to a poll comes to; with SUCCEEDED there is a link, a video without a status word is done, too.

    :param base: the address that was asked, for links that are relative to it
    :param known: as ``candidates`` takes it
    :param reading: where the job stands by the provider's own rules, in place of ``read``
    """
    found = list(values(body))
    seen = reading or read_values(found)
    if seen.status in _ENDED_BADLY:
        return LinkOutcome(seen.status, seen.word, seen.progress, filtered=seen.filtered)
    named = _candidates(found, base, known)
    if seen.status is not RemoteStatus.SUCCEEDED:
        ended, films = ended_in(found), [one for one in named if one.video]
        named = films or [one for one in named if one.points > 0]
        done = (bool(films) and _ends_with_a_link(seen, ended)) or (
            # A word that nobody knows: the link itself says whether the video is there.
            bool(named) and may_have_ended(seen, ended) and await probe(named[0].url) is True
        )
        if not done:
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


def may_have_ended(seen: Reading, ended: bool | None) -> bool:
    """Whether nothing that is known says that a job goes on or has failed."""
    goes_on = _GOES_ON.search((seen.word or "").strip())
    unknown = {RemoteStatus.UNKNOWN}.issuperset(seen.all)
    return unknown and not goes_on and ended is not False and seen.progress in (None, 100)


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
