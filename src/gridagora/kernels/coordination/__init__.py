"""Coordination by prices: bundle, consensus, books."""
