import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import sentencepiece
import torch
from safetensors.torch import save_file
from torch.nn import functional as F
from transformers import RemBertConfig, RemBertForSequenceClassification

from slbench.errors import ModelError
from slbench.files import file_digest
from slbench.metrics.base import Answer, scores
from slbench.metrics.bleurt import Bleurt

CONFIG = {
    "architectures": ["BleurtForSequenceClassification"], "attention_probs_dropout_prob": 0, "embedding_size": 8,
    "hidden_act": "gelu", "hidden_dropout_prob": 0, "hidden_size": 16, "id2label": {"0": "LABEL_0"},
    "intermediate_size": 32, "layer_norm_eps": 1e-12, "max_position_embeddings": 64, "model_type": "bleurt",
    "num_attention_heads": 2, "num_hidden_layers": 2, "pad_token_id": 0, "type_vocab_size": 2, "vocab_size": 70,
}  # fmt: skip
ANSWERS = [
    Answer("hello to the world", "hello world"),
    Answer("sign number 7", "sign number 17 says hello to the world"),
    Answer("the world", None),
    Answer("says", "says"),
]


def tiny_weights() -> dict[str, torch.Tensor]:
    """Random, by the names that the conversion of BLEURT-20 has; large enough that everything matters."""
    sizes = {key: CONFIG[key] for key in RemBertConfig().to_dict() if key in CONFIG and key != "id2label"}
    config = RemBertConfig(**sizes, input_embedding_size=8, bos_token_id=None, eos_token_id=None)
    config.num_labels = 1
    torch.manual_seed(3)
    names = RemBertForSequenceClassification(config).state_dict()
    renamed = {
        name.replace("rembert.", "bleurt.").replace("embedding_hidden_mapping_in", "embedding_projection"): tensor
        for name, tensor in names.items()
    }
    weights = {name: 0.8 * torch.randn_like(tensor) for name, tensor in renamed.items()}
    return weights | {"bleurt.embeddings.position_ids": torch.arange(64)[None]}


@pytest.fixture(scope="module")
def pieces(tmp_path_factory) -> Path:
    """A sentencepiece model with the marks of RemBERT's."""
    folder = tmp_path_factory.mktemp("pieces")
    (folder / "text.txt").write_text("\n".join(f"sign number {n} says hello to the world" for n in range(200)))
    sentencepiece.SentencePieceTrainer.train(
        input=str(folder / "text.txt"), model_prefix=str(folder / "spm"), vocab_size=50, pad_id=0, unk_id=1, bos_id=-1,
        eos_id=-1, control_symbols=["[CLS]", "[SEP]"], minloglevel=2,
    )  # fmt: skip
    return folder / "spm.model"


@pytest.fixture
def folder(pieces, tmp_path) -> Path:
    """A whole BLEURT, as the hub has it."""
    (tmp_path / "spm.model").write_bytes(pieces.read_bytes())
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    torch.save(tiny_weights(), tmp_path / "pytorch_model.bin")
    return tmp_path


def by_hand(folder: Path, reference: str, hypothesis: str) -> float:
    """One pair through the network, written out, in float64."""
    w = {name: tensor.double() for name, tensor in tiny_weights().items()}
    cutter = sentencepiece.SentencePieceProcessor(str(folder / "spm.model"))
    first, second = cutter.encode(reference), cutter.encode(hypothesis)
    start, end = cutter.piece_to_id("[CLS]"), cutter.piece_to_id("[SEP]")
    tokens = [start, *first, end, *second, end]
    types = [0] * (2 + len(first)) + [1] * (1 + len(second))

    def linear(name: str, x):
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def norm(name: str, x):
        return F.layer_norm(x, x.shape[-1:], w[f"{name}.LayerNorm.weight"], w[f"{name}.LayerNorm.bias"], 1e-12)

    tables = (("word", tokens), ("token_type", types), ("position", range(len(tokens))))
    embedded = sum(w[f"bleurt.embeddings.{name}_embeddings.weight"][list(rows)] for name, rows in tables)
    x_td = linear("bleurt.encoder.embedding_projection", norm("bleurt.embeddings", embedded))
    for layer in ("bleurt.encoder.layer.0", "bleurt.encoder.layer.1"):
        q, k, v = (
            linear(f"{layer}.attention.self.{name}", x_td).unflatten(-1, (2, 8)).transpose(0, 1)
            for name in ("query", "key", "value")
        )
        seen_td = ((q @ k.transpose(1, 2) / 8**0.5).softmax(-1) @ v).transpose(0, 1).flatten(1)
        x_td = norm(f"{layer}.attention.output", x_td + linear(f"{layer}.attention.output.dense", seen_td))
        wide = F.gelu(linear(f"{layer}.intermediate.dense", x_td))
        x_td = norm(f"{layer}.output", x_td + linear(f"{layer}.output.dense", wide))
    pooled = torch.tanh(linear("bleurt.pooler.dense", x_td[0]))
    return linear("classifier", pooled).item()


