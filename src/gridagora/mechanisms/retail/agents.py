"""Prosumers at their seats in the retail game: what they keep to themselves, what they answer, and what is proved of it.

Theory 10.6.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from gridagora.core.agents import Believed, HomeAgents, refuse
from gridagora.core.errors import PartError
from gridagora.core.exchange import Plans, Proposals, Quotes
from gridagora.core.session import Costed
from gridagora.core.tables import Col, Flag, Index
from gridagora.kernels.stores.value import Stores, best_response, rows
from gridagora.mechanisms.retail.certificate import certify_offers
from gridagora.mechanisms.retail.clearing import GameParameters
from gridagora.mechanisms.retail.demand import alternate_signs
from gridagora.mechanisms.retail.protocol import (
    Broadcast,
    Community,
    JoinedDevices,
    PrivateState,
    ProsumerOffer,
    answer_prices,
    answer_together,
    join_devices,
    make_community,
    make_idle_state,
    make_offers,
    settle_state,
)

AT_TARIFF_PER_KWH = 1e-9
DEAR_PER_KWH = 1e-6
LEFT_SHARE = 1e-6  # of the largest quantity sold: an hour that was left
MOST_GAIN = 1e-3  # of profit, before a warning
MOST_UNMET = 0.05  # of what end-users take, before a warning
MOST_TRIED = 0.01  # of profit, before a warning
MOVES_PER_KWH = (0.002, 0.01)


class GameCertificate(NamedTuple):
    """What was proved of one game: what the party who could gain most would gain alone [$].

    `gain_share` is the gain of prosumers over their mean absolute profit. `tariff_hours` are those in which the outside tariff
    holds the retail price down, `loss_hours` those of them in which prosumers serve below the internal price; in `left_hours`
    end-users are taken to buy nothing at any price that pays, and profit may have several peaks. `unmet_share` is
    how far what end-users then planned is from what they were identified to take; `tried_share` is the most that a prosumer would
    have gained by moves of price that were tried on their own devices, over the same profit.
    """

    gain_usd: float
    follower_gain_usd: float
    gain_share: float
    hours: int
    tariff_hours: int
    loss_hours: int
    left_hours: int
    unmet_share: float
    tried_share: float


@dataclass
class GamePlayers:
    """Prosumers of one opening; `community` and `held` change as games are played, and stay None where there is none."""

    net_kw: Col  # (n, h) load of every home without its devices
    told: tuple[Stores, ...]
    home: tuple[Index, ...]  # (r,) the home of each row, table by table
    leads: Flag  # (n,)
    threads: int = 1
    community: Community | None = None
    held: PrivateState = field(default_factory=lambda: PrivateState(np.zeros((0, 0)), ()))

    def hear(self, message: GameParameters | Broadcast) -> ProsumerOffer | None:
        """Sit down where terms are told, and keep what was answered before; answer what is asked.

        Each knows its own devices and the terms.
        """
        if isinstance(message, GameParameters):
            begun, self.community = self.community is not None, seat_players(self, message)
            self.held = settle_state(self.held) if begun else make_idle_state(self.community)
            return None
        if self.community is None:
            return None
        self.held = answer_prices(self.community, message, self.held, self.threads)
        return make_offers(self.community, self.held)


@dataclass(frozen=True)
class ProsumerAgents:
    """Homes that plan as any, and prosumers who also play the retail game; `seats` remember what they answered."""

    homes: HomeAgents
    seats: GamePlayers

    def answer(self, message: Any) -> Plans | Proposals | ProsumerOffer | None:
        """Return plans at quoted prices, or what prosumers answer in the game.

        Raises
        ------
        PartError
            Another message.
        """
        if isinstance(message, Quotes | Costed):
            return self.homes.answer(message)
        if isinstance(message, GameParameters | Broadcast):
            return self.seats.hear(message)
        refuse(message, "Quotes, Costed, Terms, Asked")

    def certify(self, price_per_kwh: Col, p_kw: Col | None) -> GameCertificate | None:
        """Return what is proved of the game of this opening; None where none was played."""
        return None if p_kw is None else certify_game(self.seats, price_per_kwh, p_kw)


def seated(seats: Sequence[GamePlayers]) -> JoinedDevices:
    """Return the devices of all who sit down, in one table a kind.

    Raises
    ------
    PartError
        Seats at which nobody sits.
    """
    return join_devices([_community_of(each) for each in seats])


def hear_together(
    seats: Sequence[GamePlayers], devices: JoinedDevices, asked: Sequence[Broadcast]
) -> list[ProsumerOffer]:
    """Answer prices at the seats of several runs, each as it does alone; `devices` are those of `seated`.

    Raises
    ------
    PartError
        Seats at which nobody sits.
    """
    communities = [_community_of(each) for each in seats]
    before = [each.held for each in seats]
    found = answer_together(devices, communities, asked, before)
    for each, held in zip(seats, found, strict=True):
        each.held = held
    return [make_offers(c, held) for c, held in zip(communities, found, strict=True)]


def _community_of(seats: GamePlayers) -> Community:
    if seats.community is None:
        raise PartError("prices of a game without terms: expected GameParameters before them")
    return seats.community


def make_agents(believed: Believed) -> ProsumerAgents:
    """Return homes and their prosumers at the start of an opening."""
    seats = GamePlayers(
        believed.net_kw, believed.stores, believed.home, believed.is_prosumer, believed.threads
    )
    return ProsumerAgents(HomeAgents(believed), seats)


def seat_players(seats: GamePlayers, c: GameParameters) -> Community:
    """Return the community of the prosumers, who play by the terms."""
    place = np.cumsum(seats.leads) - 1
    own = [seats.leads[home] for home in seats.home]
    tables = tuple(rows(table, keep) for table, keep in zip(seats.told, own, strict=True))
    owner = tuple(place[home[keep]] for home, keep in zip(seats.home, own, strict=True))
    outside = (
        c.buy_per_kwh,
        c.sell_per_kwh,
        c.own_share,
        c.tariff_per_kwh,
        c.limit_kw,
        c.over_per_kwh,
        c.base_kw,
    )
    return make_community(c.end_users, -seats.net_kw[seats.leads], tables, owner, *outside)


def certify_game(seats: GamePlayers, price_per_kwh: Col, p_kw: Col) -> GameCertificate | None:
    """Return what is proved of the game that was played at these seats; None where none was.

    Prosumers who take the price as given are judged by what they would gain if they did not.

    Parameters
    ----------
    price_per_kwh, p_kw
        What every home plans on and plans, shape (n, h) [$/kWh], [kW].
    """
    if seats.community is None or not (~seats.leads).any():
        return None
    c, held = seats.community._replace(own_share=1.0), seats.held
    internal, retail = price_per_kwh[seats.leads][0], price_per_kwh[~seats.leads][0]
    proof = certify_offers(c, held, internal)
    gain = float(max(proof.offer_usd.max(), proof.device_usd.max()))
    follower = max(
        (_left_usd(table, retail, seats.threads) for table in _followers(seats)), default=0.0
    )
    capped = retail >= c.tariff_per_kwh - AT_TARIFF_PER_KWH
    planned, known = p_kw[~seats.leads].sum(0), held.offer_kw.sum(0)
    unmet = float(np.abs(planned - known).sum() / max(float(np.abs(planned).sum()), 1e-9))
    loss, left = (
        capped & (internal > retail + DEAR_PER_KWH),
        known <= LEFT_SHARE * known.max(initial=0.0),
    )
    tried = tried_usd(seats, c, internal, retail) / max(
        float(np.abs(proof.profit_usd).mean()), 1e-9
    )
    return GameCertificate(
        gain,
        follower,
        proof.share,
        len(retail),
        int(capped.sum()),
        int(loss.sum()),
        int(left.sum()),
        unmet,
        tried,
    )


def tried_usd(
    seats: GamePlayers, c: Community, internal_per_kwh: Col, retail_per_kwh: Col
) -> float:
    """Return the most that one prosumer would have gained by a move of the retail price that end-users' devices answer [$].

    It offers what makes the price move, others offer what they did. Tried are `MOVES_PER_KWH` up and down, in all hours and by
    turns, and the internal price; never above the outside tariff. Both prices have shape (T,).
    """
    turns = alternate_signs(len(retail_per_kwh))
    moves = [
        move * way
        for move in MOVES_PER_KWH
        for way in (np.ones_like(turns), -np.ones_like(turns), turns, -turns)
    ]
    others = seats.held.offer_kw[1:].sum(0)
    prices = [retail_per_kwh, internal_per_kwh, *(retail_per_kwh + move for move in moves)]
    kept = [np.minimum(price, c.tariff_per_kwh) for price in prices]
    net_kw, devices = seats.net_kw[~seats.leads].sum(0), _followers(seats)

    def earned_usd(price: Col) -> float:
        taken = [
            best_response(table, price, price, threads=seats.threads).p_kw.sum(0)
            for table in devices
        ]
        return float((price - internal_per_kwh) @ (sum(taken, net_kw) - others))

    earned = [earned_usd(price) for price in kept]
    return max(earned) - earned[0]


def _followers(seats: GamePlayers) -> list[Stores]:
    """Return the devices of end-users, by kind, as far as they have any."""
    own = [~seats.leads[home] for home in seats.home]
    return [rows(table, keep) for table, keep in zip(seats.told, own, strict=True) if keep.any()]


def _left_usd(table: Stores, price_per_kwh: Col, threads: int) -> float:
    """Return what devices leave of their best answer to a price, the largest of all [$]."""
    found = best_response(table, price_per_kwh, price_per_kwh, threads=threads)
    return float((found.cost_usd - found.bound_usd).max())


def summarise_certificates(games: tuple[GameCertificate, ...]) -> dict[str, Any]:
    """Return what an outcome says of the games of a run: the largest gains, nan where none was played."""
    return {
        "leader_gain_usd": max((game.gain_usd for game in games), default=np.nan),
        "leader_gain_share": max((game.gain_share for game in games), default=np.nan),
        "leader_tried_share": max((game.tried_share for game in games), default=np.nan),
        "follower_gain_usd": max((game.follower_gain_usd for game in games), default=np.nan),
    }


def list_warnings(games: tuple[GameCertificate, ...]) -> tuple[str, ...]:
    """Return in words which conditions of a proof did not hold in the games of a run (theory 10.6)."""
    if not games:
        return ()
    hours, capped = sum(g.hours for g in games), sum(g.tariff_hours for g in games)
    loss, left, gain = (
        sum(g.loss_hours for g in games),
        sum(g.left_hours for g in games),
        max(g.gain_share for g in games),
    )
    unmet, tried = max(g.unmet_share for g in games), max(g.tried_share for g in games)
    found = []
    if gain > MOST_GAIN:
        found.append(
            f"rounds were spent before nobody could gain: a prosumer could earn up to {gain:.1%} of its profit more in a day "
            "(raise market.retailer.game_rounds)"
        )
    if left:
        found.append(
            f"in {left} of {hours} hours end-users are taken to buy nothing at any price that pays: their demand is not linear "
            "there, and profit may have several peaks"
        )
    if capped:
        found.append(
            f"in {capped} of {hours} hours end-users answer price so little that the outside tariff, not their demand, "
            "sets the retail price: the result depends on that tariff"
        )
    if loss:
        found.append(f"in {loss} of these hours prosumers serve end-users below the internal price")
    if unmet > MOST_UNMET:
        found.append(
            f"what end-users plan is up to {unmet:.0%} from what they were identified to take"
        )
    if tried > MOST_TRIED:
        found.append(
            "end-users' own devices answer otherwise than the demand they were identified by: a prosumer would have gained up "
            f"to {tried:.1%} of its profit by price moves that were tried on them"
        )
    return tuple(found)
