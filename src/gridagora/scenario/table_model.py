"""The model of a TOML table: its keys are known in advance."""

from pydantic import BaseModel, ConfigDict


class Table(BaseModel):
    """A TOML table whose keys are known in advance; nothing is coerced and nothing unknown is let through."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
