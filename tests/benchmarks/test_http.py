"""What estimates over HTTP are measured with: a server in a process of its own, and a client that costs little."""

from __future__ import annotations

import json

import pytest

from benchmarks.http_connection import HttpConnection, post
from benchmarks.web_server import BARE, HOST, web_server


async def test_one_connection_asks_again_and_again_and_an_error_is_never_counted() -> None:
    with web_server(BARE) as served:
        connection = await HttpConnection.open(HOST, served.port)
        try:
            for query in ("{ prices }", "{ viewer }"):
                answer = json.loads(await connection.ask(post("/graphql", {"query": query}, "a key")))
                assert answer == {"data": {"asked": len(query)}}
            with pytest.raises(RuntimeError, match="404"):
                await connection.ask(post("/nowhere", {}, "a key"))
        finally:
            connection.close()


def test_a_server_that_does_not_start_is_told_at_once() -> None:
    with pytest.raises(RuntimeError, match="ended with code 3"), web_server("benchmarks.web_server:no_such_app"):
        pass
