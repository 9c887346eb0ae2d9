import re
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


def test_every_setting_that_the_readme_tells_of_is_passed_on_or_is_the_images_own(
    compose: dict[str, dict[str, dict[str, dict[str, str]]]],
) -> None:
    section = (ROOT / "README.md").read_text().partition("\n## Settings\n")[2].partition("\n## ")[0]
    documented = set(re.findall(r"^\| `([A-Z_]+)` \|", section, flags=re.MULTILINE))
    dockerfile = (ROOT / "Dockerfile").read_text()
    images = set(re.findall(r"\b([A-Z_]+)=", "".join(re.findall(r"^ENV .*$", dockerfile, flags=re.MULTILINE))))
    passed_on = compose["services"]["server"]["environment"].keys()

    assert documented == settings_read()
    # The image is listened to at an address and a port, and keeps its data, where compose expects them.
    assert documented - passed_on == {"HOST", "PORT", "FAREBOX_DATA_DIR"} <= images
    assert passed_on <= documented
    told = set(re.findall(r"^#? ?([A-Z_]+)=", (ROOT / ".env.example").read_text(), flags=re.MULTILINE))
    assert {
        name for name, value in compose["services"]["server"]["environment"].items() if "${" + name in value
    } <= told


def settings_read() -> set[str]:
    """Every name that is looked up."""

    class Environment(dict[str, str]):
        def get(self, name: str, default: str = "") -> str:
            names.add(name)
            return default

    names: set[str] = set()
    read_settings(Environment())
    return names


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
