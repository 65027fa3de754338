"""The sign language transformer: against PyTorch's own layers, its heads and vocabularies, batches, joint training."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import tomli_w
import torch
from fakes import FakeCorpus, SentenceReader, made_up_clip
from torch import nn

from slbench import Run, RunRequest, catalog
from slbench.cards import TaskCard
from slbench.data.readers import Entry
from slbench.engine.determinism import make_deterministic
from slbench.engine.inspection import inspected
from slbench.engine.models import save_weights
from slbench.engine.training import TrainingRequest, TrainingRun
from slbench.errors import ModelError
from slbench.modeling.base import Examples, Setting
from slbench.modeling.baselines.poses import checked
from slbench.modeling.baselines.sign_transformer import (
    SignTransformer,
    SignTransformerConfig,
    SignTransformerNetwork,
    Writing,
)
from slbench.modeling.baselines.transformer import Decoder, Encoder
from slbench.modeling.baselines.vocabulary import BEGIN, END, UNKNOWN, Vocabulary, learned_pieces

TINY = {"d_model": 16, "d_ff": 32, "num_layers": 2, "num_heads": 2, "max_new_tokens": 6, "dropout": 0.0}
GLOSSES, TEXTS = ["B A", "A A C"], ["the rain", "the sun comes"]
LENGTHS = (3, 170, 1, 20, 33)


def fitted(family="slt", families=("cslr", "slt"), num_beams=3, **config) -> SignTransformer:
    make_deterministic(0)
    model = SignTransformer(TINY | config, Setting(family, "English", num_beams=num_beams))
    targets = {"cslr": GLOSSES, "slt": TEXTS}
    model.fit([Examples(one, targets[one], []) for one in families])
    with torch.no_grad():  # statistics as after training, and biases that let padding show
        for name, value in [*model.network.named_buffers(), *model.network.named_parameters()]:
            if name.endswith(("running_mean", "running_var", "bias")):
                value.uniform_(0.5, 1.5)
    model.network.eval()
    return model


def prepared(model: SignTransformer, lengths=LENGTHS) -> list:
    return [model.prepare(made_up_clip(f"c{i}", frames, i)) for i, frames in enumerate(lengths)]


def test_parameters_at_the_papers_size() -> None:
    """Counted by hand from JoeyNMT's layers: 4 attentions' linear layers, two of the feed-forward part, norms."""
    d, inner, glosses, words = 512, 2048, 1066, 2887  # of PHOENIX-2014T's train
    attention, feed, norm = 4 * (d + 1) * d, (d + 1) * inner + (inner + 1) * d, 2 * d
    layers = 3 * (attention + feed + 2 * norm) + 3 * (2 * attention + feed + 3 * norm) + 2 * norm
    frames, texts = (69 * 3 + 1) * d + norm, 2 * (words + 4) * d + norm
    with torch.device("meta"):
        network = SignTransformerNetwork(SignTransformerConfig(), ["g"] * glosses, ["w"] * words)
    found = sum(value.numel() for value in network.parameters())
    assert found == layers + frames + texts + (d + 1) * (glosses + 1)


def test_the_card_has_the_defaults() -> None:
    card = catalog.get_model("sign-transformer")
    assert checked(SignTransformerConfig, card.config) == SignTransformerConfig()


def copied(ours: nn.Module, theirs: nn.Module, attentions: dict[str, str], norms: list[str]) -> None:
    """Our layer's weights into PyTorch's."""
    state = {}
    for name, other in attentions.items():
        attention = getattr(ours, name)
        for kind in ("weight", "bias"):
            parts = [getattr(getattr(attention, part), kind) for part in ("query", "key", "value")]
            state[f"{other}.in_proj_{kind}"] = torch.cat(parts)
            state[f"{other}.out_proj.{kind}"] = getattr(attention.out, kind)
    for kind in ("weight", "bias"):
        state |= {f"{other}.{kind}": getattr(norm, kind) for other, norm in zip(norms, ours.norms, strict=True)}
        state |= {f"linear{i + 1}.{kind}": getattr(ours.feed_forward[3 * i], kind) for i in (0, 1)}
    theirs.load_state_dict(state)


def test_layers_compute_what_those_of_pytorch_do() -> None:
    sizes = {"d_model": 16, "nhead": 4, "dim_feedforward": 32, "norm_first": True, "batch_first": True}
    states, mask = torch.randn(3, 7, 16), torch.arange(7) < torch.tensor([[7], [4], [1]])
    encoder, decoder = Encoder(1, 16, 32, 4, 0.0), Decoder(1, 16, 32, 4, 0.0)
    one = nn.TransformerEncoderLayer(**sizes, dropout=0.0, layer_norm_eps=1e-6)
    other = nn.TransformerDecoderLayer(**sizes, dropout=0.0, layer_norm_eps=1e-6)
    copied(encoder.layers[0], one, {"attention": "self_attn"}, ["norm1", "norm2"])
    copied(decoder.layers[0], other, {"own": "self_attn", "frames": "multihead_attn"}, ["norm1", "norm2", "norm3"])
    texts, causal = torch.randn(3, 5, 16), nn.Transformer.generate_square_subsequent_mask(5)
    expected = encoder.norm(one(states, src_key_padding_mask=~mask))
    torch.testing.assert_close(encoder(states, mask)[mask], expected[mask])
    expected = decoder.norm(other(texts, states, tgt_mask=causal, memory_key_padding_mask=~mask))
    torch.testing.assert_close(decoder(texts, decoder.look(states), mask, [None])[0], expected)


def test_token_by_token_is_as_all_at_once() -> None:
    """The cache, and beams that change their parents."""
    model = fitted()
    with torch.inference_mode():
        memory = model.encode(prepared(model, (9, 30)))
        writing, parents = Writing(model.network, memory), torch.tensor([[0, 1], [0, 1]])
        writing(torch.full((2, 2), BEGIN), parents)
        writing(torch.tensor([[4, 5], [6, 4]]), parents)
        found = writing(torch.tensor([[5, 6], [4, 4]]), torch.tensor([[1, 0], [0, 0]]))
        texts = torch.tensor([[[BEGIN, 5, 5], [BEGIN, 4, 6]], [[BEGIN, 6, 4], [BEGIN, 6, 4]]])
        for beam in (0, 1):
            expected = model.network.word_logits(texts[:, beam], memory)[:, -1].log_softmax(-1)
            torch.testing.assert_close(found[:, beam], expected)


@pytest.mark.parametrize("num_beams", [1, 3])
def test_a_clip_has_the_same_bits_in_any_batch(num_beams: int) -> None:
    slt, cslr = fitted("slt", num_beams=num_beams), fitted("cslr", num_beams=num_beams)
    clips = prepared(slt)
    with torch.inference_mode():
        together = slt.encode(clips)
        logits = slt.network.gloss_logits(together).split(list(LENGTHS))
        for row, clip in enumerate(clips):
            alone = slt.encode([clip])
            frames = LENGTHS[row]
            assert torch.equal(alone.states_btd[0, :frames], together.states_btd[row, :frames])
            assert torch.equal(slt.network.gloss_logits(alone), logits[row])
            for model in (slt, cslr):
                assert model.decode(alone) == [model.decode(together)[row]]


def test_a_step_of_decoding_has_the_same_bits_in_any_batch() -> None:
    model, seen = fitted(), []
    tokens = torch.tensor([[4, 5], [6, 4], [7, 7], [5, 5], [4, 4]])
    with torch.inference_mode():
        for count in (4, 5):
            writing = Writing(model.network, model.encode(prepared(model)[:count]))
            parents = torch.tensor([[0, 1]] * count)
            seen.append([writing(tokens[:count], parents)[:4], writing(tokens[:count], parents.flip(1))[:4]])
    assert all(torch.equal(one, other) for one, other in zip(*seen, strict=True))


def test_padding_would_be_seen() -> None:
    """The properties above can fail: with a frame more, states differ."""
    model = fitted()
    [clip] = prepared(model, (20,))
    longer = {name: torch.cat([torch.tensor(value), torch.tensor(value[-1:])]).numpy() for name, value in clip.items()}
    with torch.inference_mode():
        short, long = (model.encode([one]).states_btd[0, :20] for one in (clip, longer))
    assert (short - long).abs().max() > 1e-3


def test_training_pads_without_effect() -> None:
    """In training mode, too: a loss of two clips is the mean of theirs, but for the batch norms (here held still)."""
    model = fitted()
    clips = prepared(model, (5, 40))
    together = model.loss(clips, TEXTS)
    alone = [model.loss([clip], [text]) for clip, text in zip(clips, TEXTS, strict=True)]
    torch.testing.assert_close(together, torch.stack(alone).mean())


def test_one_frame_and_no_words_can_be_learned_from() -> None:
    for family in ("slt", "cslr"):
        model = fitted(family)
        model.network.train()
        assert torch.isfinite(model.loss(prepared(model, (1,)), [""]))


def test_vocabularies() -> None:
    assert learned_pieces(["b a b", "c"], "words", 1) == ["b", "a", "c"]
    assert learned_pieces(["b a b", "c"], "words", 2) == ["b"]
    words, characters = Vocabulary(["b", "a"], "words"), Vocabulary(["天", "气", " "], "characters")
    assert words.tokens("a  b x") == [BEGIN, 5, 4, UNKNOWN, END]
    assert words.text([5, 4]) == "a b"
    assert characters.text(characters.tokens("气 天")[1:-1]) == "气 天"


def test_what_was_not_seen_often_is_never_written() -> None:
    model = fitted(min_frequency=2)
    assert model.network.pieces.texts == ("the",)
    with torch.inference_mode():
        said = {output.text for output in model.decode(model.encode(prepared(model)))}
    assert all(set(text.split()) <= {"the"} for text in said)


def test_heads_of_tasks_that_were_not_named_say_nothing() -> None:
    only_text, only_glosses = fitted(families=["slt"]), fitted(families=["cslr"])
    assert len(only_text.network.recognise.weight) == 1
    assert len(only_glosses.network.word.weight) == 4
    assert fitted().network.vocabulary.texts == ("A", "B", "C")


@pytest.mark.parametrize(("family", "trained"), [("cslr", "slt"), ("slt", "cslr")])
def test_weights_of_the_other_family_are_refused(family: str, trained: str) -> None:
    weights = fitted(trained, [trained]).network.state_dict()
    with pytest.raises(ModelError, match=f"trained without .*{family.upper()}.* Use it for {trained.upper()}, or"):
        SignTransformer(TINY, Setting(family, "English")).make_room(weights)


def test_a_file_is_inspected_whatever_it_was_trained_on(tmp_path: Path) -> None:
    """`slbench show` and `convert` name no task."""
    card = catalog.get_model("sign-transformer").model_copy(update={"config": TINY})
    for family in ("slt", "cslr"):
        model = fitted(family, [family])
        save_weights(model.network, tmp_path / "weights.safetensors")
        found = inspected(card, tmp_path / "weights.safetensors")
        assert found.parameters == sum(value.numel() for value in model.network.parameters())


def test_a_training_does_not_begin_with_other_words_or_glosses() -> None:
    weights = fitted().network.state_dict()
    for glosses, texts, message in ((["D"], TEXTS, "lacks D"), (GLOSSES, ["the snow"], "others besides: snow")):
        model = SignTransformer(TINY, Setting("slt", "English"))
        model.fit([Examples("slt", texts, []), Examples("cslr", glosses, [])])
        with pytest.raises(ModelError, match=message):
            model.make_room(weights)


def test_nothing_to_learn_is_told() -> None:
    model = SignTransformer(TINY, Setting("cslr", "English"))
    with pytest.raises(ModelError, match="none of the 2 training clips has a gloss"):
        model.fit([Examples("cslr", ["", " "], [])])


def test_clips_that_are_too_short_for_ctc_are_refused() -> None:
    model = fitted("cslr")
    three, four = prepared(model, (3, 4))
    assert model.refusal(three, "A A C") == "3 frames, and CTC needs 4 for its glosses"
    assert not model.refusal(four, "A A C")
    assert not model.refusal(three, "A B C")
    assert not fitted("slt").refusal(three, "one two three four five")


class Sentences(SentenceReader):
    """Two glosses a clip, and a sentence."""

    def entries(self, split: str) -> Iterator[Entry]:
        for entry in super().entries(split):
            yield replace(entry, text=f"they say {entry.gloss.lower()}")


def test_one_training_on_both_tasks(corpus: FakeCorpus, tmp_path: Path) -> None:
    """Through the engine: one network, each step of one task; afterwards it does both, or is refused what it lacks."""
    corpus.edit_card(corpus.dataset_path, "fakes:FakeReader", f"{__name__}:Sentences")
    paths = {}
    for family in ("cslr", "slt"):
        card = TaskCard(
            name=f"made-up-{family}", title="", version="1.0", family=family, dataset="made-up", language="English",
            protocol="slbench",
        )  # fmt: skip
        paths[family] = corpus.folder / f"{family}.toml"
        paths[family].write_text(tomli_w.dumps(card.model_dump(mode="json", exclude_none=True, exclude_defaults=True)))
    changes = tuple(f"config.{key}={value}" for key, value in TINY.items())
    changes = (*changes, "recipe.epochs=1", "recipe.batch_size=4", "recipe.threads=1")
    for name, families in (("both", ["cslr", "slt"]), ("text", ["slt"])):
        tasks = [str(paths[family]) for family in families]
        output = tmp_path / name
        TrainingRun(TrainingRequest("sign-transformer", tasks, output, None, 0, "cpu", changes, False)).execute()
        for family in ("cslr", "slt"):
            request = RunRequest(model=str(output / "best.toml"), task=str(paths[family]), output=tmp_path / "results")
            if family in families:
                assert Run(request).execute().failed == {}
            else:
                with pytest.raises(ModelError, match=r"best.*safetensors: was trained without recognition"):
                    Run(request)
