from __future__ import annotations

import pytest

from rules.time_zones import is_time_zone


@pytest.mark.parametrize("name", ["UTC", "Europe/Berlin", "Asia/Kathmandu"])
def test_names_of_the_time_zone_database_are_known(name: str) -> None:
    assert is_time_zone(name)


@pytest.mark.parametrize("name", ["", "utc ", "Mars/Olympus", "+02:00", "../etc/passwd", "Europe"])
def test_nothing_else_is(name: str) -> None:
    assert not is_time_zone(name)


@pytest.mark.parametrize(
    "name",
    ["localtime", "posixrules", "Factory", "leapseconds", "zone.tab", "tzdata.zi", "posix/UTC", "right/Europe/Berlin"],
)
def test_files_beside_the_zones_are_none_wherever_the_machine_keeps_them(name: str) -> None:
    assert not is_time_zone(name)
