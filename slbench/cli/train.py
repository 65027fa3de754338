"""`slbench train`: make a model's weights."""

from pathlib import Path
from typing import Annotated

import typer


def train(
    model: Annotated[str, typer.Option(help="Model card: a name from `slbench list models`, or a .toml file.")],
    task: Annotated[list[str], typer.Option(help="Task card; its train and dev splits are used. May be given again.")],
    output: Annotated[Path, typer.Option(help="Folder for the best and the last checkpoint, each with a card.")],
    init: Annotated[
        str | None, typer.Option(help="Model card whose weights to begin with, e.g. runs/letters/last.toml.")
    ] = None,
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

        planned = TrainingRun(TrainingRequest(model, task, output, init, seed, device, tuple(set_ or ()), resume))
    for line in planned.missing:
        errors().print(line, style="yellow", soft_wrap=True)
    kept = "the same command with --resume goes on from the last checkpoint"
    with stoppable(kept), training_progress(planned.card.recipe.epochs) as report:
        weights = planned.execute(report)
    with status("drawing"):
        from slbench.report.curves import draw_curves

        draw_curves(planned.log.path, output / "curves.svg")
    errors().print(f"run it: slbench run --model {output / 'best.toml'} --task {task[0]}", soft_wrap=True)
    out().print(f"best  sha256 {weights}", soft_wrap=True)
