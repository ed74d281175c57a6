"""An ensemble: many worlds of one scenario, every design in each, resumed where a run was stopped, and its tables.

A folder holds `journal.jsonl`, to which each finished world is appended, and, once all asked for are there, `manifest.json`,
`scenario.toml` and the tables, which depend on the worlds alone and not on how often or on how many processes they were run.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from importlib import metadata
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from gridagora.core.currency import spell_money
from gridagora.core.errors import InputError, PartError, Problem, attempt
from gridagora.core.registry import find, names
from gridagora.core.tables import blocks_of
from gridagora.files.folder_lock import LOCK, lock_folder
from gridagora.files.hash_file import hash_file
from gridagora.files.json_text import json_text
from gridagora.files.stop import note_on_stop, spell_progress
from gridagora.results.metric import Metric
from gridagora.run.compare import require_designs
from gridagora.scenario import read
from gridagora.scenario.build import Scene
from gridagora.scenario.overload import spell_limit
from gridagora.scenario.plugins import digest_of
from gridagora.scenario.shares import spell_shares
from gridagora.studies.assumptions import assume_errors
from gridagora.studies.journal import Journal, open_journal
from gridagora.studies.parallel import Workers, map_cases, width_of
from gridagora.studies.risk.distribution_free import least_draws
from gridagora.studies.risk.intervals import widen_by
from gridagora.studies.sweep import SOURCE, Told
from gridagora.studies.variations import require_variations
from gridagora.studies.worlds import (
    WorldCase,
    WorldDraws,
    WorldOutcome,
    describe_draws,
    draw_scene,
    open_draws,
    run_cases,
)

FORMAT = 1  # of an ensemble folder; another number where names or meaning of what it holds change
LEAST_SEEDS = 2  # for a spread at all
FEW_SEEDS = 8  # fewer make intervals of Student's t much wider than those of a known spread
MOST_WORLDS = 1_000_000  # of one ensemble; more is a slip of the hand
LAST_SEED = 2**63 - 1  # that a table holds
JOURNAL, WORLDS_FILE = "journal.jsonl", "worlds.parquet"
TABLES = ("worlds", "variations")
OWN = frozenset(
    {
        JOURNAL,
        LOCK,
        "manifest.json",
        "scenario.toml",
        "report.html",
        "risk",
        "map",
        "sweep.html",
        "sweep.svg",
        "ranking.parquet",
        *(f"{t}.parquet" for t in TABLES),
    }
)
HOME_INTERVALS_IN_STEP = 1_000_000  # of worlds in step: some 10 numbers are recorded of each
ROUNDS = 4  # of batches on each process, at least
WORLDS_IN_STEP = 32  # lost at most of each process when a run is stopped
WORLDS_A_BLOCK = 64  # of a table that are held at a time
WORLDS = pa.schema(
    [
        ("seed", pa.int64()),
        ("variation", pa.int64()),
        ("design", pa.string()),
        ("metric", pa.string()),
        ("value", pa.float64()),
    ]
)
VARIATIONS = pa.schema([("variation", pa.int64()), ("key", pa.string()), ("value", pa.string())])
PACKAGES = ("gridagora", "numpy", "scipy", "numba", "pandas", "pyarrow", "clarabel")
WorldEnded = Callable[[WorldOutcome], None]


class EnsemblePlan(NamedTuple):
    """What an ensemble runs: how worlds are drawn, seeds from the first on, variations as overrides, and the designs.

    `assumed` are keys that the ensemble sets where the scenario does not, with where each value is from, in words.
    """

    draws: WorldDraws
    first_seed: int
    seeds: int
    variations: tuple[tuple[str, ...], ...]
    designs: tuple[str, ...]
    assumed: Mapping[str, str]


def make_plan(
    path: str | Path,
    overrides: Sequence[str],
    variations: Sequence[tuple[str, ...]],
    option: str,
    seeds: int,
    spread_days: int,
    *,
    assumes: bool = True,
    with_bound: bool = False,
    tail_level: float | None = None,
) -> EnsemblePlan:
    """Return the plan of an ensemble: worlds numbered from the seed of the scenario on.

    Parameters
    ----------
    path, overrides
        Scenario file, and keys to change in all worlds.
    variations
        Overrides of each variation; one without any runs the scenario as it is.
    option
        Of the command line that named the variations, for messages.
    seeds
        Worlds of each variation.
    spread_days
        Most days by which a run on files moves.
    assumes
        Whether plans err by published figures where the scenario says nothing of forecasts.
    with_bound
        Whether the certified bound of every world is found, for captured value.
    tail_level
        Level of a tail that the worlds must suffice for; None: any two will do.

    Raises
    ------
    InputError
        Too few seeds or too many, and whatever the scenario or a variation has wrong.
    """
    _require_seeds(seeds, tail_level)
    keys = read.load(path, overrides)
    _require_room(seeds, len(variations), keys.scenario.seed)
    require_variations(str(path), overrides, variations, option)
    assumed = assume_errors(keys) if assumes else {}
    own = [f"{key}={each.value}" for key, each in assumed.items()]
    draws = open_draws(path, [*own, *overrides], spread_days)._replace(with_bound=with_bound)
    said = {key: f"{each.value:g}, {each.source}" for key, each in assumed.items()}
    designs = keys.compared
    return EnsemblePlan(draws, keys.scenario.seed, seeds, tuple(variations), designs, said)


def _require_seeds(seeds: int, tail_level: float | None) -> None:
    if tail_level is not None and not 0.0 < tail_level < 1.0:
        hint = "The worst 5 % of worlds are the tail at level 0.95."
        raise InputError([Problem("--level", f"{tail_level:g}", "a level between 0 and 1", hint)])
    if seeds < LEAST_SEEDS:
        expected = f"{LEAST_SEEDS} or more: a spread between worlds needs them"
        raise InputError([Problem("--seeds", str(seeds), expected)])
    least = LEAST_SEEDS if tail_level is None else least_draws(tail_level)
    if seeds < least:
        expected = f"{least} or more: the tail at level {tail_level:g} needs them"
        raise InputError([Problem("--seeds", str(seeds), expected)])


def _require_room(seeds: int, variations: int, first_seed: int) -> None:
    problems = []
    if seeds * variations > MOST_WORLDS:
        several = f" of each of {variations} variations" if variations > 1 else ""
        expected = f"at most {MOST_WORLDS:,} worlds in all"
        hint = "Intervals shrink with the root of the number of worlds: 100 times as many, a tenth."
        problems.append(Problem("--seeds", f"{seeds}{several}", expected, hint))
    elif first_seed + seeds - 1 > LAST_SEED:
        expected = f"at most {LAST_SEED - seeds + 1}, so that {seeds} seeds follow"
        problems.append(Problem("scenario.seed", str(first_seed), expected))
    if problems:
        raise InputError(problems)


def lines_of(plan: EnsemblePlan) -> list[str]:
    """Return in sentences what a plan runs, what its worlds share and what they do not, and what it assumes."""
    said = describe_draws(plan.draws)
    many = len(plan.variations)
    worlds = f"{plan.seeds} worlds" + (f" of {many} variations" if many > 1 else "")
    last = plan.first_seed + plan.seeds - 1
    few = (
        f"Few worlds: a 95 % interval from {plan.seeds} is {widen_by(plan.seeds):.1f} times as wide as the spread alone makes "
        f"it, from {FEW_SEEDS} {widen_by(FEW_SEEDS):.1f} times; one that holds zero says little."
    )
    assumed = [f"Assumed: {key} = {source}." for key, source in plan.assumed.items()]
    return [
        f"{worlds}, seeds {plan.first_seed} to {last}, {len(plan.designs)} designs.",
        f"Redrawn: {'; '.join(said['redrawn'])}.",
        f"The same in all: {'; '.join(said['kept'])}.",
        *assumed,
        *([few] if plan.seeds < FEW_SEEDS else []),
    ]


def cases_of(plan: EnsemblePlan) -> Iterator[WorldCase]:
    """Yield every world of a plan, all seeds of a variation after each other."""
    for variation, overrides in enumerate(plan.variations):
        for seed in range(plan.first_seed, plan.first_seed + plan.seeds):
            yield WorldCase(seed, variation, overrides)


def run_ensemble(
    plan: EnsemblePlan,
    out: str | Path,
    progress: Told | None = None,
    workers: Workers = 1,
    ended: WorldEnded | None = None,
) -> dict[str, Any]:
    """Run the worlds of a plan that the folder does not hold yet, write the tables, and return the manifest.

    Parameters
    ----------
    plan
        What to run.
    out
        Folder, new or of the same ensemble; a world is kept there as soon as it is finished.
    progress
        Told (stage, worlds done, worlds in all).
    workers
        Processes of this machine, or another executor, on which worlds run.
    ended
        Told what came of each world, those that the folder held first.

    Raises
    ------
    InputError
        Too few seeds, a scene that cannot be made, a design that it does not have, a folder of something else.
    PartError
        No world ran, a process ended from outside, or the folder could not be written to any more.
    """
    folder = Path(out).resolve()
    scene = first_scene(plan)
    make_folder(folder)
    with lock_folder(folder):
        try:
            return _run_left(plan, folder, scene, progress or _silent, workers, ended)
        except OSError as fault:
            got = fault.strerror or str(fault)
            hint = (
                "make room or give access, then run the same command again: it goes on where it was"
            )
            raise PartError(f"{folder} could not be written to any more ({got}); {hint}") from fault


def _run_left(
    plan: EnsemblePlan,
    folder: Path,
    scene: Scene,
    tell: Told,
    workers: Workers,
    ended: WorldEnded | None,
) -> dict[str, Any]:
    """Run the worlds that the folder does not hold and write the tables."""
    journal = open_journal(folder / JOURNAL, identity(plan, scene))
    left = [case for case in cases_of(plan) if not journal.holds(case)]
    total = plan.seeds * len(plan.variations)
    tell("worlds", total - len(left), total)
    if ended is not None:
        for case in filter(journal.holds, cases_of(plan)):
            ended(journal.read(case.variation, case.seed))
    faults: dict[str, str] = {}
    done = total - len(left)
    jobs = batch_cases(left, worlds_in_step(scene), width_of(workers))
    with note_on_stop(lambda: _spell_kept(plan, journal, folder)):
        for job, worlds in map_cases(run_cases, jobs, workers, plan.draws, plan.designs):
            for case, world in zip(job, worlds, strict=True):
                if "" in world.faults:  # nothing ran: it is tried again next time
                    faults[f"seed {case.seed}, variation {case.variation}"] = world.faults[""]
                else:
                    journal.add(case, world)
                if ended is not None:
                    ended(world)
                done += 1
                tell("worlds", done, total)
    if not any(journal.holds(case) for case in cases_of(plan)):
        raise PartError(f"no world ran: {next(iter(faults.values()))}")
    return write_tables(plan, journal, scene, folder, faults)


def _spell_kept(plan: EnsemblePlan, journal: Journal, folder: Path) -> str:
    """Return in one sentence which worlds of a plan a run that ends early keeps."""
    held = sum(journal.holds(case) for case in cases_of(plan))
    return spell_progress(held, plan.seeds * len(plan.variations), "worlds", folder)


def batch_cases(
    cases: Sequence[WorldCase], size: int, processes: int
) -> list[tuple[WorldCase, ...]]:
    """Return worlds in batches that step together: of one variation each, and some for each process, so that a stop costs one."""
    most = max(1, min(size, -(-len(cases) // (ROUNDS * processes))))
    own = groupby(cases, key=lambda case: case.variation)
    parts = [tuple(group) for _, group in own]
    return [part[at : at + most] for part in parts for at in range(0, len(part), most)]


def worlds_in_step(scene: Scene) -> int:
    """Return how many worlds of the size of a scene run in step, so that what they record takes bounded memory."""
    intervals = round(24 * scene.days * 60 / scene.scenario.market.interval_minutes)
    room = HOME_INTERVALS_IN_STEP // (max(1, len(scene.homes.home_id)) * intervals)
    return max(1, min(room, WORLDS_IN_STEP))


def first_scene(plan: EnsemblePlan) -> Scene:
    """Return the scene of the first world, with markets for all designs of the plan.

    Raises
    ------
    InputError
        A scene that cannot be made, or a design that it does not have.
    """
    scene = draw_scene(plan.draws, next(cases_of(plan)))
    problems: list[Problem] = []
    for name in require_designs(scene, plan.designs):
        attempt(partial(scene.market, name), problems)
    if problems:
        raise InputError(problems)
    return scene


def make_folder(folder: Path) -> None:
    """Make the folder of an ensemble where there is none.

    Raises
    ------
    InputError
        A file, a folder of something else, or a place that cannot be written to.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError([Problem(f"{folder}", "a file", "a folder, new or of an ensemble")])
    strange = folder.is_dir() and {entry.name for entry in folder.iterdir()} - OWN
    if strange and not (folder / JOURNAL).is_file():
        hint = "Name a new folder; nothing in this one was changed."
        got = f"a folder that holds {sorted(strange)[0]} and no ensemble"
        raise InputError([Problem(f"{folder}", got, "a new folder, or one of an ensemble", hint)])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in (LOCK, JOURNAL):
            _require_writable(folder / name)
    except OSError as fault:
        got = f"a place that cannot be written to ({fault.strerror})"
        raise InputError([Problem(f"{folder}", got, "a folder that can be written to")]) from fault


