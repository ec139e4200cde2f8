"""A playbook as its author wrote it: the words of each kind of task, and what a value of theirs may be.

`playbooks/README.md` explains the words to those who write them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    GetCoreSchemaHandler,
    PrivateAttr,
    StringConstraints,
    Tag,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError
from pydantic_core.core_schema import ValidatorFunctionWrapHandler, no_info_wrap_validator_function

from provisioner.playbook.mistakes import Place

Kind = Literal["run", "template", "copy", "content", "directory"]
KINDS: tuple[Kind, ...] = ("run", "template", "copy", "content", "directory")
UNFIT = "unfit"
"""The type of the errors whose message is a sentence of ours."""


@dataclass(frozen=True)
class _Says:
    """What an author reads, after the word, about a value that is not of this type."""

    sentence: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return no_info_wrap_validator_function(self._checked, handler(source))

    def _checked(self, value: Any, inner: ValidatorFunctionWrapHandler) -> Any:
        try:
            return inner(value)
        except ValidationError as error:
            if any(detail["loc"] for detail in error.errors(include_url=False)):
                raise  # of one item of it, which has a sentence of its own
            raise PydanticCustomError(UNFIT, self.sentence) from None


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise PydanticCustomError(UNFIT, "has a NUL in it")
    return text


def _truth_as_text(value: Any) -> Any:
    return str(value) if isinstance(value, bool) else value


def _number_as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


_Text = Annotated[
    str,
    StringConstraints(pattern=r"\S"),
    _Says("is a text that is not empty"),
    AfterValidator(_without_nul),
]
_Condition = Annotated[_Text, BeforeValidator(_truth_as_text)]
_Value = Annotated[str, _Says("is a text or a number"), BeforeValidator(_number_as_text)]
_Truth = Annotated[bool, _Says("is true or false")]
_Seconds = Annotated[
    float,
    Field(gt=0, le=86400, allow_inf_nan=False),
    _Says("is a number of seconds above 0, a day at most"),
]
_Count = Annotated[int, Field(ge=0, le=100_000), _Says("is a whole number, 0 or more")]
_Mode = Annotated[
    str,
    StringConstraints(pattern=r"^0?[0-7]{3,4}$"),
    _Says('is three or four octal digits in quotes, like "0644"'),
    AfterValidator(lambda text: text.lstrip("0").rjust(3, "0")),
]
_Name = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$"),
    _Says("is a name of letters, digits and _"),
]
_Environment = Annotated[dict[_Name, _Value], _Says("maps names to texts")]


class _Words(BaseModel):
    # The adapter below builds what is needed of them.
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)

    @classmethod
    def words(cls) -> set[str]:
        """All that may be said."""
        return {field.alias or name for name, field in cls.model_fields.items()}


class _Task(_Words):
    """What every task may say; texts are as written, not rendered. Times are seconds."""

    kind: ClassVar[Kind]

    name: _Text
    when: _Condition | None = None
    user: _Text | None = None
    timeout: _Seconds = 300
    retries: _Count = 0
    delay: _Seconds = 5
    background: _Truth = False
    after_background: _Truth = False
    _place: Place = PrivateAttr()

    def model_post_init(self, context: Any) -> None:
        """The context of the validation is the task's place."""
        self._place = context

    @property
    def place(self) -> Place:
        """Where it stands in its file."""
        return self._place


class RunTask(_Task):
    """A shell text."""

    kind: ClassVar[Kind] = "run"

    source: _Text = Field(alias="run")
    creates: _Text | None = None
    unless: _Text | None = None
    env: _Environment = {}
    cwd: _Text | None = None
    registered: _Name | None = Field(None, alias="register")
    changes: _Truth = True
    secret: _Truth = False

    @model_validator(mode="after")
    def _keeps_or_throws_away(self) -> Self:
        if self.registered and self.secret:
            raise PydanticCustomError(UNFIT, "keeps what “secret” throws away", {"word": "register"})
        return self


class _OwnedTask(_Task):
    owner: _Text | None = None
    group: _Text | None = None
    mode: _Mode | None = None


class DirectoryTask(_OwnedTask):
    """A directory, by its path."""

    kind: ClassVar[Kind] = "directory"

    source: _Text = Field(alias="directory")


class _FileTask(_OwnedTask):
    dest: _Text
    keep: _Truth = False


class TemplateTask(_FileTask):
    """A file, rendered from a template in the playbook's folder."""

    kind: ClassVar[Kind] = "template"

    source: _Text = Field(alias="template")


class CopyTask(_FileTask):
    """A file of the playbook's folder, as it is."""

    kind: ClassVar[Kind] = "copy"

    source: _Text = Field(alias="copy")


class ContentTask(_FileTask):
    """A file whose content stands in the playbook."""

    kind: ClassVar[Kind] = "content"

    source: _Text = Field(alias="content")


FileTask: TypeAlias = TemplateTask | CopyTask | ContentTask
Task: TypeAlias = RunTask | FileTask | DirectoryTask
TASK_WORDS: Mapping[Kind, set[str]] = {
    cls.kind: cls.words() for cls in (RunTask, TemplateTask, CopyTask, ContentTask, DirectoryTask)
}


def _kind_of(values: Any) -> str | None:
    kinds = [kind for kind in KINDS if kind in values]
    return kinds[0] if len(kinds) == 1 else None


CHECKED_TASK: TypeAdapter[Task] = TypeAdapter(
    Annotated[
        Annotated[RunTask, Tag("run")]
        | Annotated[TemplateTask, Tag("template")]
        | Annotated[CopyTask, Tag("copy")]
        | Annotated[ContentTask, Tag("content")]
        | Annotated[DirectoryTask, Tag("directory")],
        Discriminator(
            _kind_of,
            custom_error_type=UNFIT,
            custom_error_message=f"a task does exactly one of {', '.join(KINDS)}",
        ),
    ]
)
"""Makes a task from the values of its words; the context is its Place."""


class Head(_Words):
    """What a playbook says besides its tasks; these are not checked yet."""

    description: _Text
    variables: Annotated[dict[_Name, Any], _Says("maps names to defaults")] = {}
    secrets: Annotated[list[_Name], _Says("is a list of names")] = []
    env: _Environment = {}
    tasks: Annotated[list[Any], Field(min_length=1), _Says("is a list with at least one task")]


@dataclass(frozen=True)
class Playbook:
    """Checked tasks; `variables` maps a name to its default, None where it must be given.

    `templates` and `copies` are the contents of the files that tasks name, by those names.
    """

    name: str
    path: Path
    description: str
    variables: Mapping[str, Any]
    secrets: tuple[str, ...]
    env: Mapping[str, str]
    tasks: tuple[Task, ...]
    templates: Mapping[str, str] = field(default_factory=dict, repr=False)
    copies: Mapping[str, bytes] = field(default_factory=dict, repr=False)
