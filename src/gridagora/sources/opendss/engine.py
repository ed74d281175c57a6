"""OpenDSS itself: an engine of our own for one script, its errors as sentences, and no file left behind."""

import re
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gridagora.core.errors import InputError, Problem
from gridagora.sources.opendss.opened import without_open

REFERS = re.compile(
    r"^\s*(redirect|compile|buscoords)\s+(?:\"([^\"]+)\"|'([^']+)'|\(([^)]+)\)|\[([^\]]+)\]|([^!\s]+))",
    re.IGNORECASE,
)
WRITES = re.compile(r"^\s*(save|show|export|plot|visualize|closedi|dump)\b", re.IGNORECASE)
OPENS = re.compile(r"^\s*open\b.*\bload\.", re.IGNORECASE)
SOLVES = re.compile(r"^\s*solve\b", re.IGNORECASE)
GOES_ON = re.compile(r"^\s*(~|more\b)", re.IGNORECASE)
NUMBER = re.compile(r"\(#(\d+)\)")
PLACE = re.compile(r"\[file: \"([^\"]+)\", line: (\d+)\]")
NAMED = re.compile(r"definition: \"([^\"]+)\"")
IN_MEMORY = "<user-provided string>"  # how OpenDSS calls lines that are no file
DUPLICATE, UNSETTLED = (
    266,
    485,
)  # numbers of OpenDSS's messages: an element defined again, controls that do not settle
TRIES = 50  # elements defined again that are mended before the script is refused
Scripts = dict[
    Path, list[str]
]  # the lines of every script, in the order in which the engine meets them


def require_engine(path: Path) -> None:
    """Refuse a script where OpenDSS is not installed: its engine is an extra, since it is large and most runs need none.

    Raises
    ------
    InputError
        OpenDSS that is not installed, and the command that installs it.
    """
    if find_spec("dss") is None:
        hint = "pip install 'gridagora[opendss]'; from a clone: pip install '.[opendss]'"
        raise InputError([Problem(str(path), "no OpenDSS installed", "the extra 'opendss'", hint)])


def fault_type() -> type[Exception]:
    """Return the exception that the engine raises."""
    from dss import DSSException  # noqa: PLC0415  the engine is heavy and not every run needs it

    kind: type[Exception] = DSSException
    return kind


def number(fault: Exception) -> int:
    """Return the number of a message of OpenDSS, 0 where it has none."""
    found = NUMBER.search(str(fault))
    return int(found[1]) if found else 0


@contextmanager
def running() -> Iterator[Any]:
    """Yield an engine of our own that opens no editor and whose files go to a folder that vanishes."""
    from dss import DSS  # noqa: PLC0415

    with chdir(Path.cwd()):  # a new engine goes to the folder in which the first one was made
        engine = DSS.NewContext()
    before = engine.AllowChangeDir
    engine.AllowChangeDir = False
    engine.AllowEditor = False
    engine.AllowForms = False
    with TemporaryDirectory(prefix="gridagora-") as folder, chdir(folder):
        engine.Text.Command = f'Set DataPath="{folder}"'
        try:
            yield engine
        finally:
            engine.ClearAll()
            engine.AllowChangeDir = before


def compile_script(engine: Any, path: Path) -> tuple[str, ...]:
    """Let the engine run a master script, and return notes of what it did not take as written.

    Redirect instead of Compile: what the script exports or shows then goes to the engine's own folder.

    Raises
    ------
    InputError
        A missing file, each with the place that names it; an error of the script.
    """
    if not path.is_file():
        raise InputError(
            [
                Problem(
                    str(path),
                    "no such file",
                    "the master script of an OpenDSS model",
                    "Check the path.",
                )
            ]
        )
    scripts, missing = scan_scripts(path.resolve())
    try:
        notes = _run(engine, path.resolve(), scripts)
    except fault_type() as fault:
        if missing and "not found" in str(fault):
            raise InputError(missing) from fault
        hint = "OpenDSS stops at its first error; mend it and try again."
        raise InputError([_problem(path, fault, hint)]) from fault
    _decode(engine)
    return notes


def _run(engine: Any, path: Path, scripts: Scripts) -> tuple[str, ...]:
    """Run a script; where it defines an element twice, edit it the second time, as EPRI's engine does.

    Where its controls do not settle it runs without its own solutions: whoever reads on solves with more iterations.
    """
    changed = {
        script: _with_endings(script, _without(WRITES, lines)) for script, lines in scripts.items()
    }
    opens = any(
        OPENS.match(line) for lines in scripts.values() for line in lines
    )  # then it runs in parts, solutions apart
    changed = {
        script: lines for script, lines in changed.items() if opens or lines != scripts[script]
    }
    again: list[str] = []
    for _ in range(TRIES):
        try:
            _execute(engine, path, scripts, changed)
        except fault_type() as fault:
            name = NAMED.search(str(fault))
            if number(fault) == DUPLICATE and name is not None and name[1].lower() not in again:
                again.append(name[1].lower())
                changed |= _edited(name[1], scripts | changed)
            elif number(fault) == UNSETTLED:
                changed = {
                    script: _without(SOLVES, lines) for script, lines in (scripts | changed).items()
                }
            else:
                raise
            engine.ClearAll()
        else:
            break
    return tuple(
        f"{name} is defined more than once: a later definition edits the one before."
        for name in again
    )


