"""Compiled kernels: arrays in, arrays out."""

from gridagora.kernels.cached import share_compiled

share_compiled()
