"""``vidgen finish``: have a take extended, enlarged, or fetched in a higher resolution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from vidgen_core.cli.generating import ask, finish, price_of, warn_of
from vidgen_core.cli.session import Session, YesOption, command, mode_named, shot_numbered
from vidgen_core.domain.errors import InputError
from vidgen_core.domain.tasks import FinishVerb

if TYPE_CHECKING:
    from vidgen_core.domain.takes import Take

commands = typer.Typer()


@command(commands, "finish")
def finish_take(
    session: Session,
    shot: Annotated[str, typer.Argument(metavar="SHOT", help="cli.argument.shot")],
    take: Annotated[int | None, typer.Argument(metavar="TAKE", help="cli.argument.finish_take")] = None,
    extend: Annotated[bool, typer.Option("--extend", help="cli.option.extend")] = False,
    upscale: Annotated[bool, typer.Option("--upscale", help="cli.option.upscale")] = False,
    fetch_1080p: Annotated[bool, typer.Option("--1080p", help="cli.option.fetch_1080p")] = False,
    fetch_4k: Annotated[bool, typer.Option("--4k", help="cli.option.fetch_4k")] = False,
    prompt: Annotated[str | None, typer.Option("--prompt", metavar="TEXT", help="cli.option.finish_prompt")] = None,
    seconds: Annotated[float | None, typer.Option("--seconds", metavar="S", help="cli.option.finish_seconds")] = None,
    provider: Annotated[str | None, typer.Option("--provider", metavar="P", help="cli.option.provider")] = None,
    yes: YesOption = False,
) -> None:
    from vidgen_core.services.generation.finishing import FinishWish

    asked = {
        FinishVerb.EXTEND: extend,
        FinishVerb.UPSCALE: upscale,
        FinishVerb.FETCH_1080P: fetch_1080p,
        FinishVerb.FETCH_4K: fetch_4k,
    }
    verbs = [verb for verb, wanted in asked.items() if wanted]
    if len(verbs) != 1:
        raise InputError("finish_not_named")
    chosen = _take(session, shot, take)
    wish = FinishWish(verb=verbs[0], prompt=prompt, seconds=seconds, provider=mode_named(provider))
    finishing = session.app.finishing
    estimate = finishing.estimate(chosen.id, wish)
    session.count("cli.estimate", estimate.tasks, price=price_of(session, estimate))
    warn_of(session, estimate)
    if not yes:
        ask(session, estimate, lambda: finishing.preflight(chosen.id, wish), "cli.ask_finish")
    finish(session, estimate, finishing.order(chosen.id, wish))


def _take(session: Session, shot: str, number: int | None) -> Take:
    """The named take; without a number the chosen one.

    :raises InputError: ``take_unknown`` (take, known)
    """
    takes = session.app.takes.takes_of(shot_numbered(session, shot).id)
    for take in takes:
        if take.number == number or (number is None and take.chosen):
            return take
    known = ", ".join(str(take.number) for take in takes) or "–"
    raise InputError("take_unknown", take=number or "–", known=known)
