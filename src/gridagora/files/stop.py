"""What a run that ends early says of what it keeps."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

NOTHING = (
    "Nothing of this run is kept and the same command starts again; "
    "a result that was there before is as it was."
)


@contextmanager
def note_on_stop(told: Callable[[], str]) -> Iterator[None]:
    """Add a note on what is kept, and where, to a stop from the keyboard and to a fault of a file, such as a full disk."""
    try:
        yield
    except (KeyboardInterrupt, OSError) as fault:
        fault.add_note(told())
        raise


def spell_progress(done: int, total: int, what: str, folder: Path | None) -> str:
    """Return in one sentence what a study keeps of its cases, `what` by name, in a folder; nothing without one."""
    if folder is None:
        return NOTHING
    return (
        f"{done} of {total} {what} are kept in {folder}; the same command goes on with the others."
    )


def kept_of(fault: BaseException) -> str:
    """Return the notes on what is kept that a fault carries, empty where it has none."""
    return " ".join(getattr(fault, "__notes__", ()))
