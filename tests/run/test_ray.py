"""Cases on a Ray cluster: the same results as in one process, what is lost runs again, and what cannot be used is told."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

import gridagora
from gridagora.core.errors import InputError, PartError, Problem
from gridagora.studies.parallel import map_cases
from gridagora.studies.sweep import BOUND, SweepCase, run_cases

ray_cluster = pytest.importorskip("gridagora.studies.ray_cluster", exc_type=ImportError)
ray_checks = pytest.importorskip("gridagora.studies.ray_checks", exc_type=ImportError)
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]
SOURCE = Path(gridagora.__file__).parent
DEMO = SOURCE / "scenario" / "demo.toml"


def power(base: int, exponent: int) -> int:
    return base**exponent


def refuse(job: int) -> None:
    raise InputError([Problem("job", str(job), "another one")])


def leave_once(folder: str, job: int) -> int:
    """End the worker the first time that it is called."""
    try:
        Path(folder, f"left-{job}").touch(exist_ok=False)
    except FileExistsError:
        return job
    os._exit(job)


def leave(job: int) -> None:
    os._exit(job)


@pytest.fixture(scope="module")
def told() -> list[str]:
    return []


@pytest.fixture(scope="module")
def cluster(told: list[str]) -> Iterator[ray_cluster.RayCluster]:
    with ray_cluster.connect(None, 2, told.append) as found:
        yield found


def test_every_job_and_its_result_come_back(cluster: ray_cluster.RayCluster) -> None:
    assert cluster.cpus == 2
    assert dict(map_cases(power, [2, 3, 5], cluster, 2)) == {2: 4, 3: 8, 5: 32}
    assert list(map_cases(power, [], cluster, 2)) == []


def test_a_refusal_comes_back_as_it_was(cluster: ray_cluster.RayCluster) -> None:
    with pytest.raises(InputError, match="expected another one") as found:
        list(map_cases(refuse, [1, 2], cluster))
    assert found.value.problems[0].where == "job"


def test_a_lost_worker_is_told_and_its_case_runs_again(
    cluster: ray_cluster.RayCluster, told: list[str], tmp_path: Path
) -> None:
    told.clear()
    assert dict(map_cases(leave_once, [3, 4], cluster, str(tmp_path))) == {3: 3, 4: 4}
    assert len(told) == 2
    assert all("its case runs again" in text for text in told)


def test_a_case_that_ends_every_worker_is_told_in_a_sentence(
    cluster: ray_cluster.RayCluster,
) -> None:
    with pytest.raises(PartError, match="ended its worker 3 times"):
        list(map_cases(leave, [5], cluster))


def test_rows_are_those_of_one_process_to_the_last_bit(cluster: ray_cluster.RayCluster) -> None:
    scene = gridagora.load(DEMO, ["homes.count=6", "scenario.days=1"])
    cases = [SweepCase(BOUND), SweepCase("rtp"), SweepCase("layered")]
    alone, far = (run_cases(scene, cases, None, None, workers) for workers in (1, cluster))
    for case in cases:
        mine, theirs = (
            {name: value for name, value in rows[case].items() if name != "wall_s"}
            for rows in (alone, far)
        )
        assert mine == theirs


@pytest.mark.parametrize("address", ["here", "10.0.0.1", "ray://10.0.0.1:1", "host:0", "host:x"])
def test_an_address_of_another_form_is_refused(address: str) -> None:
    with pytest.raises(InputError, match="HOST:PORT"):
        ray_checks.refuse_unreachable(address)


def test_nobody_at_an_address_is_told_within_seconds() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    with (
        pytest.raises(InputError, match="no cluster"),
        ray_cluster.connect(f"127.0.0.1:{port}"),
    ):
        pytest.fail("connected to nobody")


def test_a_port_that_speaks_something_else_is_told_within_seconds() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(InputError, match="no cluster"):
            ray_checks.refuse_unreachable(f"127.0.0.1:{port}")
