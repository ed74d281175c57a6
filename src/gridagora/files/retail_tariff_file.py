"""A retail tariff of a file: one of one's own (TOML), or one of the Utility Rate Database (JSON)."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from gridagora.core.errors import InputError, Problem
from gridagora.core.retail_tariff import RetailTariff, check_tariff
from gridagora.files.path import require_path
from gridagora.files.tariff_table import read_tariff_table
from gridagora.files.urdb import read_urdb

READERS: Mapping[str, Callable[[Path], RetailTariff]] = MappingProxyType(
    {".toml": read_tariff_table, ".json": read_urdb}
)


def read_tariff(path: str | Path) -> RetailTariff:
    """Read a retail tariff and check it.

    Parameters
    ----------
    path
        A TOML file of the form that docs/how-to/own-tariff.md shows, or a JSON file of one tariff of the Utility Rate Database,
        version 8.

    Raises
    ------
    InputError
        A file that is not there, and everything in it that is wrong or not understood, at once.
    """
    require_path(path, "tariff", "the path of a tariff")
    file = Path(path)
    if file.suffix.lower() not in READERS:
        expected = "a tariff as .toml, or one of the Utility Rate Database as .json"
        raise InputError([Problem("tariff", f"'{path}'", expected)])
    if not file.is_file():
        raise InputError([Problem("tariff", f"'{path}'", "a file that exists")])
    tariff = READERS[file.suffix.lower()](file)
    if problems := check_tariff(tariff, str(path)):
        raise InputError(problems)
    return tariff
