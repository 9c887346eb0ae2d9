"""Price books from the command line: files alone, and a tenant's on a database."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import httpx
import pytest
from typer.testing import CliRunner

from models.tenant import Tenant
from server.cli import commands
from server.price_book_text import SOURCE_BYTES_MAX
from services.price_books import IN_FORCE_SECONDS
from tests.rules.pricing.books import HEADER, PRICE_BOOKS
from tests.server.test_cli import ROOT, Serve, an_environment, serve

__all__ = ["serve"]

TIMEOUT_SECONDS = 60.0
MANY_FAULTS = ROOT / "tests" / "rules" / "pricing" / "toml" / "many_faults.toml"

Answer = subprocess.CompletedProcess[str]
Run = Callable[..., Answer]
TenantBuilder = Callable[..., Awaitable[Tenant]]


def a_book(*prices: tuple[str, int], more: str = "") -> str:
    return (
        HEADER
        + "".join(f'[[prices]]\nname = "{name}"\ncategory = "image"\ntokens = {tokens}\n' for name, tokens in prices)
        + more
    )


def run_in(environment: dict[str, str], *arguments: str) -> Answer:
    return subprocess.run(
        [sys.executable, "-m", "server", "price-book", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )


def run_here(environment: dict[str, str], *arguments: str) -> Answer:
    """Like `run_in`, but in this process: what a command does to a database is the same, and no start is waited for."""
    words = ["price-book", *arguments]
    with patch("server.explanations.configure_logs"), ThreadPoolExecutor(max_workers=1) as thread:
        # In a thread of its own, because the command has an event loop of its own.
        result = thread.submit(CliRunner().invoke, commands, words, env=environment, catch_exceptions=False).result()
    return Answer(words, result.exit_code, result.stdout, result.stderr)


class TestFiles:
    def check(self, *files: Path) -> tuple[int, list[str]]:
        answer = CliRunner().invoke(commands, ["price-book", "check", *map(str, files)])
        return answer.exit_code, answer.stdout.splitlines()

    def test_a_sound_book_is_told_with_what_is_in_it(self) -> None:
        code, lines = self.check(PRICE_BOOKS / "node-studio.toml")
        assert code == 0
        (line,) = lines
        assert line.startswith(
            f"{PRICE_BOOKS / 'node-studio.toml'}: sound. node-studio: 71 prices (16 image, 14 video,"
        )
        assert "from 1 (sd3-remove-background) to 20 tokens (sora-2); 3 packages; 1 plan; 1 worked example." in line

    def test_every_fault_is_one_line_that_an_editor_finds(self) -> None:
        code, lines = self.check(MANY_FAULTS, PRICE_BOOKS / "ai-playground.toml")
        assert code == 1
        assert f"{MANY_FAULTS}:15: prices[1].categroy: is not known here; did you mean category?" in lines
        assert len(lines) > 30
        assert "sound" in lines[-1]

    @pytest.mark.parametrize(
        ("content", "line"),
        [
            (b"slug = 'x'\n\xff", ":2: This is not UTF-8"),
            (b"#" * (SOURCE_BYTES_MAX + 1), ": The file has more than"),
            (b"slug =", ":1: This is not TOML"),
        ],
        ids=["bytes", "length", "syntax"],
    )
    def test_what_is_no_book_at_all_is_a_fault_too(self, tmp_path: Path, content: bytes, line: str) -> None:
        file = tmp_path / "book.toml"
        file.write_bytes(content)
        code, lines = self.check(file)
        assert code == 1
        assert lines[0].startswith(f"{file}{line}")

    def test_a_mark_of_byte_order_and_windows_line_ends_are_taken(self, tmp_path: Path) -> None:
        file = tmp_path / "book.toml"
        file.write_bytes(a_book(("Work", 3)).replace("\n", "\r\n").encode("utf-8-sig"))
        assert self.check(file)[0] == 0

    def test_a_book_without_an_upper_bound_says_so(self, tmp_path: Path) -> None:
        file = tmp_path / "book.toml"
        file.write_text(
            HEADER + '[[prices]]\nname = "Voice"\ncategory = "tts"\n'
            'dimensions = [{ name = "characters", type = "integer", minimum = 1, unbounded = true }]\n'
            'formula = { rates = [{ of = ["characters"], tokens = 3, per = 1000, started = true }] }\n'
        )
        assert "a use costs from 3 (voice), 1 without an upper bound." in self.check(file)[1][0]

    @pytest.mark.parametrize(
        "arguments", [["check"], ["check", "/nowhere/book.toml"], ["check", "/"], ["publish"], ["x"]]
    )
    def test_wrong_usage_is_exit_code_2(self, arguments: list[str]) -> None:
        assert CliRunner().invoke(commands, ["price-book", *arguments]).exit_code == 2


@pytest.fixture
def run(tmp_path: Path, dsn: str) -> Run:
    """Runs a command of the group on the test's database."""
    environment = {"DATABASE_URL": dsn, "FAREBOX_DATA_DIR": str(tmp_path / "data")}

    def ran(*arguments: str) -> Answer:
        return run_here(environment, *arguments)

    return ran


@pytest.fixture
def book(tmp_path: Path) -> Callable[[str], str]:
    """Writes a book into a file, and gives its path."""

    def written(text: str) -> str:
        path = tmp_path / "book.toml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return written


Book = Callable[[str], str]


