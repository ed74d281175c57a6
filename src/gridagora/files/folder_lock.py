"""One writer a folder: a lock that ends with its process, however that ends."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gridagora.core.errors import InputError, Problem

try:
    from fcntl import LOCK_EX, LOCK_NB, flock
except ImportError:  # no POSIX system: nothing is locked there
    flock = None  # type: ignore[assignment]

LOCK = "folder.lock"


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Hold a folder that only one run may write to; where a file system knows no locks, nothing is held.

    Raises
    ------
    InputError
        Another run holds it.
    """
    with (folder / LOCK).open("ab") as file:
        try:
            if flock is not None:
                flock(file, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            hint = "Wait until it has ended and run this again, or name a new folder."
            got = "a folder that another run is writing to"
            raise InputError([Problem(str(folder), got, "one run at a time", hint)]) from None
        except OSError:  # no locks here
            pass
        yield
