import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from ruamel.yaml import YAML

from server.settings import read_settings

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 30.0


def complaints_about(path: Path) -> str:
    # The schema of the Compose specification comes with the checker, so nothing is fetched.
    checked = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", path],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    return "" if checked.returncode == 0 else checked.stdout + checked.stderr


@pytest.fixture(scope="module")
def compose() -> dict[str, dict[str, dict[str, dict[str, str]]]]:
    document: dict[str, dict[str, dict[str, dict[str, str]]]] = YAML(typ="safe").load(ROOT / "docker-compose.yml")
    return document


def test_the_compose_file_keeps_to_the_compose_schema() -> None:
    assert complaints_about(ROOT / "docker-compose.yml") == ""


def test_the_check_notices_what_the_schema_does_not_know(tmp_path: Path) -> None:
    wrong = (ROOT / "docker-compose.yml").read_text().replace("depends_on:", "depends_upon:")
    (tmp_path / "docker-compose.yml").write_text(wrong)
    assert "depends_upon" in complaints_about(tmp_path / "docker-compose.yml")


def test_the_server_takes_the_environment_that_the_compose_file_gives(
    compose: dict[str, dict[str, dict[str, dict[str, str]]]],
) -> None:
    names = compose["services"]["server"]["environment"]
    database = names["DATABASE_URL"].replace(
        "${POSTGRES_PASSWORD:?choose a password of letters and digits in .env}", "x"
    )
    # What is left to the outside has its default after the colon.
    values = {name: value.partition(":-")[2].rstrip("}") for name, value in names.items()}
    settings = read_settings(values | {"DATABASE_URL": database})
    assert settings.database_url == "postgresql://farebox:x@database:5432/farebox"
    assert settings.environment == "production"
    assert settings.bus_url is None


def test_redis_is_there_for_who_asks_for_it(compose: dict[str, dict[str, dict[str, dict[str, str]]]]) -> None:
    redis: dict[str, object] = {**compose["services"]["redis"]}
    assert redis["profiles"] == ["redis"]
    suggested = dict(
        line.removeprefix("# ").split("=", 1)
        for line in (ROOT / ".env.example").read_text().splitlines()
        if line.startswith(("# COMPOSE_PROFILES=", "# BUS_URL="))
    )
    assert suggested["COMPOSE_PROFILES"] == "redis"
    assert urlsplit(read_settings({"BUS_URL": suggested["BUS_URL"]}).bus_url or "").hostname in compose["services"]


def test_the_server_waits_for_a_healthy_database_of_the_newest_version(
    compose: dict[str, dict[str, dict[str, dict[str, str]]]],
) -> None:
    assert str(compose["services"]["database"]["image"]) == "postgres:18"
    assert "healthcheck" in compose["services"]["database"]
    depends_on: object = compose["services"]["server"]["depends_on"]
    assert depends_on == {"database": {"condition": "service_healthy"}}


def test_the_image_runs_as_an_ordinary_user_and_installs_only_what_is_pinned() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    users = [line for line in lines if line.startswith("USER ")]
    assert users == ["USER farebox"]
    assert lines.index("USER farebox") < next(number for number, line in enumerate(lines) if line.startswith("CMD"))
    assert any("--require-hashes" in line for line in lines)
