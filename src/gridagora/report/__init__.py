"""Reports of a finished comparison: one table, the figures, and one page that needs no network."""
