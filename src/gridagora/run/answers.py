"""What the parties of several runs answer in a look-ahead: best responses of all who are asked alike go in one call."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gridagora.core.agents import Believed, HomeAgents, answer_together
from gridagora.core.exchange import Quotes
from gridagora.core.ports import Agents
from gridagora.core.session import Costed
from gridagora.mechanisms.retail.agents import GamePlayers, ProsumerAgents, hear_together, seated
from gridagora.mechanisms.retail.protocol import Broadcast, JoinedDevices

Runs = tuple[int, ...]


@dataclass
class PartiesInStep:
    """The parties of an opening in every run, made when the design of a run first asks.

    What was joined for some runs is kept until others ask: sessions of a design ask alike, and end one by one.
    """

    make: Callable[[int], Agents]
    believe: Callable[[Runs], Believed]  # what homes of some runs believe, run by run
    agents: dict[int, Agents] = field(default_factory=dict)
    believed: dict[Runs, Believed] = field(default_factory=dict)
    devices: dict[Runs, JoinedDevices] = field(default_factory=dict)

    def answer(self, asked: Mapping[int, Any]) -> dict[int, Any]:
        """Return answers to the runs that can be answered together; rounds of a game go first, and what else is asked waits."""
        for run in asked:
            if run not in self.agents:
                self.agents[run] = self.make(run)
        rounds = {run: self._seats(run, message) for run, message in asked.items()}
        playing = {run: seats for run, seats in rounds.items() if seats is not None}
        if playing:
            return self._play(playing, [asked[run] for run in playing])
        quoted = [run for run, message in asked.items() if self._responds(run, message)]
        found = self._respond(tuple(quoted), [asked[run] for run in quoted])
        others = (run for run in asked if run not in found)
        return found | {run: self.agents[run].answer(asked[run]) for run in others}

    def _seats(self, run: int, message: object) -> GamePlayers | None:
        """Return who plays the round that is asked; None where it is none."""
        own = self.agents[run]
        if not isinstance(message, Broadcast) or not isinstance(own, ProsumerAgents):
            return None
        return None if own.seats.community is None else own.seats

    def _play(self, seats: Mapping[int, GamePlayers], asked: Sequence[Broadcast]) -> dict[int, Any]:
        runs = tuple(seats)
        if len(runs) == 1:
            return {run: self.agents[run].answer(asked[0]) for run in runs}
        if runs not in self.devices:
            self.devices = {runs: seated(list(seats.values()))}
        answers = hear_together(list(seats.values()), self.devices[runs], asked)
        return dict(zip(runs, answers, strict=True))

    def _responds(self, run: int, message: object) -> bool:
        """Return whether the answer is the best response of homes."""
        homes = isinstance(self.agents[run], (HomeAgents, ProsumerAgents))
        return homes and isinstance(message, (Quotes, Costed))

    def _respond(self, runs: Runs, asked: Sequence[Quotes | Costed]) -> dict[int, Any]:
        if len(runs) < 2:
            return {}
        if runs not in self.believed:
            self.believed = {runs: self.believe(runs)}
        answers = answer_together(asked, self.believed[runs])
        return dict(zip(runs, answers, strict=True))
