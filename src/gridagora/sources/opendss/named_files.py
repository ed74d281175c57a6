"""The files that an OpenDSS script leads to: scripts, coordinates of buses, and the figures that lines name by `file=`."""

import re
from pathlib import Path

from gridagora.sources.opendss.engine import scan_scripts, target_of

FIGURES = re.compile(
    r"\b\w*file\s*=\s*(?:\"([^\"]+)\"|'([^']+)'|\[([^\]]+)\]|([^\s,;)|\]]+))", re.IGNORECASE
)
REMARK = re.compile(r"!|(?<!:)//")


def list_files(path: Path) -> tuple[Path, ...]:
    """Return a master script and every file that it leads to and that is there, by absolute path, each once."""
    scripts, _ = scan_scripts(path.resolve())
    found: dict[Path, None] = {}
    for script, lines in scripts.items():
        found[script] = None
        for line in lines:
            target = target_of(script, line)
            named = [] if target is None else [target]
            if "file" in line.lower():
                named += _figures(script, REMARK.split(line, maxsplit=1)[0])
            found |= dict.fromkeys(named)
    return tuple(found)


def _figures(script: Path, line: str) -> list[Path]:
    """Return the files of figures that a line names and that are there."""
    texts = [next(text for text in match.groups() if text) for match in FIGURES.finditer(line)]
    paths = [(script.parent / text.strip().replace("\\", "/")).resolve() for text in texts]
    return [path for path in paths if path.is_file()]
