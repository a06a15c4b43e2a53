"""Open pages: ``python benchmarks/sessions.py [--tasks 100000] [--sessions 10] [-n 30] [--home FOLDER]``.

Fills a home with 10,000 shots and the tasks, starts the real server without a runner, and opens the Shots screen in raw
sessions: the protocol of the browser without the browser. Times are from a request to the end of its run, over the socket:
a whole run; a refresh of header and cards as the push signal asks for it; the same while all sessions ask at once. At the
end the server's memory. Beside it a page of Streamlit alone draws as many of the commonest elements: what no page of this
machine can be quicker than.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import psutil
from store import fill
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect

from vidgen_core.app import Vidgen
from vidgen_core.locations import Locations

ROOT = Path(__file__).parents[1]
PORT = 8791
MIB = 1 << 20
#: Ids of the first shots of the first page.
FIRST_SHOTS = (1, 2, 3)
#: What Streamlit calls the events of a component.
TRIGGER = "$$STREAMLIT_INTERNAL_KEY_{}__events"
ENDED = (ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY)


class Session:
    """One open page."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.page = self.push = self.listener = ""
        self.number = 0
        #: Fragments drawn by the last refresh, and how many elements and containers they had.
        self.drawn: set[str] = set()
        self.elements = 0
        self.run()

    def run(self) -> float:
        """A whole run; milliseconds."""
        return self._ask(BackMsg())

    def refresh(self, shots: Sequence[int] | None = None) -> float:
        """What a signal that some shots, or everything, has changed asks for; milliseconds."""
        message = BackMsg()
        message.rerun_script.fragment_id = self.listener
        if not self.push:
            return self._ask(message)
        self.number += 1
        what: dict[str, object] = {"all": True} if shots is None else {"shots": shots}
        widgets = message.rerun_script.widget_states.widgets
        widgets.add(id=self.push, json_value="{}")
        state = widgets.add()
        state.id = TRIGGER.format(self.push)
        state.json_trigger_value = json.dumps([{"event": "changed", "value": {"number": self.number, **what}}])
        return self._ask(message)

    def _ask(self, message: BackMsg) -> float:
        message.rerun_script.page_script_hash = self.page
        message.rerun_script.context_info.timezone = "Asia/Shanghai"
        message.rerun_script.context_info.locale = "en-US"
        self.drawn.clear()
        self.elements = 0
        begun = time.perf_counter()
        self.socket.send(message.SerializeToString())
        while True:
            told = ForwardMsg.FromString(self.socket.recv(timeout=60))
            kind = told.WhichOneof("type")
            if kind == "new_session":
                self.page = told.new_session.page_script_hash
            elif kind == "delta":
                self.drawn.add(told.delta.fragment_id)
                self.elements += 1
                if told.delta.new_element.HasField("bidi_component"):
                    self.push, self.listener = told.delta.new_element.bidi_component.id, told.delta.fragment_id
                elif not self.push:
                    self.listener = told.delta.fragment_id or self.listener
            elif kind == "script_finished" and told.script_finished in ENDED:
                return (time.perf_counter() - begun) * 1000


#: A page of Streamlit alone: one fragment with as many elements as asked for.
BARE = """
import streamlit as st

@st.fragment
def draw():
    for row in range({elements} // 5):
        with st.container(key=f"row{{row}}"):
            st.badge("Done")
            st.image("/app/static/none.jpg")
            st.button("Play", key=f"play{{row}}")
            st.caption("words")

draw()
"""


@contextmanager
def dashboard(home: Path) -> Iterator[psutil.Process]:
    """The dashboard on a home; the rows stand still, because no runner takes them."""
    env = os.environ | {"VIDGEN_HOME": str(home), "VIDGEN_NO_RUNNER": "1"}
    command = ["-m", "vidgen_core", "serve", "--no-browser", "--port", str(PORT)]
    with _server(command, env, "/api/health") as process:
        yield process


@contextmanager
def bare_page(elements: int) -> Iterator[psutil.Process]:
    """Streamlit alone, with the dashboard's own settings."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "bare.py"
        page.write_text(BARE.format(elements=elements))
        with _server(
            ["-m", "streamlit", "run", str(page), "--server.port", str(PORT)], None, "/_stcore/health"
        ) as process:
            yield process


@contextmanager
def _server(command: list[str], env: dict[str, str] | None, health: str) -> Iterator[psutil.Process]:
    process = subprocess.Popen(
        [sys.executable, *command], cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        end = time.monotonic() + 120
        while not _answers(health):
            if time.monotonic() > end or process.poll() is not None:
                raise SystemExit("the server did not start")
            time.sleep(0.2)
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(30)


def _answers(path: str) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{PORT}{path}", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def show(name: str, spans: list[float], process: psutil.Process, used: float, bar: str) -> None:
    cpu = (_cpu(process) - used) * 1000 / len(spans)
    worst = sorted(spans)[int(len(spans) * 0.95)]
    print(f"{name:<52} {statistics.median(spans):8.0f} {worst:8.0f} {cpu:8.0f}   {bar}")


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def timed(name: str, process: psutil.Process, act: Callable[[], float], n: int, bar: str) -> None:
    act()
    used = _cpu(process)
    show(name, [act() for _ in range(n)], process, used, bar)


def open_page(stack: ExitStack) -> Session:
    address = f"ws://127.0.0.1:{PORT}/_stcore/stream"
    return Session(stack.enter_context(connect(address, subprotocols=["streamlit"], max_size=None, proxy=None)))


def measure(process: psutil.Process, stack: ExitStack, sessions: int, n: int) -> int:
    """Print the times of the dashboard; returns how many elements a refresh draws."""
    idle = process.memory_info().rss / MIB
    print(f"{sessions} sessions, n = {n}, load {os.getloadavg()[0]:.1f}")
    print(f"{'milliseconds':<52} {'median':>8} {'p95':>8} {'cpu':>8}   bar")
    pages = [open_page(stack) for _ in range(sessions)]
    first = pages[0]
    first.refresh()
    drawn, elements = len(first.drawn), first.elements
    timed("Shots: whole run", process, first.run, n, "300")
    first.refresh()
    timed(f"refresh by push: {drawn} fragments, {elements} elements", process, first.refresh, n, "50")
    first.refresh(FIRST_SHOTS)
    name = f"three of its cards: {len(first.drawn)} fragments, {first.elements} elements"
    timed(name, process, lambda: first.refresh(FIRST_SHOTS), n, "50")
    with ThreadPoolExecutor(sessions) as pool:
        used = _cpu(process)
        spans = [span for _ in range(max(1, n // 5)) for span in pool.map(lambda page: page.refresh(), pages)]
        show("the same, all sessions at once", spans, process, used, "")
    print(
        f"memory: {idle:.0f} MiB after the start, {process.memory_info().rss / MIB:.0f} MiB at the end   bar 250 idle"
    )
    return elements


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=100_000)
    parser.add_argument("--sessions", type=int, default=10)
    parser.add_argument("-n", type=int, default=30)
    parser.add_argument("--home", type=Path, help="a home that is filled already, or is kept for the next time")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = asked.home or Path(folder)
        if not Locations(home).database.exists():
            with Vidgen.open(Locations(home)) as vidgen:
                fill(vidgen.store, asked.tasks, 2)
        with dashboard(home) as process, ExitStack() as stack:
            elements = measure(process, stack, asked.sessions, asked.n)
        with bare_page(elements) as process, ExitStack() as stack:
            page = open_page(stack)
            page.refresh()
            timed(f"Streamlit alone: {page.elements} elements", process, page.refresh, asked.n, "")


if __name__ == "__main__":
    main()
