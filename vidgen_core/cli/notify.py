"""``vidgen notify``: does the webhook of the notices work?"""

from __future__ import annotations

import typer

from vidgen_core.cli.session import DEFAULT, JsonOption, ProjectOption, Session


def register(app: typer.Typer) -> None:
    app.command("notify", help="cli.notify.help")(notify)


def notify(project: ProjectOption = DEFAULT, as_json: JsonOption = False) -> None:
    session = Session(project, as_json)
    with session.open() as app:
        host = app.notifications.test()
        session.answer({"sent_to": host})
        session.say("notices.tested", host=host)
