"""Which homes take part in designs and which act by hand, in words."""

from gridagora.scenario.build import Scene
from gridagora.scenario.schema import SLACK, HomeShares

EVERYBODY = HomeShares(1.0, 0.0)


def spell_shares(scene: Scene) -> str:
    """Return in words which homes take part in the designs of a scene, and which act by hand; nothing where all take part."""
    keys = scene.scenario
    usual, told = keys.homes.shares, [_spell(keys.homes.shares)]
    shares = {name: keys.shares_of(name) for name in keys.compared}
    own = {name: each for name, each in shares.items() if each != usual}
    told += [f"under '{name}' {_spell(each)}" for name, each in own.items()]
    if not own and usual == EVERYBODY:
        return ""
    acting = [name for name, each in shares.items() if each.by_hand > 0]
    if acting and not any(scene.market(name).rules.posts_windows for name in acting):
        told.append(
            "no design that they live under posts dear windows, so who acts by hand does nothing"
        )
    return "; ".join(told)


def _spell(shares: HomeShares) -> str:
    if shares == EVERYBODY:
        return "all homes take part"
    said = f"{shares.automated:.0%} of homes take part"
    if shares.by_hand > 0:
        said += f", {shares.by_hand:.0%} act by hand in dear windows"
    idle = 1 - shares.automated - shares.by_hand > SLACK
    return f"{said}, the others keep to their switches" if idle else said
