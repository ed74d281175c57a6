"""How many small faults, put into source files one at a time, their tests notice.

python benchmarks/mutation.py OUT.json SOURCE[,SOURCE...]=TEST[,TEST...] [...] [--count 150] [--seed 0] [--again]

A mutant runs `pytest -x -q` on the tests of its source, in a copy of the tree and a process forked from one
that has loaded libraries and kernels. Compiled kernels stay from one mutant and one call to the next; where a
source is a kernel, each mutant compiles anew (a minute or more). `--again` runs what was not killed in OUT.json. Of
a place in the source one fault is drawn, of all places `--count`, both by the seed. Docstrings, annotations,
sentences and the names in a registration stay as they are.
"""

import argparse
import ast
import hashlib
import importlib
import json
import os
import pkgutil
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
WORK = (
    Path(tempfile.gettempdir()) / f"mutation-{hashlib.sha256(str(ROOT).encode()).hexdigest()[:8]}"
)
LIKE = """Lt LtE GtE, LtE Lt Gt, Gt GtE LtE, GtE Gt Lt, Eq NotEq, NotEq Eq, Is IsNot, IsNot Is,
In NotIn, NotIn In, And Or, Or And, Add Sub, Sub Add, Mult Div, Div Mult, FloorDiv Mult, Mod Mult,
Pow Mult, BitAnd BitOr, BitOr BitAnd, min max, max min, minimum maximum, maximum minimum, fmin fmax,
fmax fmin, argmin argmax, argmax argmin, any all, all any, sum max, nansum nanmax, zeros ones"""
OTHERS = {
    first: others for first, *others in map(str.split, LIKE.split(","))
}  # what may stand in place of an operator or name
# no asserts are rewritten and nothing is collected at the end: a fault is to be noticed, not explained
OPTIONS = ["-x", "-q", "--assert=plain", "--hypothesis-seed=0"]
OPTIONS += ["-p", "no:cacheprovider", "-p", "no:unraisableexception"]
KERNELS = "/kernels/"
TOLD = (
    "Problem",
    "InputError",
    "PartError",
    "warn",
    "Literal",
    "Callable",
    "Mapping",
    "TypeVar",
    "Generator",
)
WORD = re.compile(r"[a-z_][\w-]*( [\w-]+){0,2}")
Change = tuple[str, ast.AST]  # the kind of a fault, and what it puts


class Fault(NamedTuple):
    """One change of one file: the bytes from start to end are replaced."""

    file: str
    line: int
    kind: str
    change: str
    start: int
    end: int
    put: str


def walk(node: ast.AST, *, named: bool = False) -> Iterator[tuple[ast.AST, bool, bool]]:
    """Yield what may be changed, whether it is inside a decorator, where strings are names, and whether it decides a branch."""
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns"):
            continue
        inside = named or field == "decorator_list"
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not is_told(child):
                yield child, inside, field == "test"
                if not isinstance(child, ast.Raise):
                    yield from walk(child, named=inside)


def is_told(node: ast.AST) -> bool:
    """Return whether a node is a docstring, a sentence, a type or an import."""
    if isinstance(node, ast.JoinedStr | ast.Import | ast.ImportFrom):
        return True
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True
    head = (
        node.func
        if isinstance(node, ast.Call)
        else node.value
        if isinstance(node, ast.Subscript)
        else node
    )
    return not isinstance(node, ast.Name) and isinstance(head, ast.Name) and head.id in TOLD


def change_operator(node: ast.AST) -> list[Change]:
    match node:
        case ast.Compare(left=left, ops=[op], comparators=right):
            return [("comparison", ast.Compare(left, [new], right)) for new in others_of(op)]
        case ast.BinOp(left=left, op=op, right=right):
            return [("arithmetic", ast.BinOp(left, new, right)) for new in others_of(op)]
        case ast.BoolOp(op=op, values=values):
            return [("boolean", ast.BoolOp(new, values)) for new in others_of(op)]
        case ast.UnaryOp(op=op, operand=operand):
            return [("sign" if isinstance(op, ast.USub) else "boolean", operand)]
    return []


def others_of(op: ast.AST) -> list[ast.AST]:
    return [getattr(ast, name)() for name in OTHERS.get(type(op).__name__, ())]


