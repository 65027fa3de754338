"""Released weights: which one is taken, fetched once from a hub on this machine, and what the record says of it."""

import io
import multiprocessing
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import tomli_w
import torch
from fake_hub import COMMIT, REPOSITORY, FakeHub, ask_at, serving
from fakes import FakeCorpus
from safetensors.torch import load_file

from slbench import Run, RunRequest, catalog
from slbench.cards import Hub, ModelCard, TaskCard
from slbench.data.hub import HubUnreachableError, list_files, partial_path
from slbench.data.store import home
from slbench.engine.released import fetched, released_for, weights_of
from slbench.errors import DataError, ModelError
from slbench.files import file_digest

FILE = "tiny_pose_only_islr.pth"
RELEASED = {
    "repository": REPOSITORY, "file": FILE, "size": "some kB", "licence": "CC-BY-NC-4.0", "inputs": "pose",
    "tasks": ["made-up-islr"],
}  # fmt: skip
HUB = Hub(repository=REPOSITORY, kind="model", files=(FILE,), licence="none")


class Release:
    """The tiny model of the fake corpus as its authors release it."""

    def __init__(self, corpus: FakeCorpus) -> None:
        self.corpus = corpus
        out = io.BytesIO()
        torch.save({"model": load_file(corpus.folder / "tiny.safetensors")}, out)
        self.hub = FakeHub({FILE: out.getvalue(), "readme.md": b"words"}, small=("readme.md",), kind="model")
        self.said: list[str] = []
        self.write_card()

    def write_card(self, **changes: object) -> None:
        card = catalog.get_model(str(self.corpus.model_path))
        values = card.model_copy(update={"weights": None}).model_dump(mode="json", exclude_none=True)
        seen = {"modalities": ["pose", "rgb+pose"], "released": [RELEASED | changes]}
        self.corpus.model_path.write_text(tomli_w.dumps(values | seen))

    @property
    def card(self) -> ModelCard:
        return catalog.get_model(str(self.corpus.model_path))

    @property
    def task(self) -> TaskCard:
        return catalog.get_task(str(self.corpus.task_path))

    def fetch(self):
        return fetched(released_for(self.card, self.task), self.said.append)

    def run(self, output: Path, **options: object) -> Run:
        request = RunRequest(str(self.corpus.model_path), str(self.corpus.task_path), output=output, device="cpu")
        return Run(replace(request, **options), self.said.append)


