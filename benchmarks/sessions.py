"""Open pages: ``python benchmarks/sessions.py [--tasks 100000] [--sessions 10] [-n 30] [--home FOLDER]``.

Fills a home with 10,000 shots and the tasks, starts the real server without a runner, and opens the Shots screen in raw
sessions: the protocol of the browser without the browser. Times are from a request to the end of its run, over the socket:
a whole run; a click on one take; a refresh of header and takes as the push signal asks for it, after a task of every card has
moved on, so that no answer is known from before; the same while all sessions ask at once. At the end the server's memory.
Beside it pages of Streamlit alone draw as many of the commonest elements: what no page of this machine can be quicker than.
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
from itertools import count
from pathlib import Path

import httpx
import psutil
from filelock import FileLock
from store import fill
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect

from vidgen_core.config.paths import Locations
from vidgen_core.services.facade import Vidgen

ROOT = Path(__file__).parents[1]
PORT = 8791
MIB = 1 << 20
#: Ids of the shots of the first page.
SHOTS = range(1, 21)
#: What Streamlit calls the events of a component.
TRIGGER = "$$STREAMLIT_INTERNAL_KEY_{}__events"
ENDED = (ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY)


class Session:
    """One open page."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.page = self.listener = ""
        #: Id and fragment of the components that tell something, by the name of their files.
        self.tellers: dict[str, tuple[str, str]] = {}
        self.numbers = count(1)
        #: Fragments drawn by the last refresh, and how many elements and containers they had.
        self.drawn: set[str] = set()
        self.elements = 0
        self.run()
        self.whole = self.elements

    def run(self) -> float:
        """A whole run; milliseconds."""
        return self._ask(BackMsg())

    def refresh(self, shots: Sequence[int] | None = None) -> float:
        """What a signal that some shots, or everything, has changed asks for; milliseconds."""
        what: dict[str, object] = {"all": True} if shots is None else {"shots": list(shots)}
        return self._tell("push", "changed", {"number": next(self.numbers), **what})

    def click(self) -> float:
        """A click on a card: show all takes of another shot; milliseconds."""
        number = next(self.numbers)
        act = {"n": number, "do": "show_all", "shot": SHOTS[number % 3]}
        return self._tell("takes", "acts", {"acts": [act]})

    def draw_again(self) -> float:
        """The one fragment of a page without components; milliseconds."""
        message = BackMsg()
        message.rerun_script.fragment_id = self.listener
        return self._ask(message)

    def _tell(self, component: str, event: str, value: object) -> float:
        message = BackMsg()
        id_, message.rerun_script.fragment_id = self.tellers[component]
        widgets = message.rerun_script.widget_states.widgets
        widgets.add(id=id_, json_value="{}")
        state = widgets.add()
        state.id = TRIGGER.format(id_)
        state.json_trigger_value = json.dumps([{"event": event, "value": value}])
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
                self.listener = told.delta.fragment_id or self.listener
                component = told.delta.new_element.bidi_component
                if component.component_name and b'"place"' not in component.bytes:
                    self.tellers[component.component_name.removeprefix("vidgen_")] = (
                        component.id,
                        told.delta.fragment_id,
                    )
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
    """The dashboard on a home; the rows stand still, because this process has the lock of the runner."""
    env = os.environ | {"VIDGEN_HOME": str(home)}
    command = ["-m", "vidgen_core", "serve", "--no-browser", "--port", str(PORT)]
    with FileLock(home / "runner.lock"), _server(command, env, "/api/health") as process:
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


def move_on(vidgen: Vidgen, shots: Sequence[int] = SHOTS, each: int = 1) -> Callable[[], None]:
    """Something that happens to some tasks of each of these shots, as the runner writes it."""
    with vidgen.store.read() as tx:
        tasks = [task for tasks in tx.tasks.of_shots(shots).values() for task in tasks[-each:]]
    numbers = count(1)

    def moved() -> None:
        stage = f"stage {next(numbers)}"
        with vidgen.store.write() as tx:
            for task in tasks:
                tx.tasks.note(task.id, stage=stage)

    return moved


def after(change: Callable[[], None], act: Callable[[], float]) -> Callable[[], float]:
    """Measure ``act`` alone, each time after a change."""

    def changed() -> float:
        change()
        return act()

    return changed


def measure(process: psutil.Process, stack: ExitStack, sessions: int, n: int, vidgen: Vidgen) -> list[int]:
    """Print the times of the dashboard; returns how many elements a whole run and a refresh draw."""
    change, nine_takes = move_on(vidgen), move_on(vidgen, SHOTS[:3], 3)
    idle = process.memory_info().rss / MIB
    print(f"{sessions} sessions, n = {n}, load {os.getloadavg()[0]:.1f}")
    print(f"{'milliseconds':<52} {'median':>8} {'p95':>8} {'cpu':>8}   bar")
    pages = [open_page(stack) for _ in range(sessions)]
    first = pages[0]
    timed(f"Shots: whole run, {first.whole} elements", process, after(change, first.run), n, "300")
    timed("a click on a take", process, after(change, first.click), n, "300")
    change()
    first.refresh(SHOTS)
    name = f"refresh by push: {len(first.drawn)} fragments, {first.elements} elements"
    elements = [first.whole, first.elements]
    timed(name, process, after(change, lambda: first.refresh(SHOTS)), n, "50")
    timed(
        "the same, when nine takes have moved on", process, after(nine_takes, lambda: first.refresh(SHOTS[:3])), n, "50"
    )
    with ThreadPoolExecutor(sessions) as pool:
        used = _cpu(process)
        spans = []
        for _ in range(max(1, n // 5)):
            change()
            spans += pool.map(lambda page: page.refresh(SHOTS), pages)
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
        filled = Locations(home).database.exists()
        with Vidgen.open(Locations(home)) as vidgen:
            if not filled:
                fill(vidgen.store, asked.tasks, 2)
            with dashboard(home) as process, ExitStack() as stack:
                drawn = measure(process, stack, asked.sessions, asked.n, vidgen)
        for elements in drawn:
            with bare_page(elements) as process, ExitStack() as stack:
                page = open_page(stack)
                page.draw_again()
                timed(f"Streamlit alone: {page.elements} elements", process, page.draw_again, asked.n, "")


if __name__ == "__main__":
    main()
