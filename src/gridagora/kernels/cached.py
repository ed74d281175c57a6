"""Where compiled kernels lie: by what they are made of and not by where the package is, so that installations share them."""

from __future__ import annotations

import re

import numba
from numba.core import config
from numba.core.caching import UserProvidedCacheLocator

KERNELS = __file__.removesuffix("cached.py")
OWN = re.compile(r".*[/\\]kernels-[0-9a-f]{16}")  # a folder that `gridagora` chose
OTHERS = "UserProvidedCacheLocator,InTreeCacheLocator,UserWideCacheLocator,IPythonCacheLocator,ZipCacheLocator"


class SharedLocator(UserProvidedCacheLocator):  # type: ignore[misc]
    """Place of the compiled form of one kernel: compiler and family, below a folder whose name tells the state of all sources.

    References
    ----------
    Numba, notes on caching, https://numba.readthedocs.io/en/stable/developer/caching.html
    """

    @classmethod
    def get_suitable_cache_subpath(cls, py_file: str) -> str:
        """Return the folder for kernels of a file."""
        family = py_file.removeprefix(KERNELS).replace("\\", "/").rpartition("/")[0]
        return f"numba-{numba.__version__}/{family}"

    @classmethod
    def from_function(cls, py_func: object, py_file: str) -> SharedLocator | None:
        """Return the place of a kernel of ours in a folder of ours; None for any other, which others find."""
        if not OWN.fullmatch(config.CACHE_DIR) or not py_file.startswith(KERNELS):
            return None
        found: SharedLocator | None = super().from_function(py_func, py_file)
        return found


def share_compiled() -> None:
    """Let the compiler of this process look for our kernels there first."""
    if not getattr(config, "CACHE_LOCATOR_CLASSES", None):
        config.CACHE_LOCATOR_CLASSES = f"{__name__}.{SharedLocator.__name__},{OTHERS}"
