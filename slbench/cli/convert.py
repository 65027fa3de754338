"""`slbench convert`: a checkpoint as safetensors."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from slbench.cli.run import ModalityOption


class PrecisionOption(StrEnum):
    """Of the weights in the file."""

    bfloat16 = "bfloat16"
    float32 = "float32"


def convert(
    checkpoint: Annotated[Path, typer.Argument(help="Weights as .pth, .pt or .safetensors.")],
    model: Annotated[str, typer.Option(help="Model card that they are for: a name, or a .toml file.")],
    output: Annotated[Path, typer.Option(help="The .safetensors file to write.")],
    modality: Annotated[
        ModalityOption | None, typer.Option(help="What the model looks at; by default what the file is for.")
    ] = None,
    precision: Annotated[
        PrecisionOption | None, typer.Option(help="Of the weights that are written; by default as in the file.")
    ] = None,
) -> None:
    """Write a checkpoint as safetensors, once every tensor was found to be one of the model's network."""
    from slbench.cli.console import errors, out, quiet_libraries, status

    quiet_libraries()
    with status("converting"):
        from slbench import catalog
        from slbench.engine.inspection import converted

        card = catalog.get_model(model)
        done = converted(
            card,
            checkpoint,
            output,
            None if modality is None else modality.value,
            None if precision is None else precision.value,
        )
    words = f"slbench run --model {model} --task TASK --modality {done.modality} --checkpoint {output}"
    errors().print(f"use it: {words}", soft_wrap=True)
    out().print(f"{output}  sha256 {done.sha256}", soft_wrap=True)