def _require_writable(path: Path) -> None:
    """Open a file to write to it; one that this makes is gone again."""
    is_new = not path.exists()
    with path.open("ab"):
        pass
    if is_new:
        path.unlink()


def identity(plan: EnsemblePlan, scene: Scene) -> dict[str, str]:
    """Return digests of what worlds depend on beside their seed, by name: worlds of two that differ are not mixed."""
    data = hashlib.sha256()
    for column in (scene.feeder, scene.home_meter, *scene.homes, *scene.weather, *scene.prices):
        for block in blocks_of(column):
            data.update(block)
    program = hashlib.sha256()
    for path in sorted(SOURCE.rglob("*.py")):
        program.update(path.read_bytes())
    for plugin in scene.scenario.outside:
        program.update(digest_of(plugin).encode())
    keys = json_text([plan.draws._replace(path=""), scene.text, plan.first_seed], None)
    return {
        "scenario": hashlib.sha256(keys.encode()).hexdigest(),
        "data": data.hexdigest(),
        "version": f"gridagora {metadata.version('gridagora')}, {program.hexdigest()[:16]}",
        "designs": ", ".join(plan.designs),
        "variations": json_text(plan.variations, None),
    }


def write_tables(
    plan: EnsemblePlan, journal: Journal, scene: Scene, folder: Path, faults: Mapping[str, str]
) -> dict[str, Any]:
    """Write the tables of the worlds that are there, some worlds at a time, and return the manifest that lists them.

    Table `worlds` has a row for each world, design and metric, and for each driver of a world, as metric `driver.NAME` of no
    design; `variations` has one for each variation and key.
    """
    present = [case for case in cases_of(plan) if journal.holds(case)]
    failed, draft = dict(faults), folder / f"{WORLDS_FILE}.part"
    with pq.ParquetWriter(draft, WORLDS) as writer:
        for at in range(0, len(present), WORLDS_A_BLOCK):
            block = [
                (case, journal.read(case.variation, case.seed))
                for case in present[at : at + WORLDS_A_BLOCK]
            ]
            writer.write_table(_table(WORLDS, [row for each in block for row in _rows(*each)]))
            failed |= {
                f"{design}, seed {case.seed}, variation {case.variation}": reason
                for case, world in block
                for design, reason in world.faults.items()
            }
    draft.replace(folder / WORLDS_FILE)
    rows = [
        (number, *_pair(override))
        for number, overrides in enumerate(plan.variations)
        for override in overrides
    ]
    _write(folder / "variations.parquet", VARIATIONS, rows)
    (folder / "scenario.toml").write_text(scene.text, encoding="utf-8")
    manifest = describe_plan(plan, scene, len(present)) | {"failed": failed}
    listed = [folder / "scenario.toml", *(folder / f"{name}.parquet" for name in TABLES)]
    manifest["files_sha256"] = {path.name: hash_file(path) for path in listed}
    draft = folder / "manifest.part"
    draft.write_text(json_text(manifest, sort_keys=False), encoding="utf-8")
    draft.replace(folder / "manifest.json")
    return manifest


