"""`slbench predict`: one's own video to text."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from slbench.cli.extract import Detector, ModeName, ModeOption, PoseModel
from slbench.cli.listing import Format
from slbench.cli.run import DecodingOption, ModalityOption

if TYPE_CHECKING:
    from rich.table import Table

    from slbench.engine.own_videos import OwnPrediction

SHOWN = 5
"""Glosses of isolated recognition."""


def predict(
    videos: Annotated[
        list[Path], typer.Argument(help="Videos, folders of images, or files of poses.", metavar="VIDEO...")
    ],
    model: Annotated[str, typer.Option(help="Model card: a name from `slbench list models`, or a .toml file.")],
    task: Annotated[str, typer.Option(help="Task card: says what to answer, in which language.")],
    draw: Annotated[
        Path | None, typer.Option(metavar="OUT.mp4", help="Draw pose and answer over the video; a folder for several.")
    ] = None,
    mode: ModeName = ModeOption.performance,
    det: Detector = None,
    pose: PoseModel = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")] = "auto",
    num_beams: Annotated[int, typer.Option(help="Beams of the search; 1 is greedy.")] = 4,
    decoding: Annotated[
        DecodingOption, typer.Option(help="Any text, as in the papers, or only what the task's glosses can make.")
    ] = DecodingOption.open,
    seed: Annotated[
        int,
        typer.Option(
            help="Of everything left to chance, as which frames of a clip that is longer than the model takes."
        ),
    ] = 0,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Weights of your own: .pth, .pt or .safetensors, instead of the card's.")
    ] = None,
    modality: Annotated[
        ModalityOption | None, typer.Option(help="What the model looks at; by default what its card says.")
    ] = None,
    output_format: Annotated[Format, typer.Option("--format", help="Table for people, JSON for programs.")] = (
        Format.table
    ),
) -> None:
    """Say what a video of yours means: its poses are read with rtmlib and given to a model."""
    from slbench.cli import console
    from slbench.cli.progress import reading_progress

    console.quiet_libraries()
    with console.status("loading"):
        from slbench.data.wholebody import EstimatorOptions
        from slbench.engine.own_videos import OwnVideos, PredictRequest

        options = EstimatorOptions(mode.value, det, pose, "cpu" if device == "mps" else device)
        asked = PredictRequest(
            videos=tuple(videos),
            model=model,
            task=task,
            estimator=options,
            device=device,
            num_beams=num_beams,
            seed=seed,
            draw=draw,
            checkpoint=checkpoint,
            decoding=decoding.value,
            modality=None if modality is None else modality.value,
        )
        planned = OwnVideos(asked, lambda line: console.errors().print(line, soft_wrap=True))
    with console.stoppable("nothing is kept"), reading_progress(len(videos)) as report:
        predictions = planned.execute(report)
    _show(predictions, output_format)
    for line in planned.about_poses(predictions):
        console.errors().print(line, style="yellow", soft_wrap=True)
    if draw is not None:
        with console.stoppable("finished drawings are kept"):
            for path in planned.draw(predictions):
                console.errors().print(f"drawn: {path}", soft_wrap=True)
    failed = [one.prediction.error for one in predictions if one.prediction.error]
    for message in failed:
        console.errors().print(f"failed: {message}", style="red", soft_wrap=True)
    if failed:
        raise typer.Exit(1)


def _show(predictions: "Sequence[OwnPrediction]", output_format: Format) -> None:
    if output_format is Format.json:
        typer.echo(json.dumps([_values(one) for one in predictions], indent=1, ensure_ascii=False))
        return
    from slbench.cli.console import show

    answered = [one for one in predictions if one.poses is not None]
    if answered:
        show(_table(answered))


def _table(predictions: "Sequence[OwnPrediction]") -> "Table":
    from slbench.report.tables import simple_table

    ranked = bool(predictions[0].prediction.top_k)
    columns = ("video", "gloss", "log-likelihood") if ranked else ("video", "text")
    table = simple_table(None, columns, numbers=("log-likelihood",))
    table.columns[0].no_wrap = True
    for one in predictions:
        for place, best in enumerate(one.prediction.top_k[:SHOWN]):
            table.add_row("" if place else str(one.video), best.gloss, f"{best.log_likelihood:.3f}")
        if not ranked:
            table.add_row(str(one.video), one.answer)
    return table


def _values(one: "OwnPrediction") -> dict[str, Any]:
    poses = one.poses
    return {
        "video": str(one.video),
        "answer": None if poses is None else one.answer,
        "text": one.prediction.hypothesis,
        "top_k": [ranked.model_dump(exclude_none=True) for ranked in one.prediction.top_k[:SHOWN]],
        "measures": one.prediction.measures,
        "frames": None if poses is None else len(poses.keypoints),
        "fps": None if poses is None else poses.fps,
        "people": None if poses is None else poses.people,
        "poses": one.extractor.label() if one.extractor else None,
        "error": one.prediction.error,
    }
