"""The pay-as-clear mechanism of ASSUME on one order book.

Run by the interpreter of the folder in which ASSUME is installed: run_assume.py WORK.json, prints one line of JSON. A program
of its own, since its licence is viral.
"""

import json
import sys
import time
import warnings
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path


def main():
    """Time the clearing of a fresh copy of the book, some times."""
    work = json.loads(Path(sys.argv[1]).read_text())
    warnings.simplefilter("ignore")
    from assume.common.market_objects import MarketConfig, MarketProduct
    from assume.markets.clearing_algorithms.simple import PayAsClearRole
    from dateutil import rrule

    start = datetime(2019, 1, 1)
    opening = rrule.rrule(rrule.HOURLY, dtstart=start, until=start + timedelta(days=1))
    products = [MarketProduct(timedelta(hours=1), 1, timedelta(hours=1))]
    market = PayAsClearRole(MarketConfig("book", opening_hours=opening, market_products=products))
    product = (start, start + timedelta(hours=1), None)
    spent = []
    for _ in range(work["repeats"]):
        book = [
            {
                "start_time": product[0],
                "end_time": product[1],
                "only_hours": None,
                "agent_addr": str(i),
                "bid_id": str(i),
            }
            | {"volume": volume, "price": price}
            for i, (volume, price) in enumerate(zip(work["volume"], work["price"], strict=True))
        ]
        began = time.process_time()
        accepted, _, meta, _ = market.clear(book, [product])
        spent.append(time.process_time() - began)
    bought = sum(-order["accepted_volume"] for order in accepted if order["volume"] < 0)
    print(
        json.dumps(
            {
                "version": version("assume-framework"),
                "cpu_s": sorted(spent)[len(spent) // 2],
                "price": meta[0]["price"],
                "sold": meta[0]["supply_volume"],
                "bought": bought,
            }
        )
    )


if __name__ == "__main__":
    main()
