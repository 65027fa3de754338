"""BLEURT-20 (Sellam et al., ACL 2020; Pu et al., EMNLP 2021): a trained regression from two sentences to a score."""

from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from slbench.errors import ModelError, some
from slbench.files import file_digest
from slbench.metrics.base import Answer, Better, Statistics, Unit

if TYPE_CHECKING:
    from sentencepiece import SentencePieceProcessor
    from torch import Tensor
    from torch.nn import Module

WEIGHTS = ("model.safetensors", "pytorch_model.bin")
PIECES = "spm.model"
REMEDY = (
    f"BLEURT needs a folder with config.json, {PIECES} and {' or '.join(WEIGHTS)}, as "
    "`hf download lucadiliello/BLEURT-20 --local-dir FOLDER` makes one"
)


class Sizes(BaseModel):
    """What the network needs of `config.json`, by the names there; the other keys do not change a score."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    vocab_size: int
    embedding_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    hidden_act: str
    max_position_embeddings: int
    type_vocab_size: int
    layer_norm_eps: float


class Bleurt:
    """`BLEURT`: mean score of the sentences, times 100, in points; near 100 for the same meaning, negative at worst.

    The weights are those that lucadiliello/BLEURT-20 holds, converted from Google's; so are its smaller relatives
    BLEURT-20-D3, D6 and D12. The network is RemBERT with one linear layer on the pooled output. Sentences are cut into
    pieces and, where both together exceed what the network takes, shortened at the end of the longer, as Google's code
    does. The activation is that of `config.json`, `gelu`, by the error function, where Google's own code approximates
    it; a user of the conversion compared ten pairs and found them within 0.14 % of each other.

    Scores are computed in float32 and do not depend on the batch by more than 1e-5 of BLEURT's own scale. A failed
    clip counts as an empty answer, to which BLEURT gives a score as to any other.

    Statistics: score, 1.
    """

    better: Better = "higher"
    unit: Unit = "points"

    def __init__(self, source: str | Path, *, batch_size: int = 32) -> None:
        """Load a model.

        Args:
            source: a folder, or a name on the Hugging Face hub.
            batch_size: pairs of sentences at once.

        Raises:
            ModelError: it is not there and cannot be fetched, or is not a BLEURT-20.
        """
        from torch.cuda import is_available

        sizes = _read_sizes(_find(source, "config.json"))
        weights = _find(source, *WEIGHTS)
        self.batch_size, self.longest = batch_size, sizes.max_position_embeddings
        self.device = "cuda" if is_available() else "cpu"
        self.pieces = _read_pieces(_find(source, PIECES), sizes)
        self.network = _read_network(weights, sizes).to(self.device)
        libraries = "|".join(f"{name}:{version(name)}" for name in ("transformers", "torch", "sentencepiece"))
        rules = f"layers:{sizes.num_hidden_layers}|act:{sizes.hidden_act}|tokens:{self.longest}|failed:empty"
        self.signatures = {"BLEURT": f"bleurt:20|weights:{file_digest(weights)[:8]}|{rules}|{libraries}"}

    def statistics(self, answers: Sequence[Answer]) -> Statistics:
        """(n, 2)."""
        pairs = [self._encode(answer.reference, answer.hypothesis or "") for answer in answers]
        by_length = sorted(range(len(pairs)), key=lambda i: len(pairs[i][0]))
        table = np.ones((len(pairs), 2))
        for start in range(0, len(pairs), self.batch_size):
            batch = by_length[start : start + self.batch_size]
            table[batch, 0] = self._scores([pairs[i] for i in batch])
        return table

    def _encode(self, reference: str, hypothesis: str) -> tuple[list[int], list[int]]:
        """Pieces of `[CLS] reference [SEP] hypothesis [SEP]`, and for each whether it is of the first or second."""
        first, second = self.pieces.encode(reference), self.pieces.encode(hypothesis)
        while len(first) + len(second) > self.longest - 3:
            (first if len(first) > len(second) else second).pop()
        start, end = self.pieces.piece_to_id("[CLS]"), self.pieces.piece_to_id("[SEP]")
        return [start, *first, end, *second, end], [0] * (len(first) + 2) + [1] * (len(second) + 1)

    def _scores(self, pairs: Sequence[tuple[list[int], list[int]]]) -> Statistics:
        import torch
        from torch.nn.utils.rnn import pad_sequence

        def padded(rows: Iterator[list[int]]) -> "Tensor":
            return pad_sequence([torch.tensor(row) for row in rows], batch_first=True).to(self.device)

        tokens_bt, types_bt = padded(ids for ids, _ in pairs), padded(types for _, types in pairs)
        mask_bt = padded([1] * len(ids) for ids, _ in pairs)
        with torch.inference_mode():
            found = self.network(input_ids=tokens_bt, token_type_ids=types_bt, attention_mask=mask_bt)
        scores: Statistics = found.logits[:, 0].double().cpu().numpy()
        return scores

    def reduce(self, totals: Statistics) -> Statistics:
        """Mean score."""
        scores: Statistics = 100 * totals[..., :1] / totals[..., 1:]
        return scores

    def parts(self, totals: Statistics) -> dict[str, float]:
        """Sentences."""
        return {"sentences": float(totals[1])}


def _find(source: str | Path, *names: str) -> Path:
    from transformers.utils.hub import cached_file

    reason = ""
    for name in names:
        try:
            found = cached_file(str(source), name)
        except (OSError, ValueError) as error:
            reason = _first_line(error)
            continue
        if found is not None:
            return Path(found)
    raise ModelError(f"{source}: no {' or '.join(names)} in such a folder or on the hub ({reason}): {REMEDY}")


def _read_sizes(path: Path) -> Sizes:
    try:
        return Sizes.model_validate_json(path.read_bytes())
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in error.errors())
        raise ModelError(f"{path} is not that of a BLEURT-20 ({faults}): {REMEDY}") from error


def _read_pieces(path: Path, sizes: Sizes) -> "SentencePieceProcessor":
    from sentencepiece import SentencePieceProcessor

    try:
        pieces = SentencePieceProcessor(model_file=str(path))
    except (OSError, RuntimeError) as error:
        raise ModelError(f"{path} cannot be read as a sentencepiece model ({error}): {REMEDY}") from error
    lacking = [name for name in ("[CLS]", "[SEP]") if pieces.is_unknown(pieces.piece_to_id(name))]
    if lacking or len(pieces) > sizes.vocab_size:
        raise ModelError(
            f"{path} is not that of a BLEURT-20: {len(pieces)} pieces for {sizes.vocab_size} embeddings, "
            f"without {' and '.join(lacking) or 'none'} of the marks: {REMEDY}"
        )
    return pieces


def _read_network(path: Path, sizes: Sizes) -> "Module":
    from accelerate import init_empty_weights  # type: ignore[import-untyped]

    with init_empty_weights():
        network = _network(path, sizes)
    tensors = _read_tensors(path)
    names = {name: _name_in_file(name) for name in network.state_dict()}
    faults = _misfits({names[name]: tensor for name, tensor in network.state_dict().items()}, tensors)
    if faults:
        raise ModelError(f"{path} does not hold the weights of a BLEURT-20: {'; '.join(faults)}: {REMEDY}")
    network.load_state_dict({name: tensors[there].float() for name, there in names.items()}, assign=True)
    return network.eval()


def _network(path: Path, sizes: Sizes) -> "Module":
    from transformers import RemBertConfig, RemBertForSequenceClassification

    values = sizes.model_dump(exclude={"embedding_size"}) | {"input_embedding_size": sizes.embedding_size}
    try:
        # No token begins or ends a text here, and those of RemBERT's own vocabulary may not exist in a small one.
        config = RemBertConfig(**values, bos_token_id=None, eos_token_id=None)
        config.num_labels = 1
        return RemBertForSequenceClassification(config)
    except (KeyError, ValueError) as error:
        raise ModelError(f"{path.parent / 'config.json'} describes no network ({error}): {REMEDY}") from error


def _name_in_file(name: str) -> str:
    """RemBERT's name of a weight in transformers -> its name in the converted BLEURT."""
    return name.replace("rembert.", "bleurt.", 1).replace("embedding_hidden_mapping_in", "embedding_projection")


def _read_tensors(path: Path) -> dict[str, "Tensor"]:
    import torch
    from safetensors.torch import load_file

    try:
        is_safe = path.suffix == ".safetensors"
        found = load_file(path) if is_safe else torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises all sorts on a damaged file
        raise ModelError(
            f"{path} cannot be read as weights ({_first_line(error)}): fetch it again; {REMEDY}"
        ) from error
    # Old versions of transformers wrote down the positions 0, 1, 2, ... as well.
    return {name: tensor for name, tensor in found.items() if not name.endswith(".position_ids")}


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__


def _misfits(expected: Mapping[str, "Tensor"], found: Mapping[str, "Tensor"]) -> list[str]:
    """What is missing, unexpected or of another shape, a text each."""
    lists = {
        "missing": [name for name in expected if name not in found],
        "unexpected": [name for name in found if name not in expected],
        "of another shape": [
            f"{name} {tuple(found[name].shape)} instead of {tuple(expected[name].shape)}"
            for name in expected.keys() & found.keys()
            if found[name].shape != expected[name].shape
        ],
    }
    return [f"{fault}: {some(sorted(names))}" for fault, names in lists.items() if names]
