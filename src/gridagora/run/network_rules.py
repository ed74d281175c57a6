"""What the network operator of a scene holds voltages and ratings to, and what it charges beyond."""

from gridagora.core.network_operator import NetworkRules, RowPrices
from gridagora.core.tables import Col
from gridagora.grid.limits import RANGE_A_PU
from gridagora.grid.nominal import EN_50160, nominal_pu
from gridagora.run.loss_charges import MARGINAL
from gridagora.run.nodal_prices import PriceTerms
from gridagora.scenario.build import Scene
from gridagora.scenario.overload import price_overload

EN_50160_SHARE = (0.9, 1.1)  # of nominal voltage, in 95 % of a week
# A service transformer of 25 kVA with an impedance of 2.5 % moves the voltage of its meters by 0.001 pu for every kW.
KWH_PER_PU_H = 1000.0


def hold_network(scene: Scene) -> NetworkRules:
    """Return the rules of a scene: its band, and prices as stated or such as a kWh beyond the substation's limit has.

    References
    ----------
    Impedances of distribution transformers: IEEE C57.12.20, 25 kVA and less some 1.5 to 3 %.
    """
    keys, over = scene.scenario.network, price_overload(scene.scenario.substation).value
    (low, high), nominal = RANGE_A_PU, 1.0
    if scene.scenario.feeder.voltage_band == EN_50160 and len(scene.home_meter):
        (low, high), nominal = EN_50160_SHARE, float(nominal_pu(scene.feeder, scene.home_meter)[0])
    low = low if keys.voltage_low_pu is None else keys.voltage_low_pu
    high = high if keys.voltage_high_pu is None else keys.voltage_high_pu
    volts, rated = keys.voltage_over_per_pu_h, keys.rating_over_per_kvah
    prices = RowPrices(
        KWH_PER_PU_H * over if volts is None else volts, over if rated is None else rated
    )
    return NetworkRules(
        (low * nominal, high * nominal),
        prices,
        keys.envelopes,
        keys.connection_kw,
        keys.losses != MARGINAL,
        keys.firm_share,
        keys.tier_per_kwh,
    )


def wanted_prices(scene: Scene, wholesale_per_kwh: Col) -> PriceTerms | None:
    """Return what a scene wants of nodal prices, given that of energy at the substation (t,) [$/kWh]; None for nothing."""
    keys = scene.scenario.network
    charges_losses = keys.losses == MARGINAL
    if not (keys.nodal_prices or charges_losses):
        return None
    rules = hold_network(scene)
    return PriceTerms(wholesale_per_kwh, rules, keys.nodal_prices, charges_losses)
