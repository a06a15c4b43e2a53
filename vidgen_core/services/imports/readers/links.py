"""Pictures behind links, fetched so that a link cannot be turned against the network it is fetched from.

Only http(s), and only addresses of the public internet (``providers.addresses``). Redirects are followed one by one under the
same rules. What comes is limited in bytes and time, and is a picture only when it can be decoded.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from uuid import uuid4

import httpx

from vidgen_core.domain.errors import InputError, VidgenError
from vidgen_core.media.disk import translate_os_errors
from vidgen_core.providers.http.addresses import AddressRefused, Client, Rules
from vidgen_core.services.imports.plan import ImportPlan, PlannedPicture, PlannedShot, Reason
from vidgen_core.services.imports.readers.pictures import ListedPicture, Progress, check_picture
from vidgen_core.services.imports.values import is_link

#: Bytes of one picture; the largest photographs of cameras stay below.
LARGEST_PICTURE: Final = 50 << 20
#: Seconds for one picture, redirects included.
LONGEST_FETCH: Final = 60.0
MOST_REDIRECTS: Final = 5
_AT_ONCE: Final = 4
#: What may be otherwise tomorrow, or for the provider that is given the link: the row is kept with it.
_NOT_FOR_EVER: Final = frozenset(
    {"link_unknown_host", "link_unreachable", "link_too_slow", "link_no_picture", "link_too_many_redirects"}
)
_BLOCK: Final = 1 << 16


class LinkFetcher:
    """Fetches pictures into a folder; to be closed.

    :param allow_private: whether addresses of the own machine and network may be asked
    """

    def __init__(
        self,
        folder: Path,
        *,
        allow_private: bool = False,
        largest: int = LARGEST_PICTURE,
        longest: float = LONGEST_FETCH,
    ) -> None:
        self._folder = folder
        self._largest = largest
        self._longest = longest
        timeout = httpx.Timeout(min(20.0, longest), connect=min(10.0, longest))
        self._client = _client(timeout, Rules(allow_private=allow_private))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def fetch(self, link: str) -> Path:
        """The picture's bytes as a file with a name of its own.

        :raises InputError: link_invalid, link_private, link_unknown_host, link_unreachable, link_no_picture, link_too_slow,
            link_too_many_redirects, link_too_large
        :raises FileError: disk_full, folder_read_only
        """
        deadline = time.monotonic() + self._longest
        url = _parse(link)
        for _ in range(MOST_REDIRECTS + 1):
            try:
                found = self._step(url, link, deadline)
            except AddressRefused as error:
                raise InputError("link_private", link=_short(link), host=error.host) from error
            except httpx.TimeoutException as error:
                raise InputError("link_too_slow", link=_short(link)) from error
            except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, ValueError) as error:
                # ``ValueError``: a redirect to what is no address.
                if _is_unknown(error):
                    raise InputError("link_unknown_host", link=_short(link), host=url.host) from error
                raise InputError("link_unreachable", link=_short(link), why=type(error).__name__) from error
            if isinstance(found, Path):
                return found
            url = found
        raise InputError("link_too_many_redirects", link=_short(link), limit=MOST_REDIRECTS)

    def _step(self, url: httpx.URL, link: str, deadline: float) -> Path | httpx.URL:
        """The file, or where the answer leads on to."""
        headers = {"Accept": "image/*", "Accept-Encoding": "identity"}
        request = self._client.build_request("GET", url, headers=headers)
        answer = self._client.send(request, stream=True)
        try:
            if answer.has_redirect_location:
                return _parse(str(url.join(answer.headers["Location"])))
            if answer.status_code != httpx.codes.OK:
                raise InputError("link_no_picture", link=_short(link), status=answer.status_code)
            return self._receive(answer, link, deadline)
        finally:
            answer.close()

    def _receive(self, answer: httpx.Response, link: str, deadline: float) -> Path:
        announced = answer.headers.get("Content-Length", "")
        if announced.isdecimal() and int(announced) > self._largest:
            raise InputError("link_too_large", link=_short(link), limit=self._largest >> 20)
        target = self._folder / f"link-{uuid4().hex}"
        try:
            with translate_os_errors(target), target.open("xb") as file:
                for block in self._blocks(answer, link, deadline):
                    file.write(block)
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        return target

    def _blocks(self, answer: httpx.Response, link: str, deadline: float) -> Iterator[bytes]:
        received = 0
        for block in answer.iter_raw(_BLOCK):
            received += len(block)
            if received > self._largest:
                raise InputError("link_too_large", link=_short(link), limit=self._largest >> 20)
            if time.monotonic() > deadline:
                raise InputError("link_too_slow", link=_short(link))
            yield block


def _client(timeout: httpx.Timeout, rules: Rules) -> httpx.Client:
    try:
        return Client(rules, timeout=timeout)
    except (ValueError, httpx.InvalidURL):
        # The environment names a proxy that nobody can use.
        return Client(rules, timeout=timeout, trust_env=False)


def _is_unknown(error: BaseException | None) -> bool:
    """Whether the name of a link means nothing here."""
    while error is not None:
        if isinstance(error, socket.gaierror | UnicodeError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _parse(link: str) -> httpx.URL:
    try:
        url = httpx.URL(link)
        if not is_link(link) or url.scheme not in {"http", "https"} or not url.host or url.userinfo:
            raise InputError("link_invalid", link=_short(link))
        url.netloc.decode("ascii")
    except (httpx.InvalidURL, ValueError) as error:
        raise InputError("link_invalid", link=_short(link)) from error
    return url


def _short(link: str) -> str:
    return link if len(link) <= 120 else f"{link[:117]}…"


# --- plans


def fetch_links(
    plan: ImportPlan,
    folder: Path,
    *,
    allow_private: bool = False,
    passed_over: Iterable[str] = (),
    progress: Progress | None = None,
) -> ImportPlan:
    """The plan with the pictures behind its links as files in ``folder``.

    A row whose link cannot be fetched now keeps it with a warning; one whose link leads into the own network or to what
    is no picture is refused.

    :param passed_over: links that need not be fetched
    :param progress: called with how many of how many links are fetched
    """
    rows = [shot for shot in plan.shots if shot.verdict != "rejected"]
    pictured: list[PlannedShot | PlannedPicture] = [*rows, *(picture for shot in rows for picture in shot.pictures)]
    wanted = [picture.image_url for picture in pictured if picture.image_url and not picture.image]
    links = [link for link in dict.fromkeys(wanted) if link not in set(passed_over)]
    if not links:
        return plan
    pictures: dict[str, ListedPicture] = {}
    with LinkFetcher(folder, allow_private=allow_private) as fetcher, ThreadPoolExecutor(_AT_ONCE) as pool:
        for link, picture in zip(links, pool.map(lambda link: _fetch(fetcher, link), links), strict=True):
            pictures[link] = picture
            if progress:
                progress(len(pictures), len(links))
    return plan.model_copy(update={"shots": tuple(_with_picture(shot, pictures) for shot in plan.shots)})


def _fetch(fetcher: LinkFetcher, link: str) -> ListedPicture:
    try:
        file = fetcher.fetch(link)
    except InputError as error:
        reason = Reason(error.code, error.params)
        return ListedPicture(warning=reason) if error.code in _NOT_FOR_EVER else ListedPicture(rejected=reason)
    except VidgenError as error:
        return ListedPicture(rejected=Reason(error.code, error.params))
    picture = check_picture(file)
    if picture.rejected:
        file.unlink(missing_ok=True)
        return ListedPicture(rejected=Reason(picture.rejected.code, picture.rejected.params | {"path": _short(link)}))
    return picture


def _fetched(one: PlannedPicture, pictures: dict[str, ListedPicture]) -> PlannedPicture:
    found = pictures.get(one.image_url or "")
    return one if found is None or one.image else one.model_copy(update={"image": found.file, "image_key": found.key})


def _with_picture(shot: PlannedShot, pictures: dict[str, ListedPicture]) -> PlannedShot:
    shot = shot.model_copy(update={"pictures": tuple(_fetched(one, pictures) for one in shot.pictures)})
    for found in (pictures.get(one.image_url or "") for one in shot.pictures):
        if found is not None and found.rejected:
            return shot.model_copy(update={"verdict": "rejected", "reasons": (found.rejected, *shot.reasons)})
        if found is not None and found.warning:
            reasons = (*shot.reasons, found.warning, Reason("link_kept"))
            shot = shot.model_copy(update={"verdict": "warning", "reasons": reasons})
    picture = pictures.get(shot.image_url or "")
    if picture is None or shot.image:
        return shot
    if picture.rejected:
        return shot.model_copy(update={"verdict": "rejected", "reasons": (picture.rejected, *shot.reasons)})
    if picture.warning:
        reasons = (picture.warning, Reason("link_kept"), *shot.reasons)
        return shot.model_copy(update={"verdict": "warning", "reasons": reasons})
    return shot.model_copy(update={"image": picture.file, "facts": picture.facts, "image_key": picture.key})
