"""Videos that a test renders, and tiny ONNX models of the shapes that rtmlib's Wholebody uses.

A person is a bright patch on a dark ground: the detectors answer to brightness, the pose model to what is in the box.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import av
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

WIDTH, HEIGHT = 96, 64
DETECTOR, POSE_W, POSE_H = 64, 48, 64
DARK = 30


def scene(*persons: tuple[int, int, int], seed: int = 0) -> np.ndarray:
    """(H, W, 3): a bright textured square for each (left, top, side)."""
    chance = np.random.default_rng(seed)
    image = np.full((HEIGHT, WIDTH, 3), DARK, np.uint8)
    for left, top, side in persons:
        image[top : top + side, left : left + side] = chance.integers(225, 256, (side, side, 3))
    return image


def walk(frames: int = 12, dark: Sequence[int] = (4, 5)) -> list[np.ndarray]:
    """One person who walks to the right, alone at first, then with a second one; nobody in the frames of `dark`."""
    images = []
    for number in range(frames):
        persons = [(min(2 * number, 64), 8 + number % 3, 32)] + [(64, 24, 30)] * (number > frames // 2)
        images.append(scene(*([] if number in dark else persons), seed=number))
    return images


def render(
    path: Path, images: Sequence[np.ndarray], codec: str = "libx264", pixels: str = "yuv420p", **options: str
) -> Path:
    """Encode (H, W, 3) BGR images at 25 frames a second."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = pixels
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode())
    return path


def turned(source: Path, target: Path) -> Path:
    """A copy of an mp4 whose track header asks for a quarter turn with the clock, as a telephone writes it."""
    data = source.read_bytes()
    start = data.index(b"tkhd") + 44
    matrix = np.array([0, 1 << 16, 0, -(1 << 16), 0, 0, HEIGHT << 16, 0, 1 << 30], ">i4").tobytes()
    target.write_bytes(data[:start] + matrix + data[start + len(matrix) :])
    return target


def _constant(name: str, values: np.ndarray) -> onnx.TensorProto:
    return numpy_helper.from_array(values, name)


def _save(path: Path, nodes: list, constants: list, inputs: list, outputs: dict[str, list]) -> Path:
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, inputs)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def yolox(path: Path, batch: int | str = "batch") -> Path:
    """A detector without NMS: for each cell of 8, 16 and 32 pixels a place, a size and a score from its brightness.

    Boxes are so large that NMS leaves one a person; the larger cells score too little to count.
    """
    nodes = [helper.make_node("ReduceMean", ["input"], ["grey"], axes=[1], keepdims=1)]
    for stride in (8, 16, 32):
        pool = {"kernel_shape": [stride, stride], "strides": [stride, stride]}
        nodes.append(helper.make_node("AveragePool", ["grey"], [f"pool{stride}"], **pool))
        nodes.append(helper.make_node("Mul", [f"pool{stride}", f"certainty{stride}"], [f"weighted{stride}"]))
        nodes.append(helper.make_node("Reshape", [f"weighted{stride}", "column"], [f"cells{stride}"]))
    nodes += [
        helper.make_node("Concat", ["cells8", "cells16", "cells32"], ["cells"], axis=1),
        helper.make_node("Mul", ["cells", "slope"], ["steep"]),
        helper.make_node("Add", ["steep", "offset"], ["output"]),
    ]
    slope = np.array([1, 1, 0.1, 0.05, 1.1, 0], np.float32).reshape(1, 1, 6) / 255
    constants = [
        _constant("column", np.array([0, -1, 1])),
        *(_constant(f"certainty{stride}", np.float32(stride == 8).reshape(1)) for stride in (8, 16, 32)),
        _constant("slope", slope),
        _constant("offset", np.array([0, 0, 1.9, 1.8, 0, 1], np.float32).reshape(1, 1, 6)),
    ]
    return _save(path, nodes, constants, [batch, 3, DETECTOR, DETECTOR], {"output": [batch, 84, 6]})


def yolox_with_nms(path: Path, batch: int | str = "batch") -> Path:
    """A detector as mmdeploy exports it: boxes in pixels and scores; here one box a half of the image."""
    pool = {"kernel_shape": [DETECTOR, DETECTOR // 2], "strides": [DETECTOR, DETECTOR // 2]}
    nodes = [
        helper.make_node("ReduceMean", ["input"], ["grey"], axes=[1], keepdims=1),
        helper.make_node("AveragePool", ["grey"], ["halves"], **pool),
        helper.make_node("Reshape", ["halves", "column"], ["cells"]),
        helper.make_node("Mul", ["cells", "slope"], ["steep"]),
        helper.make_node("Add", ["steep", "offset"], ["dets"]),
    ]
    boxes = np.array([[[2, 1, 40, 50, -0.15], [34, 8, 60, 44, -0.15]]], np.float32)
    slope = np.array([0.1, 0, 0.1, 0, 0.005], np.float32).reshape(1, 1, 5)
    constants = [_constant("column", np.array([0, -1, 1])), _constant("slope", slope), _constant("offset", boxes)]
    return _save(path, nodes, constants, [batch, 3, DETECTOR, DETECTOR], {"dets": [batch, 2, 5]})


def rtmpose(path: Path, batch: int | str = "batch", points: int = 133) -> Path:
    """A pose model whose answers are random sums over the rows and columns of what it sees."""
    chance = np.random.default_rng(0)
    nodes, constants, outputs = [], [], {}
    for name, axis, size in (("simcc_x", 2, POSE_W), ("simcc_y", 3, POSE_H)):
        nodes += [
            helper.make_node("ReduceMean", ["input"], [f"{name}_mean"], axes=[1, axis], keepdims=0),
            helper.make_node("MatMul", [f"{name}_mean", f"{name}_weights"], [f"{name}_flat"]),
            helper.make_node("Reshape", [f"{name}_flat", f"{name}_shape"], [name]),
        ]
        weights = chance.normal(0, 0.1, (size, points * 2 * size)).astype(np.float32)
        constants.append(_constant(f"{name}_weights", weights))
        constants.append(_constant(f"{name}_shape", np.array([-1, points, 2 * size])))
        outputs[name] = [batch, points, 2 * size]
    return _save(path, nodes, constants, [batch, 3, POSE_H, POSE_W], outputs)


DETECTORS: dict[str, Callable[..., Path]] = {"without NMS": yolox, "with NMS": yolox_with_nms}


class Models:
    """A detector and a pose model on disk."""

    def __init__(self, folder: Path, detector: str = "without NMS", batch: int | str = "batch") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.det = DETECTORS[detector](folder / "det.onnx", batch)
        self.pose = rtmpose(folder / "pose.onnx", batch)

    @property
    def arguments(self) -> list[str]:
        """Of `slbench extract` and `slbench predict`."""
        return ["--det", str(self.det), "--pose", str(self.pose), "--device", "cpu"]
