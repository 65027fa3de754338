"""slbench: the benchmark and evaluation suite for sign-language understanding.

from slbench import Run, RunRequest

record = Run(RunRequest(model="uni-sign-mini", task="fingerspelling-islr")).execute()
print(record.scores[0].value)
"""

from importlib import import_module
from typing import TYPE_CHECKING

from slbench.version import __version__

if TYPE_CHECKING:
    from slbench.cards import DatasetCard, ModelCard, TaskCard
    from slbench.data.clip import Clip
    from slbench.engine.evaluate import Run
    from slbench.engine.request import RunRequest
    from slbench.engine.training import TrainingRequest, TrainingRun
    from slbench.errors import ClipError, SlbenchError
    from slbench.metrics.base import Answer, Score
    from slbench.metrics.protocols import get_protocol
    from slbench.modeling.base import Model, Output, Setting, Trainable
    from slbench.records import Prediction, RunRecord

__all__ = [
    "Answer",
    "Clip",
    "ClipError",
    "DatasetCard",
    "Model",
    "ModelCard",
    "Output",
    "Prediction",
    "Run",
    "RunRecord",
    "RunRequest",
    "Score",
    "Setting",
    "SlbenchError",
    "TaskCard",
    "Trainable",
    "TrainingRequest",
    "TrainingRun",
    "__version__",
    "get_protocol",
]

_HOMES = {
    "slbench.cards": ("DatasetCard", "ModelCard", "TaskCard"),
    "slbench.data.clip": ("Clip",),
    "slbench.engine.evaluate": ("Run",),
    "slbench.engine.request": ("RunRequest",),
    "slbench.engine.training": ("TrainingRequest", "TrainingRun"),
    "slbench.errors": ("ClipError", "SlbenchError"),
    "slbench.metrics.base": ("Answer", "Score"),
    "slbench.metrics.protocols": ("get_protocol",),
    "slbench.modeling.base": ("Model", "Output", "Setting", "Trainable"),
    "slbench.records": ("Prediction", "RunRecord"),
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used, so that `import slbench` brings in no torch."""
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module 'slbench' has no attribute {name!r}")
