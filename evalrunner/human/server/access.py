"""Who may rate, from where, and by which link."""

from __future__ import annotations

import errno
import ipaddress
import os
import secrets
import shlex
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from evalrunner.errors import ConfigError, Problem
from evalrunner.store.people import HumanExport, read_secrets, write_secrets

_NOWHERE = ("192.0.2.1", 9)
"""An address for documentation (RFC 5737): to choose a route to it sends nothing."""
_LAST_PORT = 65_535


class Place(NamedTuple):
    """An address to listen at, resolved."""

    host: str
    """As it was asked for."""
    family: int
    address: tuple[Any, ...]

    @property
    def _ip(self) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
        return ipaddress.ip_address(str(self.address[0]).partition("%")[0])

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches it."""
        return self._ip.is_loopback

    @property
    def reached_as(self) -> str:
        """The host that a link names."""
        return _own_address() if self._ip.is_unspecified else self.host

    @property
    def names(self) -> set[str]:
        """Hosts, beside the address of a connection, that requests may name."""
        if self.is_loopback:
            return {self.host}
        own = socket.gethostname()
        return {self.host, self.reached_as, own, f"{own}.local"}


def find_place(host: str, port: int) -> Place:
    """Where to listen. Raises ConfigError."""
    problems = []
    if not 0 <= port <= _LAST_PORT:
        what, hint = f"{port} is no port", f"leave it out for a free one, or type 1 to {_LAST_PORT}"
        problems.append(Problem(where="--port", what=what, hint=hint))
    try:
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, (ip, _, *rest) = found[0]
        # Whether it is this computer's shows at any port.
        with socket.socket(family, socket.SOCK_STREAM) as sock:
            sock.bind((ip, 0, *rest))
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        what = f"{host!r} is no address of this computer: {why}"
        hint = "leave it out for this computer alone, or type --host 0.0.0.0 for all its networks"
        problems.append(Problem(where="--host", what=what, hint=hint))
        raise ConfigError(problems) from error
    if problems:
        raise ConfigError(problems)
    return Place(host, family, (ip, port, *rest))


def choose_raters(
    export: HumanExport, wanted: Sequence[str] | None, *, place: Place, run: str
) -> tuple[str, ...]:
    """Whose tasks are served. Raises ConfigError."""
    known = tuple(dict.fromkeys(task.rater for task in export.tasks))
    known += tuple(name for name in export.settings.get("raters") or () if name not in known)
    if wanted is None and not place.is_loopback:
        what = f"others reach {place.host}: say who may rate, and send each of them their own link"
        words = ("--host", place.host, "--raters", ",".join(known))
        hint = f"type: evalrunner human serve {shlex.join((run, *words))}"
        raise ConfigError(Problem(where="--raters", what=what, hint=hint))
    chosen = known if wanted is None else tuple(dict.fromkeys(wanted))
    problems = [
        Problem(where="--raters", what=f"{name!r} has no tasks; those who have: {', '.join(known)}")
        for name in chosen
        if name not in known
    ]
    if not chosen:
        problems.append(Problem(where="--raters", what="names nobody"))
    if problems:
        raise ConfigError(problems)
    return chosen


def tokens_for(directory: Path, raters: Sequence[str]) -> dict[str, str]:
    """Each rater's secret, made where there is none yet: links stay valid.

    Raises ConfigError, StoreError.
    """
    known = read_secrets(directory)
    news = {name: secrets.token_urlsafe(24) for name in raters if not known.get(name)}
    if news:
        write_secrets(directory, known | news)
    return {name: (known | news)[name] for name in raters}


def listen(place: Place) -> socket.socket:
    """A socket that takes connections already. Raises ConfigError."""
    # With its protocol named: only then asyncio switches Nagle's algorithm off, which would hold
    # every response back for 40 ms.
    sock = socket.socket(place.family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            # After a kill, the port is there again at once, and so are the links.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if place.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(place.address)
        sock.listen(128)
    except OSError as error:
        sock.close()
        what = f"cannot listen at {place.host}, port {place.address[1]}: {error.strerror}"
        hint = "leave --port out for a free one"
        if error.errno == errno.EADDRINUSE:
            hint += ", or end the program that has this one"
        raise ConfigError(Problem(where="--port", what=what, hint=hint)) from error
    sock.setblocking(False)
    return sock


def _own_address() -> str:
    """The address under which others most likely reach this machine."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect(_NOWHERE)
            return str(sock.getsockname()[0])
    except OSError:
        return socket.gethostname()
