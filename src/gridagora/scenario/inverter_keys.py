"""`[inverters]`: what the inverters of solar panels and batteries do with the voltage at their meter."""

from typing import Annotated, Literal

from pydantic import Field

from gridagora.core.inverters import STANDARDS, FollowedRule, InverterRule, VoltCurve
from gridagora.scenario.table_model import Table

Voltage = Annotated[float, Field(gt=0.0, le=2.0)]  # of a curve [pu]


class InverterKeys(Table):
    """`[inverters]`: what the inverters of solar panels do with the voltage at their meter."""

    follow: Literal["unity", "volt_var", "volt_var_watt"] = Field(
        "unity",
        description="unity power factor whatever the voltage, reactive power by volt-var, or that and active power by volt-watt",
    )
    standard: Literal["ieee1547_b", "rule21"] = Field(
        "ieee1547_b",
        description="whose curves they follow: IEEE 1547-2018 category B, or California Rule 21",
    )
    volt_var_pu: tuple[Voltage, ...] = Field(
        (),
        strict=False,
        description="voltages of a volt-var curve of one's own, rising; left out: the curve of the standard [pu]",
    )
    volt_var_share: tuple[Annotated[float, Field(ge=-1.0, le=1.0)], ...] = Field(
        (),
        strict=False,
        description="reactive power given at these voltages, of the rated apparent power, not rising [share]",
    )
    volt_watt_pu: tuple[Voltage, ...] = Field(
        (),
        strict=False,
        description="voltages of a volt-watt curve of one's own, rising; left out: the curve of the standard [pu]",
    )
    volt_watt_share: tuple[Annotated[float, Field(ge=0.0, le=1.0)], ...] = Field(
        (),
        strict=False,
        description="most active power at these voltages, of the rated, not rising [share]",
    )
    priority: Literal["var", "watt"] = Field(
        "var",
        description="which power stays where both are beyond the rating: reactive, as both standards have it, or active",
    )
    rating_ratio: float = Field(
        1.0,
        ge=1.0,
        le=2.0,
        description="rated apparent power of an inverter over the largest output of its panels",
    )
    storage: bool = Field(
        False,
        description="whether inverters of batteries follow volt-var too, within what their active power leaves of the rating; "
        "volt-watt is for panels alone",
    )


def rule_of(keys: InverterKeys) -> FollowedRule | None:
    """Return what inverters follow; None at unity power factor."""
    if keys.follow == "unity":
        return None
    return _rule(keys, cuts=keys.follow == "volt_var_watt")


def volt_var_of(keys: InverterKeys) -> FollowedRule:
    """Return the volt-var that inverters would follow, whatever they do follow."""
    return _rule(keys, cuts=False)


def _rule(keys: InverterKeys, *, cuts: bool) -> FollowedRule:
    var, watt = STANDARDS[keys.standard][:2]
    if keys.volt_var_pu or keys.volt_var_share:
        var = VoltCurve(keys.volt_var_pu, keys.volt_var_share)
    if keys.volt_watt_pu or keys.volt_watt_share:
        watt = VoltCurve(keys.volt_watt_pu, keys.volt_watt_share)
    return FollowedRule(
        InverterRule(var, watt if cuts else None, keys.priority == "var"),
        keys.rating_ratio,
        keys.storage,
    )
