"""One canvas in one tab, read and used through the selectors. Needs Playwright."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

from playwright.async_api import Error, Locator, Page

from vidgen_core.domain.errors import Delivery, ErrorKind, HandOver, RemoteError
from vidgen_core.providers.lovart.browser.selectors import WALLS, Selectors
from vidgen_core.providers.lovart.browser.window import first_line

#: Seconds until a thing must have appeared.
APPEARS: Final = 20.0
#: Seconds between two looks while waiting for it.
LOOK: Final = 0.2
#: Addresses that ask for signing in.
SIGN_IN: Final = re.compile(r"/(?:[a-z]{2}/)?(?:log-?in|sign-?in|auth)\b", re.IGNORECASE)
_ADDRESS = """thing => [thing.currentSrc, thing.src, thing.href, thing.querySelector('source')?.src]
    .find(link => /^https?:/.test(link ?? '')) ?? null"""


@dataclass(frozen=True)
class CanvasSnapshot:
    """What a canvas shows; of several videos the last, for an agent mends what went wrong."""

    #: Whether our message has been sent.
    sent: bool
    generating: bool
    #: 0-100; None where it says nothing.
    progress: int | None
    video: str | None
    #: What the agent said, all of it in order.
    words: str

    @property
    def anything(self) -> bool:
        return self.sent or self.generating or self.video is not None or bool(self.words)


class Canvas:
    """A tab; every verb raises Playwright's ``Error`` where the browser gives up."""

    def __init__(self, page: Page, selectors: Selectors) -> None:
        self.page = page
        self._selectors = selectors

    @property
    def project(self) -> str | None:
        return project_in(self.page.url)

    async def wall(self) -> HandOver | None:
        """What only a person can take out of the way, if anything is."""
        if SIGN_IN.search(urlsplit(self.page.url).path):
            return _wall("sign_in")
        for name in WALLS:
            if await self._shows(name):
                return _wall(name)
        return None

    async def until(self, what: Callable[[], Awaitable[bool]], seconds: float = APPEARS) -> bool:
        """Wait for ``what``; False when it does not come about.

        :raises HandOver: something came up that only a person can take out of the way
        """
        end = time.monotonic() + seconds
        while not await what():
            wall = await self.wall()
            if wall:
                raise wall
            if time.monotonic() > end:
                return False
            await asyncio.sleep(LOOK)
        return True

    async def check_selectors(self) -> None:
        """Raises HandOver ``selector_broken`` (selector, css, file, why) for one that the browser does not understand."""
        for name, css in self._selectors.items():
            try:
                await self.page.locator(css).count()
            except Error as error:
                if self.page.is_closed():
                    raise
                raise self._selectors.trouble("selector_broken", name, why=first_line(error)) from error

    async def ready(self) -> None:
        """Wait until a message can be typed. Raises HandOver ``selector_not_found``."""
        await self._need("prompt")
        for _ in range(3):
            if not await self._shows("dialog_close"):
                return
            await self._find("dialog_close").click()

    async def attach(self, picture: Path) -> None:
        """Hand a picture to the page and wait until it shows.

        :raises RemoteError: ``page_upload_failed`` (selector, css, file)
        """
        files = self._find("attach")
        if not await self.until(lambda: _any(files)):
            raise self._selectors.trouble("selector_not_found", "attach")
        await files.set_input_files(picture)
        if self._selectors["attached"] and not await self.until(lambda: self._shows("attached")):
            lost = self._selectors.trouble("page_upload_failed", "attached")
            raise RemoteError(lost.code, kind=ErrorKind.PROVIDER, delivery=Delivery.NOT_SENT, **lost.params)

    async def write(self, text: str) -> None:
        """Type ``text`` without a single key, so that no line's end sends it half.

        :raises RemoteError: ``page_text_differs``
        """
        await self._find("prompt").click()
        if await self.typed():
            await self.page.keyboard.press("ControlOrMeta+a")
            await self.page.keyboard.press("Delete")
        await self.page.keyboard.insert_text(text)
        if not same_words(await self.typed(), text):
            raise RemoteError("page_text_differs", kind=ErrorKind.PROVIDER, delivery=Delivery.NOT_SENT)

    async def typed(self) -> str:
        """What stands where the message is typed."""
        found: str = await self._find("prompt").evaluate("thing => thing.value ?? thing.innerText")
        return found

    async def can_send(self) -> None:
        """Raises HandOver: the button that sends is not there or cannot be pressed."""
        button = await self._need("send")
        try:
            await button.click(trial=True)
        except Error as error:
            raise self._selectors.trouble("selector_not_found", "send") from error

    async def send(self) -> None:
        """The one click that may cost money: it happens once, on that very button, and nothing repeats it."""
        await self._find("send").evaluate("button => button.click()")

    async def look(self) -> CanvasSnapshot:
        """What the canvas shows now."""
        videos = await self._all("result")
        links = [await one.evaluate(_ADDRESS) for one in videos]
        words = [(await one.inner_text()).strip() for one in await self._all("answer")]
        progress = re.search(r"\d+", await self._text("progress"))
        return CanvasSnapshot(
            sent=await self._shows("message"),
            generating=await self._shows("generating"),
            progress=min(int(progress[0]), 100) if progress else None,
            video=next((link for link in reversed(links) if link), None),
            words="\n".join(text for text in words if text),
        )

    def unclear(self) -> HandOver:
        """Neither is it being worked on, nor is there a result: the page must have changed."""
        return self._selectors.trouble("selector_not_found", "result")

    def nothing(self) -> HandOver:
        """Our own message is not there."""
        return self._selectors.trouble("selector_not_found", "message")

    def _find(self, name: str) -> Locator:
        return self.page.locator(self._selectors[name]).first

    async def _all(self, name: str) -> list[Locator]:
        return await self.page.locator(self._selectors[name]).all() if self._selectors[name] else []

    async def _text(self, name: str) -> str:
        return await self._find(name).inner_text() if await self._shows(name) else ""

    async def _shows(self, name: str) -> bool:
        return bool(self._selectors[name]) and await self._find(name).is_visible()

    async def _need(self, name: str) -> Locator:
        if not await self.until(lambda: self._shows(name)):
            raise self._selectors.trouble("selector_not_found", name)
        return self._find(name)


_KINDS: Final = {
    "sign_in": ErrorKind.AUTH,
    "captcha": ErrorKind.AUTH,
    "paywall": ErrorKind.BALANCE,
    "price": ErrorKind.BALANCE,
}


def _wall(name: str) -> HandOver:
    return HandOver(f"page_{name}", kind=_KINDS[name], delivery=Delivery.NOT_SENT)


def project_in(address: str) -> str | None:
    """The project that an address names."""
    return next(iter(parse_qs(urlsplit(address).query).get("projectId", [])), None)


def same_words(one: str, other: str) -> bool:
    """Editors keep words and lose spaces."""
    return "".join(one.split()) == "".join(other.split())


async def _any(things: Locator) -> bool:
    return await things.count() > 0
