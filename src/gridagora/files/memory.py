"""How much memory this process may still take."""

from pathlib import Path

MEMINFO = Path("/proc/meminfo")
GROUP = Path("/sys/fs/cgroup")  # limits of a container
KIB = 1024


def available_bytes(meminfo: Path = MEMINFO, group: Path = GROUP) -> int | None:
    """Return the memory that is free or can be freed [B], of the machine or within its container; None where nobody says."""
    try:
        lines = dict(line.split(":", 1) for line in meminfo.read_text("ascii").splitlines())
        free = int(lines["MemAvailable"].split()[0]) * KIB
    except (OSError, KeyError, ValueError):
        return None
    try:
        most, held = (
            (group / name).read_text("ascii") for name in ("memory.max", "memory.current")
        )
        return min(free, max(0, int(most) - int(held)))
    except (OSError, ValueError):  # no container, or one without a limit
        return free
