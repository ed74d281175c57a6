"""Shards of an area on Ray: the same run to the last bit, also where an actor is lost, with a checkpoint or without."""

import pytest

from gridagora.core.errors import InputError
from gridagora.run.area_run import run_area
from gridagora.studies.local_shards import open_local

shard_actors = pytest.importorskip("gridagora.studies.shard_actors", exc_type=ImportError)
ray_cluster = pytest.importorskip("gridagora.studies.ray_cluster", exc_type=ImportError)
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


def outcome(found):
    return (
        found.load_kw.tobytes(),
        found.price_per_kwh.tobytes(),
        sum(shard.bill_uusd for shard in found.shards),
        found.rounds,
        found.traffic,
    )


@pytest.fixture(scope="module")
def told():
    return []


@pytest.fixture(scope="module")
def cluster(told):
    with ray_cluster.connect(None, 2, told.append) as found:
        yield found


@pytest.fixture(scope="module")
def alone(make_streets):
    area = make_streets(limit_kw=200.0)
    return outcome(run_area(area, open_local(area, 1), hours=2))


@pytest.mark.parametrize("has_checkpoint", [False, True])
def test_a_lost_actor_catches_up_and_the_run_is_the_same(
    make_streets, cluster, told, alone, tmp_path, has_checkpoint
):
    import ray

    told.clear()
    area, folder = make_streets(limit_kw=200.0), tmp_path / "saved" if has_checkpoint else None
    with shard_actors.open_actors(cluster, area, 2, folder, every_h=1) as host:

        def lose_one(done, total):
            if done == 1:
                assert (folder is not None) == any(host.saved)
                ray.kill(host.actors[0])

        found = run_area(area, host, hours=2, progress=lose_one)
    assert outcome(found) == alone
    assert len(told) == 1
    assert "catches up" in told[0]
    assert folder is None or not list(folder.iterdir())


def test_more_shards_than_cores_are_refused(make_streets, cluster):
    with (
        pytest.raises(InputError, match="the cores of the cluster"),
        shard_actors.open_actors(cluster, make_streets(), 5),
    ):
        pytest.fail("actors that would wait for ever")
