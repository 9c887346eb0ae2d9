from pathlib import Path

import pytest

from server.bus_address import check_bus_address
from server.settings import InvalidSettings, Settings
from tests.certificates import a_certificate


def what_is_wrong_with(query: str) -> str:
    """The one line that the start is stopped with; it never has the password."""
    with pytest.raises(InvalidSettings, match=r"^BUS_URL: .+$") as refusal:
        check_bus_address(Settings(bus_url=f"rediss://me:hunter2@localhost:6380?{query}"), {})
    assert "hunter2" not in str(refusal.value)
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


@pytest.mark.parametrize("option", ["ssl_ca_certs", "ssl_certfile", "ssl_keyfile"])
def test_a_file_that_is_not_there_stops_the_start(option: str, tmp_path: Path) -> None:
    missing = tmp_path / "missing file.pem"
    assert f"{option}='{missing}' cannot be read: No such file or directory" in what_is_wrong_with(
        f"{option}={str(missing).replace(' ', '%20')}"
    )
    assert "cannot be read: Is a directory" in what_is_wrong_with(f"{option}={tmp_path}")
    assert "cannot be read" in what_is_wrong_with(f"{option}=%00")


def test_files_must_hold_what_they_are_named_for(tmp_path: Path) -> None:
    key, certificate = a_certificate(tmp_path)
    other_key, _ = a_certificate(tmp_path, "other")
    assert "holds no certificate" in what_is_wrong_with(f"ssl_ca_certs={key}")
    assert "ssl_keyfile needs ssl_certfile" in what_is_wrong_with(f"ssl_keyfile={key}")
    assert "MISMATCH" in what_is_wrong_with(f"ssl_certfile={certificate}&ssl_keyfile={other_key}")
    assert "its own key" in what_is_wrong_with(f"ssl_certfile={certificate}")
    right = f"ssl_ca_certs={certificate}&ssl_certfile={certificate}&ssl_keyfile={key}"
    check_bus_address(Settings(bus_url=f"rediss://me:hunter2@localhost:6380?{right}"), {})


def test_nobody_is_asked_for_a_passphrase(tmp_path: Path) -> None:
    key, certificate = a_certificate(tmp_path, passphrase="hunter2")
    assert "is encrypted" in what_is_wrong_with(f"ssl_certfile={certificate}&ssl_keyfile={key}")


@pytest.mark.parametrize(
    ("bus_url", "redis_url", "lines"),
    [
        (None, "redis://:hunter2@localhost", 1),
        (None, "", 0),
        ("redis://localhost", "redis://:hunter2@localhost", 0),
    ],
)
def test_who_sets_redis_url_alone_is_told_what_counts(
    bus_url: str | None, redis_url: str, lines: int, caplog: pytest.LogCaptureFixture
) -> None:
    check_bus_address(Settings(bus_url=bus_url), {"REDIS_URL": redis_url})
    assert [record.levelname for record in caplog.records] == ["WARNING"] * lines
    assert ("BUS_URL" in caplog.text) == bool(lines)
    assert "hunter2" not in caplog.text
