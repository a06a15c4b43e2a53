"""Asking foreign addresses without being turned against the network one stands in.

Whoever may name a link (a provider, a list, a person) must not reach this machine or its network through us. A ``Client`` or
``AsyncClient`` made here resolves a name itself, checks *every* address it has, and connects to one that was checked: a
name cannot mean another machine a moment later. TLS and the ``Host`` header go on using the name. Redirects are not followed;
whoever follows them asks again, under the same rules.

Where the environment names a proxy for an address, it is the proxy that resolves the name. Then ``check_proxied`` refuses what the
link itself says and what the name means here, where it means anything here; what the proxy makes of it cannot be seen.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final
from urllib.parse import urlsplit

import httpcore
import httpx

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

#: Networks that are not the public internet, by what they are (IANA's registries of special-purpose addresses).
#: ``ipaddress`` has no full list of them, and another one with each version of Python.
_SPECIAL: Final = tuple(
    (kind, ipaddress.ip_network(network))
    for kind, networks in {
        "loopback": "127.0.0.0/8 ::1/128",
        "home": "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fc00::/7 fec0::/10",
        "carrier": "100.64.0.0/10",
        "link": "169.254.0.0/16 fe80::/10",
        "benchmark": "198.18.0.0/15 2001:2::/48",
        "multicast": "224.0.0.0/4 ff00::/8",
        "none": "0.0.0.0/8 ::/128",
        "reserved": "192.0.0.0/24 192.0.2.0/24 192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.175.48.0/24 198.51.100.0/24 "
        "203.0.113.0/24 240.0.0.0/4 64:ff9b:1::/48 100::/64 2001:10::/28 2001:20::/28 2001:db8::/32 3fff::/20 5f00::/16",
    }.items()
    for network in networks.split()
)
PUBLIC: Final = "public"
#: All that is assigned to the public internet lies here (RFC 4291).
_GLOBAL_V6: Final = ipaddress.IPv6Network("2000::/3")
_COMPATIBLE: Final = ipaddress.IPv6Network("::/96")
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
#: Names that mean this machine or its network wherever they are asked for.
_OWN_NAMES: Final = (".localhost", ".local", ".internal", ".lan", ".home.arpa")
#: Kinds into which a service of one's own network leads nobody: they hold no such service, but the keys of cloud machines.
_NEVER: Final = frozenset({"link", "multicast", "none", "reserved"})
#: Seconds for a connection to one of several addresses.
_ONE_ADDRESS: Final = 5.0


class AddressRefused(Exception):
    """The link leads into a network that nobody may be sent to."""

    def __init__(self, host: str) -> None:
        super().__init__(host)
        self.host = host


@dataclass(frozen=True)
class Rules:
    """Which addresses may be asked.

    :param home: address of a service that a person set; links may lead into the kind of network where that is
    :param allow_private: any address may be asked
    """

    home: str = ""
    allow_private: bool = False

    def allows(self, kinds: Iterable[str], home_kinds: frozenset[str]) -> bool:
        """Whether all of an address's kinds may be asked."""
        own = (home_kinds - _NEVER) | ({"home", "carrier"} if "loopback" in home_kinds else set())
        return self.allow_private or all(kind == PUBLIC or kind in own for kind in kinds)


ANYWHERE_PUBLIC: Final = Rules()


def kind_of(address: Address) -> str:
    """``PUBLIC``, or the kind of network that an address is in; an IPv4 address inside an IPv6 one speaks for it."""
    inner = _carried(address)
    if inner is not None:
        return kind_of(inner)
    kind = next((kind for kind, network in _SPECIAL if address in network), None)
    if kind is not None:
        return kind
    return PUBLIC if address.version == 4 or address in _GLOBAL_V6 else "reserved"


def _carried(address: Address) -> ipaddress.IPv4Address | None:
    if isinstance(address, ipaddress.IPv4Address):
        return None
    low = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
        return low
    if int(address) >> 32 & 0xFDFFFFFF == 0x5EFE and address in _GLOBAL_V6:
        # ISATAP (RFC 5214).
        return low
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)


def normal_host(host: str) -> str:
    """A host as the system will read it: full-width signs and other dots made plain, without a final dot."""
    plain = unicodedata.normalize("NFKC", host).replace("。", ".").replace("｡", ".")
    return plain.strip("[]").partition("%")[0].rstrip(".").lower()


