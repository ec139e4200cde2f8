"""What all parts of a customer's record have in common."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from provisioner.customers import schema

Moment = Annotated[str, Field(pattern=schema.MOMENT, description="ISO-8601 in UTC: 2026-01-29T05:54:00Z")]


class Part(BaseModel):
    # The owner's script turned everything numeric into numbers, ids too: they are read as text.
    model_config = ConfigDict(
        frozen=True, extra="allow", alias_generator=to_camel, coerce_numbers_to_str=True
    )
