"""Cards: tasks, models and datasets as inert TOML files.

A card is data that a person can read and review. Its only reference to code is a
"module:Class" string, which is resolved when the card is used (`slbench.catalog.resolve`).
"""

import hashlib
import json
import tomllib
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, model_validator

from slbench.errors import CardError

Family = Literal["islr", "cslr", "slt"]
"""Isolated recognition, continuous recognition, translation."""
Modality = Literal["pose", "rgb+pose"]
"""What a model looks at: keypoints alone, or pictures of the hands as well."""
TextUnit = Literal["words", "characters"]
"""What counts as one token of a written sentence."""
Name = Annotated[str, Field(pattern=r"^[a-z0-9]+([.-][a-z0-9]+)*$")]
CodeReference = Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]
Positive = Annotated[int, Field(ge=1)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""A sha256."""


class Frozen(BaseModel):
    """A strict record: unknown keys and wrong types are errors, nothing changes afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Card(Frozen):
    """What every card has."""

    kind: ClassVar[str]
    name: Name
    """How it is called on the command line."""
    title: str
    """One line for people."""
    _path: Path = PrivateAttr(default=Path())

    @property
    def path(self) -> Path:
        """The file the card was read from."""
        return self._path

    def digest(self) -> str:
        """sha256 over the values that differ from their defaults; layout and comments do not count.

        So a key that is added to the schema leaves the digests of older cards as they were.
        """
        values = json.dumps(self.model_dump(mode="json", exclude_defaults=True), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(values.encode()).hexdigest()

    def missing_files(self) -> dict[str, Path]:
        """Key -> file, for files that the card names beside itself and that are not there."""
        return {}


CardT = TypeVar("CardT", bound=Card)


class Listing(Frozen):
    """A published count of a corpus's clips that differs from the card's own."""

    source: str
    """Whose lists."""
    splits: dict[str, Positive]
    """Clips of each split that they have."""
    ids: dict[str, Digest] = {}
    """sha256 of each split's sorted ids, one a line, where the list is to be had."""
    note: str = ""
    """Why it differs."""


class Hub(Frozen):
    """Files that a corpus's owners, or the authors of the poses, publish openly on the Hugging Face hub."""

    repository: str
    kind: Literal["model", "dataset"]
    files: Annotated[tuple[str, ...], Field(min_length=1)]
    """Patterns of names, as in a shell; the parts of a split archive are joined in the order of their names."""
    licence: str


class DatasetCard(Card):
    """A corpus: who owns it, how to get it, what is in it, what is wrong with it."""

    kind: ClassVar[str] = "dataset"
    owner: str
    """Who made and distributes the recordings."""
    licence: str
    """Terms, in the owner's words where there are any."""
    obtain: str
    """How a user gets it."""
    homepage: str
    signed_languages: tuple[str, ...]
    """ISO 639-3 codes."""
    pose_source: str
    """The estimator that made the keypoints, and their mapping."""
    reader: CodeReference | None = None
    """Class that reads the official layout; None: predictions on it can be scored, but slbench cannot read it."""
    needs_source: bool = False
    """Whether the reader must be told where the files are: `slbench data prepare NAME --source FOLDER`."""
    subset: Positive | None = None
    """Number of classes, for a corpus that comes in several sizes."""
    files: tuple[str, ...] = ()
    """The official files that the reader wants, below the folder that is named."""
    splits: dict[str, Positive]
    """Clips of each split, in the owners' lists."""
    ids: dict[str, Digest] = {}
    """sha256 of each split's sorted ids, one a line, where the list is to be had."""
    other_listings: tuple[Listing, ...] = ()
    """Counts that other sources give."""
    open_ended: bool = False
    """Whether the owners name no clips, so that any number is taken; `splits` is then what the paper counts."""
    fps: Annotated[float, Field(gt=0)] | None = None
    """Frame rate of the recordings; None: it varies, or is not known."""
    languages: tuple[str, ...] = ()
    """Written languages, in English."""
    hub: tuple[Hub, ...] = ()
    """What `slbench data download` fetches."""
    composed: bool = False
    """Whether the clips are put together from recordings of parts, and so are not real signing."""
    defects: tuple[str, ...] = ()
    """What is known to be wrong with the recordings or their labels."""


class TaskCard(Card):
    """What is asked of a model, on which clips, and how the answer is scored."""

    kind: ClassVar[str] = "task"
    version: Annotated[str, Field(pattern=r"^\d+\.\d+$")]
    """Raised whenever scores stop being comparable."""
    family: Family
    dataset: Name
    language: str
    """Written language of the answer, in English, as prompts name it."""
    protocol: Name
    """Scoring protocol that ranks; see `slbench.metrics.protocols`."""
    also: tuple[Name, ...] = ()
    """Protocols that are reported as well, to compare with published figures."""
    unit: TextUnit = "words"
    """SLT: what one token of the answer is."""
    splits: Annotated[tuple[str, ...], Field(min_length=1)] = ("train", "dev", "test")
    """Splits of the dataset that the task uses."""
    glosses: tuple[str, ...] = ()
    """ISLR: the closed vocabulary; empty where it is in the corpus itself."""
    pretraining: bool = False
    """Whether it is there to learn from and no benchmark: scores on it are not ranked."""
    notes: tuple[str, ...] = ()
    """What a reader of a score must know."""

    @model_validator(mode="after")
    def _closed_vocabulary(self) -> Self:
        if len(set(self.glosses)) < len(self.glosses):
            raise ValueError("glosses: some occur more than once")
        if self.family != "islr" and self.glosses:
            raise ValueError("glosses: only isolated recognition (islr) has a closed vocabulary")
        return self

    def target(self, text: str, gloss: str) -> str:
        """What the model should answer for a clip with this text and gloss."""
        return text if self.family == "slt" else gloss


class Augmentation(Frozen):
    """Random changes to training clips; each number is the largest change, 0 switches it off."""

    rotation: Annotated[float, Field(ge=0)] = 0.0
    """Degrees, in the image plane."""
    scale: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Relative change of size, of x and y separately."""
    shear: Annotated[float, Field(ge=0)] = 0.0
    """Horizontal shift per unit of height."""
    speed: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Relative change of speed."""


class Recipe(Frozen):
    """How `slbench train` trains the model; the defaults are the paper's stage 3."""

    epochs: Positive = 20
    batch_size: Positive = 8
    learning_rate: Annotated[float, Field(gt=0)] = 3e-4
    weight_decay: Annotated[float, Field(ge=0)] = 1e-4
    adam_epsilon: Annotated[float, Field(gt=0)] = 1e-9
    warmup_epochs: Annotated[int, Field(ge=0)] = 0
    """Epochs over which the learning rate rises from zero; then it falls to zero along a cosine."""
    clip_norm: Annotated[float, Field(gt=0)] = 1.0
    """Largest norm of the gradient."""
    accumulate: Positive = 1
    """Batches whose gradients are added up before each step."""
    precision: Literal["float32", "bfloat16"] = "bfloat16"
    """Of the forward pass; weights and gradients stay float32."""
    threads: Positive | None = None
    """CPU threads; None: as many as PyTorch takes. The weights depend on it, and one is fastest for small networks."""
    repeats: dict[str, Positive] = {}
    """Task -> how often an epoch goes through its clips, otherwise once. What is left to chance follows from seed and
    epoch, so a clip is changed in the same way each time."""
    average: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Decay a step of the exponential moving average of the weights that is evaluated and kept; 0: the weights."""
    augmentation: Augmentation = Augmentation()


class Weights(Frozen):
    """A checkpoint beside the card."""

    file: str
    """safetensors, relative to the card."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    command: str
    """What made it."""
    trained_on: str
    """Task and split."""
    seed: int
    selected_on: str = "dev"
    """Split that the epoch was chosen on; `none` where there was none, so that it is the last."""
    stage: str = ""
    """Of a training in several, that they come from; empty: not known, or the training had none."""


class Released(Frozen):
    """A checkpoint that a paper's authors released."""

    repository: str
    """On the Hugging Face hub."""
    file: str
    size: str
    """As far as it is known, for people; what the hub says is what is checked."""
    licence: str
    inputs: Modality
    tasks: tuple[Name, ...] = ()
    """That it was fine-tuned for; none: it is a start for training."""
    stage: str = "finetune"
    """Of training that it comes from."""
    selected_on: str = "dev"
    """Split that the epoch was chosen on."""


class Stage(Frozen):
    """A part of a training in several: what it reads, what it begins with, and how it differs from the recipe."""

    inputs: tuple[Modality, ...]
    """That it can be done with, the first unless one is named."""
    after: tuple[str, ...] = ()
    """Stages whose weights it begins with, any of them; none: it is the first."""
    pretrained: dict[str, str] = {}
    """Part of the network -> where its weights of the start come from; the class says what it knows."""
    recipe: dict[str, Any] = {}
    """Keys of the recipe that are others here."""


class Variant(Frozen):
    """How a model differs from its card where it is trained on certain corpora."""

    datasets: Annotated[tuple[Name, ...], Field(min_length=1)]
    """It holds for trainings on tasks of these alone."""
    config: dict[str, Any] = {}
    """Keys of the card's [config]; tables are merged."""
    recipe: dict[str, Any] = {}
    """Keys of the card's [recipe]; tables are merged."""


class ModelCard(Card):
    """A model: its class, its sizes, what it can do, its weights and how to train it."""

    kind: ClassVar[str] = "model"
    implementation: CodeReference
    """Class that meets `slbench.modeling.base.Model`."""
    families: Annotated[tuple[Family, ...], Field(min_length=1)]
    inputs: Modality
    """What it looks at, unless another of its `modalities` is asked for."""
    modalities: tuple[Modality, ...] = ()
    """What it can look at; empty: nothing but `inputs`."""
    paper: str
    notes: tuple[str, ...] = ()
    deviations: tuple[str, ...] = ()
    """What is done otherwise than in the paper's own code; records have it too."""
    config: dict[str, Any] = {}
    """Sizes and choices, checked by the class."""
    recipe: Recipe = Recipe()
    weights: Weights | None = None
    """None: the model must be trained first, or the weights are `released`."""
    released: tuple[Released, ...] = ()
    """The authors' own weights, which `slbench run` fetches for their tasks."""
    variants: tuple[Variant, ...] = ()
    """Sizes and recipes for other corpora than the paper's; the first that fits holds."""
    commands: tuple[str, ...] = ()
    """That train the model and run it."""
    stages: dict[str, Stage] = {}
    """Of a training in several, by name; `slbench train --stage`."""

    @model_validator(mode="after")
    def _modalities_fit(self) -> Self:
        known = self.modalities or (self.inputs,)
        asked = {"inputs": (self.inputs,)} | {f"stages.{name}.inputs": one.inputs for name, one in self.stages.items()}
        asked |= {f"released.{number}.inputs": (one.inputs,) for number, one in enumerate(self.released)}
        for key, inputs in asked.items():
            unknown = [one for one in inputs if one not in known]
            if unknown:
                raise ValueError(f"{key}: {', '.join(unknown)} is not among the modalities, {', '.join(known)}")
        return self

    @model_validator(mode="after")
    def _stages_fit(self) -> Self:
        for number, released in enumerate(self.released):
            if self.stages and released.stage not in self.stages:
                raise ValueError(f"released.{number}.stage: there is no stage {released.stage}")
        for name, stage in self.stages.items():
            unknown = sorted(set(stage.after) - set(self.stages))
            if unknown:
                raise ValueError(f"stages.{name}.after: there is no stage {', '.join(unknown)}")
            try:
                self.recipe_of(name)
            except ValidationError as error:
                raise ValueError(f"stages.{name}.recipe.{_keys(error)}") from error
        return self

    def recipe_of(self, stage: str) -> Recipe:
        """The recipe with what is another in this stage."""
        values = self.recipe.model_dump(mode="json") | self.stages[stage].recipe
        return Recipe.model_validate_json(json.dumps(values))

    @model_validator(mode="after")
    def _variants_fit(self) -> Self:
        for number, variant in enumerate(self.variants):
            try:
                self.varied(variant)
            except ValidationError as error:
                raise ValueError(f"variants.{number}.recipe.{_keys(error)}") from error
        return self

    def varied(self, variant: Variant) -> Self:
        """The card as it is where the variant holds."""
        recipe = json.dumps(_merged(self.recipe.model_dump(mode="json"), variant.recipe))
        changed = {"config": _merged(self.config, variant.config), "recipe": Recipe.model_validate_json(recipe)}
        return self.model_copy(update=changed)

    @property
    def weights_path(self) -> Path | None:
        """The checkpoint, if the card names one."""
        return None if self.weights is None else self.path.parent / self.weights.file

    def missing_files(self) -> dict[str, Path]:
        """The checkpoint, if it is named and absent."""
        path = self.weights_path
        return {} if path is None or path.is_file() else {"weights.file": path}


def _keys(error: ValidationError) -> str:
    """What is wrong, key by key."""
    return "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())


def _merged(values: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Changes over values, table by table."""
    tables = {key: _merged(values[key], new) for key, new in changes.items() if isinstance(values.get(key), dict)}
    return values | changes | tables


CARD_TYPES: tuple[type[Card], ...] = (TaskCard, ModelCard, DatasetCard)


def read_card(path: Path, card_type: type[CardT]) -> CardT:
    """Read and check one card.

    Raises:
        CardError: listing every fault with its file and key.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
        card = card_type.model_validate_json(json.dumps(values, default=str))
    except OSError as error:
        raise CardError(f"{path}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CardError(f"{path}: is not valid TOML ({error})") from error
    except ValidationError as error:
        raise CardError("\n".join(_fault(path, card_type, dict(detail)) for detail in error.errors())) from error
    card._path = path  # noqa: SLF001 - the private attribute is ours
    missing = [f"{path}: {key}: there is no file {file}" for key, file in card.missing_files().items()]
    if missing:
        raise CardError("\n".join(missing))
    return card


def _fault(path: Path, card_type: type[Card], detail: dict[str, Any]) -> str:
    key = ".".join(map(str, detail["loc"]))
    if detail["type"] == "extra_forbidden":
        known = ", ".join(card_type.model_fields) if len(detail["loc"]) == 1 else "see the other cards"
        return f"{path}: {key}: unknown key (known: {known})"
    if detail["type"] == "missing":
        return f"{path}: {key}: this key is missing"
    if not detail["loc"]:
        return f"{path}: {detail['msg'].removeprefix('Value error, ')}"
    return f"{path}: {key}: {detail['msg']}, found {detail['input']!r}"