def change_constant(node: ast.AST, *, named: bool) -> list[Change]:
    match node:
        case ast.Constant(value=bool(value)):
            return [("constant", ast.Constant(not value))]
        case ast.Constant(value=int(value) | float(value)):
            return [("constant", ast.Constant(put)) for put in (value + 1, value - 1) if put >= 0]
        case ast.Constant(value=str(value)) if WORD.fullmatch(value) and not named:
            return [("constant", ast.Constant(f"{value}_"))]
    return []


def change_name(node: ast.AST, seen: dict[str, list[str]]) -> list[Change]:
    """Return the faults of a name, a call or a statement; `seen` holds the fields that the file reads of a name."""
    match node:
        case ast.Name(id=name):
            return [("name", ast.Name(new)) for new in OTHERS.get(name, ())]
        case ast.Attribute(value=base, attr=name):
            fields = [field for field in seen.get(ast.unparse(base), ()) if field != name]
            return [("name", ast.Attribute(base, new)) for new in [*OTHERS.get(name, ()), *fields]]
        case ast.Call(func=func, args=args, keywords=keywords):
            pairs = [i for i in range(len(args) - 1) if ast.dump(args[i]) != ast.dump(args[i + 1])]
            orders = [[*args[:i], args[i + 1], args[i], *args[i + 2 :]] for i in pairs]
            calls = [ast.Call(func, order, keywords) for order in orders]
            for i, word in enumerate(keywords):
                new = [ast.keyword(name, word.value) for name in OTHERS.get(word.arg or "", ())]
                calls += [
                    ast.Call(func, args, [*keywords[:i], each, *keywords[i + 1 :]]) for each in new
                ]
            return [("argument", call) for call in calls]
        case ast.AugAssign() | ast.Raise() | ast.Expr():
            return [("deleted", ast.Pass())]
    return []


def draw_faults(file: str, random_of: random.Random) -> list[Fault]:
    """Return one drawn fault of every place of a file, as text that parses."""
    source = (ROOT / file).read_bytes()
    tree = ast.parse(source)
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    modules = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    seen: dict[str, list[str]] = {}
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Attribute)
            and id(node) not in called
            and ast.unparse(node.value) not in modules
        ):
            fields = seen.setdefault(ast.unparse(node.value), [])
            fields += [node.attr] if node.attr not in fields else []
    found = []
    for node, named, decides in walk(tree):
        if not isinstance(node, ast.expr | ast.stmt):
            continue
        changes = (
            change_operator(node)
            + change_constant(node, named=named)
            + change_name(node, {} if id(node) in called else seen)
        )
        if decides and not isinstance(node, ast.Compare | ast.BoolOp | ast.UnaryOp):
            changes.append(("boolean", ast.UnaryOp(ast.Not(), node)))
        if not changes:
            continue
        kind, new = random_of.choice(changes)
        put = ast.unparse(ast.fix_missing_locations(new))
        put = (
            put
            if isinstance(new, ast.stmt | ast.Constant | ast.Name | ast.Attribute | ast.Call)
            else f"({put})"
        )
        start, end = (
            starts[node.lineno - 1] + node.col_offset,
            starts[node.end_lineno - 1] + node.end_col_offset,
        )
        if ast.dump(ast.parse(source[:start] + put.encode() + source[end:])) != ast.dump(tree):
            old = " ".join(source[start:end].decode().split())
            found.append(Fault(file, node.lineno, kind, f"{old}  ->  {put}", start, end, put))
    return found


def load_copy(*, kernels: bool) -> None:
    """Go to a fresh copy of the tree, dates kept, so that only changed kernels are compiled, and load what no mutant changes."""
    tree = WORK / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    command = ["git", "ls-files", "-co", "--exclude-standard"]
    listed = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    for name in (name for name in listed if (ROOT / name).is_file()):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, tree / name)
    os.chdir(tree)
    os.environ |= {"PYTHONPATH": f"{tree}/src", "NUMBA_CACHE_DIR": str(WORK / "numba")}
    sys.path.insert(0, f"{tree}/src")
    for name in ("pytest", "hypothesis.extra.numpy"):
        importlib.import_module(name)
    if kernels:
        package = importlib.import_module("gridagora")
        for found in pkgutil.walk_packages(package.__path__, "gridagora."):
            if not found.name.endswith("__main__"):
                importlib.import_module(found.name)
        for name in [
            name for name in sys.modules if name.startswith("gridagora") and "kernels" not in name
        ]:
            del sys.modules[name]


