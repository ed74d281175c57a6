"""Plugins: modules and files from outside the package whose parts a scenario uses. Importing one runs the code of its author.

A scenario names them under `[plugins]`; an installed package offers its own by the entry-point group `gridagora.parts`. A module
is imported once for the process, as Python does. A file is compiled from the very bytes that its digest is of, so that the
digest in the manifest is that of the code that ran; its parts are known only to scenarios that name it.
"""

import importlib
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

from gridagora.core import registry
from gridagora.core.errors import FAULTS, InputError, Problem, describe_error
from gridagora.core.registry import ROOMS, Entry
from gridagora.scenario import fit

GROUP = "gridagora.parts"
PREFIX = "gridagora_plugin_"  # of the module that a plugin file becomes
OFF = "Uninstall or repair it, or leave installed plugins out: installed = false in [plugins]."
ALONE = "A plugin file stands alone; of several files make a package, install it, and name it in modules."


@dataclass(frozen=True)
class Plugin:
    """A plugin to import: a module by its name, or a file; `where` names who asks for it.

    `digest` is the SHA-256 of a file, empty for a module.
    """

    module: str
    where: str
    file: str = ""
    package: str = ""  # distribution that offers it, with version; empty where a scenario names it
    digest: str = ""

    @property
    def label(self) -> str:
        """Name for people: the file, or the module and its package."""
        if self.file:
            return Path(self.file).name
        return f"{self.module} ({self.package})" if self.package else self.module


def find_plugins(
    keys: Any, folder: Path, where: Callable[[str], str], problems: list[Problem]
) -> list[Plugin]:
    """Return the plugins that the keys of `[plugins]` and the installed packages name; nothing is imported.

    Parameters
    ----------
    keys
        `scenario.schema.PluginsKeys`.
    folder
        Where relative files start.
    where
        Gives the place of a key, as messages show it.
    problems
        A file that is not there and a word that is no module are added.
    """
    found = [_of_file(text, folder, where("files"), problems) for text in keys.files]
    found += [_of_module(name, where("modules"), problems) for name in keys.modules]
    if keys.installed:
        found += installed()
    return list(
        {plugin.module: plugin for plugin in reversed(found) if plugin is not None}.values()
    )[::-1]


def installed() -> list[Plugin]:
    """Return what installed packages offer under `gridagora.parts`; nothing is imported."""
    offered = sorted(metadata.entry_points(group=GROUP), key=lambda each: (each.module, each.name))
    return [
        Plugin(
            each.module, f"entry point '{each.name}' of {_package(each)}", package=_package(each)
        )
        for each in offered
    ]


def load(plugins: Sequence[Plugin]) -> None:
    """Import plugins and make their parts known, after a check of every part.

    Raises
    ------
    InputError
        Every plugin that cannot be imported or registers nothing, every name claimed twice, every part that does not fit.
    """
    for kind in ROOMS:
        registry.entries(
            kind
        )  # the parts of the package first: what appears from now on is a plugin's
    problems: list[Problem] = []
    own: dict[tuple[str, str, str], tuple[Entry, Plugin]] = {}
    for plugin in plugins:
        own |= {entry[:3]: (entry, plugin) for entry in _import(plugin, problems)}
    show(plugins)
    problems += [problem for kind in ROOMS for problem in _named(registry.clashes(kind), plugins)]
    problems += [
        Problem(
            f"{kind} '{name}' of {plugin.label}",
            "a name that it registers twice",
            "one part of each name",
            "Give one of them another name.",
        )
        for plugin in plugins
        for kind, name in registry.registered_twice(plugin.module)
    ]
    problems += [
        problem for entry, plugin in own.values() for problem in fit.problems(entry, plugin.label)
    ]
    if problems:
        for entry, _ in own.values():
            registry.forget(entry.module)
        for plugin in plugins:
            _drop(plugin)
        raise InputError(dict.fromkeys(problems))