def describe_plan(plan: EnsemblePlan, scene: Scene, worlds: int) -> dict[str, Any]:
    """Return where the numbers of an ensemble come from."""
    case = scene.scenario.scenario
    return {
        "study": "ensemble",
        "format": FORMAT,
        "title": case.title,
        "note": case.note,
        "currency": case.currency,
        "days": case.days,
        "start": str(case.start),
        "homes": len(scene.homes.home_id),
        "feeder": scene.feeder.name,
        "limit_source": spell_money(spell_limit(scene), case.currency),
        "participation": spell_shares(scene),
        "scenario_folder": scene.scenario.folder,
        "first_seed": plan.first_seed,
        "seeds": plan.seeds,
        "worlds": worlds,
        "designs": list(plan.designs),
        "variations": [list(overrides) for overrides in plan.variations],
        "assumed": dict(plan.assumed),
        "metrics": {
            name: _described(find("metric", name), case.currency) for name in names("metric")
        },
        **describe_draws(plan.draws),
        "identity": identity(plan, scene),
        "versions": {name: metadata.version(name) for name in PACKAGES},
    }


def _described(metric: Metric, currency: str) -> dict[str, str]:
    unit = spell_money(metric.unit, currency)
    return {"name": metric.name, "unit": unit, "direction": metric.direction}


