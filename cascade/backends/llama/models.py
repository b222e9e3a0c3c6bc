"""Which file a model reference means, and models loaded once for all who use them.

A reference is `bundled:desk`, `hf:owner/repo`, `hf:owner/repo:file.gguf`, or a path.
"""

import functools
import importlib
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from cascade.backends.llama.engine.model import Model
from cascade.errors import ModelError

__all__ = ["Downloader", "HubDownloader", "LoadedModel", "load", "resolve"]

_ACCEPTED = "a path to a GGUF file, `bundled:desk`, `hf:owner/repo` or `hf:owner/repo:file.gguf`"
_PREFERRED = ("q4_k_m", "q4_k_s", "q5_k_m", "q4_0", "q8_0", "f16", "bf16")
_PART = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$")

Override = bool | int | float | str


class Downloader(Protocol):
    """Fetches files of a model repository."""

    def files(self, repository: str) -> Sequence[str]:
        """Return the names of all files in a repository."""
        ...

    def fetch(self, repository: str, file: str) -> Path:
        """Return the local copy of a file, downloading it with a progress bar if there is none."""
        ...


class HubDownloader:
    """Fetches from the Hugging Face hub into its usual cache, which `HF_HOME` moves."""

    def files(self, repository: str) -> Sequence[str]:
        """Return the names of all files in a repository."""
        return _hub().HfApi().list_repo_files(repository)

    def fetch(self, repository: str, file: str) -> Path:
        """Return the local copy of a file, downloading it with a progress bar if there is none."""
        return Path(_hub().hf_hub_download(repository, file))


def _hub() -> Any:
    """The hub's client: heavy, wanted for `hf:` references only, and untyped in part."""
    return importlib.import_module("huggingface_hub")


def resolve(reference: str, *, downloader: Downloader | None = None) -> Path:
    """Return the local file that a reference means, fetching it if need be.

    Args:
        reference: See the module's docstring.
        downloader: Where `hf:` references are fetched from.

    Raises:
        ModelError: There is no such file, or it cannot be fetched.
    """
    kind, colon, rest = reference.partition(":")
    if colon and kind == "bundled":
        return _bundled(rest)
    if colon and kind == "hf":
        return _fetched(rest, downloader or HubDownloader())
    path = Path(reference).expanduser()
    if not path.is_file():
        raise ModelError(f"there is no model file {reference}: accepted are {_ACCEPTED}")
    return path


def _bundled(name: str) -> Path:
    if name != "desk":
        raise ModelError(f"bundled:{name} does not exist: the one bundled model is `bundled:desk`")
    path = Path(str(resources.files("cascade") / "desk" / "desk.gguf"))
    if not path.is_file():
        raise ModelError(f"the bundled model is missing from this installation: no file {path}")
    return path


def _fetched(rest: str, downloader: Downloader) -> Path:
    repository, _, file = rest.partition(":")
    if repository.count("/") != 1:
        raise ModelError(f"hf:{rest} names no repository: accepted are {_ACCEPTED}")
    try:
        chosen = file or _choice(repository, downloader.files(repository))
        paths = [downloader.fetch(repository, part) for part in _parts(chosen)]
        return paths[0]
    except ModelError:
        raise
    except Exception as problem:  # the hub's own, its HTTP library's, or the disk's
        raise ModelError(
            f"hf:{rest} cannot be fetched: {type(problem).__name__}: {_first_line(problem)}. "
            "Without a connection, download the GGUF file elsewhere and give its path, or point "
            "HF_HOME at a cache that holds it and name the file: `hf:owner/repo:file.gguf`"
        ) from problem


def _first_line(problem: Exception) -> str:
    return next(iter(str(problem).strip().splitlines()), "no message")


def _choice(repository: str, files: Sequence[str]) -> str:
    """The file to take of a repository: the only one, or the best-liked quantisation."""
    models = sorted(
        name for name in files if name.endswith(".gguf") and "mmproj" not in name.lower()
    )
    first = [name for name in models if not (part := _PART.search(name)) or int(part[1]) == 1]
    if len(first) == 1:
        return first[0]
    for wanted in _PREFERRED:
        fitting = [name for name in first if wanted in name.lower()]
        if len(fitting) == 1:
            return fitting[0]
    if not first:
        raise ModelError(f"hf:{repository} holds no GGUF file; its files: {', '.join(files)}")
    raise ModelError(
        f"hf:{repository} holds several models; name one: "
        + ", ".join(f"hf:{repository}:{name}" for name in first)
    )


def _parts(file: str) -> list[str]:
    """All files of a model that is split over several; llama.cpp is given the first one."""
    part = _PART.search(file)
    if part is None:
        return [file]
    count = int(part[2])
    stem = file[: part.start()]
    return [f"{stem}-{index:05d}-of-{count:05d}.gguf" for index in range(1, count + 1)]


class _Shelf:
    """The loaded models of a process, counted by their users."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._models: dict[object, tuple[Model, int]] = {}

    def take(self, key: object, make: Callable[[], Model]) -> Model:
        with self._lock:
            model, users = self._models.get(key) or (make(), 0)
            self._models[key] = (model, users + 1)
            return model

    def give_back(self, key: object) -> None:
        with self._lock:
            model, users = self._models.pop(key)
            if users > 1:
                self._models[key] = (model, users - 1)
            else:
                model.close()


@functools.cache
def _shelf() -> _Shelf:
    """The one shelf: weights are the same memory for every runtime of the process."""
    return _Shelf()


class LoadedModel:
    """One user's share of a loaded model; the last `close` frees it.

    Attributes:
        model: The model, for engines and tokenising.
    """

    def __init__(self, key: object, model: Model) -> None:
        self._key = key
        self._open = True
        self.model = model

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the share back; every engine made with it must be closed before."""
        if self._open:
            self._open = False
            _shelf().give_back(self._key)


def load(
    reference: str,
    *,
    gpu_layers: int = 0,
    kv_overrides: Mapping[str, Override] | None = None,
    downloader: Downloader | None = None,
    progress: Callable[[float], None] | None = None,
) -> LoadedModel:
    """Load a model, or share the one that is loaded from the same file in the same way.

    Args:
        reference: See the module's docstring.
        gpu_layers: Layers to keep on the GPU; a negative number means all.
        kv_overrides: Metadata to replace, for example `{"qwen3moe.expert_used_count": 4}`.
        downloader: Where `hf:` references are fetched from.
        progress: Called with the loaded fraction while the file is read.

    Raises:
        ModelError: The reference leads to no file, or the file to no model.
    """
    path = resolve(reference, downloader=downloader).resolve()
    overrides = dict(kv_overrides or {})
    key = (path, gpu_layers, tuple(sorted(overrides.items())))

    def make() -> Model:
        return Model(path, gpu_layers=gpu_layers, kv_overrides=overrides, progress=progress)

    return LoadedModel(key, _shelf().take(key, make))
