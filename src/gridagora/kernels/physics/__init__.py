"""Houses, tanks and units, minute by minute."""
