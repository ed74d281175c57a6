"""The retail market of TESP's DSO+T study: many four-point bids summed to one curve and cleared against a rising supply.

Run by the interpreter of the folder in which TESP is installed: run_tesp.py WORK.json, prints one line of JSON.
"""

import json
import sys
import time
import unittest.mock
import warnings
from importlib.metadata import version
from pathlib import Path

TRANSFORMER = [
    "OperatingPeriod",
    "timeStep",
    "Tamb",
    "delta_T_TO_init",
    "delta_T_W_init",
    "BP",
    "toc_A",
    "toc_B",
    "Base_Year",
    "P_Rated",
    "NLL_rate",
    "LL_rate",
    "Sec_V",
    "TOU_TOR",
    "TOU_GR",
    "Oil_n",
    "Wind_m",
    "delta_T_TOR",
    "delta_T_ave_wind_R",
]  # asked for by the constructor, not read when a real-time market clears


def main():
    """Time what the work asks for."""
    work = json.loads(Path(sys.argv[1]).read_text())
    warnings.simplefilter("ignore")
    import numpy as np
    from tesp_support.dsot import retail_market

    retail_market.DataClient = (
        unittest.mock.MagicMock()
    )  # a server of tariffs that nothing here asks
    settings = dict.fromkeys(TRANSFORMER, 1.0)
    settings |= {
        "basecase": False,
        "load_flexibility": True,
        "serverPort": 0,
        "pricecap": 1.0,
        "num_samples": work["samples"],
    }
    settings |= {"windowLength": 48, "Q_max": work["most_kw"], "maxPuLoading": 1.5}
    market = retail_market.RetailMarket(settings, "Retail_1")
    supply_kw = np.linspace(0, work["most_kw"], work["samples"])
    supply_price = np.interp(supply_kw, *work["supply"])
    spent = []
    for _ in range(work["repeats"]):
        market.clean_bids_RT()
        market.curve_seller_RT.quantities, market.curve_seller_RT.prices = (
            supply_kw.copy(),
            supply_price.copy(),
        )
        began = time.process_time()
        for name, bid in enumerate(work["bids"]):
            market.curve_aggregator_RT("Buyer", bid, str(name))
        market.clear_market_RT(False, work["most_kw"])
        spent.append(time.process_time() - began)
    curve = market.curve_buyer_RT
    print(
        json.dumps(
            {
                "version": version("tesp-support"),
                "cpu_s": sorted(spent)[len(spent) // 2],
                "price": float(market.cleared_price_RT),
                "kw": float(market.cleared_quantity_RT),
                "sampled_price": [float(x) for x in curve.prices],
                "sampled_kw": [float(x) for x in curve.quantities],
            }
        )
    )


if __name__ == "__main__":
    main()
