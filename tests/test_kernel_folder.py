"""Where compiled kernels are kept: shared by installations, apart by state of sources, and for one command alone elsewhere."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import gridagora

SOURCE = Path(gridagora.__file__).parent
COMPILE = """
import ctypes, os
header, none = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
if os.geteuid() == 0:  # even who may do everything is held to the rights of a folder
    assert ctypes.CDLL(None).capset(header, none) == 0
import gridagora
from gridagora.kernels.physics.fleet import _shares
import numpy as np
share = np.empty(1)
_shares(np.zeros(1, np.int64), np.full(1, 900), 0.0, 3600.0, share)
assert share[0] == 0.25
stats = _shares.stats
print(os.environ["NUMBA_CACHE_DIR"], sum(stats.cache_hits.values()), sum(stats.cache_misses.values()))
"""


def compiled(package: Path, **environment: str) -> tuple[Path, int, int]:
    """Return the folder of the kernels of a process of its own, how many it found there, and how many not."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in {"NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "HOME"}
    }
    done = subprocess.run(
        [sys.executable, "-c", COMPILE],
        env=kept | {"PYTHONPATH": str(package.parent)} | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    folder, hits, misses = done.stdout.split()
    return Path(folder), int(hits), int(misses)


def copied(folder: Path) -> Path:
    """Return a copy of the kernels of the package, in a folder of its own."""
    package = folder / "gridagora"
    leave = shutil.ignore_patterns("__pycache__")
    shutil.copytree(SOURCE / "kernels", package / "kernels", ignore=leave)
    shutil.copy(SOURCE / "__init__.py", package)
    return package


def test_two_installations_share_what_one_compiled(tmp_path: Path) -> None:
    one, two, home = copied(tmp_path / "one"), copied(tmp_path / "two"), tmp_path / "home"
    home.mkdir()
    first = compiled(one, HOME=str(home))
    assert first[0].is_relative_to(home / ".cache" / "gridagora")
    assert first[1:] == (0, 1)
    assert compiled(two, HOME=str(home)) == (first[0], 1, 0)


def test_without_a_home_and_with_read_only_packages_kernels_end_with_their_command(
    tmp_path: Path,
) -> None:
    package, temporary = copied(tmp_path / "one"), tmp_path / "temporary"
    temporary.mkdir()
    built = tmp_path / "built"
    built.mkdir()
    compiled(package, XDG_CACHE_HOME=str(built))
    closed = [tmp_path, built, package, *built.rglob("*"), *package.rglob("*")]
    try:
        for path in closed:
            path.chmod(path.stat().st_mode & ~(stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))
        folder, _, misses = compiled(package, HOME="/nonexistent", TMPDIR=str(temporary))
        assert misses == 1
        assert folder.parent.parent == temporary
        assert folder.parent.name.startswith(gridagora.TEMPORARY)
        assert list(temporary.iterdir()) == []
        again = compiled(package, XDG_CACHE_HOME=str(built), TMPDIR=str(temporary))
        assert again[0].parent.parent == temporary
        assert again[1:] == (1, 0)  # what an image was built with is used
        assert list(temporary.iterdir()) == []
    finally:
        for path in closed:
            path.chmod(path.stat().st_mode | stat.S_IWUSR)  # so that it can be deleted


def test_kernels_of_other_sources_are_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kernel that is compiled into another one is no file that the compiler looks at: the folder tells the states apart."""
    (tmp_path / "kernels").mkdir()
    monkeypatch.setattr(gridagora, "__file__", str(tmp_path / "__init__.py"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folders = []
    for text in ("one", "two", "one"):
        (tmp_path / "kernels" / "inner.py").write_text(text, encoding="utf-8")
        monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
        gridagora._give_compiler_a_folder()
        folders.append(Path(os.environ["NUMBA_CACHE_DIR"]))
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    assert folders[0] == folders[2] != folders[1]
    assert folders[0].parent == tmp_path / "cache" / "gridagora"