def read_manifest(folder: str | Path) -> dict[str, Any]:
    """Return the manifest of an ensemble folder, its files checked against their hashes.

    Raises
    ------
    InputError
        A folder that holds no finished ensemble, one of another format, a file that is missing or was changed.
    """
    path = Path(folder) / "manifest.json"
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        manifest = {}
    if not isinstance(manifest, dict) or manifest.get("study") != "ensemble":
        hint = "`gridagora ensemble` writes one when all its worlds are there."
        raise InputError([Problem(str(folder), "no finished ensemble", "the folder of one", hint)])
    if manifest["format"] != FORMAT:
        got = f"an ensemble of format {manifest['format']}"
        raise InputError([Problem(str(path), got, f"format {FORMAT}", "Run it again.")])
    problems = [
        Problem(str(path.with_name(name)), got, "the file that the run wrote", "Run it again.")
        for name, digest in manifest["files_sha256"].items()
        if (got := _differs(path.with_name(name), digest))
    ]
    if problems:
        raise InputError(problems)
    return manifest


def _differs(path: Path, digest: str) -> str:
    if not path.is_file():
        return "no such file"
    return "" if hash_file(path) == digest else "a file that was changed"


def _rows(case: WorldCase, world: WorldOutcome) -> list[tuple[Any, ...]]:
    drivers = {f"driver.{name}": value for name, value in world.drivers.items()}
    of = {"": drivers, **world.values}
    return [
        (case.seed, case.variation, design, metric, value)
        for design, metrics in of.items()
        for metric, value in metrics.items()
    ]


def _table(schema: pa.Schema, rows: Sequence[tuple[Any, ...]]) -> pa.Table:
    columns = zip(*rows, strict=True) if rows else [()] * len(schema.names)
    arrays = [
        pa.array(list(column), kind) for column, kind in zip(columns, schema.types, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def _write(path: Path, schema: pa.Schema, rows: Sequence[tuple[Any, ...]]) -> None:
    draft = path.with_name(f"{path.name}.part")
    pq.write_table(_table(schema, rows), draft)
    draft.replace(path)


def _pair(override: str) -> tuple[str, str]:
    key, _, value = override.partition("=")
    return key, value


def _silent(stage: str, done: int, total: int) -> None:
    del stage, done, total