def _execute(engine: Any, script: Path, scripts: Scripts, changed: Scripts) -> None:
    """Run a script as it stands, or the changed lines of it and of those that it leads to."""
    if not _leads(script, scripts, changed):
        engine.Text.Command = f'Redirect "{script}"'
        return
    held: list[str] = []
    for at, line in enumerate([*changed.get(script, scripts[script]), None], 1):
        target = None if line is None else target_of(script, line)
        inner = target is not None and target in scripts and _leads(target, scripts, changed)
        solves = line is not None and SOLVES.match(line) is not None
        if line is not None and not inner and not solves:
            held.append(line)
            continue
        _command(engine, script, at - len(held) - 1, held)
        held = []
        if inner and target is not None:
            _execute(engine, target, scripts, changed)
        elif solves and line is not None:
            with without_open(engine):
                _command(engine, script, at - 1, [line])


def _command(engine: Any, script: Path, before: int, lines: list[str]) -> None:
    """Run lines of a script from its folder; `before` lines precede them, so that a fault tells the line of the file."""
    if not any(line.strip() for line in lines):
        return
    try:
        with chdir(script.parent):
            engine.Text.Commands("\n".join([""] * before + lines).encode("latin-1"))
    except fault_type() as fault:
        code, said = fault.args
        raise fault_type()(code, str(said).replace(IN_MEMORY, str(script))) from fault


def _leads(script: Path, scripts: Scripts, changed: Scripts) -> bool:
    """Whether a script or one that it leads to is changed."""
    if script in changed:
        return True
    onward = {
        target
        for line in scripts[script]
        if (target := target_of(script, line)) is not None and target != script
    }
    return any(_leads(target, scripts, changed) for target in onward if target in scripts)


def _without(what: re.Pattern[str], lines: list[str]) -> list[str]:
    """Lines without the commands that match, continuations included."""
    kept, inside = [], False
    for line in lines:
        inside = bool(what.match(line)) or (inside and bool(GOES_ON.match(line)))
        kept.append("" if inside else line)
    return kept


def _with_endings(script: Path, lines: list[str]) -> list[str]:
    """Lines in which a file named without its ending .dss has it, as EPRI's engine takes it."""
    ended = []
    for line in lines:
        target = target_of(script, line)
        short = target is not None and target.stem == Path(_name(line).replace("\\", "/")).name
        ended.append(f'{line.split(maxsplit=1)[0]} "{target}"' if short else line)
    return ended


def _edited(name: str, scripts: Scripts) -> Scripts:
    """Scripts in which every definition of an element but the first is an edit."""
    defines = re.compile(
        rf"^(\s*)new(\s+)(?:object\s*=\s*)?[\"']?{re.escape(name)}[\"']?(?=[\s,]|$)", re.IGNORECASE
    )
    first, found = True, {}
    for script, lines in scripts.items():
        mended = []
        for line in lines:
            hit = defines.match(line)
            mended.append(defines.sub(rf"\1Edit\2{name}", line) if hit and not first else line)
            first = first and not hit
        if mended != lines:
            found[script] = mended
    return found


def _problem(path: Path, fault: Exception, hint: str) -> Problem:
    place = PLACE.search(str(fault))
    where = f"{place[1]}, line {place[2]}" if place else str(path)
    said = " ".join(PLACE.sub("", str(fault)).split())
    return Problem(where, f"an error of OpenDSS: {said}", "a script that OpenDSS can read", hint)


def _decode(engine: Any) -> None:
    """Read names as Latin-1 where they are no UTF-8."""
    circuit = engine.ActiveCircuit
    if circuit is None or engine.NumCircuits == 0:
        return
    try:
        _ = circuit.AllElementNames, circuit.AllBusNames
    except UnicodeDecodeError:
        engine._api_util.codec = "latin-1"


def _lines(script: Path) -> list[str]:
    """Lines of a script, with those inside a block comment empty."""
    kept, inside = [], False
    for line in script.read_text(encoding="latin-1").splitlines():
        opens = not inside and line.lstrip().startswith("/*")
        kept.append("" if inside or opens else line)
        inside = (inside or opens) and "*/" not in line
    return kept


def scan_scripts(path: Path) -> tuple[Scripts, list[Problem]]:
    """Return the scripts that a master script leads to, and every file that one of them names and that is not there.

    Only the engine decides what is read; this names all missing files at once where it stops at the first.
    """
    problems: list[Problem] = []
    scripts: Scripts = {}

    def visit(script: Path) -> None:
        scripts[script] = _lines(script)
        for at, line in enumerate(scripts[script], 1):
            match = REFERS.match(line)
            if match is None:
                continue
            target = target_of(script, line)
            if target is None:
                looked = f"Looked for {script.parent / _name(line)}."
                problems.append(
                    Problem(
                        f"{script}, line {at}",
                        f"{match[1]} {_name(line)}",
                        "a file that exists",
                        looked,
                    )
                )
            elif match[1].lower() != "buscoords" and target not in scripts:
                visit(target)

    visit(path)
    return scripts, problems


def _name(line: str) -> str:
    """Return the file that a line names."""
    match = REFERS.match(line)
    return "" if match is None else next(group for group in match.groups()[1:] if group).strip()


def target_of(script: Path, line: str) -> Path | None:
    """Return the file that a line leads to, None where there is none or it does not exist."""
    if REFERS.match(line) is None:
        return None
    target = script.parent / _name(line).replace("\\", "/")
    return next(
        (file.resolve() for file in (target, Path(f"{target}.dss")) if file.is_file()), None
    )
