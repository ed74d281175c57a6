"""Parties as processes of their own, that hear nothing of each other but prices and offers."""
