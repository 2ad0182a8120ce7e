"""The server from its start to Ctrl-C."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from evalrunner.errors import ConfigError, Problem
from evalrunner.human.server.access import (
    Place,
    choose_raters,
    find_place,
    listen,
    tokens_for,
)
from evalrunner.human.server.ballots import Ballots
from evalrunner.human.server.desk import Desk
from evalrunner.store.people import read_export

if TYPE_CHECKING:
    import uvicorn
    from starlette.types import ASGIApp

Progress: TypeAlias = dict[str, tuple[int, int]]
"""(tasks answered, tasks) by rater."""

_GRACE_S = 5
"""For requests under way, at the end."""


class Link(NamedTuple):
    """Where one rater rates: a secret."""

    rater: str
    url: str
    port: int


def serve(
    directory: Path,
    *,
    raters: Sequence[str] | None,
    host: str,
    port: int,
    started: Callable[[Sequence[Link]], None],
    told: Callable[[str, Progress], None],
) -> Progress:
    """Serve a run's tasks until Ctrl-C; how far each rater is then.

    Args:
        directory: The run.
        raters: Who may rate; None = everybody in the export, on this machine only.
        host: Address to listen at.
        port: 0 = a free one.
        started: Gets the links, once they work.
        told: Gets the rater of each answer and how far everybody is.

    Raises ConfigError, StoreError.
    """
    _check_extra()
    export = read_export(directory)
    if export is None:
        what = "nothing was chosen for people to rate"
        hint = f"type: evalrunner human export {directory}"
        raise ConfigError(Problem(where=str(directory), what=what, hint=hint))
    place = find_place(host, port)
    chosen = choose_raters(export, raters, place=place, run=str(directory))
    desk = Desk(export.tasks, chosen)
    asyncio.run(_serve(directory, desk, chosen, place=place, started=started, told=told))
    return desk.progress()


async def _serve(
    directory: Path,
    desk: Desk,
    raters: Sequence[str],
    *,
    place: Place,
    started: Callable[[Sequence[Link]], None],
    told: Callable[[str, Progress], None],
) -> None:
    from evalrunner.human.server.app import RatingServer
    from evalrunner.human.server.guard import Guard, in_url

    async with Ballots(directory, desk) as ballots:
        tokens = tokens_for(directory, raters)
        rating = RatingServer(
            desk, ballots, tokens=tokens, told=lambda rater: told(rater, desk.progress())
        )
        app = Guard(rating.app(), names=map(in_url, place.names))
        with listen(place) as sock:
            port = sock.getsockname()[1]
            root = f"http://{in_url(place.reached_as)}:{port}"
            started([Link(name, f"{root}/r/{tokens[name]}", port) for name in raters])
            await _server(app).serve(sockets=[sock])


def _server(app: ASGIApp) -> uvicorn.Server:
    import uvicorn

    class Server(uvicorn.Server):
        """Ends at a signal, which otherwise would be raised again after the end."""

        def handle_exit(self, sig: int, frame: object) -> None:
            del sig, frame
            self.force_exit = self.should_exit
            self.should_exit = True

    # The access log would hold every token; headers of proxies would say who asks.
    config = uvicorn.Config(
        app,
        http="h11",
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_S,
    )
    return Server(config)


def _check_extra() -> None:
    if any(importlib.util.find_spec(name) is None for name in ("starlette", "uvicorn")):
        what = "the rating server needs starlette and uvicorn, which are not installed"
        hint = "type: pip install 'evalrunner[human]'"
        raise ConfigError(Problem(where="human serve", what=what, hint=hint))
