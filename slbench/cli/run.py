"""`slbench run`: a model on a task."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class ModalityOption(StrEnum):
    """As on model cards."""

    pose = "pose"
    rgb_pose = "rgb+pose"


class DecodingOption(StrEnum):
    """What may come out."""

    open = "open"
    closed = "closed"


def run(
    model: Annotated[str, typer.Option(help="Model card: a name from `slbench list models`, or a .toml file.")],
    task: Annotated[str, typer.Option(help="Task card: a name from `slbench list tasks`, or a .toml file.")],
    split: Annotated[str, typer.Option(help="Split of the task.")] = "test",
    limit: Annotated[int | None, typer.Option(help="Only the first N clips; bars the run from leaderboards.")] = None,
    batch_size: Annotated[
        int, typer.Option(help="Clips in a batch. In float32 the predictions do not depend on it.")
    ] = 32,
    workers: Annotated[int, typer.Option(help="Processes that load clips; 0: none besides this one.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")] = "auto",
    precision: Annotated[str, typer.Option(help="float32, bfloat16 or float16.")] = "float32",
    num_beams: Annotated[int, typer.Option(help="Beams of the search; 1 is greedy.")] = 4,
    seed: Annotated[
        int,
        typer.Option(
            help="Of everything left to chance, as which frames of a clip that is longer than the model takes."
        ),
    ] = 0,
    output: Annotated[Path, typer.Option(help="Folder for <task>/<model>/<run>.json and the predictions.")] = Path(
        "results"
    ),
    fresh: Annotated[bool, typer.Option("--fresh", help="Do not continue an interrupted run.")] = False,
    modality: Annotated[
        ModalityOption | None, typer.Option(help="What the model looks at; by default what its card says.")
    ] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Weights of your own: .pth, .pt or .safetensors, instead of the card's.")
    ] = None,
    decoding: Annotated[
        DecodingOption, typer.Option(help="Any text, as in the papers, or only what the task's glosses can make.")
    ] = DecodingOption.open,
    videos: Annotated[
        Path | None, typer.Option(help="Folder of the corpus's videos; by default where `data prepare` found them.")
    ] = None,
    mock: Annotated[
        bool, typer.Option("--mock", help="Try the model on 8 (or limit) made-up clips, without data or weights.")
    ] = False,
) -> None:
    """Run a model on a task: predictions, scores with confidence intervals, and a record of how they were made."""
    from slbench.cli.console import errors, out, quiet_libraries, show, status, stoppable
    from slbench.cli.progress import clip_progress

    quiet_libraries()
    with status("loading"):
        from slbench.engine.evaluate import Run
        from slbench.engine.request import RunRequest
        from slbench.report.corpora import reasons
        from slbench.report.tables import run_table

        planned = Run(
            RunRequest(
                model=model,
                task=task,
                split=split,
                limit=limit,
                batch_size=batch_size,
                workers=workers,
                device=device,
                precision=precision,
                num_beams=num_beams,
                seed=seed,
                output=output,
                fresh=fresh,
                mock=mock,
                modality=None if modality is None else modality.value,
                checkpoint=checkpoint,
                decoding=decoding.value,
                videos=videos,
            ),
            lambda line: errors().print(line, soft_wrap=True),
        )
    for journal in planned.other_journals():
        errors().print(f"not continued, it was made by other code: {journal}", style="yellow", soft_wrap=True)
    earlier = None if fresh else planned.earlier_predictions()
    with stoppable("the same command continues"), clip_progress() as report:
        record = planned.execute(report)
    if earlier is not None:
        same = "the same" if earlier == record.predictions_sha256 else "OTHER"
        errors().print(f"replaced an earlier run; it had {same} predictions")
    show(run_table(record))
    out().print(f"record       {planned.record_path}\npredictions  {planned.predictions_path}", soft_wrap=True)
    if record.failed:
        for line in reasons(record.failed.items()):
            errors().print(f"failed: {line}", style="red", soft_wrap=True)
        raise typer.Exit(1)