def test_scores_are_those_of_the_forward_pass_written_out(folder) -> None:
    expected = [by_hand(folder, a.reference, a.hypothesis or "") for a in ANSWERS]
    table = Bleurt(folder).statistics(ANSWERS)
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(table[:, 0], expected, atol=1e-5)
    np.testing.assert_array_equal(table[:, 1], 1)
    metric = Bleurt(str(folder))
    assert metric.reduce(table.sum(0)) == pytest.approx([100 * np.mean(expected)], abs=1e-3)
    assert metric.parts(table.sum(0)) == {"sentences": 4}


def test_the_batch_does_not_change_a_score(folder) -> None:
    answers = [Answer("hello " * (n % 5), "sign number " * (n * 7 % 6)) for n in range(23)]
    alone = Bleurt(folder, batch_size=1).statistics(answers)
    for size in (4, 23):
        np.testing.assert_allclose(Bleurt(folder, batch_size=size).statistics(answers), alone, atol=1e-5)
    np.testing.assert_array_equal(Bleurt(folder).statistics(answers), Bleurt(folder).statistics(answers))
    np.testing.assert_allclose(Bleurt(folder).statistics(answers[::-1])[::-1], alone, atol=1e-5)


def test_the_longer_side_is_shortened(folder) -> None:
    """64 places, three for marks: 61 pieces; a long hypothesis gives way first, then both by turns."""
    metric = Bleurt(folder)
    hello, world = metric.pieces.encode("hello " * 80), metric.pieces.encode("world " * 80)
    short = metric.pieces.encode("hello")
    start, end = metric.pieces.piece_to_id("[CLS]"), metric.pieces.piece_to_id("[SEP]")
    tokens, types = metric._encode("hello", "world " * 80)
    assert tokens == [start, *short, end, *world[: 61 - len(short)], end]
    assert types == [0] * (len(short) + 2) + [1] * (62 - len(short))
    assert metric._encode("hello " * 80, "world " * 80)[0] == [start, *hello[:31], end, *world[:30], end]
    assert np.isfinite(metric.statistics([Answer("hello " * 80, "world " * 80)])).all()


def test_intervals_hold_the_value_and_the_signature_names_the_weights(folder) -> None:
    (score,) = scores(Bleurt(folder), ANSWERS * 5)
    assert score.low < score.value < score.high
    assert (score.name, score.unit, score.better) == ("BLEURT", "points", "higher")
    digest = file_digest(folder / "pytorch_model.bin")[:8]
    libraries = "|".join(f"{name}:{version(name)}" for name in ("transformers", "torch", "sentencepiece"))
    rules = f"bleurt:20|weights:{digest}|layers:2|act:gelu|tokens:64|failed:empty|{libraries}"
    assert score.signature.startswith(f"{rules}|ci:")


def test_safetensors_come_first(folder) -> None:
    expected = Bleurt(folder).statistics(ANSWERS)
    save_file(tiny_weights(), folder / "model.safetensors")
    (folder / "pytorch_model.bin").unlink()
    np.testing.assert_array_equal(Bleurt(folder).statistics(ANSWERS), expected)


