"""huey with its SQLite store and as many worker threads as slots; it loses what a killed process was doing."""

from __future__ import annotations

import http.client
import json
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

from huey import SqliteHuey

from peers.measured import Work, measured


def _run(work: Work) -> None:
    huey = SqliteHuey(filename=str(Path(work.folder, "huey.db")), fsync=True)
    address = urlsplit(work.url).netloc
    own, done = threading.local(), threading.Semaphore(0)

    def ask(method: str, path: str, body: str | None = None) -> bytes:
        if not hasattr(own, "connection"):
            own.connection = http.client.HTTPConnection(address)
        own.connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        return bytes(own.connection.getresponse().read())

    @huey.task()
    def one(number: int) -> None:
        job = json.loads(ask("POST", "/jobs", '{"prompt": "x"}'))["id"]
        while True:
            time.sleep(work.poll)
            said = json.loads(ask("GET", f"/jobs/{job}"))
            if said["state"] == "done":
                break
        Path(work.folder, f"{number}.mp4").write_bytes(ask("GET", urlsplit(said["url"]).path))
        done.release()

    for number in range(work.jobs):
        one(number)
    consumer = huey.create_consumer(
        workers=work.cap, worker_type="thread", periodic=False, initial_delay=0.01, backoff=1.0, max_delay=0.05
    )
    consumer.start()
    for _ in range(work.jobs):
        done.acquire()
    consumer.stop(graceful=False)


if __name__ == "__main__":
    measured(_run)
