"""A cluster of several nodes at an address: a node is lost on the way, a node runs another program."""

import shutil
import time
from pathlib import Path

import pytest

import gridagora
from gridagora.core.errors import InputError
from gridagora.studies.parallel import map_cases

ray_cluster = pytest.importorskip("gridagora.studies.ray_cluster", exc_type=ImportError)
pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]
SOURCE = Path(gridagora.__file__).parent


def wait_and_tell(folder: str, job: int) -> int:
    Path(folder, f"begun-{job}-{time.monotonic_ns()}").touch()
    time.sleep(3)
    return job


@pytest.fixture
def nodes():
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    yield cluster
    cluster.shutdown()


def test_a_lost_node_is_told_and_its_cases_run_again(nodes, tmp_path):
    lost, told = nodes.add_node(num_cpus=2), []
    nodes.wait_for_nodes()
    jobs = [1, 2, 3, 4, 5, 6]
    with ray_cluster.connect(nodes.address, None, told.append) as workers:
        assert workers.cpus == 3
        found = {}
        for job, result in map_cases(wait_and_tell, jobs, workers, str(tmp_path)):
            if not found:
                nodes.remove_node(lost, allow_graceful=False)
            found[job] = result
    assert found == {job: job for job in jobs}
    assert told
    assert all("its case runs again" in text for text in told)
    assert len(list(tmp_path.iterdir())) > len(jobs)


def test_a_node_with_another_program_is_refused_before_work(nodes, tmp_path):
    shutil.copytree(SOURCE, tmp_path / "gridagora", ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "gridagora" / "api.py").open("a") as file:
        file.write("\n")
    nodes.add_node(num_cpus=1, env_vars={"PYTHONPATH": str(tmp_path)})
    nodes.wait_for_nodes()
    with pytest.raises(InputError) as found, ray_cluster.connect(nodes.address):
        pytest.fail("connected to a node with another program")
    (problem,) = found.value.problems
    assert problem.got != problem.expected
    assert "same versions" in problem.hint
