"""What the console says when the server is ready: where everything is, and a first query to paste."""

import json
import shlex
import socket
from collections.abc import Collection
from pathlib import Path

from server.data_directory import DEMO_KEYS_FILE, ROOT_KEY_FILE
from server.settings import Environment, Settings

DEMO_TENANT = "node-studio"

_FIRST_QUERY = '{"query": "{ prices(first: 3) { nodes { model name } } }"}'
_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def address_of(listener: socket.socket) -> str:
    """The base URL under which a browser on this machine reaches the listener."""
    host, port = listener.getsockname()[:2]
    host = _WILDCARDS.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _first_query(address: str, keys: Path) -> str:
    program = f'import json; print(json.load(open({json.dumps(str(keys))}))["{DEMO_TENANT}"]["secretKey"])'
    return (
        f"curl -s {address}/graphql -H 'Content-Type: application/json' "
        f'-H "Authorization: Bearer $(python3 -c {shlex.quote(program)})" '
        f"-d {shlex.quote(_FIRST_QUERY)}"
    )


def announcement(settings: Settings, listener: socket.socket, demo_tenants: Collection[str] = ()) -> str:
    """The lines for the console, without any secret. `demo_tenants` are those that the kept keys open here."""
    address = address_of(listener)
    data_dir = settings.data_dir.absolute()
    keys = data_dir / DEMO_KEYS_FILE
    lines = [f"Farebox is ready ({settings.environment}).", "", f"  API        {address}/graphql"]
    if settings.environment is Environment.DEVELOPMENT:
        if settings.graphiql:
            lines.append(f"  GraphiQL   {address}/")
        lines.append(f"  prices     {address}/prices")
    if demo_tenants:
        lines.append(f"  demo keys  {keys}")
    if settings.root_key is None:
        lines.append(f"  root key   {data_dir / ROOT_KEY_FILE}")
    if DEMO_TENANT in demo_tenants and not settings.only_trusted_documents:
        lines += ["", "A first query, for another terminal:", "", f"  {_first_query(address, keys)}"]
    return "\n".join([*lines, "", "Ctrl-C stops it."])
