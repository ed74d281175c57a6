"""The retail game of prosumers: game, demand, clearing, protocol, certificate, agents."""
