"""``vidgen config``: reading and changing settings."""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vidgen_core.cli.session import Session, command
from vidgen_core.domain.errors import SettingsError

if TYPE_CHECKING:
    from vidgen_core.config.schema import Settings

TYPED = "vidgen config set"

NameArgument = Annotated[str | None, typer.Argument(metavar="NAME", help="cli.argument.setting", show_default=False)]

commands = typer.Typer()
_config = typer.Typer(help="cli.help.config")
commands.add_typer(_config, name="config")


@command(_config, "get", "cli.help.config_get")
def get(session: Session, name: NameArgument = None) -> None:
    from vidgen_core.config.lookup import setting_names

    settings = session.app.settings()
    fixed = session.app.settings_file.from_environment()
    names = [name] if name else [setting.name for setting in setting_names()]
    values = {each: shown(settings, each) for each in names}
    session.answer(values)
    for each, value in values.items():
        origin = f"  ({session.text('cli.from_environment')})" if each in fixed else ""
        session.tell(f"{each} = {_as_text(value)}{origin}")


@command(_config, "set", "cli.help.config_set", opens=False)
def put(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="NAME", help="cli.argument.setting")],
    value: Annotated[str, typer.Argument(metavar="VALUE", help="cli.argument.value")],
) -> None:
    from vidgen_core.config.lookup import parse_value

    # Not opened by the session: a wrong setting is corrected with this very command.
    from vidgen_core.services.facade import Vidgen

    with Vidgen.open() as app:
        try:
            settings = app.settings_file.change({name: parse_value(name, value)})
        except SettingsError as error:
            # What was typed is wrong, not the file: that is the place to correct it.
            raise SettingsError(error.code, **(error.params | {"where": error.params.get("where") or TYPED})) from error
        session.answer({name: shown(settings, name)})
        session.say("cli.setting_saved", name=name, value=_as_text(shown(settings, name)))


@command(_config, "path", "cli.help.config_path", opens=False)
def path(session: Session) -> None:
    from vidgen_core.config.paths import find_locations

    file = find_locations().settings_file
    session.answer({"path": str(file)})
    session.tell(str(file))


def shown(settings: Settings, name: str) -> Any:
    """A setting as JSON; of a key only what people may see.

    :raises SettingsError: ``setting_unknown`` (field, nearest)
    """
    from vidgen_core.config.lookup import dotted_get

    return _plain(dotted_get(settings, name))


def _plain(value: Any) -> Any:
    from pydantic import SecretStr

    from vidgen_core.domain.provider_settings import KeySettings
    from vidgen_core.domain.setting_values import mask_secret

    match value:
        case KeySettings():
            masked = mask_secret(value.secret.get_secret_value())
            return {"name": value.name, "secret": masked, "enabled": value.works}
        case SecretStr():
            return mask_secret(value.get_secret_value()) if value.get_secret_value() else ""
        case tuple() | list():
            return [_plain(item) for item in value]
        case Enum():
            return value.value
        case Decimal():
            return float(value)
        case _:
            return value


def _as_text(value: Any) -> str:
    import json

    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
