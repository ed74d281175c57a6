"""The certified bound of welfare."""
