"""``vidgen check``, ``keys``, ``doctor`` and ``notify``: test connections, the installation and the webhook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from vidgen_core.cli.session import SOME_FAILED, Session, command, mode_named

if TYPE_CHECKING:
    from vidgen_core.domain.attempts import KeyUsage
    from vidgen_core.domain.provider_settings import KeySettings
    from vidgen_core.domain.providers import ProviderId
    from vidgen_core.providers.base import Connection
    from vidgen_core.services.system.diagnostics import Finding

ProviderOption = Annotated[str | None, typer.Option("--provider", metavar="P", help="cli.option.provider")]
#: Models named in one line for people.
FEW = 5

commands = typer.Typer()
_scale = typer.Typer(help="cli.help.scale")
commands.add_typer(_scale, name="scale")


@command(commands, "check")
def check(session: Session, provider: ProviderOption = None) -> None:
    wanted = mode_named(provider)
    mode = wanted or session.app.settings().mode
    connection = session.app.diagnostics.test(mode)
    session.answer(_connection_json(session, mode, connection))
    _show_connection(session, mode, connection)
    if not connection.ok:
        raise typer.Exit(SOME_FAILED)


def _connection_json(session: Session, mode: ProviderId, connection: Connection) -> dict[str, Any]:
    from vidgen_core.services.schemas.base import Cost

    failure = connection.failure
    error = failure and {
        "kind": failure.kind.value,
        "code": failure.code,
        "message": session.text.failure(failure),
        "provider_message": failure.provider_message,
    }
    return {
        "provider": mode.value,
        "ok": connection.ok,
        "error": error,
        "balance": Cost.of(connection.balance, estimated=False),
        "models": list(connection.models),
        "notes": [session.text(note) for note in connection.notes],
    }


def _show_connection(session: Session, mode: ProviderId, connection: Connection) -> None:
    if connection.failure is not None:
        session.warn_line(f"{mode.value}: {session.text.told(connection.failure)}")
        return
    unknown = session.text("cli.balance_unknown")
    balance = session.text.money(connection.balance, False) if connection.balance else unknown
    session.say("cli.connected", provider=mode.value, balance=balance)
    for note in connection.notes:
        session.say(note)
    if connection.models:
        more = "…" if len(connection.models) > FEW else ""
        session.say("cli.models", n=len(connection.models), models=", ".join(connection.models[:FEW]) + more)


@command(commands, "keys")
def keys(session: Session, provider: ProviderOption = None) -> None:
    wanted = mode_named(provider)
    modes = [wanted] if wanted else list(session.app.modes)
    found = [(mode, key, usage) for mode in modes for key, usage in session.app.diagnostics.keys(mode)]
    session.answer([_key_json(mode, key, usage) for mode, key, usage in found])
    if session.as_json:
        return
    if not found:
        session.say("cli.no_keys")
        return
    names = ("provider", "key", "health", "submitted", "succeeded", "failed", "spend")
    rows = [_key_row(session, mode, key, usage) for mode, key, usage in found]
    session.table([f"cli.column.{name}" for name in names], rows)


def _key_json(mode: ProviderId, key: KeySettings, usage: KeyUsage) -> dict[str, Any]:
    from vidgen_core.services.schemas.base import Cost, iso

    return {
        "provider": mode.value,
        "name": key.name,
        "label": key.label,
        "enabled": key.enabled,
        "health": _health(key, usage),
        "cooling_until": iso(usage.cooling_until),
        "submitted": usage.submitted,
        "succeeded": usage.succeeded,
        "failed": usage.failed,
        "last_used_at": iso(usage.last_used_at),
        "spend": Cost.of(usage.spend, estimated=True),
    }


def _health(key: KeySettings, usage: KeyUsage) -> str:
    if key.works:
        return usage.health
    return "elsewhere" if key.enabled else "disabled"


def _key_row(session: Session, mode: ProviderId, key: KeySettings, usage: KeyUsage) -> tuple[str, ...]:
    health = session.text(f"cli.health.{_health(key, usage)}")
    spend = session.text.money(usage.spend, True) if usage.spend else "–"
    return (
        mode.value, key.label, health, str(usage.submitted), str(usage.succeeded), str(usage.failed), spend
    )  # fmt: skip


@command(commands, "doctor", opens=False)
def doctor(session: Session) -> None:
    # Not opened by the session: wrong settings are a finding here, not the end.
    from vidgen_core.services.facade import Vidgen

    with Vidgen.open() as app:
        findings = app.diagnostics.doctor()
    _tell(session, findings)


@command(_scale, "check", "cli.help.scale_check")
def scale_check(session: Session) -> None:
    _tell(session, session.app.diagnostics.scale())


def _tell(session: Session, findings: list[Finding]) -> None:
    session.answer([_finding_json(session, finding) for finding in findings])
    for finding in findings:
        mark = "✓" if finding.ok else ("!" if finding.warning else "✗")
        session.tell(f"{mark} {_finding_text(session, finding)}")
    if any(not (finding.ok or finding.warning) for finding in findings):
        raise typer.Exit(SOME_FAILED)


def _finding_json(session: Session, finding: Finding) -> dict[str, Any]:
    level = "ok" if finding.ok else ("warning" if finding.warning else "error")
    return {"code": finding.code, "level": level, "message": _finding_text(session, finding), "params": finding.params}


def _finding_text(session: Session, finding: Finding) -> str:
    params = dict(finding.params)
    if "error" in params:
        params["error"] = session.reason(params["error"], params["of"])
    for name in ("free", "bytes"):
        if name in params:
            params[name] = session.text.bytes(params[name])
    return session.text(f"doctor.{finding.code}", **params)


@command(commands, "notify", "cli.notify.help")
def notify(session: Session) -> None:
    host = session.app.notifications.test()
    session.answer({"sent_to": host})
    session.say("notices.tested", host=host)
