"""Tables with a time axis as data sets of xarray, an extra, with the sentence that stands for it where it is not installed."""

import importlib
from collections.abc import Mapping
from typing import Any

from gridagora.core.errors import InputError, Problem

UNITS = (
    ("_usd_per_kwh", "$/kWh"),
    ("_per_kwh", "$/kWh"),
    ("_w_m2", "W/m2"),
    ("_m_s", "m/s"),
    ("_kwh_k", "kWh/K"),
    ("_kw_k", "kW/K"),
    ("_kwh", "kWh"),
    ("_kvar", "kvar"),
    ("_kva", "kVA"),
    ("_kw", "kW"),
    ("_usd", "$"),
    ("_degc", "degC"),
    ("_deg", "deg"),
    ("_pu", "pu"),
    ("_share", "1"),
)  # by the end of a name, longer ones first


def data_set(
    columns: Mapping[str, tuple[tuple[str, ...], Any]],
    coordinates: Mapping[str, Any],
    about: Mapping[str, str],
) -> Any:
    """Return an `xarray.Dataset` of columns, each with the names of its dimensions and its values; units are attributes.

    Raises
    ------
    InputError
        xarray is not installed, with the command that installs it.
    """
    try:
        xarray = importlib.import_module("xarray")
    except ImportError:
        raise InputError(
            [
                Problem(
                    "xarray()",
                    "no package xarray",
                    "xarray, an extra of gridagora",
                    "Install it: pip install 'gridagora[xarray]'; frame() needs none.",
                )
            ]
        ) from None
    variables = {
        name: (dims, values, {"units": unit} if (unit := unit_of(name)) else {})
        for name, (dims, values) in columns.items()
    }
    return xarray.Dataset(variables, dict(coordinates), dict(about))


def unit_of(name: str) -> str:
    """Return the unit that the name of a column ends in, or nothing."""
    return next((unit for end, unit in UNITS if f"_{name}".endswith(end)), "")
