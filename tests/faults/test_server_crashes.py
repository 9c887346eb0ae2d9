"""Kill -9 of the real server and of its Postgres while callers ask it over HTTP: what was answered is there, once."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any

import httpx
import pytest

from tests.faults.processes import processes_of, signal_all
from tests.faults.served import ANSWER_SECONDS_MAX, START_SECONDS_MAX, Server, served
from tests.patience import eventually

CALLERS = 6
ROUNDS_SHORT = 2
ROUNDS_LONG = 25
RETRY_SECONDS = 0.05

OPEN = """mutation ($account: CreateAccountInput!) {
  createAccount(input: $account) { __typename ... on AccountSuccess { account { id } } }
}"""
GRANT = """mutation ($input: GrantTokensInput!) {
  grantTokens(input: $input) { __typename ... on GrantSuccess { replayed grant { id } } }
}"""
RESERVE = """mutation ($input: ReserveInput!) {
  reserve(input: $input) {
    __typename ... on ReserveSuccess { replayed hold { id amount } balance { version } } ... on Problem { message }
  }
}"""
COMMIT = """mutation ($input: CommitInput!) {
  commit(input: $input) {
    __typename ... on CommitSuccess { replayed amount hold { id } balance { version } } ... on Problem { message }
  }
}"""
BALANCE = "query ($account: String!) { account(externalId: $account) { balance { version total held } } }"


@dataclass(slots=True)
class Callers:
    """Those who ask the server, and what they were answered: in another process than the one that is killed."""

    server: Server
    client: httpx.AsyncClient
    accounts: tuple[str, ...] = ("passenger 1", "passenger 2", "passenger 3")
    effects: dict[tuple[str, str], list[tuple[object, ...]]] = field(default_factory=dict)
    firsts: dict[tuple[str, str], int] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    waits: list[float] = field(default_factory=list)
    stop: bool = False

    async def ask(self, document: str, variables: dict[str, Any]) -> dict[str, Any]:
        """Asks until there is an answer; only what is worth a retry is tried again."""
        while True:
            started = monotonic()
            try:
                answer = await self.client.post(
                    self.server.url,
                    json={"query": document, "variables": variables},
                    headers={"Authorization": f"Bearer {self.server.key}"},
                    timeout=ANSWER_SECONDS_MAX,
                )
                body = answer.json()
            except httpx.TransportError:
                await asyncio.sleep(RETRY_SECONDS)
                continue
            finally:
                self.waits.append(monotonic() - started)
            if "errors" not in body:
                (result,) = body["data"].values()
                return dict(result)
            codes = {error["extensions"]["code"] for error in body["errors"]}
            assert codes == {"UNAVAILABLE"}, body
            await asyncio.sleep(RETRY_SECONDS)

    async def open_accounts(self) -> None:
        for account in self.accounts:
            made = await self.ask(OPEN, {"account": {"externalId": account, "name": account, "timeZone": "UTC"}})
            assert made["__typename"] == "AccountSuccess", made
            given = {"idempotencyKey": "tokens", "accountExternalId": account, "amount": "1000000"}
            assert (await self.ask(GRANT, {"input": given}))["__typename"] == "GrantSuccess"

    async def reserve(self, account: str, key: str) -> str:
        given = {"idempotencyKey": key, "accountExternalId": account, "work": {"amount": "5"}}
        answer = await self.ask(RESERVE, {"input": given})
        assert answer["__typename"] == "ReserveSuccess", answer
        self._note("reserve", account, key, answer, (answer["hold"]["id"], answer["hold"]["amount"]))
        return str(answer["hold"]["id"])

    async def commit(self, account: str, key: str, hold: str) -> None:
        answer = await self.ask(COMMIT, {"input": {"idempotencyKey": key, "holdId": hold, "actual": {"amount": "3"}}})
        assert answer["__typename"] == "CommitSuccess", answer
        self._note("commit", account, key, answer, (answer["hold"]["id"], answer["amount"]))

    def _note(self, mutation: str, account: str, key: str, answer: dict[str, Any], effect: tuple[object, ...]) -> None:
        self.effects.setdefault((mutation, key), []).append(effect)
        self.firsts[mutation, key] = self.firsts.get((mutation, key), 0) + (not answer["replayed"])
        self.versions[account] = max(self.versions.get(account, 0), answer["balance"]["version"])

    async def ride(self, caller: int) -> None:
        number = 0
        while not self.stop:
            number += 1
            account, key = self.accounts[number % len(self.accounts)], f"{caller} {number}"
            await self.commit(account, key, await self.reserve(account, key))

    async def everything_answered_is_there(self, share: float, random: Random) -> None:
        for mutation, key in [name for name in [*self.effects] if random.random() < share]:
            number = int(key.split()[1])
            account = self.accounts[number % len(self.accounts)]
            if mutation == "reserve":
                await self.reserve(account, key)
            else:
                await self.commit(account, key, str(self.effects[mutation, key][0][0]))
        for name, effects in self.effects.items():
            assert len(set(effects)) == 1, (name, effects)
            assert self.firsts[name] <= 1, name
        for account in self.accounts:
            balance = (await self.ask(BALANCE, {"account": account}))["balance"]
            assert balance["version"] >= self.versions[account]


async def kill_again_and_again(data_dir: Path, processes: int, rounds: int) -> None:
    random = Random(rounds)
    with served(data_dir, processes) as server:
        await server.is_ready()
        async with httpx.AsyncClient() as client:
            callers = Callers(server, client)
            await callers.open_accounts()
            riding = [asyncio.create_task(callers.ride(caller)) for caller in range(CALLERS)]
            for number in range(rounds):
                known = len(callers.effects)
                await eventually(
                    lambda known=known: len(callers.effects) > known + 40 or any(task.done() for task in riding),
                    within_seconds=START_SECONDS_MAX,
                )
                await asyncio.sleep(random.uniform(0.0, 0.2))
                if number % 2:
                    signal_all(processes_of(data_dir), signal.SIGKILL)
                else:
                    server.end(signal.SIGKILL)
                    server.start()
                await server.is_ready()
            callers.stop = True
            await asyncio.wait_for(asyncio.gather(*riding), START_SECONDS_MAX)
            await callers.everything_answered_is_there(0.3 if rounds < ROUNDS_LONG else 0.05, random)
            for account in callers.accounts:
                balance = (await callers.ask(BALANCE, {"account": account}))["balance"]
                assert balance["held"] == "0"
        commits = [name for name in callers.effects if name[0] == "commit"]
        assert len(commits) > 20 * rounds
        assert max(callers.waits) < ANSWER_SECONDS_MAX
        audited = await asyncio.to_thread(server.audit)
        assert audited.returncode == 0, audited.stdout + audited.stderr


async def test_a_server_and_its_postgres_are_killed_and_nothing_answered_is_lost(memory_path: Path) -> None:
    await kill_again_and_again(memory_path / "data", processes=1, rounds=ROUNDS_SHORT)


@pytest.mark.soak
@pytest.mark.parametrize("processes", [1, 2])
async def test_a_server_and_its_postgres_are_killed_again_and_again(tmp_path: Path, processes: int) -> None:
    await kill_again_and_again(tmp_path / "data", processes, ROUNDS_LONG)
