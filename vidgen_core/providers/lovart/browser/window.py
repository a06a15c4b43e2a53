"""The browser window of the browser mode: one profile, one tab for each canvas. Needs Playwright."""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout
from playwright.async_api import BrowserContext, Error, Page, Playwright, async_playwright

from vidgen_core.domain.errors import Delivery, ErrorKind, HandOver, RemoteError

#: Tabs kept open; the oldest is closed for a new one.
TABS: Final = 4
#: Milliseconds for one step on the page.
STEP: Final = 15_000
#: A window whose program was just killed may hold its profile for a moment.
STARTS: Final = 3
_FLAGS: Final = ("--no-first-run", "--no-default-browser-check")


@contextlib.contextmanager
def page_trouble(delivery: Delivery) -> Iterator[None]:
    """Turn what the browser says into a RemoteError ``page_trouble`` (why)."""
    try:
        yield
    except Error as error:
        raise RemoteError("page_trouble", kind=ErrorKind.NETWORK, delivery=delivery, why=first_line(error)) from error


def first_line(error: Error) -> str:
    """What went wrong, without the browser's own log."""
    return error.message.splitlines()[0][:300]


class BrowserWindow:
    """The user's own window; opened when first used, and again when somebody has closed it.

    :param profile: the folder of the browser's profile
    :param program: the path of the browser; empty: Playwright's own Chromium
    """

    def __init__(self, profile: Path, program: str, *, headless: bool) -> None:
        self._profile = profile
        self._program = program
        self._headless = headless
        self._lock = FileLock(profile.with_name(f"{profile.name}.lock"), thread_local=False)
        self._playwright: Playwright | None = None
        self._context: BrowserContext | None = None
        self._tabs: OrderedDict[str, Page] = OrderedDict()

    async def tab(self, name: str) -> Page:
        """The tab of that name, a new one where there is none.

        :raises HandOver: ``browser_in_use``, ``browser_not_started`` (why)
        """
        context = await self._open()
        page = self._tabs.get(name)
        if page is None or page.is_closed():
            page = await context.new_page()
            page.set_default_timeout(STEP)
            self._tabs[name] = page
        self._tabs.move_to_end(name)
        while len(self._tabs) > TABS:
            await self.close_tab(next(iter(self._tabs)))
        return page

    def rename_tab(self, name: str, new: str) -> None:
        """What was begun under one name goes on under another."""
        self._tabs[new] = self._tabs.pop(name)

    async def close_tab(self, name: str) -> None:
        page = self._tabs.pop(name, None)
        if page is not None:
            with contextlib.suppress(Error):  # it is gone already
                await page.close()

    async def _open(self) -> BrowserContext:
        if self._context is None:
            self._take_profile()
            self._context = await self._start()
            self._context.on("close", lambda _: self._forget())
        return self._context

    def _take_profile(self) -> None:
        """Two windows on one profile would damage it."""
        self._profile.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise HandOver("browser_in_use", delivery=Delivery.NOT_SENT, folder=str(self._profile)) from None

    async def _start(self) -> BrowserContext:
        self._playwright = self._playwright or await async_playwright().start()
        for _ in range(STARTS):
            try:
                return await self._playwright.chromium.launch_persistent_context(
                    self._profile,
                    executable_path=self._program or None,
                    headless=self._headless,
                    chromium_sandbox=not self._headless,
                    no_viewport=not self._headless,
                    args=list(_FLAGS),
                    handle_sigint=False,
                    handle_sigterm=False,
                    handle_sighup=False,
                )
            except Error as error:
                why = first_line(error)
            await asyncio.sleep(1)
        self._lock.release()
        raise HandOver("browser_not_started", delivery=Delivery.NOT_SENT, why=why)

    def _forget(self) -> None:
        self._context = None
        self._tabs.clear()
        self._lock.release()

    async def close(self) -> None:
        """Close the window; what the page does goes on at Lovart's."""
        if self._context is not None:
            with contextlib.suppress(Error):  # somebody has closed it just now
                await self._context.close()
        if self._playwright is not None:
            await self._playwright.stop()
            self._playwright = None
        self._lock.release()
