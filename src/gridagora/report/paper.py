"""What a report is printed on."""

from enum import StrEnum


class Paper(StrEnum):
    """A sheet: of ISO 216, or of ANSI/ASME Y14.1 (A)."""

    A4 = "a4"
    LETTER = "letter"

    @property
    def size_mm(self) -> tuple[float, float]:
        """Width and height [mm]."""
        return (210.0, 297.0) if self is Paper.A4 else (215.9, 279.4)