def literal(host: str) -> Address | None:
    """The address that a host spells out, in any of the forms that systems read (octal, hexadecimal, short); else None."""
    plain = normal_host(host)
    try:
        return ipaddress.ip_address(plain)
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(plain)) if plain and not set(plain) & set(" \t\r\n") else None
    except (OSError, UnicodeError, ValueError):
        return None


def is_private(host: str | None) -> bool:
    """Whether a host is this machine or in its own network, as far as its name says; names are not resolved."""
    plain = normal_host(host or "")
    if not plain or plain == "localhost" or plain.endswith(_OWN_NAMES):
        return True
    address = literal(plain)
    return address is not None and kind_of(address) != PUBLIC


def _home_kinds_by_name(rules: Rules) -> frozenset[str]:
    host = _host_of(rules.home)
    address = literal(host) if host else None
    if address is not None:
        return frozenset({kind_of(address)})
    return frozenset({"loopback"}) if normal_host(host) == "localhost" else frozenset()


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _kinds(addresses: Iterable[Address]) -> frozenset[str]:
    return frozenset(kind_of(address) for address in addresses)


def _addresses(infos: Sequence[tuple[Any, ...]]) -> list[Address]:
    return list(dict.fromkeys(ipaddress.ip_address(str(info[4][0]).partition("%")[0]) for info in infos))


def resolve(host: str, port: int) -> list[Address]:
    """All addresses of a host; raises ``OSError`` or ``UnicodeError`` for one that has none."""
    address = literal(host)
    if address is not None:
        return [address]
    return _addresses(socket.getaddrinfo(normal_host(host), port, type=socket.SOCK_STREAM))


async def resolve_async(host: str, port: int) -> list[Address]:
    """As ``resolve``, beside the event loop."""
    return await asyncio.to_thread(resolve, host, port)


def check(host: str, addresses: Sequence[Address], rules: Rules) -> None:
    """See that every one of a host's addresses may be asked; looks the home's name up only where one may not.

    :raises AddressRefused:
    """
    kinds = _kinds(addresses)
    if kinds and rules.allows(kinds, _home_kinds_by_name(rules)):
        return
    if rules.home and kinds:
        try:
            home = _kinds(resolve(_host_of(rules.home), 80))
        except (OSError, UnicodeError):
            home = frozenset()
        if rules.allows(kinds, home):
            return
    raise AddressRefused(host)


def check_proxied(host: str, rules: Rules) -> None:
    """See what can be seen of a host whose name a proxy will resolve.

    :raises AddressRefused:
    """
    try:
        addresses = resolve(host, 80)
    except (OSError, UnicodeError):
        if is_private(host) and not rules.allow_private:
            raise AddressRefused(host) from None
        return
    check(host, addresses, rules)


# --- connecting -----------------------------------------------------------------------------------------------------


class _Backend(httpcore.NetworkBackend):
    """Connects to addresses that were checked, and to nothing else."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            addresses = resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(str(error)) from error
        check(host, addresses, self._rules)
        for number, address in enumerate(addresses, start=1):
            try:
                return self._inner.connect_tcp(
                    str(address), port, _share(timeout, number, len(addresses)), local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if number == len(addresses):
                    raise
        raise httpcore.ConnectError(f"{host} has no address")

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds)


def _share(timeout: float | None, number: int, of: int) -> float | None:
    """The last address may take all of the time, those before it only some."""
    return timeout if number == of else min(timeout or _ONE_ADDRESS, _ONE_ADDRESS)


@cache
def trust() -> ssl.SSLContext:
    """The certificates to believe; reading them takes a while, so all clients share them."""
    return httpx.create_ssl_context()


class _Transport(httpx.HTTPTransport):
    def __init__(self, rules: Rules, limits: httpx.Limits) -> None:
        super().__init__(verify=trust(), limits=limits)
        self._pool = httpcore.ConnectionPool(
            ssl_context=trust(),
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=_Backend(rules),
        )


class Client(httpx.Client):
    """An HTTP client for foreign addresses; it follows no redirects.

    httpx has no way to keep the environment's proxies beside a transport of one's own but the two methods with an underscore.
    """

    def __init__(self, rules: Rules = ANYWHERE_PUBLIC, **options: Any) -> None:
        self._rules = rules
        super().__init__(**{**options, "follow_redirects": False})

    def _init_transport(self, *_: Any, **options: Any) -> httpx.BaseTransport:
        return options.get("transport") or _Transport(self._rules, options["limits"])

    def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        if not isinstance(self._transport_for_url(request.url), _Transport):
            check_proxied(request.url.host, self._rules)
        return super().send(request, **options)
