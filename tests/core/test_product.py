"""Products follow one another and tile."""

import pytest

from gridagora.core.errors import PartError
from gridagora.core.product import Commodity, Horizon, Product, following, split_product

HOUR = Product(Commodity.P, 7200, 3600, Horizon.DAY_AHEAD, place=4)


def test_following_products_touch() -> None:
    assert following(HOUR).start_s == HOUR.end_s
    assert following(following(HOUR, 3), -3) == HOUR


def test_five_minute_products_tile_the_hour() -> None:
    tiles = split_product(HOUR, 300)
    assert [tile.start_s for tile in tiles] == list(range(7200, 10800, 300))
    assert {(tile.horizon, tile.place, tile.duration_s) for tile in tiles} == {
        (Horizon.REAL_TIME, 4, 300)
    }
    assert sum(tile.dt_h for tile in tiles) == pytest.approx(HOUR.dt_h, abs=1e-15)


@pytest.mark.parametrize("duration_s", [0, -300, 700])
def test_what_does_not_tile_is_refused(duration_s: int) -> None:
    with pytest.raises(PartError, match="does not tile"):
        split_product(HOUR, duration_s)
