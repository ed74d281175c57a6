"""One detailed home in OCHRE, from the inputs that OCHRE ships.

Run by the interpreter of the folder in which it is installed: run_ochre.py WORK.json, prints one line of JSON.
"""

import contextlib
import datetime
import json
import sys
import time
import warnings
from importlib.metadata import version
from pathlib import Path


def main():
    """Time the run of the home; reading and building it is not counted."""
    work = json.loads(Path(sys.argv[1]).read_text())
    warnings.simplefilter("ignore")
    with contextlib.redirect_stdout(sys.stderr):
        from ochre import Dwelling
        from ochre.utils import default_input_path

        shipped = Path(default_input_path)
        home = Dwelling(
            name="home",
            start_time=datetime.datetime(2018, 7, 1),
            time_res=datetime.timedelta(minutes=work["minutes"]),
            duration=datetime.timedelta(days=work["days"]),
            initialization_time=datetime.timedelta(days=1),
            hpxml_file=str(shipped / "Input Files" / "bldg0112631-up11.xml"),
            hpxml_schedule_file=str(shipped / "Input Files" / "bldg0112631_schedule.csv"),
            weather_file=str(shipped / "Weather" / "USA_CO_Denver.Intl.AP.725650_TMY3.epw"),
            output_path=work["folder"],
            save_results=False,
            verbosity=3,
        )
        began = time.process_time()
        series, _, _ = home.simulate()
        spent = time.process_time() - began
    print(json.dumps({"version": version("ochre-nrel"), "cpu_s": spent, "steps": len(series)}))


if __name__ == "__main__":
    main()
