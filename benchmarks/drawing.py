"""Draw until one passes, on the rehearsal with faulty clips and kills: ``python benchmarks/drawing.py [--shots 60] [--kills 20]``.

An order draws until each shot has a take that passes; ``vidgen run`` is killed again and again meanwhile, and one last run goes on to
the end. Printed are the draws a shot, the shots that have a passing take, and what was spent beside the ceiling, by the ledger and by
the provider's own count.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
from decimal import Decimal
from pathlib import Path

from kills import _picture, _run_and_kill, _run_to_the_end, _settings

from vidgen_core.config.paths import Locations
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.shots import NewShot
from vidgen_core.domain.takes import Verdict
from vidgen_core.domain.tasks import TaskStatus, UntilPass
from vidgen_core.fake_provider.options import RehearsalOptions
from vidgen_core.fake_provider.server import RehearsalServer
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation.planning import GenerateOptions

#: Faults of clips, each in the same share of all.
FAULTS = ("frozen", "black-frames", "cut", "flicker", "blurred")
PRICE = Decimal("0.4")
PROJECT = "default"


def main() -> int:
    """Run it all and print the figures; 1: not as promised."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shots", type=int, default=60)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--faulty", type=float, default=0.4, help="share of clips with a fault")
    parser.add_argument("--most", type=int, default=10, help="draws a shot")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    chance, ceiling = random.Random(given.seed), PRICE * given.shots * Decimal("1.8")
    options = RehearsalOptions(video_scale=0.2, video_seconds=2.0, job_seconds=(0.2, 1.0), seed=given.seed)
    with tempfile.TemporaryDirectory() as folder, RehearsalServer(options) as server:
        server.set_faults({name: given.faulty / len(FAULTS) for name in FAULTS})
        locations = Locations(Path(folder) / "home").create()
        own = {**_settings(server.url, locations, 120.0), "VIDGEN_MODE": "yunwu", "VIDGEN_CHECKS__LENGTH_DIFFERS": "60"}
        os.environ |= own
        with Vidgen.open(locations) as app:
            until = UntilPass(most=given.most, ceiling=ceiling)
            app.tasks.generate(
                _project(app), _shots(app, _picture(locations), given.shots), GenerateOptions(until=until)
            )
        killed = sum(_run_and_kill({**os.environ}, server, chance.uniform(0.5, 3.0)) for _ in range(given.kills))
        ended = _run_to_the_end({**os.environ}, longest=1_200)
        with Vidgen.open(locations) as app:
            figures = _figures(app, server)
    print(f"{given.shots} shots, {killed} kills, {given.faulty:.0%} faulty; ended by itself: {ended}")
    for name, value in figures.items():
        print(f"{name:40} {value}")
    spent = max(Decimal(str(figures["spent by the ledger"])), PRICE * int(str(figures["accepted by the provider"])))
    good = ended and figures["shots with a passing take"] == given.shots and spent <= ceiling
    print(f"{'ceiling':40} {ceiling}\nverdict {'as promised' if good else 'WRONG'}")
    return 0 if good else 1


def _project(app: Vidgen) -> int:
    return app.projects.ensure(PROJECT).id


def _shots(app: Vidgen, image: str, count: int) -> list[int]:
    with app.store.write() as tx:
        new = [NewShot(number=None, prompt=f"slow zoom in, take {number}", image=image) for number in range(count)]
        return [shot.id for shot in tx.shots.add(_project(app), new)]


def _figures(app: Vidgen, server: RehearsalServer) -> dict[str, object]:
    tasks = app.tasks.many(app.tasks.ids(_project(app)))
    passing = {task.shot_id for task in tasks if task.verdict is Verdict.PASS}
    shots = len({task.shot_id for task in tasks})
    spent = app.reports.of(_project(app), provider=ProviderId("yunwu")).spend
    return {
        "draws": len(tasks),
        "draws a shot": round(len(tasks) / shots, 2),
        "shots with a passing take": len(passing),
        "not completed": sum(task.status is not TaskStatus.COMPLETED for task in tasks),
        "spent by the ledger": spent.total,
        "accepted by the provider": server.stats()["accepted_total"],
    }


if __name__ == "__main__":
    sys.exit(main())