def run_tests(tests: list[str], seconds: float) -> tuple[str, float]:
    """Return survived, killed or timed out, and the time it took [s], of the tests in a forked process."""
    began = time.monotonic()
    child = os.fork()
    if not child:
        os.setsid()
        for stream in (1, 2):
            os.dup2(
                os.open(WORK / "pytest.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND),
                stream,
            )
        code = 3
        try:
            code = int(sys.modules["pytest"].main([*OPTIONS, *tests]))
        finally:
            os._exit(code)
    while time.monotonic() - began < seconds:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return ("killed" if status else "survived"), time.monotonic() - began
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "timed out", seconds


def run_fault(
    fault: Fault, at: int, tests: list[str], seconds: float
) -> dict[str, str | int | float]:
    """Return a fault and what came of it; the file gets a date of its own, so that nothing compiled before stands for it."""
    path = Path(fault.file)
    source, dates = path.read_bytes(), path.stat()
    if KERNELS in fault.file:
        os.environ["NUMBA_CACHE_DIR"] = str(WORK / "numba-anew")
        shutil.rmtree(WORK / "numba-anew", ignore_errors=True)
    try:
        path.write_bytes(source[: fault.start] + fault.put.encode() + source[fault.end :])
        os.utime(path, (dates.st_atime, dates.st_mtime + 10 * (at + 1)))
        verdict, took = run_tests(tests, seconds)
    finally:
        path.write_bytes(source)
        os.utime(path, ns=(dates.st_atime_ns, dates.st_mtime_ns))
    return {"verdict": verdict, "seconds": round(took, 1)} | {
        key: getattr(fault, key) for key in ("file", "line", "start", "kind", "change")
    }


def read_pairs(pairs: list[str]) -> dict[str, list[str]]:
    """Return the tests of every source file; a source may be a pattern, as in src/gridagora/metrics/*.py."""
    found = {}
    for pair in pairs:
        sources, _, tests = pair.partition("=")
        matched = [
            str(file.relative_to(ROOT))
            for pattern in sources.split(",")
            for file in sorted(ROOT.glob(pattern))
        ]
        if not matched or not tests:
            sys.exit(
                f"'{pair}': expected SOURCE[,SOURCE...]=TEST[,TEST...] with a source that exists"
            )
        found |= dict.fromkeys(matched, tests.split(","))
    return found


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("out", type=Path)
    ask.add_argument("pairs", nargs="+", metavar="SOURCES=TESTS")
    ask.add_argument("--count", type=int, default=150)
    ask.add_argument("--seed", type=int, default=0)
    ask.add_argument(
        "--seconds",
        type=float,
        default=60.0,
        help="a mutant may take beyond twice the time of the source",
    )
    ask.add_argument("--again", action="store_true", help="run what was not killed in OUT.json")
    told = ask.parse_args()
    out, tests, drawn = told.out.resolve(), read_pairs(told.pairs), random.Random(told.seed)
    faults = [fault for file in sorted(tests) for fault in draw_faults(file, drawn)]
    before = json.loads(out.read_text()) if told.again else []
    left = {
        (row["file"], row["start"], row["change"]) for row in before if row["verdict"] != "killed"
    }
    rows = [row for row in before if row["verdict"] == "killed"]
    sample = [fault for fault in faults if (fault.file, fault.start, fault.change) in left]
    sample = sorted(sample if told.again else drawn.sample(faults, min(told.count, len(faults))))
    print(
        f"{len(sample)} mutants of {len(faults)} places in {len(tests)} files; a copy of the tree in {WORK}",
        flush=True,
    )
    load_copy(kernels=not any(KERNELS in file for file in tests))
    limit_s = {}
    for group in {tuple(tests[fault.file]) for fault in sample}:
        verdict, took = run_tests(list(group), 3600)
        limit_s[group] = 2 * took + told.seconds
        if verdict != "survived":
            sys.exit(f"{' '.join(group)} fails on the unchanged source: see {WORK / 'pytest.log'}")
    for at, fault in enumerate(sample):
        group = tests[fault.file]
        rows.append(run_fault(fault, at, group, limit_s[tuple(group)]))
        if rows[-1]["verdict"] != "killed":
            print("{verdict:9} {file}:{line} {kind}: {change}".format_map(rows[-1]), flush=True)
        out.write_text(json.dumps(rows, indent=1))
    print(
        f"{len(rows)} mutants: {', '.join(f'{n} {verdict}' for verdict, n in Counter(row['verdict'] for row in rows).items())}"
    )


if __name__ == "__main__":
    main()