def use(plugins: Sequence[Plugin]) -> None:
    """Make the parts of these plugins known, and of no other plugin file; import what this process has not imported.

    Raises
    ------
    InputError
        A file that changed since the scenario was read, or cannot be imported here.
    """
    absent = [plugin for plugin in plugins if plugin.module not in sys.modules]
    changed = [plugin for plugin in absent if plugin.file and not _unchanged(plugin)]
    if changed:
        hint = "Read the scenario again."
        raise InputError(
            [
                Problem(each.where, f"{each.label}, changed since", "the file as it was read", hint)
                for each in changed
            ]
        )
    if absent:
        load(plugins)
    show(plugins)


def show(plugins: Sequence[Plugin]) -> None:
    """Make the parts of these plugin files known, and of no other file."""
    used = {plugin.module for plugin in plugins}
    registry.set_aside(
        [name for name in registry.modules() if name.startswith(PREFIX) and name not in used]
    )


def described(plugins: Sequence[Plugin]) -> list[dict[str, Any]]:
    """Return one entry a module outside the package that offers parts: what it is, what it registers, which version it is."""
    by_module = {plugin.module: plugin for plugin in plugins}
    parts: dict[str, list[str]] = {}
    for entry in outside():
        parts.setdefault(entry.module, []).append(f"{entry.kind} {entry.name}")
    return [
        _described(name, by_module.get(name, Plugin(name, "")), each)
        for name, each in sorted(parts.items())
    ]


def outside() -> list[Entry]:
    """Return every known part that is none of the package, by kind and name."""
    return [entry for kind in ROOMS for entry in registry.entries(kind) if entry.outside]


def origin(entry: Entry, plugins: Sequence[Plugin]) -> str:
    """Return where a part comes from, in words; nothing for one of the package."""
    if not entry.outside:
        return ""
    near = [
        each
        for each in plugins
        if entry.module == each.module or entry.module.startswith(f"{each.module}.")
    ]
    return near[0].label if near else entry.module


def blamed(said: str, market: str, strategy: str, plugins: Sequence[Plugin]) -> str:
    """Return what a fault of a run says, with the design and the strategy named where they come from outside."""
    parts = [
        entry
        for entry in outside()
        if (entry.kind, entry.name) in {("market", market), ("strategy", strategy)}
    ]
    named = ", ".join(f"{entry.kind} '{entry.name}' of {origin(entry, plugins)}" for entry in parts)
    return f"{said} [{named}]" if named else said


def _of_file(text: str, folder: Path, where: str, problems: list[Problem]) -> Plugin | None:
    path = (folder / text).resolve()
    if path.suffix != ".py":
        problems.append(
            Problem(
                where,
                f"'{text}'",
                "a Python file, ending in .py",
                "A module by its name goes into modules.",
            )
        )
        return None
    try:
        content = path.read_bytes()
    except OSError as fault:
        problems.append(
            Problem(where, f"'{text}'", "a file that can be read", f"{fault.strerror}: {path}")
        )
        return None
    digest = sha256(content).hexdigest()
    return Plugin(_module_of(path, digest), where, str(path), digest=digest)


def _of_module(name: str, where: str, problems: list[Problem]) -> Plugin | None:
    if all(word.isidentifier() for word in name.split(".")):
        return Plugin(name, where)
    problems.append(
        Problem(
            where,
            f"'{name}'",
            "the name of a module, as my_pkg.my_market",
            "A file goes into files.",
        )
    )
    return None


def _module_of(path: Path, digest: str) -> str:
    """Return the name under which a file is imported: another where its place or its content is another."""
    return f"{PREFIX}{re.sub(r'[^0-9A-Za-z_]', '_', path.stem)}_{sha256(f'{path} {digest}'.encode()).hexdigest()[:12]}"


def _unchanged(plugin: Plugin) -> bool:
    path = Path(plugin.file)
    return path.is_file() and sha256(path.read_bytes()).hexdigest() == plugin.digest


