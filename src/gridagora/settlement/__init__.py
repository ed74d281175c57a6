"""Parties, ledger and tariffs."""