class TestATenantsBook:
    async def test_is_compared_published_listed_and_rolled_back(
        self, run: Run, book: Book, a_tenant: TenantBuilder
    ) -> None:
        await a_tenant(slug="studio")
        first = run("publish", book(a_book(("Work", 3), ("Sora", 20))), "--tenant", "studio")
        assert first.stdout.splitlines() == [
            "Against no version in force of tenant studio, in tokens for a use at the default params:",
            "  + work: 3",
            "  + sora: 20",
            "Published as version 1 of tenant studio, in force at once.",
        ]

        newer = book(a_book(("Work", 5), ("Kling", 9), more="[policies]\nrefund_days = 7\n"))
        compared = run("diff", newer, "--tenant", "studio")
        assert compared.stdout.splitlines() == [
            "Against version 1 of tenant studio, in tokens for a use at the default params:",
            "  + kling: 9",
            "  - sora",
            "  ~ work: 3 → 5",
            "    prices[work].tokens: 3 → 5",
            "    policies.refund_days: 7 (new)",
        ]
        tried = run("publish", newer, "--tenant", "studio", "--dry-run")
        assert tried.stdout.splitlines()[:-1] == compared.stdout.splitlines()
        assert tried.stdout.splitlines()[-1] == (
            "It would be version 2 of tenant studio, in force at once. Nothing was written."
        )
        published = run("publish", newer, "--tenant", "studio")
        assert published.stdout.splitlines()[-1] == "Published as version 2 of tenant studio, in force at once."
        assert run("diff", newer, "--tenant", "studio").stdout.splitlines()[1:] == ["  nothing"]

        back = run("rollback", "1", "--tenant", "studio")
        assert "  ~ work: 5 → 3" in back.stdout.splitlines()
        assert back.stdout.splitlines()[-1] == "Published as version 3 of tenant studio, in force at once."

        listed = run("list", "--tenant", "studio").stdout.splitlines()
        assert [line.split()[0] for line in listed] == ["version", "*", "2", "1"]
        older = run("list", "--tenant", "studio", "--below", "2").stdout.splitlines()
        assert [line.split()[0] for line in older] == ["version", "1"]
        assert {answer.returncode for answer in (first, compared, tried, published, back)} == {0}

    async def test_may_be_dated(self, run: Run, book: Book, a_tenant: TenantBuilder) -> None:
        await a_tenant(slug="studio")
        file = book(a_book(("Work", 3)))
        day = (datetime.now(UTC) + timedelta(days=3)).replace(microsecond=0)
        dated = run("publish", file, "--tenant", "studio", "--effective-at", day.isoformat())
        assert dated.stdout.splitlines()[-1].endswith(f"in force from {day:%Y-%m-%dT%H:%M:%SZ}.")
        past = run("publish", file, "--tenant", "studio", "--effective-at", "2020-01-01T00:00:00Z")
        assert past.returncode == 2
        assert past.stderr.startswith("farebox: --effective-at lies in the past")
        for text in ("tomorrow", "2030-01-01T00:00:00"):
            vague = run("publish", file, "--tenant", "studio", "--effective-at", text)
            assert vague.returncode == 2
            assert "offset" in vague.stderr

    async def test_with_faults_is_refused_before_a_database_is_asked(self, run: Run, a_tenant: TenantBuilder) -> None:
        for command in ("diff", "publish"):
            answer = run(command, str(MANY_FAULTS), "--tenant", "nobody")
            assert answer.returncode == 1
            assert len(answer.stdout.splitlines()) > 30

    async def test_of_an_unknown_tenant_or_version_is_one_clear_line(
        self, run: Run, book: Book, a_tenant: TenantBuilder
    ) -> None:
        await a_tenant(slug="studio")
        file = book(a_book(("Work", 3)))
        assert run("publish", file, "--tenant", "studio").returncode == 0
        for tenant in ("nobody", "No Slug", "x" * 100):
            unknown = run("publish", file, "--tenant", tenant)
            assert unknown.returncode == 2
            (line,) = unknown.stderr.splitlines()
            assert "has no tenant" in line
        lost = run("rollback", "9", "--tenant", "studio")
        assert lost.returncode == 2
        assert lost.stderr == "farebox: tenant studio has no version 9; `price-book list` shows which there are\n"

    async def test_that_is_away_is_one_clear_line(self, tmp_path: Path, book: Book) -> None:
        environment = {"PATH": os.environ["PATH"], "FAREBOX_DATA_DIR": str(tmp_path / "data")}
        answer = await asyncio.to_thread(run_in, environment, "list", "--tenant", "studio")
        assert answer.returncode == 2
        assert "there is no database" in answer.stderr


def test_a_running_server_sells_at_the_new_price_within_seconds(tmp_path: Path, serve: Serve, book: Book) -> None:
    server = serve(tmp_path)
    key = server.secret_key("node-studio")
    source = (PRICE_BOOKS / "node-studio.toml").read_text(encoding="utf-8")
    newer = book(source.replace("tokens = 20, notes", "tokens = 25, notes"))

    def cost() -> str:
        answer = httpx.post(
            f"{server.address}/graphql",
            json={"query": '{ price(model: "sora-2") { tokenCost } }'},
            headers={"authorization": f"Bearer {key}"},
            timeout=TIMEOUT_SECONDS,
        )
        return str(answer.json()["data"]["price"]["tokenCost"])

    assert cost() == "20"
    answer = run_in(an_environment(tmp_path), "publish", newer, "--tenant", "node-studio")
    assert answer.returncode == 0, answer.stderr
    deadline = time.monotonic() + IN_FORCE_SECONDS + 2
    while cost() == "20":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert cost() == "25"