def _import(plugin: Plugin, problems: list[Problem]) -> list[Entry]:
    """Import a plugin unless it is, and return the parts it registered; a failure joins the problems."""
    if plugin.module in sys.modules:
        return registry.registered(plugin.module)
    before = {entry[:3] for entry in outside()}
    try:
        with redirect_stdout(sys.stderr):  # what a plugin prints is no result
            _execute(plugin) if plugin.file else importlib.import_module(plugin.module)
    except (*FAULTS, SystemExit) as fault:
        _drop(plugin)
        problems.append(_failed(plugin, fault))
        return []
    found = [entry for entry in outside() if entry[:3] not in before]
    if not found:
        hint = "Put @register(kind, name) of gridagora.extend on each part."
        problems.append(
            Problem(
                plugin.where, f"{plugin.label}, which registers no part", "one part or more", hint
            )
        )
    return found


def _execute(plugin: Plugin) -> None:
    module = ModuleType(plugin.module)
    module.__file__ = plugin.file
    sys.modules[plugin.module] = module
    exec(compile(Path(plugin.file).read_bytes(), plugin.file, "exec"), vars(module))


def _drop(plugin: Plugin) -> None:
    """Forget a plugin, so that the next reading imports it anew."""
    sys.modules.pop(plugin.module, None)
    registry.forget(plugin.module)


def _failed(plugin: Plugin, fault: BaseException) -> Problem:
    expected = f"a {'file' if plugin.file else 'module'} that can be imported"
    missing = fault.name if isinstance(fault, ModuleNotFoundError) else None
    if (
        missing
        and not plugin.file
        and (plugin.module == missing or plugin.module.startswith(f"{missing}."))
    ):
        hint = "Install its package, or set PYTHONPATH to the folder that holds it; a single file goes into files."
        return Problem(
            plugin.where,
            f"{plugin.label}, and no module of that name",
            expected,
            OFF if plugin.package else hint,
        )
    said = (
        f"SyntaxError: {fault}"
        if isinstance(fault, SyntaxError)
        else " ".join(describe_error(fault).split())
    )
    hint = OFF if plugin.package else ALONE if missing and plugin.file else ""
    return Problem(plugin.where, f"{plugin.label}, whose import ends in {said}", expected, hint)


def _named(problems: Iterable[Problem], plugins: Sequence[Plugin]) -> list[Problem]:
    """Return clashes with files named as people know them."""
    labels = {plugin.module: plugin.file for plugin in plugins if plugin.file}
    return [
        Problem(each.where, _spelt(each.got, labels), each.expected, each.hint) for each in problems
    ]


def _spelt(text: str, labels: Mapping[str, str]) -> str:
    for module, file in labels.items():
        text = text.replace(module, file)
    return text


def _described(module: str, plugin: Plugin, parts: list[str]) -> dict[str, Any]:
    if plugin.file:
        return {
            "module": Path(plugin.file).stem,
            "file": plugin.file,
            "sha256": plugin.digest,
            "parts": parts,
        }
    version, digest = _version(module, plugin.package), _digest(module)
    return {"module": module, "version": version, "sha256": digest, "parts": parts}


def _package(point: metadata.EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else "a package without a name"


def _version(module: str, package: str) -> str | None:
    """Return the version of the package that a module belongs to, None where no installed package has it."""
    if package:
        return package.rpartition(" ")[2]
    top = module.partition(".")[0]
    try:
        return metadata.version(top)
    except metadata.PackageNotFoundError:
        owners = metadata.packages_distributions().get(
            top, []
        )  # slow, and a package seldom has another name than its module
    return metadata.version(owners[0]) if owners else None


def digest_of(plugin: Plugin) -> str:
    """Return the SHA-256 of the code of a plugin: its file, or every Python file of the package that its module stands in."""
    return plugin.digest or _digest(plugin.module) or ""


def _digest(module: str) -> str | None:
    """Return the SHA-256 over the Python files of the outermost package of a module; None where there is no file."""
    words = module.split(".")
    above = [".".join(words[: end + 1]) for end in range(len(words))]
    files = [found for name in above if (found := getattr(sys.modules.get(name), "__file__", None))]
    if not files:
        return None
    first = Path(files[0])
    paths = sorted(first.parent.rglob("*.py")) if first.name == "__init__.py" else [first]
    return sha256(b"".join(path.read_bytes() for path in paths if path.is_file())).hexdigest()
