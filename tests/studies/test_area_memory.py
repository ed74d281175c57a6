"""An area that does not fit the memory of a machine is refused before any of it is made."""

import pytest

from gridagora.core.errors import InputError
from gridagora.files.memory import available_bytes
from gridagora.studies import area_study

GIB = 1 << 30


@pytest.fixture
def twelve(monkeypatch):
    monkeypatch.setattr(area_study, "available_bytes", lambda: 12 * GIB)


def test_a_million_homes_in_twenty_shards_fit_twelve_gibibytes(twelve):
    area_study.require_memory(1_000_000, 1, 20, at_once=False)


@pytest.mark.parametrize(
    ("homes", "days", "shards", "at_once"),
    [(1_000_000, 1, 20, True), (1_000_000, 1, 1, False), (1_000_000, 3, 20, False)],
)
def test_more_than_fits_is_refused_with_how_many_would(twelve, homes, days, shards, at_once):
    with pytest.raises(InputError, match=r"at most [\d,]+ in the 12.0 GiB") as found:
        area_study.require_memory(homes, days, shards, at_once=at_once)
    fits = int(str(found.value).split("at most ")[1].split(" in the")[0].replace(",", ""))
    area_study.require_memory(fits, days, shards, at_once=at_once)
    with pytest.raises(InputError):
        area_study.require_memory(fits + 2, days, shards, at_once=at_once)


def test_where_nobody_says_how_much_there_is_nothing_is_refused(monkeypatch):
    monkeypatch.setattr(area_study, "available_bytes", lambda: None)
    area_study.require_memory(10**9, 1, 1, at_once=True)


def test_memory_is_that_of_the_machine_or_of_its_container(tmp_path):
    info = tmp_path / "meminfo"
    info.write_text("MemTotal: 32 kB\nMemAvailable:    2048 kB\n")
    assert available_bytes(info, tmp_path) == 2 << 20
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("5\n")
    assert available_bytes(info, tmp_path) == 2 << 20
    (tmp_path / "memory.max").write_text("1048576\n")
    assert available_bytes(info, tmp_path) == (1 << 20) - 5
    info.write_text("nothing of the kind\n")
    assert available_bytes(info, tmp_path) is None
    assert available_bytes(tmp_path / "none", tmp_path) is None
