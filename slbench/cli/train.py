"""`slbench train`: make a model's weights."""

from pathlib import Path
from typing import Annotated

import typer

from slbench.cli.run import ModalityOption


def train(
    model: Annotated[str, typer.Option(help="Model card: a name from `slbench list models`, or a .toml file.")],
    task: Annotated[list[str], typer.Option(help="Task card; its train and dev splits are used. May be given again.")],
    output: Annotated[Path, typer.Option(help="Folder for the best and the last checkpoint, each with a card.")],
    stage: Annotated[
        str | None, typer.Option(help="Of a training in several: a name under `stages` on the model's card.")
    ] = None,
    modality: Annotated[
        ModalityOption | None, typer.Option(help="What the model looks at; by default what stage or card says.")
    ] = None,
    init: Annotated[
        str | None,
        typer.Option(help="Weights to begin with: a model card, e.g. runs/letters/last.toml, or a file."),
    ] = None,
    pretrained: Annotated[
        list[str] | None,
        typer.Option(metavar="PART=SOURCE", help="Where a part's weights come from, in place of what the stage says."),
    ] = None,
    videos: Annotated[
        Path | None, typer.Option(help="Folder of the corpus's videos; by default where `data prepare` found them.")
    ] = None,
    select_on_test: Annotated[
        bool, typer.Option("--select-on-test", help="Keep the epoch that is best on test; the card and records say so.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of weights, order and augmentation.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")] = "auto",
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a key of the card, e.g. recipe.epochs=5."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where an interrupted training was; from the start if there is none.")
    ] = False,
) -> None:
    """Train a model by the recipe on its card; same seed, same machine: same weights."""
    from slbench.cli.console import errors, out, quiet_libraries, status, stoppable
    from slbench.cli.progress import training_progress

    quiet_libraries()
    with status("loading"):
        from slbench.engine.training import TrainingRequest, TrainingRun

        planned = TrainingRun(
            TrainingRequest(
                model,
                task,
                output,
                init,
                seed,
                device,
                tuple(set_ or ()),
                resume,
                stage=stage,
                modality=None if modality is None else modality.value,
                pretrained=tuple(pretrained or ()),
                videos=videos,
                select_on_test=select_on_test,
            )
        )
    if planned.variant is not None:
        what = " and ".join(key for key in ("config", "recipe") if getattr(planned.variant, key))
        errors().print(f"{what} for {', '.join(planned.variant.datasets)}, from the card's variants", soft_wrap=True)
    for line in planned.warnings:
        errors().print(line, style="yellow", soft_wrap=True)
    kept = "the same command with --resume goes on from the last checkpoint"
    with stoppable(kept), training_progress(planned.card.recipe.epochs) as report:
        weights = planned.execute(report)
    with status("drawing"):
        from slbench.report.curves import draw_curves

        draw_curves(planned.log.path, output / "curves.svg")
    errors().print(f"run it: slbench run --model {output / 'best.toml'} --task {task[0]}", soft_wrap=True)
    out().print(f"best  sha256 {weights}", soft_wrap=True)
