"""Homes and what they own: equipment, houses, sun, quality of service."""
