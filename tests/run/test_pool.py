"""Jobs on several processes: every result, a fault as it was, and nobody left behind when the parent is killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gridagora.core.errors import InputError, PartError, Problem
from gridagora.studies.parallel import map_cases

PARENT = """
import sys
sys.path.insert(0, {folder!r})
from pool_jobs import name_and_wait
from gridagora.studies.parallel import map_cases

if __name__ == "__main__":
    list(map_cases(name_and_wait, [1, 2], 2, {folder!r}))
"""
JOBS = """
import os, time
from pathlib import Path

def name_and_wait(folder, job):
    Path(folder, f"pid-{job}").write_text(str(os.getpid()))
    time.sleep(60)
"""


def power(base: int, exponent: int) -> int:
    return base**exponent


def refuse(job: int) -> None:
    raise InputError([Problem("job", str(job), "another one")])


def leave(job: int) -> None:
    os._exit(job)


@pytest.mark.parametrize("processes", [1, 2])
def test_every_job_and_its_result_come_back(processes: int) -> None:
    assert dict(map_cases(power, [2, 3, 5], processes, 2)) == {2: 4, 3: 8, 5: 32}
    assert list(map_cases(power, [], processes, 2)) == []


@pytest.mark.parametrize("processes", [1, 2])
def test_a_refusal_comes_back_as_it_was(processes: int) -> None:
    with pytest.raises(InputError, match="expected another one") as found:
        list(map_cases(refuse, [1, 2], processes))
    assert found.value.problems[0].where == "job"


def test_a_process_that_ends_is_told_in_a_sentence() -> None:
    with pytest.raises(PartError, match="ended from outside"):
        list(map_cases(leave, [3, 4], 2))


def test_nobody_is_left_when_the_parent_is_killed(tmp_path: Path) -> None:
    (tmp_path / "pool_jobs.py").write_text(JOBS)
    (tmp_path / "main.py").write_text(PARENT.format(folder=str(tmp_path)))
    parent = subprocess.Popen([sys.executable, str(tmp_path / "main.py")])
    names = [tmp_path / "pid-1", tmp_path / "pid-2"]
    try:
        _until(lambda: all(name.is_file() and name.read_text() for name in names), 60)
        workers = [int(name.read_text()) for name in names]
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    _until(lambda: not any(_lives(worker) for worker in workers), 20)


def _until(true, most_s: float) -> None:
    until = time.monotonic() + most_s
    while not true():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)


def _lives(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits to be collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
