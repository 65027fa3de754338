"""A made-up corpus of three signs that slbench is told the place of, in Uni-Sign's layout."""

import gzip
import pickle
from pathlib import Path

import tomli_w
from fakes import GLOSSES, FakeCorpus, made_up_clip

from slbench import Run, RunRequest, catalog
from slbench.data.corpus import Source
from slbench.data.ingest import Choices, Prepared, ingest
from slbench.data.store import Split

COUNTS = {"train": 8, "dev": 4, "test": 12}


class ToldCorpus:
    """A corpus of three signs in Uni-Sign's layout, with cards, in the folder of `FakeCorpus`."""

    def __init__(self, fake: FakeCorpus) -> None:
        self.fake, self.root = fake, fake.folder / "told"
        self.poses = self.root / "pose_format"
        for split, count in COUNTS.items():
            self.write_labels(split, [f"{split}-{number:02}" for number in range(count)])
            for number in range(count):
                clip = made_up_clip(f"{split}-{number:02}", 5 + number, number)
                frames = {"keypoints": list(clip.keypoints[:, None]), "scores": list(clip.scores[:, None])}
                path = self.poses / split / f"{clip.id}.pkl"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(pickle.dumps(frames))
        self.write_card()

    def write_labels(self, split: str, ids: list[str]) -> None:
        labels = {
            one: {"name": one, "gloss": "", "text": GLOSSES[n % 3], "video_path": f"{one}.mp4"}
            for n, one in enumerate(ids)
        }
        self.root.mkdir(exist_ok=True)
        (self.root / f"labels-3.{split}").write_bytes(gzip.compress(pickle.dumps(labels)))

    def write_card(self, **changes: object) -> None:
        values = {
            "name": "made-up", "title": "Told", "owner": "nobody", "licence": "none", "homepage": "", "subset": 3,
            "obtain": "ask the test", "signed_languages": [], "pose_source": "random", "splits": COUNTS, "fps": 25.0,
            "reader": "slbench.data.readers.uni_sign:UniSignLists", "needs_source": True,
        }  # fmt: skip
        self.fake.dataset_path.write_text(tomli_w.dumps(values | changes))

    @property
    def card(self):
        return catalog.get_dataset("made-up", catalog.get_task(str(self.fake.task_path)))

    def ingest(self, any_version: bool = False, replace: bool = False, **source: object) -> dict[str, Split]:
        done = ingest(self.card, Source(self.root, **source), choices=Choices(any_version, replace))
        return {prepared.split: prepared.clips for prepared in done if prepared.clips is not None}

    def again(self) -> list[Prepared]:
        return ingest(self.card, Source(self.root))

    def run(self, output: Path, **options: object) -> Run:
        task = str(self.fake.task_path)
        request = RunRequest(model=str(self.fake.model_path), task=task, output=output, device="cpu", **options)
        return Run(request)
