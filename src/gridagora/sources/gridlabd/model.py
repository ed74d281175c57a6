"""A GridLAB-D model while it is converted: its objects by name, and what is told of them."""

import cmath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from gridagora.core.errors import nearest
from gridagora.files.glm import Glm, GlmObject
from gridagora.sources.gridlabd.gaps import Gap
from gridagora.sources.gridlabd.quantities import NEVER, read_complex, read_phases, read_real

LEFT = "It is left out."
NONE = "It counts as none."


@dataclass(frozen=True)
class Model:
    """The objects of a text by name; the first of a name counts."""

    glm: Glm
    by_name: Mapping[str, GlmObject]
    gaps: list[Gap] = field(default_factory=list)

    def of(self, *kinds: str) -> Iterator[GlmObject]:
        """Yield the objects of some classes in the order of the text."""
        for each in self.glm.objects:
            if each.kind in kinds and self.by_name.get(each.name) is each:
                yield each

    def where(self, each: GlmObject, key: str = "") -> str:
        """Return the file and line of an object, or of one of its properties."""
        line = each.values[key][1] if key in each.values else each.line
        return f"{self.glm.files[each.file].name} line {line}"

    def tell(
        self, each: GlmObject, got: str, expected: str, consequence: str = LEFT, key: str = ""
    ) -> None:
        """Add a gap of an object."""
        item = f"{each.kind} {each.name}"
        self.gaps.append(Gap(self.where(each, key), item, got, expected, consequence))

    def text(self, each: GlmObject, key: str, default: str = "") -> str:
        """Return a property as it is written, without unit."""
        return each.values.get(key, (default, 0))[0]

    def word(self, each: GlmObject, key: str, choices: Iterable[str], default: str) -> str:
        """Return one of some words in upper case; another is told, and the default is taken."""
        said = self.text(each, key, default).upper()
        if said in choices:
            return said
        expected = f"{key} of {', '.join(choices)}"
        self.tell(each, f"{key} {said}", expected, f"It is taken as {default}.", key)
        return default

    def real(self, each: GlmObject, key: str, unit: str, default: float = 0.0) -> float:
        """Return a number in a unit; what is none is told, and the default is taken."""
        said = self.text(each, key)
        if said.lower() in NEVER:
            return default
        found = read_real(said, unit)
        if found is None:
            whole = read_complex(said, unit)
            if whole is not None and whole.imag == 0:
                return whole.real
            self._no_number(each, key, unit, default)
            return default
        return found

    def number(self, each: GlmObject, key: str, unit: str, default: complex = 0j) -> complex:
        """Return a complex number in a unit; what is none is told, and the default is taken."""
        said = self.text(each, key)
        if said.lower() in NEVER:
            return default
        found = read_complex(said, unit)
        if found is None:
            self._no_number(each, key, unit, default)
            return default
        return found

    def _no_number(self, each: GlmObject, key: str, unit: str, default: complex) -> None:
        expected = f"{key} as a number" + ("" if unit == "1" else f" [{unit}]")
        done = spell_taken(default, unit)
        self.tell(each, f"{key} {self.text(each, key)}", expected, done, key)

    def phases(self, each: GlmObject) -> frozenset[str]:
        """Return the phases of an object, A, B, C, N, D and S; unknown letters are told."""
        said = self.text(each, "phases")
        found = read_phases(said)
        if found is None or not said:
            self.tell(each, f"phases '{said}'", "phases of A, B, C, N, D, S", LEFT, "phases")
            return frozenset()
        return found

    def named(self, each: GlmObject, key: str, kinds: Iterable[str]) -> GlmObject | None:
        """Return the object that a property names, of one of some classes; None is told."""
        said, expected = self.text(each, key), f"{key} naming {_either(kinds)} of the model"
        found = self.by_name.get(said)
        if found is not None and found.kind in kinds:
            return found
        got = f"{key} '{said}'" if said else f"no {key}"
        if found is not None:
            got = f"{got}, which is a {found.kind}"
        elif said:
            names = [one.name for one in self.of(*kinds)]
            hint = nearest(said, names) if names else "The model has none"
            got = f"{got} ({hint.strip().rstrip('.')})"
        self.tell(each, got, expected, LEFT, key)
        return None


def spell_taken(default: complex, unit: str) -> str:
    """Return what is taken in place of a figure, in its unit; nan is none."""
    if cmath.isnan(default):
        return NONE
    figure = f"{default.real:g}" if default.imag == 0 else f"{default:g}"
    return f"It is taken as {figure}{'' if unit == '1' else f' {unit}'}."


def _either(kinds: Iterable[str]) -> str:
    *first, last = sorted(kinds)
    return f"a {', '.join(first)} or {last}" if first else f"a {last}"


def index(glm: Glm) -> Model:
    """Return a model by name; faults of its text and names that stand twice are told."""
    by_name: dict[str, GlmObject] = {}
    model = Model(glm, by_name)
    for fault in glm.faults:
        where = f"{glm.files[fault.file].name} line {fault.line}"
        model.gaps.append(Gap(where, "", fault.got, fault.expected, fault.consequence))
    for each in glm.objects:
        if each.name in by_name:
            line = by_name[each.name].line
            model.tell(each, f"a name that line {line} has", "a name for each object")
        else:
            by_name[each.name] = each
    for each in glm.objects:
        if each.number:
            by_name.setdefault(each.number, each)
    return model