@pytest.fixture
def release(corpus: FakeCorpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    made = Release(corpus)
    with serving(made.hub, monkeypatch):
        yield made


def test_fetched_once_and_named_in_the_record(
    release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = release.run(tmp_path / "a").execute()
    assert len(release.said) == 1
    assert FILE in release.said[0]
    assert "CC-BY-NC-4.0" in release.said[0]
    assert release.hub.asked == [(FILE, None)]
    assert record.model.weights_from == f"{REPOSITORY}@{COMMIT}/{FILE}"
    assert record.model.selected_on == ""
    ask_at("http://127.0.0.1:9", monkeypatch)  # nobody listens there
    again = release.run(tmp_path / "b").execute()
    assert len(release.said) == 1
    assert (again.model, again.predictions_sha256) == (record.model, record.predictions_sha256)
    (path,) = (tmp_path / "home" / "weights").rglob(FILE)
    assert path.read_bytes() == release.hub.files[FILE]
    assert record.model.weights_sha256 == file_digest(path)


def test_the_answers_are_those_of_the_same_weights_beside_a_card(release: Release, tmp_path: Path) -> None:
    whole = release.run(tmp_path / "a").execute()
    own = release.run(tmp_path / "b", checkpoint=release.corpus.folder / "tiny.safetensors").execute()
    assert own.predictions_sha256 == whole.predictions_sha256
    assert own.model.weights_from == "tiny.safetensors, a file of the user's"
    assert own.model.weights_sha256 == file_digest(release.corpus.folder / "tiny.safetensors")
    assert own.run != whole.run


def test_a_checkpoint_goes_before_the_cards_own_weights(corpus: FakeCorpus, tmp_path: Path) -> None:
    state = load_file(corpus.folder / "tiny.safetensors")
    state["pose_proj.bias"] += 1
    torch.save(state, path := tmp_path / "mine.pt")
    request = RunRequest(str(corpus.model_path), str(corpus.task_path), output=tmp_path / "o", device="cpu")
    for mock in (False, True):
        made = Run(replace(request, checkpoint=path, mock=mock))
        assert torch.equal(made.model.network.pose_proj.bias, state["pose_proj.bias"])
        assert made.weights == file_digest(path)
    with pytest.raises(ModelError, match="--checkpoint .*nowhere.pt: cannot be read"):
        Run(replace(request, checkpoint=tmp_path / "nowhere.pt"))


def test_a_split_that_the_epoch_was_chosen_on_is_in_the_record(release: Release, tmp_path: Path) -> None:
    release.write_card(selected_on="test")
    assert release.run(tmp_path / "a").execute().model.selected_on == "test"


def test_nothing_is_fetched_for_a_mock_run(release: Release, tmp_path: Path) -> None:
    assert release.run(tmp_path / "a", mock=True).weights == "untrained"
    assert release.hub.asked == []


def test_nothing_is_fetched_where_the_data_is_missing(release: Release, tmp_path: Path) -> None:
    shutil.rmtree(release.corpus.folder / "clips")
    with pytest.raises(DataError):
        release.run(tmp_path / "a")
    assert release.hub.asked == []


def test_what_is_released_is_listed_where_nothing_fits(release: Release) -> None:
    release.write_card(tasks=["other-islr", "third-islr"])
    with pytest.raises(ModelError) as raised:
        weights_of(release.card, release.task, None)
    assert "no weights were released for made-up-islr with --modality pose" in str(raised.value)
    assert "other-islr with --modality pose, third-islr with --modality pose" in str(raised.value)
    assert "--checkpoint FILE" in str(raised.value)
    release.write_card(inputs="rgb+pose")
    with pytest.raises(ModelError, match=r"made-up-islr with --modality rgb\+pose"):
        weights_of(release.card, release.task, None)


def test_what_has_stages_is_trained_from_what_is_released() -> None:
    """587 M parameters from random values are no remedy."""
    card, task = catalog.get_model("uni-sign"), catalog.get_task("phoenix14t-slt")
    for inputs, start in (("pose", "csl_stage1_weight.pth"), ("rgb+pose", "csl_stage2_weight.pth")):
        with pytest.raises(ModelError) as raised:
            released_for(card.model_copy(update={"inputs": inputs}), task)
        assert f"--output FOLDER --stage finetune --modality {inputs} --init FILE; released are {start} of" in str(
            raised.value
        )


def test_without_a_network_it_says_what_to_get_by_hand(release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    ask_at("http://127.0.0.1:9", monkeypatch)
    with pytest.raises(HubUnreachableError) as raised:
        release.fetch()
    assert f"get {FILE} (some kB) from http://127.0.0.1:9/{REPOSITORY} on another machine" in str(raised.value)
    assert "--checkpoint FILE" in str(raised.value)


def test_what_an_interrupted_fetch_left_is_gone_on_with(release: Release) -> None:
    (file,) = (file for file in list_files(HUB).files if file.name == FILE)
    partial = partial_path(home() / "weights" / REPOSITORY / FILE, file)
    partial.parent.mkdir(parents=True)
    partial.write_bytes(release.hub.files[FILE][:1000])
    assert release.fetch().path.read_bytes() == release.hub.files[FILE]
    assert release.hub.asked == [(FILE, "bytes=1000-")]


def test_a_damaged_download_is_not_taken(release: Release) -> None:
    release.hub.lies[FILE] = release.hub.files[FILE][:-1] + b"x"
    with pytest.raises(DataError, match="was damaged on its way"):
        release.fetch()
    del release.hub.lies[FILE]
    assert file_digest(release.fetch().path) == release.fetch().sha256


def test_a_whole_file_without_its_note_is_checked_and_not_fetched(release: Release) -> None:
    path = release.fetch().path
    path.with_name(f"{FILE}.json").unlink()
    release.hub.asked.clear()
    assert release.fetch().origin == f"{REPOSITORY}@{COMMIT}/{FILE}"
    assert release.hub.asked == []
    path.with_name(f"{FILE}.json").unlink()
    path.write_bytes(b"x" * len(release.hub.files[FILE]))
    assert release.fetch().path.read_bytes() == release.hub.files[FILE]


def test_a_file_that_changed_is_named(release: Release) -> None:
    path = release.fetch().path
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(ModelError, match="delete it and run this again"):
        release.fetch()
    path.unlink()
    assert release.fetch().path.read_bytes() == release.hub.files[FILE]
    path.with_name(f"{FILE}.json").write_text("{")
    with pytest.raises(ModelError, match="is damaged; delete it and run this again"):
        release.fetch()


def test_a_file_that_is_no_longer_released_is_named(release: Release) -> None:
    release.hub.files["other.pth"] = release.hub.files.pop(FILE)
    with pytest.raises(ModelError, match=f"{FILE} is not there any more, only other.pth, readme.md"):
        release.fetch()


def test_small_files_that_lie_in_git_have_a_sha256_too(release: Release) -> None:
    release.hub.small = (FILE,)
    found = release.fetch()
    assert found.sha256 == file_digest(found.path)


def _in_another_process(card: ModelCard, task: TaskCard, url: str, out) -> None:
    with pytest.MonkeyPatch.context() as patch:
        ask_at(url, patch)
        said: list[str] = []
        digest = fetched(released_for(card, task), said.append).sha256
    out.put((digest, sum("is fetched once" in line for line in said)))


def test_two_processes_fetch_it_once(release: Release) -> None:
    context = multiprocessing.get_context("spawn")
    out = context.Queue()
    arguments = (release.card, release.task, release.hub.url, out)
    both = [context.Process(target=_in_another_process, args=arguments) for _ in range(2)]
    for process in both:
        process.start()
    found = [out.get(timeout=60) for _ in both]
    for process in both:
        process.join()
    assert {digest for digest, _ in found} == {release.fetch().sha256}
    assert sum(fetches for _, fetches in found) == 1
    assert len(release.hub.asked) == 1


def test_the_card_of_uni_sign_names_real_tasks() -> None:
    card = catalog.get_model("uni-sign")
    assert len({one.file for one in card.released}) == len(card.released) == 8
    for one in card.released:
        assert one.inputs in card.modalities
        assert ("rgb_pose" in one.file or "stage2" in one.file) == (one.inputs == "rgb+pose")
        assert bool(one.tasks) == (one.stage == "finetune")
        for name in one.tasks:
            task = catalog.get_task(name)
            assert released_for(card.model_copy(update={"inputs": one.inputs}), task) == one
            assert one.file.removesuffix(".pth").endswith(task.family)
