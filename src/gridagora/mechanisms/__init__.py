"""Mechanisms that markets share: layers, trade graphs, reactive power."""
