"""References, downloads through an injected downloader, and sharing of loaded models."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import tiny_gguf

from cascade.backends.llama.models import load, resolve
from cascade.errors import ModelError


class Shelf:
    """A downloader that serves one file from disk, or fails."""

    def __init__(
        self, names: Sequence[str], file: Path | None = None, error: Exception | None = None
    ) -> None:
        self.names = names
        self.file = file
        self.error = error
        self.asked: list[tuple[str, str]] = []

    def files(self, repository: str) -> Sequence[str]:
        if self.error:
            raise self.error
        assert repository == "owner/repo"
        return self.names

    def fetch(self, repository: str, file: str) -> Path:
        if self.error:
            raise self.error
        self.asked.append((repository, file))
        return (self.file or Path("nowhere")).with_name(file)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tiny_gguf.write_llama(tmp_path / "tiny.gguf")


def fetched(names: Sequence[str], reference: str = "hf:owner/repo") -> list[str]:
    shelf = Shelf(names)
    resolve(reference, downloader=shelf)
    return [file for _, file in shelf.asked]


def test_a_path_is_itself(path: Path):
    assert resolve(str(path)) == path


def test_a_missing_file_names_what_is_accepted(tmp_path: Path):
    with pytest.raises(ModelError, match=r"no model file .*none.gguf: accepted are .*bundled:desk"):
        resolve(str(tmp_path / "none.gguf"))


def test_only_one_model_is_bundled():
    with pytest.raises(ModelError, match="`bundled:desk`"):
        resolve("bundled:shelf")


def test_a_named_file_is_fetched_without_asking_for_the_list():
    assert fetched([], "hf:owner/repo:model-q8_0.gguf") == ["model-q8_0.gguf"]


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["README.md", "only.gguf"], ["only.gguf"]),
        (["mmproj-f16.gguf", "m.gguf"], ["m.gguf"]),
        (["m-Q2_K.gguf", "m-Q4_K_M.gguf", "m-Q8_0.gguf"], ["m-Q4_K_M.gguf"]),
        (["m-F16.gguf", "m-Q8_0.gguf"], ["m-Q8_0.gguf"]),
        (
            ["m-00001-of-00002.gguf", "m-00002-of-00002.gguf"],
            ["m-00001-of-00002.gguf", "m-00002-of-00002.gguf"],
        ),
    ],
)
def test_without_a_name_the_usual_quantisation_is_taken(names: list[str], chosen: list[str]):
    assert fetched(names) == chosen


def test_the_first_part_of_a_split_model_is_the_one_to_load():
    shelf = Shelf(["m-00001-of-00002.gguf", "m-00002-of-00002.gguf"])
    assert resolve("hf:owner/repo", downloader=shelf).name == "m-00001-of-00002.gguf"


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a.gguf", "b.gguf"], r"name one: hf:owner/repo:a.gguf, hf:owner/repo:b.gguf"),
        (["README.md"], r"no GGUF file; its files: README.md"),
    ],
)
def test_a_repository_without_a_clear_choice_lists_what_it_has(names: list[str], message: str):
    with pytest.raises(ModelError, match=message):
        fetched(names)


def test_a_reference_without_an_owner_is_refused():
    with pytest.raises(ModelError, match="names no repository"):
        fetched([], "hf:repo")


def test_no_connection_says_what_to_do():
    shelf = Shelf([], error=ConnectionError("no route\nmore"))
    with pytest.raises(ModelError, match=r"ConnectionError: no route\. .*HF_HOME") as caught:
        resolve("hf:owner/repo:m.gguf", downloader=shelf)
    assert isinstance(caught.value.__cause__, ConnectionError)


def test_a_model_is_loaded_once_and_freed_by_the_last_user(path: Path):
    first, second = load(str(path)), load(str(path))
    assert first.model is second.model
    other = load(str(path), kv_overrides={"llama.context_length": 99})
    assert other.model is not first.model
    other.close()
    first.close()
    first.close()
    assert second.model.tokenize("x")
    model = second.model
    second.close()
    assert model.handle is None
    with load(str(path)) as again:
        assert again.model is not model


def test_a_download_is_loaded_like_a_path(path: Path):
    with load("hf:owner/repo", downloader=Shelf(["tiny.gguf"], path)) as downloaded:
        assert downloaded.model.trained_context == 512
