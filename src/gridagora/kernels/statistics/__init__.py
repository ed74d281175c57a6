"""Statistics of many draws, compiled."""
