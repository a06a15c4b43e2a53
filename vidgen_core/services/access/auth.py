"""Who is asking: the API token, passwords, and whether a request can only come from this machine."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlsplit

from pydantic import SecretStr

from vidgen_core.domain.errors import InputError
from vidgen_core.services.access.permissions import Role

if TYPE_CHECKING:
    from argon2 import PasswordHasher

    from vidgen_core.config.schema import Settings, SharingSettings

#: Characters of a password.
SHORTEST: Final = 8
LONGEST: Final = 1_000
#: Characters of a name in the log.
LONGEST_NAME: Final = 60
#: Where Streamlit ends what an identity provider began; ``st.logout`` leads there as well.
LOGOUT: Final = "/auth/logout"
#: Names of this machine as seen from itself.
LOOPBACK: Final = ("localhost", "127.0.0.1", "::1", "[::1]")
#: Beginnings of headers with which proxies and tunnels pass a request on for somebody else; each says only some of them.
_FORWARDED: Final = (
    "forwarded", "x-forwarded-", "x-real-ip", "x-client-ip", "x-original-", "via", "cf-", "true-client-ip",
)  # fmt: skip


def is_exposed(address: str | None) -> bool:
    """Whether a server bound to ``address`` can be reached from other machines; None binds to all interfaces."""
    return address not in LOOPBACK


def base_of(path: str | None) -> str:
    """The path below which a server lives, however it was written: ``/vidgen``; empty for the top."""
    return "".join(f"/{part}" for part in (path or "").split("/") if part)


def is_at_home(headers: Mapping[str, str], address: str | None) -> bool:
    """Whether a request can only have come from this machine: bound to it, asked by its own name, passed on by nobody."""
    if is_exposed(address) or any(name.lower().startswith(_FORWARDED) for name in headers):
        return False
    try:
        return is_loopback(urlsplit(f"//{headers.get('host', '')}").hostname or LOOPBACK[0])
    except ValueError:
        return False


def is_loopback(host: str) -> bool:
    """Whether a host name means this machine as seen from itself."""
    return host in LOOPBACK


class SettingsSource(Protocol):
    """Where the settings come from, and how they are changed."""

    def current(self) -> Settings: ...

    def change(self, values: Mapping[str, Any]) -> Settings: ...


class Auth:
    """Sign-in over the settings of one data home; holds no state of its own."""

    def __init__(self, file: SettingsSource) -> None:
        self._file = file

    @property
    def settings(self) -> SharingSettings:
        return self._file.current().sharing

    # --- programs

    def ensure_token(self) -> None:
        """Make the token at the first start.

        :raises SettingsError: the settings cannot be written
        """
        if not self.settings.token.get_secret_value():
            self.renew_token()

    def renew_token(self) -> None:
        """Another token; the old one and every cookie are worth nothing from now on.

        :raises SettingsError: ``setting_from_environment``, ``settings_unwritable``
        """
        self._file.change({"sharing.token": SecretStr(secrets.token_urlsafe(32))})

    def is_token(self, given: str) -> bool:
        """Compare in constant time."""
        token = self.settings.token.get_secret_value()
        return bool(token) and hmac.compare_digest(_digest(token), _digest(given))

    # --- people

    def check_password(self, given: str) -> Role | None:
        """The role a password opens, the highest first; the token opens the owner's. Slow on purpose."""
        if self.is_token(given):
            return Role.OWNER
        if len(given) > LONGEST:
            return None
        return next((role for role in sorted(Role, reverse=True) if self._opens(role, given)), None)

    def _opens(self, role: Role, given: str) -> bool:
        return password_opens(_hash_of(self.settings, role), given)

    def set_password(self, role: Role, password: str) -> None:
        """Change the password of a role, or take it away with an empty one; those who signed in by it are out.

        :raises InputError: ``password_short`` (least), ``password_long`` (most)
        :raises SettingsError: the settings cannot be written
        """
        self._file.change({f"sharing.{role.word}_password": SecretStr(hash_password(password) or "")})

    def has_password(self, role: Role) -> bool:
        return bool(_hash_of(self.settings, role))

    def role_of(self, email: str, verified: Any) -> Role | None:
        """The role of somebody whom an identity provider vouches for; None: nobody who may come in.

        :param verified: the claim ``email_verified`` (OpenID Connect Core, 5.1), of which some providers make a text;
            those who verify all addresses leave it out
        """
        if not email or str(verified).casefold() == "false":
            return None
        lists = {Role.OWNER: self.settings.owners, Role.MAKER: self.settings.makers, Role.VIEWER: self.settings.viewers}
        return next((role for role, names in lists.items() if _is_named(email.casefold(), names)), None)

    def credential_digest(self, role: Role) -> str:
        """Changes when sessions of a role shall end: with the token, the way in, and its password or list of people."""
        settings = self.settings
        way = (
            (settings.owners, settings.makers, settings.viewers)
            if settings.sign_in == "oidc"
            else (_hash_of(settings, role),)
        )
        parts = (settings.token.get_secret_value(), settings.sign_in, *way)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


@cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher

    return PasswordHasher()


def hash_password(password: str) -> str | None:
    """An Argon2 hash to be kept; None for an empty password.

    :raises InputError: ``password_short`` (least), ``password_long`` (most)
    """
    if password and len(password) < SHORTEST:
        raise InputError("password_short", least=SHORTEST)
    if len(password) > LONGEST:
        raise InputError("password_long", most=LONGEST)
    return _hasher().hash(password) if password else None


def password_opens(kept: str | None, given: str) -> bool:
    """Whether a password is the one of a hash. Slow on purpose."""
    from argon2.exceptions import InvalidHashError, VerificationError

    if not kept or len(given) > LONGEST:
        return False
    try:
        return _hasher().verify(kept, given)
    except (VerificationError, InvalidHashError):
        return False


def _hash_of(settings: SharingSettings, role: Role) -> str:
    secret: SecretStr = getattr(settings, f"{role.word}_password")
    return secret.get_secret_value()


def clean_name(name: Any) -> str:
    """A name fit for the log: one line, not too long, never empty."""
    return " ".join(str(name or "").split())[:LONGEST_NAME] or "–"


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()


def _is_named(email: str, names: str) -> bool:
    for name in (part.strip().casefold() for part in names.split(",")):
        if name in (email, "*") or (name.startswith("@") and email.endswith(name)):
            return True
    return False
