"""Closed-vocabulary decoding: a search in which nothing but the glosses of a task can come out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from torch import Tensor
from transformers import PreTrainedTokenizerBase

from slbench.errors import ModelError


@dataclass(eq=False, slots=True)
class _Node:
    """A place in a prefix tree of tokens, and the gloss that is whole there."""

    children: dict[int, "_Node"] = field(default_factory=dict)
    gloss: str | None = None

    def add(self, tokens: Sequence[int], gloss: str) -> None:
        """Spell a gloss from here; where another one has the same tokens, that stays."""
        node = self
        for token in tokens:
            node = node.children.setdefault(token, _Node())
        node.gloss = node.gloss or gloss


class ClosedVocabulary:
    """What may come out: one of the glosses, or one or more of them joined by spaces.

    A gloss may have other tokens after a space than at the start, so there is a tree for either. Of glosses that the
    tokenizer cannot tell apart the first one comes out for all.
    """

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, glosses: Sequence[str], sentences: bool, max_new_tokens: int
    ) -> None:
        """Spell every gloss.

        Args:
            sentences: whether several glosses may follow each other.
            max_new_tokens: of the search.

        Raises:
            ModelError: there are no glosses, one has no tokens or too many, or sentences are not spelled as their
                glosses are.
        """
        if not glosses:
            raise ModelError("--decoding closed: the task has no glosses that could come out; use --decoding open")
        self.end: int = tokenizer.eos_token_id
        self.first, self.later = _Node(), _Node()
        first = _spelled(tokenizer, glosses)
        _check_lengths(glosses, first, max_new_tokens)
        _fill(self.first, glosses, first)
        if sentences:
            _fill(self.later, glosses, _after_a_space(tokenizer, glosses, first))

    def allowed(self, _: int, ids_l: Tensor) -> list[int]:
        """Tokens that may follow these, as `generate` asks for them; its first token is the decoder's start.

        After what nothing may follow, such as an ended text, or a beam that is only there to fill the number: the end.
        """
        places = self._places(ids_l[1:].tolist())
        following = {token for node, said in places.items() for open_, _ in self._open(node, said) for token in open_}
        ended = {self.end} if any(node.gloss for node in places) else set[int]()
        return sorted(following | ended) or [self.end]

    def text(self, ids: Sequence[int]) -> str:
        """The glosses of a text that `generate` gave; one that it had no tokens left to finish is dropped.

        Empty if no gloss was begun that is one, which happens only to a model whose numbers are not finite.
        """
        tokens = list(ids[1:])
        places = self._places(tokens[: tokens.index(self.end)] if self.end in tokens else tokens)
        whole = [(*said, node.gloss) for node, said in places.items() if node.gloss]
        said = next(iter([*whole, *places.values()]), ())
        return " ".join(said)

    def _places(self, tokens: Sequence[int]) -> dict[_Node, tuple[str, ...]]:
        """Where in the trees these tokens may lead, and the whole glosses before each place."""
        places: dict[_Node, tuple[str, ...]] = {self.first: ()}
        for token in tokens:
            steps = [step for node, said in places.items() for step in self._open(node, said)]
            places = {children[token]: said for children, said in reversed(steps) if token in children}
        return places

    def _open(self, node: _Node, said: tuple[str, ...]) -> Iterator[tuple[dict[int, _Node], tuple[str, ...]]]:
        """What may follow a place: the rest of its gloss, or, if that is whole, the next one."""
        yield node.children, said
        if node.gloss:
            yield self.later.children, (*said, node.gloss)


def _fill(tree: _Node, glosses: Sequence[str], spelled: Sequence[Sequence[int]]) -> None:
    for gloss, tokens in zip(glosses, spelled, strict=True):
        tree.add(tokens, gloss)


def _spelled(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> list[list[int]]:
    """Tokens of each text, without the end."""
    rows: list[list[int]] = tokenizer(list(texts)).input_ids
    return [row[:-1] if row[-1:] == [tokenizer.eos_token_id] else row for row in rows]


def _check_lengths(glosses: Sequence[str], spelled: Sequence[Sequence[int]], most: int) -> None:
    for gloss, tokens in zip(glosses, spelled, strict=True):
        if not 0 < len(tokens) <= most:
            raise ModelError(
                f"--decoding closed: the gloss {gloss!r} has {len(tokens)} tokens, and at most {most} can be generated "
                "(max_new_tokens on the model's card); use --decoding open"
            )


def _after_a_space(
    tokenizer: PreTrainedTokenizerBase, glosses: Sequence[str], first: Sequence[list[int]]
) -> list[list[int]]:
    """Tokens of each gloss after another one, the space among them.

    Raises:
        ModelError: they depend on what stands around it.
    """
    begin = len(first[0])
    later = [row[begin:] for row in _spelled(tokenizer, [f"{glosses[0]} {gloss}" for gloss in glosses])]
    followers = [*range(1, len(glosses)), 0]
    sentences = [f"{gloss} {gloss} {glosses[after]}" for gloss, after in zip(glosses, followers, strict=True)]
    for index, row in enumerate(_spelled(tokenizer, sentences)):
        if row != first[index] + later[index] + later[followers[index]]:
            raise ModelError(
                f"--decoding closed: the tokens of {sentences[index]!r} are not those of its glosses one by one, so "
                "this tokenizer's sentences cannot be held to the glosses; use --decoding open"
            )
    return later
