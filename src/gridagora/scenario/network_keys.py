"""`[network]`: what the network operator charges where a market asks it."""

from typing import Literal

from pydantic import Field

from gridagora.scenario.table_model import Table


class NetworkKeys(Table):
    """`[network]`: soft limits of the network for designs that clear with them, and what is charged beyond."""

    voltage_low_pu: float | None = Field(
        None,
        ge=0.5,
        lt=1.0,
        description="lowest voltage that the network operator plans for, of nominal voltage; left out: that of "
        "`[feeder] voltage_band`, to which metrics hold homes in any case [pu]",
    )
    voltage_high_pu: float | None = Field(
        None,
        gt=1.0,
        le=1.5,
        description="highest voltage that it plans for, of nominal voltage; left out: that of `[feeder] voltage_band` [pu]",
    )
    voltage_over_per_pu_h: float | None = Field(
        None,
        ge=0.0,
        le=1e6,
        description="cost of a node one unit outside the voltage band for an hour; left out: 1,000 kWh above the limit of the "
        "substation, for a kW moves a service of 25 kVA by some 0.001 [$/pu/h]",
    )
    rating_over_per_kvah: float | None = Field(
        None,
        ge=0.0,
        le=100.0,
        description="cost of energy above the rating of a line or transformer; left out: that above the limit of the "
        "substation [$/kVAh]",
    )
    envelopes: Literal["substation", "feeder"] = Field(
        "substation",
        description='what operating envelopes of homes keep, under designs with `network = "envelope"`: the limit of the '
        "substation, by limits of import; or the voltages and ratings of the whole feeder as well, by limits of import and "
        "export that hold in every interval",
    )
    connection_kw: float = Field(
        24.0,
        gt=0.0,
        le=1000.0,
        description="power that an operating envelope of the feeder leaves a home at most, either way; 24 kW are a service "
        "of 100 A at 240 V, the least of a house by NEC 230.79 [kW]",
    )
    firm_share: float = Field(
        1.0,
        ge=0.0,
        le=1.0,
        description="part of an operating envelope of the feeder that a home has for nothing; the rest is a second tier, of "
        "which it buys at midnight what it plans to use in each hour [share]",
    )
    tier_per_kwh: float = Field(
        0.0,
        ge=0.0,
        le=100.0,
        description="what a kW of the second tier costs for an hour, whether it is used or not [$/kWh]",
    )
    losses: Literal["none", "averaged", "marginal"] = Field(
        "averaged",
        description="who pays for the energy that the network loses, at the wholesale price: the wires, all customers by what "
        "they withdraw in the same interval, or each the loss part of its nodal price, with what that leaves over returned by "
        "what they withdraw. Nodal fees hold the loss part too, but for the last case",
    )
    nodal_prices: bool = Field(
        False,
        description="whether a result keeps nodal prices of active and reactive power, their mean at every home in every hour",
    )
