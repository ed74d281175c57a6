"""Tables of arrays that compiled functions look into without counting references.

Every look at an array of a table counts a reference up and down by an atomic instruction, which costs more than the number that
is read. A table that its caller holds anyway needs no count.
"""

from typing import Any

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic


@intrinsic
def borrow(_typing: Any, table: Any) -> tuple[Any, Any]:
    """Return a named tuple of arrays whose references are not counted; whoever owns them must outlive the call."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        whole = values[0]
        for at, kind in enumerate(signature.args[0].types):
            if isinstance(kind, types.Array):
                held = builder.extract_value(whole, at)
                array = context.make_array(kind)(context, builder, held)
                array.meminfo = cgutils.get_null_value(array.meminfo.type)
                array.parent = cgutils.get_null_value(array.parent.type)
                whole = builder.insert_value(whole, array._getvalue(), at)
        return whole

    return table(table), emit
