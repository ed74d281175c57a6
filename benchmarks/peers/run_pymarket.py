"""A mechanism of pymarket on one set of bids.

Run by the interpreter of the folder in which pymarket is installed: run_pymarket.py WORK.json, prints one line of JSON.
"""

import json
import sys
import time
import warnings
from importlib.metadata import version
from pathlib import Path


def main():
    """Time the clearing of the bids, some times; entering them is not counted."""
    work = json.loads(Path(sys.argv[1]).read_text())
    warnings.simplefilter("ignore")
    import numpy as np
    import pymarket

    spent = []
    for _ in range(work["repeats"]):
        market = pymarket.Market()
        for user, (quantity, price, buying) in enumerate(work["bids"]):
            market.accept_bid(quantity, price, user, buying)
        began = time.process_time()
        trades, _ = market.run(work["mechanism"], r=np.random.RandomState(1))
        spent.append(time.process_time() - began)
    table, bids = trades.get_df(), market.bm.get_df()
    merged = table.merge(
        bids[["price", "buying"]], left_on="bid", right_index=True, suffixes=("", "_bid")
    )
    sign = np.where(merged["buying"], 1.0, -1.0)
    print(
        json.dumps(
            {
                "version": version("pymarket"),
                "cpu_s": sorted(spent)[len(spent) // 2],
                "bought": float(merged["quantity"][merged["buying"]].sum()),
                "sold": float(merged["quantity"][~merged["buying"]].sum()),
                "welfare": float((sign * merged["quantity"] * merged["price_bid"]).sum()),
            }
        )
    )


if __name__ == "__main__":
    main()
