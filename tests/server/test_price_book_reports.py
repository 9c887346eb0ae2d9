"""Price lists from files, and reports on a tenant's work, from the command line."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from models.database import Database
from rules.pricing.earnings import Earnings
from rules.pricing.money import TokenRate
from rules.pricing.replay import ModelReplay, Replay
from rules.pricing.tokens import MICROS
from server.cli import commands
from server.price_book_report_text import margin_text, replay_text, table
from server.price_book_reports import PROGRESS_STEPS, Progress
from server.price_list.page import ShownBook, price_page
from services.captured_work import Period
from services.margin import MarginReport
from services.replay import ReplayReport
from services.shipped_price_books import SHIPPED_FOLDER, ShippedPriceBooks
from tests.conftest import TenantBuilder
from tests.rules.pricing.test_earnings import CENT_A_TOKEN, earned, work
from tests.server.test_price_book_commands import MANY_FAULTS, Answer, run_here
from tests.services.shop import a_source, open_shop
from tests.services.test_replay import a_sold_book, some_work

NODE_STUDIO = SHIPPED_FOLDER / "node-studio.toml"
PERIOD = Period(datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC))


class TestPriceLists:
    def test_a_file_becomes_the_page_that_the_server_shows(self) -> None:
        answer = CliRunner().invoke(commands, ["price-book", "page", str(NODE_STUDIO)])
        book = ShippedPriceBooks().book("node-studio")
        assert book is not None

        assert answer.exit_code == 0
        assert answer.stdout_bytes.decode() == price_page(ShownBook(book))

    @pytest.mark.parametrize("options", [["--csv"], []])
    def test_a_file_becomes_a_table(self, options: list[str]) -> None:
        answer = CliRunner().invoke(commands, ["price-book", "export", *options, str(NODE_STUDIO)])

        rows = list(csv.DictReader(io.StringIO(answer.stdout_bytes.decode(), newline="")))
        assert answer.exit_code == 0
        assert len(rows) == 71
        assert answer.stdout_bytes.count(b"\r\n") == 72

    @pytest.mark.parametrize("command", [["page"], ["export", "--csv"], ["replay", "--tenant", "nobody", "--draft"]])
    def test_a_file_with_faults_is_told_and_nothing_else_is_done(self, command: list[str]) -> None:
        answer = CliRunner().invoke(commands, ["price-book", *command, str(MANY_FAULTS)])

        assert answer.exit_code == 1
        assert f"{MANY_FAULTS}:15: prices[1].categroy: is not known here; did you mean category?" in answer.stdout


class TestReplayText:
    def test_it_is_a_table_with_what_changed_most_first(self) -> None:
        replay = Replay(
            models={
                "upscale": ModelReplay("upscale", 3, 4, cost_then=32 * MICROS, cost_now=32 * MICROS),
                "picture": ModelReplay("picture", 9, 1200, cost_then=1500 * MICROS, cost_now=1234 * MICROS),
            },
            lines=12,
        )

        assert list(replay_text(ReplayReport(PERIOD, 3, replay), "studio", None)) == [
            "12 lines of tenant studio, 2026-02-01T00:00:00Z to 2026-03-03T00:00:00Z, priced anew by version 3, "
            "which is in force. In tokens:",
            "",
            "model     uses  cost then  cost now  difference",
            "picture  1,200      1,500     1,234        -266  -17.7 %",
            "upscale      4         32        32           0",
            "--------------------------------------------------------",
            "in all   1,204      1,532     1,266        -266  -17.4 %",
        ]

    def test_it_says_what_it_left_out_and_why(self) -> None:
        sora = ModelReplay("sora", gone_lines=1, gone_cost=20 * MICROS)
        kling = ModelReplay("kling", refused_lines=2, refused_cost=30 * MICROS, why_refused="seconds must be given.")
        replay = Replay(
            {"sora": sora, "kling": kling}, 5, by_amount_lines=1, by_amount=7, rounding=400_000, uncharged=MICROS
        )

        text = list(replay_text(ReplayReport(PERIOD, None, replay), "studio", "next.toml"))

        assert "priced anew by the draft next.toml" in text[0]
        assert text[5:] == [
            "",
            "Not priced anew, and not in the sums:",
            "  kling: 2 lines, 30 tokens: the params are refused, first because: seconds must be given.",
            "  sora: 1 line, 20 tokens: there is no price",
            "  1 line, 0.000007 tokens: charged by amount, which no price list changes",
            "  0.4 tokens that holds were rounded up by at their end",
            "",
            "Not charged of all these costs, or given back again: 1.",
        ]


class TestMarginText:
    def report(self, earnings: Earnings, rate: TokenRate = CENT_A_TOKEN) -> list[str]:
        return list(margin_text(MarginReport(PERIOD, 3, rate, earnings), "studio", "small"))

    def test_it_is_a_table_in_money(self) -> None:
        lines = self.report(earned(work("picture", 1000, 200), work("upscale", 24, 3)))

        assert lines[0].endswith("at the rate of package small of version 3 (0.01 USD a token):")
        assert lines[2:] == [
            "model    uses  tokens  revenue  provider cost  margin",
            "picture   200   1,000   $10.00          $6.00   $4.00    40 %",
            "upscale     3      24    $0.24          $0.10   $0.14    60 %",
            "-------------------------------------------------------------",
            "in all    203   1,024   $10.24          $6.10   $4.14  40.5 %",
        ]

    def test_a_loss_has_its_sign_and_what_is_not_known_is_not_made_up(self) -> None:
        lines = self.report(earned(work("picture", 2), work(None, 7)))

        assert lines[3:5] == [
            "(no model)     1       7    $0.07        unknown  unknown",
            "picture        1       2    $0.02          $0.03   -$0.01  -50 %",
        ]
        assert lines[6].split() == ["in", "all", "2", "9", "$0.09", "$0.03", "unknown"]
        assert "cost of 1 line is unknown" in lines[-1]


def test_columns_are_as_wide_as_what_is_in_them() -> None:
    assert list(table(("a", "b"), [("long name", "1"), ("all", "12,345")])) == [
        "a               b",
        "long name       1",
        "-----------------",
        "all        12,345",
    ]


def test_progress_is_told_in_steps_and_the_end_for_certain(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress()
    for done in range(1, 1001):
        progress.tell(done, 1000)

    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == PROGRESS_STEPS
    assert lines[-1] == "  1,000 of 1,000 lines"


class TestATenantsWork:
    async def run(self, dsn: str, folder: Path, *arguments: str) -> Answer:
        environment = {"DATABASE_URL": dsn, "FAREBOX_DATA_DIR": str(folder / "data")}
        run: Callable[..., Answer] = run_here
        return await asyncio.to_thread(run, environment, *arguments)

    async def test_is_replayed_and_its_margin_told(
        self, database: Database, dsn: str, tmp_path: Path, a_tenant: TenantBuilder
    ) -> None:
        tenant = await a_tenant(slug="studio")
        async with open_shop(database, tenant.id) as shop:
            await shop.publish(a_sold_book())
            await some_work(shop)
        draft = tmp_path / "draft.toml"
        draft.write_text(a_source(picture=20))

        same = await self.run(dsn, tmp_path, "replay", "--tenant", "studio", "--days", "7")
        changed = await self.run(dsn, tmp_path, "replay", "--tenant", "studio", "--draft", str(draft))
        margin = await self.run(dsn, tmp_path, "margin", "--tenant", "studio", "--days", "7", "--package", "small")

        assert {answer.returncode for answer in (same, changed, margin)} == {0}, same.stderr + margin.stderr
        assert same.stderr.splitlines() == ["  5 of 5 lines"]
        assert "in all      7         80        80           0" in same.stdout.splitlines()
        assert changed.stdout.splitlines()[3].split() == ["picture", "3", "48", "88", "+40", "+83.3", "%"]
        assert "picture        3      48    $0.48          $0.24    $0.24    50 %" in margin.stdout.splitlines()

    async def test_without_a_rate_or_with_an_unknown_package_one_line_says_so(
        self, database: Database, dsn: str, tmp_path: Path, a_tenant: TenantBuilder
    ) -> None:
        tenant = await a_tenant(slug="studio")
        async with open_shop(database, tenant.id) as shop:
            without = await self.run(dsn, tmp_path, "margin", "--tenant", "studio")
            await shop.publish(a_sold_book())
            unknown = await self.run(dsn, tmp_path, "margin", "--tenant", "studio", "--package", "huge")

        assert without.returncode == unknown.returncode == 2
        assert "packages, or a token_value" in without.stderr
        assert unknown.stderr == "farebox: the price book in force has no package 'huge'; there are small\n"
