"""``vidgen serve``, ``rehearse`` and ``mcp``: the servers; and the agents that may use them."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

import vidgen_core
from vidgen_core.cli.session import Session, command
from vidgen_core.config.paths import find_locations
from vidgen_core.domain.errors import FileError, InputError, StoreError

if TYPE_CHECKING:
    from vidgen_core.domain.agents import Agent
    from vidgen_core.mcp_server.caller import Caller

HostOption = Annotated[str, typer.Option("--host", help="cli.option.host")]
PortOption = Annotated[int, typer.Option("--port", min=1, max=65535, help="cli.option.port")]
PathOption = Annotated[
    str, typer.Option("--path", envvar="STREAMLIT_SERVER_BASE_URL_PATH", show_envvar=False, help="cli.option.path")
]
#: Seconds to wait for the server before the browser is opened.
PATIENCE = 60.0
NoBrowser = Annotated[bool, typer.Option("--no-browser", help="cli.option.no_browser")]

commands = typer.Typer()
_agent = typer.Typer(help="cli.help.agent")
commands.add_typer(_agent, name="agent")
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="cli.argument.agent")]


@command(commands, "serve", opens=False)
def serve(
    session: Session,
    host: HostOption = "127.0.0.1",
    port: PortOption = 8501,
    path: PathOption = "",
    no_browser: NoBrowser = False,
) -> None:
    from vidgen_core.services.access.auth import base_of

    script = dashboard()
    check_port(host, port)
    home = find_locations().home
    try:
        with session.open():
            shared, held = session.app.store.is_shared, session.app.worker.is_held
            if shared != held:
                session.warn("shell.workers_none" if shared else "cli.serving_beside")
            session.check_media()
    except (StoreError, FileError) as error:
        # Else the server says so, and every screen, until it is over.
        if not error.passes:
            raise
    base = base_of(path)
    url = f"http://{'127.0.0.1' if host in ('0.0.0.0', '::') else host}:{port}{base}"  # noqa: S104 - compared, not bound
    session.answer({"url": url, "home": str(home)})
    session.say("cli.serving", url=url, home=home)
    if not no_browser:
        open_browser_later(url)
    if session.as_json:
        # What the server says from now on is for people.
        sys.stdout.flush()
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    become_server(script, host, port, home, base)


@command(commands, "rehearse", opens=False)
def rehearse(
    session: Session,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="cli.option.rehearsal_port")] = 0,
    fault: Annotated[list[str] | None, typer.Option("--fault", metavar="NAME[:SHARE]", help="cli.option.fault")] = None,
    faults: Annotated[bool, typer.Option("--list-faults", help="cli.option.list_faults")] = False,
) -> None:
    from vidgen_core.fake_provider.faults import CATALOGUE, parse_rule
    from vidgen_core.fake_provider.options import RehearsalOptions
    from vidgen_core.fake_provider.server import serve as serve_rehearsal

    if faults:
        session.answer({name: known.sentence for name, known in CATALOGUE.items()})
        if not session.as_json:
            for name, known in CATALOGUE.items():
                session.tell(f"{name}: {known.sentence}")
        return
    options = RehearsalOptions(port=port, faults=tuple(parse_rule(rule) for rule in fault or ()))
    if port:
        check_port("127.0.0.1", port)
    serve_rehearsal(options, lambda url: _show_rehearsal(session, url))


def _show_rehearsal(session: Session, url: str) -> None:
    """The settings that point Vidgen here; nothing is changed."""
    import shlex

    from vidgen_core.fake_provider.server import settings_hint

    hint = settings_hint(url)
    session.answer({"url": url, "settings": hint})
    session.warn("cli.rehearsing", url=url)
    if not session.as_json:
        for name, value in hint.items():
            sys.stdout.write(f"export {name}={shlex.quote(value)}\n")
        sys.stdout.flush()


@command(commands, "mcp", every_project=True)
def mcp(
    session: Session,
    agent: Annotated[str | None, typer.Option("--agent", metavar="NAME", help="cli.option.agent")] = None,
    token: Annotated[
        str | None,
        typer.Option("--token", envvar="VIDGEN_AGENT_TOKEN", show_envvar=False, help="cli.option.agent_token"),
    ] = None,
) -> None:
    from vidgen_core.domain.errors import NotFound
    from vidgen_core.mcp_server.caller import Caller
    from vidgen_core.mcp_server.server import build
    from vidgen_core.services.access.agents import visitor_of
    from vidgen_core.services.access.permissions import as_visitor

    app = session.app

    def named() -> Agent | None:
        try:
            return app.agents.find(token) if token else app.agents.get(agent or "")
        except NotFound:
            return None

    who = named()
    if who is None:
        raise InputError("agent_not_named")
    welcome = as_visitor(app, visitor_of(who), lambda: named() is not None)

    def caller(_request: Any) -> Caller:
        return Caller(welcome, who, session.text)

    # What is ordered is also made, unless another process does so.
    app.worker.start_embedded()
    build(caller).run("stdio")


@command(_agent, "add", "cli.help.agent_add", every_project=True)
def add_agent(
    session: Session,
    name: NameArgument,
    role: Annotated[str, typer.Option("--role", metavar="viewer|maker", help="cli.option.agent_role")] = "maker",
    per_day: Annotated[str, typer.Option("--per-day", metavar="AMOUNT", help="cli.option.per_day")] = "0",
    in_all: Annotated[str, typer.Option("--in-all", metavar="AMOUNT", help="cli.option.in_all")] = "0",
    only: Annotated[list[str] | None, typer.Option("--only", metavar="PROJECT", help="cli.option.agent_only")] = None,
) -> None:
    from vidgen_core.services.access.permissions import Role

    roles = {one.word: one for one in Role}
    if role not in roles:
        raise InputError("agent_role_wrong")
    wanted = [*(only or ()), *([session.project_name] if session.project_name else ())]
    projects = [session.project_named(one).id for one in wanted]
    token = session.app.agents.add(name, roles[role], _amount(per_day), _amount(in_all), projects or None)
    session.answer({"name": name, "token": token})
    session.say("cli.agent_added", name=name)
    if not session.as_json:
        session.tell(token)


@command(_agent, "list", "cli.help.agent_list", every_project=True)
def list_agents(session: Session) -> None:
    app, rows, answers = session.app, [], []
    names = {project.id: project.name for project in app.projects.all()}
    for one in app.agents.all():
        day, every = app.agents.statuses(one)
        known = None if one.projects is None else [names.get(id_, "–") for id_ in one.projects]
        answers.append(
            one.model_dump(mode="json", exclude={"projects"})
            | {"projects": known, "spent_today": str(day.spent.amount), "spent": str(every.spent.amount)}
        )
        if one.revoked_at is None:
            amounts = [session.text.money(amount, estimated=False) for amount in (day.left, every.left, every.spent)]
            rows.append([one.name, session.text(f"role.{one.role}"), *amounts, ", ".join(known or ()) or "*"])
    session.answer(answers)
    if rows and not session.as_json:
        session.table([f"agents.column.{name}" for name in ("name", "role", "day", "all", "spent", "projects")], rows)
    elif not rows:
        session.say("agents.none")


@command(_agent, "revoke", "cli.help.agent_revoke", every_project=True)
def revoke_agent(session: Session, name: NameArgument) -> None:
    session.app.agents.revoke(name)
    session.answer({"revoked": name})
    session.say("agents.revoked", name=name)


def _amount(text: str) -> Decimal:
    """:raises InputError: ``agent_amount_wrong``"""
    try:
        return Decimal(text)
    except ArithmeticError:
        raise InputError("agent_amount_wrong") from None


def dashboard() -> Path:
    """The dashboard's script: inside of the installed package, or beside it in a checkout.

    :raises FileError: ``dashboard_missing`` (path)
    """
    package = Path(vidgen_core.__file__).resolve().parent
    found = (folder / "streamlit_app.py" for folder in (package / "app", package.parent))
    script = next((script for script in found if script.exists()), None)
    if script is None:
        raise FileError("dashboard_missing", path=str(package / "app"))
    return script


def check_port(host: str, port: int) -> None:
    """:raises InputError: ``port_taken`` (port), ``address_unusable`` (host, why)"""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            # As servers do: connections of a server that has just ended do not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except socket.gaierror as error:
        raise InputError("address_unusable", host=host, why=error.strerror or "") from error
    except PermissionError as error:
        raise InputError("address_unusable", host=f"{host}:{port}", why=error.strerror or "") from error
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise InputError("port_taken", port=port, next=port + 1) from error
        raise InputError("address_unusable", host=host, why=error.strerror or "") from error


def open_browser_later(url: str) -> None:
    """Open the dashboard once it answers, from a small process of its own: this one becomes the server."""
    subprocess.Popen(
        [sys.executable, "-c", f"from vidgen_core.cli.serving import show_when_up; show_when_up({url!r})"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def show_when_up(url: str, patience: float = PATIENCE) -> bool:
    """Open ``url`` once it answers; False when it does not within ``patience`` seconds."""
    import webbrowser

    until = time.monotonic() + patience
    while time.monotonic() < until:
        if _answers(url):
            return webbrowser.open(url)
        time.sleep(0.2)
    return False


def _answers(url: str) -> bool:
    import urllib.request

    try:
        with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - our own address on this machine
            return True
    except OSError:
        return False


def become_server(script: Path, host: str, port: int, home: Path, base: str = "") -> NoReturn:
    """Turn into the server, so that whoever started or stops this process has the server itself in hand."""
    arguments = [
        *(sys.executable, "-m", "streamlit", "run", str(script)),
        *("--server.address", host, "--server.port", str(port), "--server.headless", "true"),
        *("--server.baseUrlPath", base.strip("/")),
        # An identity provider is named beside the settings: what is installed may be read-only.
        *("--secrets.files", str(script.parent / ".streamlit" / "secrets.toml")),
        *("--secrets.files", str(home / "secrets.toml")),
        *("--logger.hideWelcomeMessage", "true"),
    ]
    # The dashboard's own configuration lies beside its script; the data home must not move with it.
    os.environ["VIDGEN_HOME"] = str(home)
    os.chdir(script.parent)
    sys.stdout.flush()
    if os.name == "posix":
        os.execv(sys.executable, arguments)  # noqa: S606 - no shell is wanted
    raise SystemExit(subprocess.call(arguments))
