"""Compare electricity market designs on one feeder with identical homes, weather, prices and random draws.

    import gridagora

    scene = gridagora.load("scenario.toml")
    result = gridagora.compare(scene, ["flat", "central"])
    result.table()

Names are imported when first used, so that `import gridagora` costs nothing.
"""

import atexit
import hashlib
import importlib
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gridagora.api import Result, compare, open_ensemble, open_result
    from gridagora.core.errors import InputError, PartError, Problem
    from gridagora.core.feeder import Feeder
    from gridagora.core.registry import find, names, register
    from gridagora.core.tables import Homes, Prices, Weather
    from gridagora.devices.battery import Batteries
    from gridagora.devices.pv import PvArrays
    from gridagora.mechanisms.layers import lift_space, lift_time
    from gridagora.population.charging import ChargingSessions
    from gridagora.population.heat_pump import HeatPumps
    from gridagora.population.hot_water import WaterHeaters
    from gridagora.report.figures import figures
    from gridagora.report.table import table
    from gridagora.run.step import Run
    from gridagora.scenario.build import Scene, assemble, build, load
    from gridagora.scenario.describe import check
    from gridagora.scenario.schema import Scenario
    from gridagora.sources.opendss import read as read_feeder

__version__ = "0.1.0"
TEMPORARY = (
    "gridagora-kernels-"  # how a folder of compiled kernels begins that ends with its command
)

__all__ = [
    "Batteries",
    "ChargingSessions",
    "Feeder",
    "HeatPumps",
    "Homes",
    "InputError",
    "PartError",
    "Prices",
    "Problem",
    "PvArrays",
    "Result",
    "Run",
    "Scenario",
    "Scene",
    "WaterHeaters",
    "Weather",
    "assemble",
    "build",
    "check",
    "compare",
    "figures",
    "find",
    "lift_space",
    "lift_time",
    "load",
    "names",
    "open_ensemble",
    "open_result",
    "read_feeder",
    "register",
    "table",
]

_PLACES = MappingProxyType(
    {
        "Batteries": ("devices.battery", "Batteries"),
        "ChargingSessions": ("population.charging", "ChargingSessions"),
        "Feeder": ("core.feeder", "Feeder"),
        "HeatPumps": ("population.heat_pump", "HeatPumps"),
        "Homes": ("core.tables", "Homes"),
        "InputError": ("core.errors", "InputError"),
        "PartError": ("core.errors", "PartError"),
        "Prices": ("core.tables", "Prices"),
        "Problem": ("core.errors", "Problem"),
        "PvArrays": ("devices.pv", "PvArrays"),
        "Result": ("api", "Result"),
        "Run": ("run.step", "Run"),
        "Scenario": ("scenario.schema", "Scenario"),
        "Scene": ("scenario.build", "Scene"),
        "WaterHeaters": ("population.hot_water", "WaterHeaters"),
        "Weather": ("core.tables", "Weather"),
        "assemble": ("scenario.build", "assemble"),
        "build": ("scenario.build", "build"),
        "check": ("scenario.describe", "check"),
        "compare": ("api", "compare"),
        "figures": ("report.figures", "figures"),
        "find": ("core.registry", "find"),
        "lift_space": ("mechanisms.layers", "lift_space"),
        "lift_time": ("mechanisms.layers", "lift_time"),
        "load": ("scenario.build", "load"),
        "names": ("core.registry", "names"),
        "open_ensemble": ("api", "open_ensemble"),
        "open_result": ("api", "open_result"),
        "read_feeder": ("sources.opendss", "read"),
        "register": ("core.registry", "register"),
        "table": ("report.table", "table"),
    }
)


def _give_compiler_a_folder() -> None:
    """Name the folder in which compiled kernels are kept: one for each state of their sources, where it can be written to.

    The compiler looks at the file that holds a kernel and not at those whose kernels it calls, so that an older state would be
    used after an update. The cache of the user comes first, since all installations share it. Where neither that nor the package
    can be written to, each command has a folder of its own, which ends with it and in which stands what lies in the others, as in
    a container that was built with it: one that others could write to would let them plant code.
    """
    if "NUMBA_CACHE_DIR" in os.environ:
        return
    kernels = Path(__file__).parent / "kernels"
    digest = hashlib.sha256(
        b"".join(path.read_bytes() for path in sorted(kernels.rglob("*.py")))
    ).hexdigest()[:16]
    places = [kernels / "__pycache__"]
    with suppress(RuntimeError):  # a user without a home
        user = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        if user.parent.is_dir():
            places.insert(0, user / "gridagora")
    for place in places:
        above = next(each for each in (place, *place.parents) if each.exists())
        if os.access(above, os.W_OK):
            os.environ["NUMBA_CACHE_DIR"] = str(place / f"kernels-{digest}")
            return
    own = Path(tempfile.mkdtemp(prefix=TEMPORARY)) / f"kernels-{digest}"
    atexit.register(shutil.rmtree, own.parent, ignore_errors=True)
    built = next((each / own.name for each in places if (each / own.name).is_dir()), own)
    for kernel in built.rglob("*.nb?"):
        place = own / kernel.relative_to(built)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(kernel)
    os.environ["NUMBA_CACHE_DIR"] = str(own)


def __getattr__(name: str) -> Any:
    """Import a public name on its first use."""
    if name not in _PLACES:
        raise AttributeError(f"module 'gridagora' has no attribute '{name}'")
    module, attribute = _PLACES[name]
    value = getattr(importlib.import_module(f"gridagora.{module}"), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)


_give_compiler_a_folder()
