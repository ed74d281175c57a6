"""One file for each program that ours is measured beside; `run(site)` returns the rows of the table."""
