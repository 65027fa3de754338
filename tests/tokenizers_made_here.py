"""Tokenizers in mT5's file format (`spiece.model`), trained here on a few made-up sentences."""

from pathlib import Path
from typing import Any

import sentencepiece


def sentencepiece_folder(folder: Path, sentences: list[str], vocab_size: int = 50, **options: Any) -> Path:
    """What `AutoTokenizer` needs, in this folder."""
    folder.mkdir(exist_ok=True)
    text = folder / "text.txt"
    text.write_text("\n".join(sentences))
    sentencepiece.SentencePieceTrainer.train(
        input=str(text), model_prefix=str(folder / "spiece"), vocab_size=vocab_size, pad_id=0, eos_id=1, unk_id=2,
        bos_id=-1, minloglevel=2, **options,
    )  # fmt: skip
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "T5Tokenizer", "extra_ids": 0}')
    return folder
