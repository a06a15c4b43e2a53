"""Lovart's page instead of its API: an experiment, in the user's own signed-in window.

It goes the same steps as every provider. What is free, up to the written message, is ``prepare``; the one click is
``submit``; the link of the canvas is the remote id, so a crash goes on by opening it. Signing in, captchas, paywalls and
prices are a person's: the page is left as it is, and a ``HandOver`` says what is to be done.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from vidgen_core.config.paths import Locations
from vidgen_core.domain.errors import Delivery, ErrorKind, HandOver, RemoteError, VidgenError
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.tasks import Failure
from vidgen_core.providers.base import Found, Key, Order, Prepared, RemoteJob, RemoteState, RemoteStatus, Submission
from vidgen_core.providers.common.picture_copies import PictureCopies
from vidgen_core.providers.common.picture_links import IMAGE_BYTES
from vidgen_core.providers.lovart import prompt_text
from vidgen_core.providers.lovart.browser.selectors import Selectors
from vidgen_core.providers.lovart.responses import failure_in
from vidgen_core.providers.lovart.spec import LovartSettings

if TYPE_CHECKING:
    from vidgen_core.providers.lovart.browser.canvas import Canvas, CanvasSnapshot
    from vidgen_core.providers.lovart.browser.window import BrowserWindow

#: Seconds for the page to take notice of the click.
NOTICED: Final = 20.0
#: Seconds in which a canvas may show neither work nor result before the page counts as changed.
QUIET: Final = 60.0
#: Seconds between two looks whether a person has done what they were asked for.
WATCH: Final = 1.0
_NEW: Final = "new"


def is_canvas(remote_id: str) -> bool:
    """Whether a remote id is the link of a canvas, that is, of this way."""
    return remote_id.startswith(("https://", "http://"))


class LovartBrowser:
    """The page as a way of using Lovart; the verbs are those of ``Provider``, one at a time."""

    def __init__(self, own: Callable[[], LovartSettings], locations: Locations) -> None:
        self._own = own
        self._folder = locations.of_provider("lovart")
        self._pictures = PictureCopies(locations.home / "requests" / f"{ProviderId('lovart')}-browser")
        self._turn = asyncio.Lock()
        self._window: BrowserWindow | None = None
        self._current: Canvas | None = None
        #: Link of a canvas -> since when it has shown neither work nor result.
        self._quiet: dict[str, float] = {}
        #: The canvas on which a person is asked for something, and who looks whether it has been done.
        self._wall: Canvas | None = None
        self._watch: asyncio.Task[None] | None = None
        self.handed_back = False

    @property
    def base_url(self) -> str:
        parts = urlsplit(self._own().browser_url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def selectors_file(self) -> Path:
        return self._folder / "selectors.toml"

    async def close(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
        if self._window is not None:
            await self._window.close()
        self._pictures.close()

    # --- submit -------------------------------------------------------------------------------------------------------

    async def prepare(self, order: Order, key: Key | None) -> Prepared:
        """A canvas of its own with picture and message in it, so that only the click is left."""
        copy = await self._pictures.jpeg(order.image, IMAGE_BYTES, order.params.size) if order.image else None
        text = prompt_text.message(order.model, order.params, {"first": [str(copy)]} if copy is not None else {})
        async with self._step(Delivery.NOT_SENT):
            canvas = await self._begin()
            await canvas.ready()
            if copy is not None:
                await canvas.attach(copy)
            await canvas.write(text)
            await canvas.can_send()
            link = self._link(canvas)
        facts = {"images": 0} if copy is None else {"images": 1, "image_bytes": copy.stat().st_size}
        fields = {"tool": prompt_text.tool_of(order.model), "duration": order.params.duration}
        return Prepared(payload={"canvas": link, "text": text}, sent={"canvas": link, "page": link, **fields, **facts})

    async def _begin(self) -> Canvas:
        """A new project, unless a person is still asked for something."""
        if self._wall is not None and not self._wall.page.is_closed():
            wall = await self._wall.wall()
            if wall:
                raise wall
        self._wall = None
        canvas = await self._canvas(_NEW)
        own = self._own().browser_url
        await canvas.page.goto(f"{own}{'&' if '?' in own else '?'}newProject=true", wait_until="domcontentloaded")
        await canvas.check_selectors()

        async def begun() -> bool:
            return canvas.project is not None

        if not await canvas.until(begun):
            raise HandOver("canvas_not_opened", delivery=Delivery.NOT_SENT, address=own)
        return canvas

    def _link(self, canvas: Canvas) -> str:
        """The address of a canvas; its tab is known by it from now on."""
        assert self._window is not None
        link = f"{self._own().browser_url.partition('?')[0]}?projectId={canvas.project}"
        self._window.rename_tab(_NEW, link)
        return link

    async def submit(self, order: Order, prepared: Prepared, key: Key | None) -> Submission:
        from vidgen_core.providers.lovart.browser.canvas import project_in, same_words

        link, text = prepared.payload["canvas"], prepared.payload["text"]
        async with self._step(Delivery.NOT_SENT):
            canvas = await self._canvas(link)
            left = canvas.project == project_in(link) and same_words(await canvas.typed(), text)
            if not left:
                raise RemoteError("page_text_differs", kind=ErrorKind.PROVIDER, delivery=Delivery.NOT_SENT)
            wall = await canvas.wall()
            if wall:
                raise wall
            await canvas.can_send()
        async with self._step(Delivery.UNKNOWN):
            await canvas.send()
            await self._noticed(canvas, text)
        return Submission(remote_id=link)

    async def _noticed(self, canvas: Canvas, text: str) -> None:
        """Wait until the page shows that the click was taken.

        :raises HandOver: the click was refused for want of money, or may be taken once a person has done something
        :raises RemoteError: ``page_silent``; the click may have been taken
        """
        from vidgen_core.providers.lovart.browser.canvas import same_words

        end = time.monotonic() + NOTICED
        while not (await canvas.look()).anything:
            wall = await canvas.wall()
            if wall:
                # Only a message that still waits to be sent has surely not been taken; a solved captcha may send it.
                waits = wall.code == "page_paywall" and same_words(await canvas.typed(), text)
                wall.delivery = Delivery.REFUSED if waits else Delivery.UNKNOWN
                raise wall
            if time.monotonic() > end:
                raise RemoteError("page_silent", kind=ErrorKind.NETWORK, delivery=Delivery.UNKNOWN)
            await asyncio.sleep(0.2)

    # --- poll ---------------------------------------------------------------------------------------------------------

    async def poll(self, job: RemoteJob, key: Key | None) -> RemoteState:
        async with self._step(Delivery.REFUSED):
            canvas = await self._at(job.remote_id)
            seen = await canvas.look()
            if not seen.generating and (seen.video or seen.words):
                # An agent that seems to have ended may begin again.
                await asyncio.sleep(self._own().settle)
                seen = await canvas.look()
            wall = None if seen.video else await canvas.wall()
            if wall:
                raise wall
            return self._state(job.remote_id, canvas, seen)

    def _state(self, link: str, canvas: Canvas, seen: CanvasSnapshot) -> RemoteState:
        if seen.generating:
            self._quiet.pop(link, None)
            return RemoteState(status=RemoteStatus.RUNNING, progress=seen.progress)
        if seen.video:
            return RemoteState(status=RemoteStatus.SUCCEEDED, url=seen.video)
        if seen.words:
            return RemoteState(status=RemoteStatus.FAILED, failure=failure_in(seen.words), evidence=seen.words)
        since = self._quiet.setdefault(link, time.monotonic())
        if time.monotonic() - since > QUIET:
            raise canvas.unclear()
        return RemoteState(status=RemoteStatus.UNKNOWN)

    async def _at(self, link: str) -> Canvas:
        """The canvas of a job, opened again where its tab is gone.

        :raises HandOver: it shows nothing of ours, because something stands before it or the page has changed
        """
        from vidgen_core.providers.lovart.browser.canvas import project_in

        canvas = await self._canvas(link)
        if canvas.project != project_in(link):
            await canvas.page.goto(link, wait_until="domcontentloaded")
        if not await canvas.until(lambda: _anything(canvas)):
            raise canvas.nothing()
        return canvas

    async def confirm(self, job: RemoteJob, key: Key | None) -> bool:
        """A price asked for on the page is answered on the page."""
        return False

    async def fresh_link(self, job: RemoteJob, key: Key | None) -> str | None:
        """The link as the page names it when it is loaded again."""
        async with self._step(Delivery.REFUSED):
            canvas = await self._canvas(job.remote_id)
            await canvas.page.goto(job.remote_id, wait_until="domcontentloaded")
            await canvas.until(lambda: _anything(canvas))
            return (await canvas.look()).video

    async def find(self, order: Order) -> tuple[Found, ...]:
        """Whether the canvas that was prepared shows our message: then the click was taken."""
        from vidgen_core.providers.lovart.browser.canvas import project_in

        link = str(order.sent["page"])
        async with self._step(Delivery.REFUSED):
            canvas = await self._canvas(link)
            taken = canvas.project == project_in(link) and (await canvas.look()).anything
            wall = None if taken else await canvas.wall()
            if wall:
                raise wall
            if not taken:
                await canvas.page.goto(link, wait_until="domcontentloaded")
                taken = await canvas.until(lambda: _anything(canvas))
        # The canvas was made for this order and for no other.
        return (Found(remote_id=link, at=datetime.now(UTC), model=order.model, exact=True),) if taken else ()

    async def release(self, job: RemoteJob) -> None:
        self._quiet.pop(job.remote_id, None)
        if self._window is not None:
            await self._window.close_tab(job.remote_id)

    async def test(self, key: Key | None) -> Failure | None:
        """Why it cannot be used, as far as opening the page shows; None where it can."""
        try:
            async with self._step(Delivery.NOT_SENT):
                canvas = await self._begin()
                await canvas.ready()
        except VidgenError as error:
            return Failure.of(error)
        return None

    # --- the window ---------------------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def _step(self, delivery: Delivery) -> AsyncGenerator[None]:
        """One step on the page, alone; what breaks in it becomes an error that says what can have happened."""
        if find_spec("playwright") is None:
            raise HandOver("browser_package_missing", delivery=Delivery.NOT_SENT, provider="lovart")
        from vidgen_core.providers.lovart.browser.window import page_trouble

        async with self._turn:
            try:
                with page_trouble(delivery):
                    yield
            except RemoteError as error:
                error.params.setdefault("provider", "lovart")
                if isinstance(error, HandOver):
                    self._hand_over(error)
                raise

    async def _canvas(self, name: str) -> Canvas:
        from vidgen_core.providers.lovart.browser.canvas import Canvas
        from vidgen_core.providers.lovart.browser.window import BrowserWindow

        self._current = None
        selectors = await asyncio.to_thread(Selectors, self.selectors_file)
        if self._window is None:
            own = self._own()
            self._window = BrowserWindow(self._profile(own), own.browser_program, headless=own.browser_headless)
        self._current = Canvas(await self._window.tab(name), selectors)
        return self._current

    def _profile(self, own: LovartSettings) -> Path:
        return Path(own.browser_profile).expanduser() if own.browser_profile else self._folder / "profile"

    def _hand_over(self, error: HandOver) -> None:
        """Leave the page as it is, and look from time to time whether a person has done what they were asked for."""
        self.handed_back = False
        self._wall = self._current if error.code.startswith("page_") else None
        if self._watch is not None:
            self._watch.cancel()
        self._watch = asyncio.create_task(self._look_out(self._wall, self._mended_at()), name="lovart window")

    async def _look_out(self, canvas: Canvas | None, mended_at: float) -> None:
        from playwright.async_api import Error

        while self._mended_at() == mended_at:
            await asyncio.sleep(WATCH)
            if canvas is None:
                continue
            try:
                if await canvas.wall() is None:
                    break
            except Error:
                return  # the tab is gone; people say themselves when to go on
        self.handed_back = True

    def _mended_at(self) -> float:
        """When the selectors were last written."""
        return self.selectors_file.stat().st_mtime if self.selectors_file.exists() else 0.0


async def _anything(canvas: Canvas) -> bool:
    return (await canvas.look()).anything
