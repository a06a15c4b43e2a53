"""Lovart's agent API: one conversation with its agent for each take, in a project of its own.

A conversation is no form: tool, length, ratio and even the prompt are requests in words, and the answer may be text. A price that it
wants confirmed is named by ``poll``, which never says yes.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from vidgen_core.config.paths import Locations
from vidgen_core.domain.errors import Delivery, ErrorKind, RemoteError
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.tasks import Failure
from vidgen_core.providers.base import (
    WAITING_FOR_CONFIRMATION,
    Key,
    Order,
    Prepared,
    RemoteJob,
    RemoteState,
    RemoteStatus,
    Submission,
    UploadCache,
)
from vidgen_core.providers.common.picture_copies import PictureCopies
from vidgen_core.providers.common.picture_links import picture_links
from vidgen_core.providers.common.uploads import MemoryUploads, UploadedFiles, free, link_in
from vidgen_core.providers.http.cleaning import identifier
from vidgen_core.providers.http.client import Http, ProviderResponse, Verb
from vidgen_core.providers.http.error_body import at, error_body_in
from vidgen_core.providers.http.error_mapping import (
    CONTENT_REFUSED,
    JOB_UNKNOWN,
    UNREADABLE,
    as_error,
    as_failure,
    error_of,
    id_at,
    job_in,
    refusal,
)
from vidgen_core.providers.http.job_status import names_another
from vidgen_core.providers.http.links import WITHOUT_LINK
from vidgen_core.providers.http.multipart import multipart_body
from vidgen_core.providers.lovart import prompt_text
from vidgen_core.providers.lovart.responses import (
    TABLE,
    failure_in,
    failure_of,
    filtered_in,
    is_answered,
    may_have_ended,
    pending_in,
    reason_in,
    said_by,
    status_in,
    video_in,
    went_well,
    words_in,
)
from vidgen_core.providers.lovart.spec import LovartSettings

API: Final = "/v1/openapi"
#: Where people see what the agent makes.
CANVAS: Final = "https://www.lovart.ai/canvas?projectId="
#: Where the answer to a message names its thread.
ID_PATHS: Final = ("data.thread_id", "data.threadId", "thread_id")
_ENDED: Final = frozenset({RemoteStatus.SUCCEEDED, RemoteStatus.FAILED})
#: A thread that has not ended may be waiting for a yes from here on.
MAY_ASK: Final = timedelta(seconds=20)
#: Seconds for which a video must stay what it is before a thread has ended that says so by no word that is known: agents mend what went wrong.
STAYS: Final = 60.0


class LovartApi:
    """The way of using Lovart that its makers offer to programs; the verbs are those of ``Provider``.

    :param uploads: where links of uploaded pictures are remembered
    """

    def __init__(
        self, own: Callable[[], LovartSettings], locations: Locations, http: Http, uploads: UploadCache | None
    ) -> None:
        self._settings = own
        self._http = http
        self._pictures = PictureCopies(locations.home / "requests" / ProviderId("lovart"))
        self._preparations = Preparations(http, uploads or MemoryUploads())
        #: The video of a thread in a word that nobody knows, and since when it is that one (monotonic).
        self._videos: dict[str, tuple[str, float]] = {}

    @property
    def _own(self) -> LovartSettings:
        return self._settings()

    @property
    def base_url(self) -> str:
        return self._own.base_url

    async def close(self) -> None:
        self._pictures.close()

    # --- submit -------------------------------------------------------------------------------------------------------

    async def prepare(self, order: Order, key: Key | None) -> Prepared:
        base = f"{self.base_url}{API}"
        if self._own.queue != "keep":
            await self._choose_queue(base, key)
        pictures, facts = await picture_links(
            order, self._pictures, lambda copy: self._preparations.picture(copy, base, key)
        )
        project = await self._preparations.project(order.reference, base, key)
        payload = prompt_text.request(order.model, order.params, pictures, project, only=self._own.only_this_tool)
        fields = {"tool": prompt_text.tool_of(order.model), "duration": order.params.duration}
        place = {"project": project, "canvas": f"{CANVAS}{project}"}
        return Prepared(payload=payload, sent=fields | place | facts)

    async def submit(self, order: Order, prepared: Prepared, key: Key | None) -> Submission:
        self._preparations.forget_project(order.reference, key)
        url = f"{self.base_url}{API}/chat"
        answer = await self._http.call(Verb.SUBMIT, "POST", url, key=key, json=prepared.payload)
        found = job_in(answer, *ID_PATHS, names=("thread", "chat", "conversation"))
        if found is not None:
            # Asking takes the thread, people need the project: one id holds both.
            remote_id = f"{prepared.payload['project_id']}/{found}"
            return Submission(remote_id=remote_id, evidence=answer.evidence, request_id=answer.request_id)
        error = refusal(TABLE, answer, said_by(answer))
        await self._preparations.learn(error.code, prepared.sent)
        raise error

    # --- poll ---------------------------------------------------------------------------------------------------------

    async def poll(self, job: RemoteJob, key: Key | None) -> RemoteState:
        answer = await self._look(job, "chat/status", key)
        if status_in(answer)[0] is RemoteStatus.SUCCEEDED:
            # Tools can start late: the published client, too, believes it only the second time.
            await asyncio.sleep(self._own.settle)
            answer = await self._look(job, "chat/status", key)
        status, word = status_in(answer)
        if status in _ENDED or (status is not RemoteStatus.CANCELLED and _may_ask(job)):
            return await self._result(job, answer, key)
        return RemoteState(status=status, stage=word, evidence=answer.evidence)

    async def _result(self, job: RemoteJob, seen: ProviderResponse, key: Key | None) -> RemoteState:
        try:
            answer = await self._look(job, "chat/result", key)
        except RemoteError:
            if status_in(seen)[0] is not RemoteStatus.FAILED:
                raise
            answer = seen
        asks, cost = pending_in(answer)
        if asks:
            return RemoteState(
                status=RemoteStatus.RUNNING, stage=WAITING_FOR_CONFIRMATION, confirmation=cost, evidence=answer.evidence
            )
        base = job.base_url or self.base_url
        state = _state(seen, answer, base)
        if state.status is RemoteStatus.UNKNOWN and may_have_ended(seen):
            _, url = video_in(answer, base)
            if self._stays(job, url):
                return state.model_copy(update={"status": RemoteStatus.SUCCEEDED, "url": url})
        if state.failure is not None:
            await self._preparations.learn(state.failure.code, job.sent)
        return state

    def _stays(self, job: RemoteJob, url: str | None) -> bool:
        """Whether a thread has had this video, however its link is signed, for as long as ``STAYS``."""
        video, now = (url or "").partition("?")[0], time.monotonic()
        before, since = self._videos.pop(job.remote_id, ("", now))
        if video and video == before and now - since >= STAYS:
            return True
        if video:
            self._videos[job.remote_id] = video, since if video == before else now
        return False

    async def confirm(self, job: RemoteJob, key: Key | None) -> bool:
        url, thread = f"{job.base_url or self.base_url}{API}/chat/confirm", {"thread_id": _thread(job)}
        answer = await self._http.call(Verb.SUBMIT, "POST", url, key=key, json=thread)
        if went_well(answer):
            return True
        error = error_of(TABLE, answer, said_by(answer))
        if answer.status >= 500 or error.kind is ErrorKind.TIMEOUT:
            # Whatever its words are, something further on may have taken the yes.
            error.delivery = Delivery.UNKNOWN
        raise error

    async def _look(self, job: RemoteJob, path: str, key: Key | None) -> ProviderResponse:
        url, thread = f"{job.base_url or self.base_url}{API}/{path}", {"thread_id": _thread(job)}
        answer = await self._http.call(Verb.POLL, "GET", url, key=key, params=thread)
        if not is_answered(answer):
            return _good(answer)
        if names_another(id_at(answer.json, *ID_PATHS), thread["thread_id"]):
            raise as_error(TABLE, JOB_UNKNOWN, answer, said_by(answer))
        return answer

    async def fresh_link(self, job: RemoteJob, key: Key | None) -> str | None:
        """The link as the thread names it now."""
        _, fresh = video_in(await self._look(job, "chat/result", key), job.base_url or self.base_url)
        return fresh

    # --- test ---------------------------------------------------------------------------------------------------------

    async def test(self, key: Key | None) -> Failure | None:
        """Why it cannot be used; None where it can."""
        try:
            await self._mode(f"{self.base_url}{API}", key)
        except RemoteError as error:
            return Failure.of(error)
        return None

    async def account(self, key: Key | None) -> tuple[Failure | None, tuple[str, ...]]:
        """Bring the account to the queue that the settings name; why that failed, and notes on which one it is in."""
        base = f"{self.base_url}{API}"
        try:
            unlimited = await self._choose_queue(base, key)
        except RemoteError as error:
            return Failure.of(error), ()
        return None, () if unlimited is None else (f"note.lovart_{'unlimited' if unlimited else 'fast'}",)

    async def _choose_queue(self, base: str, key: Key | None) -> bool | None:
        """Whether the account makes videos in the free queue, after it was switched where the settings want that.

        :raises RemoteError: it is not in the queue that the settings name, and nothing paid has left
        """
        chosen = self._own.queue
        wanted = chosen == "unlimited"
        try:
            mode = await self._mode(base, key)
            said = mode.get("unlimited")
            found = said if isinstance(said, bool) else None
            if chosen == "keep" or found == wanted:
                return found
            if wanted and mode.get("unlimited_enable") is False:
                raise RemoteError("lovart_no_unlimited", kind=ErrorKind.PARAMETER)
            _good(await self._http.call(Verb.ASK, "POST", f"{base}/mode/set", key=key, json={"unlimited": wanted}))
            if (await self._mode(base, key)).get("unlimited") != wanted:
                raise RemoteError("lovart_queue_not_set", kind=ErrorKind.PROVIDER)
        except RemoteError as error:
            # All of it is free: whatever was lost, no order was.
            error.delivery = Delivery.NOT_SENT if error.delivery is Delivery.UNKNOWN else error.delivery
            raise
        return wanted

    async def _mode(self, base: str, key: Key | None) -> Mapping[str, Any]:
        """How the account makes videos (``/mode/query``); empty where the answer does not say it."""
        answer = _good(await self._http.call(Verb.ASK, "POST", f"{base}/mode/query", key=key, json={}))
        data = at(answer.json, "data")
        return data if isinstance(data, Mapping) else {}


def _good(answer: ProviderResponse) -> ProviderResponse:
    """The answer, or its refusal as an error."""
    if not went_well(answer):
        raise error_of(TABLE, answer, said_by(answer))
    return answer


def _thread(job: RemoteJob) -> str:
    return job.remote_id.rpartition("/")[2]


def _may_ask(job: RemoteJob) -> bool:
    """A thread can hide a question in its result (the published client looks after some twenty seconds)."""
    return job.submitted_at is None or datetime.now(UTC) - job.submitted_at > MAY_ASK


def _state(seen: ProviderResponse, answer: ProviderResponse, base: str) -> RemoteState:
    """What a thread's result says; text instead of a video is a failure in the agent's own words.

    :param seen: how the thread stands, where the result does not say it
    """
    status, word = status_in(answer)
    if status is RemoteStatus.UNKNOWN and word is None:
        status, word = status_in(seen)
    if status not in _ENDED:
        return RemoteState(status=status, stage=word, evidence=answer.evidence)
    named, url = video_in(answer, base)
    if url and status is RemoteStatus.SUCCEEDED:
        return RemoteState(status=status, url=url, stage=word, evidence=answer.evidence)
    text, filtered = words_in(answer), filtered_in(answer)
    if filtered:
        failure = as_failure(TABLE, CONTENT_REFUSED, error_body_in(None, 0, text or filtered))
    elif status is RemoteStatus.FAILED:
        own = [reason_in(one) for one in (answer, seen)]
        failure = failure_of(error_body_in(None, 0, text) if text else next((said for said in own if said.own), own[0]))
    elif named or not text:
        return RemoteState(status=RemoteStatus.UNKNOWN, stage=WITHOUT_LINK, evidence=answer.evidence)
    else:
        failure = failure_in(text)
    return RemoteState(status=RemoteStatus.FAILED, failure=failure, stage=word, evidence=answer.evidence)


# --- uploads


#: How long a link is trusted; no public source says how long one lives.
LIFE: Final = timedelta(hours=20)
#: Projects remembered whose order has not been sent yet.
KEPT: Final = 1000


class Preparations:
    """Uploads JPEG files and opens projects; repeating an order's preparation gives the same again."""

    def __init__(self, http: Http, cache: UploadCache) -> None:
        self._http = http
        self._files = UploadedFiles(cache, LIFE)
        self.learn = self._files.learn
        self._projects: OrderedDict[tuple[str, str], str] = OrderedDict()

    async def picture(self, picture: Path, base: str, key: Key | None) -> tuple[str, str]:
        """The link of an uploaded ``picture``, and the name under which it is remembered.

        :raises RemoteError: as ``UploadedFiles.link``
        """

        async def upload(name: str) -> str:
            form = multipart_body({}, picture, f"{name[:40]}.jpg", "image/jpeg")
            answer = await self._http.call(Verb.UPLOAD, "POST", f"{base}/file/upload", key=key, body=form)
            return link_in(TABLE, answer, said_by(answer), base, "data.url", went_well=went_well(answer))

        return await self._files.link(picture, f"lovart\n{base}\n{key.id if key else ''}\n", upload)

    async def project(self, reference: str, base: str, key: Key | None) -> str:
        """The id of a new project for the order ``reference``, the same until ``forget_project``.

        :raises RemoteError: there is none; ``delivery`` is *not sent*, for a project costs nothing
        """
        order = (reference, key.id if key else "")
        if order not in self._projects:
            self._projects[order] = await free(self._open(reference, base, key))
            while len(self._projects) > KEPT:
                self._projects.popitem(last=False)
        return self._projects[order]

    def forget_project(self, reference: str, key: Key | None) -> None:
        """The order has been sent: its project is not for another one."""
        self._projects.pop((reference, key.id if key else ""), None)

    async def _open(self, reference: str, base: str, key: Key | None) -> str:
        wanted = {
            "project_id": "", "canvas": "", "project_cover_list": [], "pic_count": 0, "project_type": 3,
            "project_name": f"Vidgen {reference}",
        }  # fmt: skip
        answer = _good(await self._http.call(Verb.ASK, "POST", f"{base}/project/save", key=key, json=wanted))
        if (found := identifier(at(answer.json, "data.project_id"))) is None:
            raise as_error(TABLE, UNREADABLE, answer, said_by(answer))
        return found
