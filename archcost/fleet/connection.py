"""Where the scheduler is, and how one talks to it."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from archcost.errors import ArchcostError

if TYPE_CHECKING:
    from distributed import Security

ANY = "auto"
"""Listen on whichever address faces the scheduler."""


class Stopped(ArchcostError):
    """What was begun could not be brought to an end; what was found is kept, and another run goes on from there."""

    exit_code = 1


@dataclass(frozen=True, slots=True)
class Tls:
    """Files as Dask takes them (PEM); all or none."""

    ca_file: str | None = None
    cert: str | None = None
    key: str | None = None

    def security(self, address: str) -> Security | None:
        """For a scheduler's address. Raises ArchcostError where a file is missing, or the address is not tls://."""
        from distributed import Security

        given = {"--tls-ca-file": self.ca_file, "--tls-cert": self.cert, "--tls-key": self.key}
        if not any(given.values()):
            return None  # what Dask's own configuration says
        for name, file in given.items():
            if None in given.values():
                missing = ", ".join(each for each, value in given.items() if value is None)
                raise ArchcostError(f"TLS needs all of {', '.join(given)}; {missing} is missing")
            if not Path(str(file)).is_file():
                raise ArchcostError(f"{name} {file}: no such file")
        roles = {
            f"tls_{role}_{part}": given[f"--tls-{part}"] for role in ("client", "worker") for part in ("cert", "key")
        }
        made: Security = Security(tls_ca_file=self.ca_file, require_encryption=True, **roles)
        return made


def need_dask() -> None:
    """Raises ArchcostError where Dask is not installed; else keeps what it logs to itself."""
    try:
        import distributed  # noqa: F401
    except ImportError as error:
        raise ArchcostError(f"{error.name} is not installed; a fleet needs it: pip install 'archcost[fleet]'") from None
    for name in logging.root.manager.loggerDict:  # Dask gives each of its loggers a level of its own
        if name.split(".")[0] in ("distributed", "tornado"):
            logging.getLogger(name).setLevel(logging.CRITICAL)


def address_of(cluster: str) -> str:
    """A scheduler's address, or the one in a scheduler file. Raises ArchcostError."""
    if "://" in cluster:
        parts = urlsplit(cluster)
        try:
            valid = parts.scheme in ("tcp", "tls") and parts.hostname and parts.port and parts.path in ("", "/")
        except ValueError:
            valid = False
        if not valid:
            raise ArchcostError(f"{cluster}: no address of a scheduler; write one such as tcp://10.0.0.1:8786")
        return cluster.rstrip("/")
    path = Path(cluster)
    if not path.is_file():
        said = "neither the address of a scheduler (tcp://10.0.0.1:8786) nor a scheduler file"
        raise ArchcostError(f"{cluster}: {said}")
    try:
        return address_of(str(json.loads(path.read_text(encoding="utf-8"))["address"]))
    except (OSError, ValueError, KeyError, TypeError):
        raise ArchcostError(
            f"{cluster}: is no scheduler file, which `dask scheduler --scheduler-file` writes"
        ) from None


def is_loopback(address: str) -> bool:
    """Whether nobody but this machine reaches an address."""
    host = urlsplit(address).hostname or ""
    try:
        found = {str(each[4][0]) for each in socket.getaddrinfo(host, None)}
    except OSError:
        return False
    return bool(found) and all(ipaddress.ip_address(each.split("%")[0]).is_loopback for each in found)


def listening(address: str, listen: str | None) -> dict[str, Any]:
    """Where a worker listens, as Dask's Worker takes it; on the loopback unless the user named something else.

    listen: an address, a network interface, or `auto`. Raises ArchcostError.
    """
    if listen is None:
        if not is_loopback(address):
            raise ArchcostError(
                f"{address} is on another machine, and must reach this one: name the address to listen on, or the "
                "network interface (--listen 10.0.0.5, --listen eth0), or let the way to the scheduler decide "
                "(--listen auto)"
            )
        return {"host": urlsplit(address).hostname}
    if listen == ANY:
        return {}
    if listen in {name for _, name in socket.if_nameindex()}:
        return {"interface": listen}
    try:
        socket.getaddrinfo(listen, None)
    except OSError:
        raise ArchcostError(f"--listen {listen}: no address or interface of this machine") from None
    return {"host": listen}


async def reach(address: str, security: Security | None, seconds: float) -> None:
    """Waits until a scheduler answers. Raises Stopped where none does in time."""
    from distributed import Security
    from distributed.comm import connect

    until = time.monotonic() + seconds
    arguments = (security or Security()).get_connection_args("client")
    said = ""
    while True:
        left = until - time.monotonic()
        try:
            comm = await connect(address, timeout=max(0.5, min(left, 5.0)), **arguments)
            await comm.write({"op": "identity", "reply": True})
            answer = await asyncio.wait_for(comm.read(deserializers=["msgpack"]), max(0.5, min(left, 10.0)))
            comm.abort()
            if answer.get("type") == "Scheduler":
                return
            said = f"a {answer.get('type', 'program')} answers there"
        except (OSError, TimeoutError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            said = _cause(error)
            if "ssl_context" in said:
                raise ArchcostError(f"{address}: name --tls-ca-file, --tls-cert and --tls-key") from None
        if time.monotonic() + 0.2 > until:
            raise Stopped(
                f"no scheduler answers at {address} ({said}); start one with `dask scheduler`, or check the address"
            )
        await asyncio.sleep(0.2)


def _cause(error: BaseException) -> str:
    """The innermost reason that says something."""
    said = ""
    at: BaseException | None = error
    while at is not None:
        said = str(at).splitlines()[0] if str(at) else said
        at = at.__cause__ or at.__context__
    return said[:200] or type(error).__name__
