"""The gate through which a model looks at pictures: how far it is open, and one that is shut begins anew."""

import torch

from slbench.modeling.base import Model, Seeing


def gate_of(model: Model) -> float | None:
    """How far the gate is open in the mean without data, 0 to 1; None: there is none."""
    if not isinstance(model, Seeing):
        return None
    model.network.eval()
    with torch.no_grad():
        return model.self_check().get("gate")


def begin_shut_gate(model: Model) -> bool:
    """Let the gate begin anew if it is exactly shut, since it could never learn otherwise; whether it was."""
    if not isinstance(model, Seeing) or gate_of(model) != 0:
        return False
    model.begin_gate()
    return True
