"""rtmlib's two models: fetched or from files, on a device, asked for several images at once."""

import contextlib
import importlib.metadata
import io
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from slbench.data.extractor import Extractor
from slbench.data.persons import RULE
from slbench.errors import MissingExtraError, ModelError, OptionError
from slbench.files import file_digest

if TYPE_CHECKING:
    from rtmlib import Wholebody
    from rtmlib.tools.base import BaseTool

Mode = Literal["performance", "balanced", "lightweight"]
"""Sizes of rtmlib's models."""
CUDA = "CUDAExecutionProvider"


@dataclass(frozen=True)
class EstimatorOptions:
    """What an estimator is asked for; names as on the command line.

    Attributes:
        mode: which models rtmlib fetches.
        det, pose: ONNX files in their place.
        device: `cpu`, `cuda`, `cuda:1`, ..., or `auto`: CUDA where onnxruntime has it.
        batch_size: frames that go through a model together.
    """

    mode: Mode = "performance"
    det: Path | None = None
    pose: Path | None = None
    device: str = "auto"
    batch_size: int = 16

    def check(self) -> None:
        """Raise OptionError for a value that is impossible, before anything is fetched."""
        if self.batch_size < 1:
            raise OptionError(f"--batch-size {self.batch_size}: must be at least 1")
        for option, path in (("--det", self.det), ("--pose", self.pose)):
            if path is not None and not path.is_file():
                raise OptionError(f"{option} {path}: there is no such file; leave it out to let rtmlib fetch its own")


def need_extra() -> None:
    """Raise MissingExtraError where a package of the extra "pose" cannot be imported."""
    try:
        import av  # noqa: F401
        import cv2  # noqa: F401
        import onnxruntime
        import rtmlib  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(f"reading poses from videos ({error})", "pose") from error
    onnxruntime.set_default_logger_severity(4)  # what goes wrong is raised; the log would only repeat it


def _onnx_errors() -> tuple[type[Exception], ...]:
    """Its exceptions, which have nothing in common but their module."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    found = [value for value in vars(state).values() if isinstance(value, type) and issubclass(value, Exception)]
    return tuple(found)


def load_models(options: EstimatorOptions) -> "Wholebody":
    """Detector and pose model, each with the size of its file.

    Raises:
        MissingExtraError: the extra "pose" is not installed.
        OptionError: an option is impossible on this machine.
        ModelError: the weights cannot be fetched or opened.
    """
    need_extra()
    options.check()
    from rtmlib import Wholebody

    sizes = Wholebody.MODE[options.mode]
    device = _device(options.device)
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # rtmlib prints what it loads
            wholebody = Wholebody(
                det=str(options.det or sizes["det"]),
                det_input_size=sizes["det_input_size"],
                pose=str(options.pose or sizes["pose"]),
                pose_input_size=sizes["pose_input_size"],
                device=device,
            )
    except (OSError, zipfile.BadZipFile) as error:
        urls = " and ".join(sizes[role] for role in ("det", "pose") if getattr(options, role) is None)
        raise ModelError(
            f"rtmlib cannot fetch its weights ({error}); fetch {urls} elsewhere, unzip, and give each end2end.onnx "
            "with --det and --pose"
        ) from error
    except _onnx_errors() as error:
        raise ModelError(f"onnxruntime cannot load the models ({error}); see --det, --pose and --device") from error
    if options.device.startswith("cuda") and _device_of(wholebody) != "cuda":
        raise OptionError(
            f"--device {options.device}: onnxruntime cannot start CUDA here; see its table of CUDA and cuDNN versions, "
            "or use --device cpu"
        )
    for model in (wholebody.det_model, wholebody.pose_model):
        _set_size(model)
    return wholebody


def _device(name: str) -> str:
    """What rtmlib calls it."""
    import onnxruntime

    if not re.fullmatch(r"auto|cpu|cuda(:[0-9]+)?", name):
        raise OptionError(f"--device {name}: poses are made on cpu, cuda, cuda:1, ...; or use auto")
    has_cuda = CUDA in onnxruntime.get_available_providers()
    if name.startswith("cuda") and not has_cuda:
        raise OptionError(
            f"--device {name}: this onnxruntime has no CUDA; pip uninstall onnxruntime, pip install onnxruntime-gpu, "
            "or use --device cpu"
        )
    if has_cuda and name != "cpu":
        onnxruntime.preload_dlls()  # of PyTorch's or NVIDIA's packages, which are on no library path
    return ("cuda" if has_cuda else "cpu") if name == "auto" else name


def _device_of(wholebody: "Wholebody") -> str:
    used = [model.session.get_providers()[0] for model in (wholebody.det_model, wholebody.pose_model)]
    return "cuda" if used == [CUDA, CUDA] else "cpu"


def _set_size(model: "BaseTool") -> None:
    """The size of a file that has one; rtmlib only knows those of its modes. YOLOX has (H, W), RTMPose (W, H)."""
    height, width = model.session.get_inputs()[0].shape[-2:]
    if isinstance(height, int) and isinstance(width, int):
        model.model_input_size = (width, height) if type(model).__name__ == "RTMPose" else (height, width)


def describe(wholebody: "Wholebody", options: EstimatorOptions) -> Extractor:
    """Who makes the poses, to the byte of the weights."""
    det, pose = wholebody.det_model, wholebody.pose_model
    sizes = wholebody.MODE[options.mode]
    fits = (det.model_input_size, pose.model_input_size) == (sizes["det_input_size"], sizes["pose_input_size"])
    return Extractor(
        name=f"rtmlib Wholebody {options.mode if fits else 'own models'}",
        version=importlib.metadata.version("rtmlib"),
        weights={role: file_digest(Path(model.onnx_model)) for role, model in (("det", det), ("pose", pose))},
        settings={
            "det input": "{}x{}".format(*det.model_input_size[::-1]),
            "pose input": "{}x{}".format(*pose.model_input_size),
            "person": RULE,
            "no person": "keypoints and scores 0",
        },
    )


def run_model(model: "BaseTool", images: Sequence[NDArray[Any]]) -> list[list[NDArray[Any]]]:
    """For each image the model's outputs, as rtmlib's `inference` has them, with a batch axis of one.

    Images go together where the model's batch axis has no fixed size, and one by one otherwise.
    """
    source = model.session.get_inputs()[0]
    names = [output.name for output in model.session.get_outputs()]
    together = 1 if isinstance(source.shape[0], int) else max(len(images), 1)
    answers = []
    for start in range(0, len(images), together):
        batch = [image.transpose(2, 0, 1).astype(np.float32) for image in images[start : start + together]]
        try:
            outputs = model.session.run(names, {source.name: np.stack(batch)})
        except _onnx_errors() as error:
            remedy = "try a smaller --batch-size" if len(batch) > 1 else "see --det and --pose"
            raise ModelError(
                f"{model.onnx_model}: onnxruntime fails on {len(batch)} images ({error}); {remedy}"
            ) from error
        answers += [[output[index : index + 1] for output in outputs] for index in range(len(batch))]
    return answers
