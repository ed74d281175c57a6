"""Stores of energy: value functions and bid curves."""