def test_wrong_names_are_listed(folder) -> None:
    weights = tiny_weights()
    weights["bleurt.pooler.dense.wait"] = weights.pop("bleurt.pooler.dense.weight")
    weights["classifier.bias"] = torch.zeros(3)
    torch.save(weights, folder / "pytorch_model.bin")
    with pytest.raises(ModelError) as caught:
        Bleurt(folder)
    message = str(caught.value)
    assert str(folder / "pytorch_model.bin") in message
    assert "missing: bleurt.pooler.dense.weight; unexpected: bleurt.pooler.dense.wait" in message
    assert "of another shape: classifier.bias (3,) instead of (1,)" in message
    assert "hf download lucadiliello/BLEURT-20" in message


def test_another_network_altogether(folder) -> None:
    torch.save({f"bert.{n}": torch.zeros(1) for n in range(30)}, folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"missing: bleurt\.\S+, .* and \d+ more; unexpected: bert\.0, .* and 20 more"):
        Bleurt(folder)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "spm.model", "config.json"])
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not what it seems"])
def test_damaged_files_are_named(folder, name, content) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(ModelError) as caught:
        Bleurt(folder)
    assert str(folder / name) in str(caught.value)
    assert "hf download" in str(caught.value)


def test_code_in_the_weights_is_not_run(folder, tmp_path) -> None:
    class Harm:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "harm"),)

    torch.save({"bleurt.pooler.dense.weight": Harm()}, folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="cannot be read as weights"):
        Bleurt(folder)
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"embedding_size": None}, "embedding_size: Input should be a valid integer"),
        ({"num_attention_heads": 3}, "describes no network"),
        ({"hidden_act": "loud"}, "describes no network"),
        ({"vocab_size": 40}, "50 pieces for 40 embeddings"),
    ],
)
def test_other_configurations(folder, change, fault) -> None:
    """BLEURT's older checkpoints are BERT: they have no embedding size."""
    (folder / "config.json").write_text(json.dumps(CONFIG | change))
    with pytest.raises(ModelError, match=fault):
        Bleurt(folder)


def test_a_vocabulary_without_marks(folder, tmp_path) -> None:
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["hello world"] * 9), model_prefix=str(folder / "spm"), vocab_size=12, minloglevel=2
    )
    with pytest.raises(ModelError, match=r"without \[CLS\] and \[SEP\] of the marks"):
        Bleurt(folder)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "spm.model", "config.json"])
def test_missing_files_name_the_remedy(folder, name) -> None:
    (folder / name).unlink()
    with pytest.raises(ModelError, match=f"{folder}: no .*{name} in such a folder or on the hub") as caught:
        Bleurt(folder)
    assert "BLEURT needs a folder with config.json, spm.model and model.safetensors" in str(caught.value)


def test_absent_folders_name_the_remedy(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for source in (tmp_path / "nothing", "nobody/no-bleurt", "no such name"):
        with pytest.raises(ModelError, match=r"no config\.json in such a folder or on the hub .*hf download"):
            Bleurt(source)


def test_metrics_import_no_torch() -> None:
    code = (
        "import sys; from slbench.metrics import bleu, bleurt, chrf, rouge, ter; "
        "print({'torch', 'transformers', 'sentencepiece', 'nltk', 'rouge_score', 'rouge'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_the_scores_that_the_conversion_publishes() -> None:
    """The two pairs on the page of lucadiliello/BLEURT-20."""
    folder = os.environ.get("SLBENCH_BLEURT")
    if folder is None:
        pytest.skip("needs the weights: SLBENCH_BLEURT=FOLDER of lucadiliello/BLEURT-20")
    answers = [
        Answer("a bird chirps by the window", "a bird chirps by the window"),
        Answer("this is a random sentence", "this looks like a random sentence"),
    ]
    expected = [0.9990496635437012, 0.7930182218551636]
    np.testing.assert_allclose(Bleurt(folder).statistics(answers)[:, 0], expected, atol=1e-4)
