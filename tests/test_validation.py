from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, ValidationError, field_validator

from provisioner import timestamps
from provisioner.validation import complaints, explain


class Part(BaseModel):
    since: Annotated[str, Field(pattern=timestamps.PATTERN)] = "2026-01-01T00:00:00Z"
    code: Annotated[str, Field(pattern="^[a-z]+$")] = "a"


class Whole(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = ""
    flag: StrictBool = False
    amount: Annotated[StrictInt, Field(ge=0)] = 0
    port: Annotated[int, Field(ge=1024)] = 1024
    choice: Literal["a", "b"] = "a"
    part: Part = Part()
    parts: tuple[Part, ...] = ()
    needed: str

    @field_validator("name")
    @classmethod
    def _no_secret(cls, name: str) -> str:
        if name == "hush":
            raise ValueError("is not to be told")
        return name


def refusal(**values: Any) -> ValidationError:
    with pytest.raises(ValidationError) as refused:
        Whole.model_validate({"needed": "x", **values})
    return refused.value


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"name": 1}, "name must be text"),
        ({"name": "hush"}, "name is not to be told"),
        ({"flag": "yes"}, "flag must be true or false"),
        ({"amount": "5"}, "amount must be a whole number"),
        ({"amount": -1}, "amount must not be negative"),
        ({"port": 80}, "port must be greater than or equal to 1024"),
        ({"choice": "c"}, "choice must be 'a' or 'b'"),
        ({"part": 1}, "part must be a group of fields"),
        ({"part": {"since": "today"}}, "part.since must be a time in UTC such as 2026-01-29T05:54:00Z"),
        ({"parts": [{}, {"code": "7"}]}, "parts.1.code does not look right"),
        ({"parts": 1}, "parts must be a list"),
    ],
)
def test_what_is_wrong_is_said_in_words(values: dict[str, Any], said: str) -> None:
    assert explain(refusal(**values)) == said


def test_all_that_is_wrong_is_said_and_no_value() -> None:
    problem = refusal(name=4711, amount="s3cret", other="s3cret")
    assert explain(problem) == (
        "name must be text; amount must be a whole number; other Extra inputs are not permitted"
    )
    assert [(one.where, one.kind) for one in complaints(problem)][-1] == ("other", "extra_forbidden")


def test_the_thing_itself_has_a_name() -> None:
    with pytest.raises(ValidationError) as refused:
        Whole.model_validate(None)
    assert explain(refused.value, "the document").startswith("the document must be ")
    with pytest.raises(ValidationError) as refused:
        Whole.model_validate({})
    assert explain(refused.value) == "needed is missing"
