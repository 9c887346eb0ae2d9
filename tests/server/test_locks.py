import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock")
ADDRESS = re.compile(r":/{2}")
"""Whatever is fetched from somewhere by name; locks name hashes alone."""


def pins_of(lock: str) -> dict[str, str]:
    """Exact versions by name; a package with several lines has one version per platform."""
    found = re.findall(r"^([a-z0-9._-]+)==([^ ;\\]+)", (ROOT / lock).read_text(), flags=re.MULTILINE)
    return dict(found)


def asked_for() -> tuple[list[str], list[str]]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return project["project"]["dependencies"], project["dependency-groups"]["dev"]


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_registry(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert ADDRESS.search(text) is None
    assert "index" not in text.splitlines()[1]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_of_a_lock_has_hashes(lock: str) -> None:
    for block in re.split(r"\n(?=[a-z0-9])", (ROOT / lock).read_text())[1:]:
        assert "--hash=sha256:" in block, block.splitlines()[0]


def test_the_locks_hold_what_the_project_asks_for() -> None:
    runtime, development = asked_for()
    assert {tuple(wish.split("==")) for wish in runtime} <= set(pins_of("requirements.lock").items())
    assert {tuple(wish.split("==")) for wish in development} <= set(pins_of("requirements-dev.lock").items())


def test_the_development_lock_installs_all_that_the_server_runs_on() -> None:
    assert pins_of("requirements.lock").items() <= pins_of("requirements-dev.lock").items()


def test_the_lock_for_node_names_no_registry_and_has_a_hash_for_every_package() -> None:
    folder = ROOT / "conformance"
    text = (folder / "package-lock.json").read_text()
    assert ADDRESS.search(text) is None
    packages = json.loads(text)["packages"]
    links = {name for name, package in packages.items() if package.get("link")}
    assert links == {"node_modules/farebox-client"}
    for name, package in packages.items():
        if name in links:
            assert package["resolved"] == "../clients/javascript"
        elif name.startswith("node_modules/"):
            assert "resolved" not in package, name
            assert package["integrity"].startswith("sha512-"), name
    assert "omit-lockfile-registry-resolved=true" in (folder / ".npmrc").read_text().splitlines()


def test_the_lock_for_node_holds_what_is_asked_for_in_exact_versions() -> None:
    folder = ROOT / "conformance"
    wishes = json.loads((folder / "package.json").read_text())["dependencies"]
    packages = json.loads((folder / "package-lock.json").read_text())["packages"]
    assert packages[""]["dependencies"] == wishes
    pinned = {name: packages[f"node_modules/{name}"].get("version") for name in wishes if name != "farebox-client"}
    assert pinned == {name: wish for name, wish in wishes.items() if name != "farebox-client"}


def test_make_alone_lists_every_target_with_its_meaning() -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.+)$", makefile, flags=re.MULTILINE)
    assert phony is not None
    answer = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, timeout=10, check=True)
    listed = dict(re.findall(r"^  make ([a-z-]+) +(\S.*)$", answer.stdout, flags=re.MULTILINE))
    assert set(listed) == set(phony[1].split())


def test_the_continuous_check_is_a_valid_program_that_may_be_run() -> None:
    program = ROOT / ".ci" / "run"
    assert program.stat().st_mode & 0o111
    subprocess.run(["bash", "-n", program], timeout=10, check=True)
