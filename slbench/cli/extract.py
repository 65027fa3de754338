"""`slbench extract`: videos to poses."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from slbench.data import extract as extraction


class ModeOption(StrEnum):
    """Of rtmlib."""

    performance = "performance"
    balanced = "balanced"
    lightweight = "lightweight"


ModeName = Annotated[
    ModeOption, typer.Option("--mode", help="Which of rtmlib's models are fetched, from best to fastest.")
]
Detector = Annotated[Path | None, typer.Option("--det", metavar="FILE", help="YOLOX detector (ONNX) instead.")]
PoseModel = Annotated[Path | None, typer.Option("--pose", metavar="FILE", help="RTMPose or RTMW model (ONNX) instead.")]


def extract(
    videos: Annotated[
        list[Path], typer.Argument(help="Videos, or folders of any depth; a folder of images is one video.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for <name>.npz, in the same sub-folders, and extractor.json.")],
    mode: ModeName = ModeOption.performance,
    det: Detector = None,
    pose: PoseModel = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")] = "auto",
    batch_size: Annotated[int, typer.Option(help="Frames that go through a model together.")] = 16,
    shard: Annotated[
        str | None, typer.Option(metavar="I/N", help="Only the Ith of N parts, so that N machines share the work.")
    ] = None,
) -> None:
    """Read the poses of one person from videos with rtmlib; what is there is done again where its video has changed."""
    from slbench.cli import console
    from slbench.cli.progress import extracting_progress

    with console.status("loading"):
        from slbench.data.extract import Extraction, ExtractRequest
        from slbench.data.wholebody import EstimatorOptions

        options = EstimatorOptions(mode.value, det, pose, device, batch_size)
        planned = Extraction(ExtractRequest(tuple(videos), out, options, shard))
    console.errors().print(f"poses by {planned.estimator.extractor.label()}", soft_wrap=True)
    with console.stoppable("the same command continues"), extracting_progress() as report:
        done = planned.execute(report)
    _tell(done)
    console.out().print(
        f"{out}: {len(done.written)} written, {done.there} already there, {len(done.failed)} failed", soft_wrap=True
    )
    if done.failed:
        raise typer.Exit(1)


def _tell(done: "extraction.Extracted") -> None:
    from slbench.cli.console import errors

    for name in done.nobody:
        errors().print(f"no person in any frame: {name}", style="yellow", soft_wrap=True)
    for message in done.failed.values():
        errors().print(f"failed: {message}", style="red", soft_wrap=True)
