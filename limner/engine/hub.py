"""Downloads a model from the Hugging Face hub into a folder. Runs inside vLLM's own environment, as a script.

    python hub.py org/name FOLDER

What is here and whole is not fetched again. One JSON object a line goes to standard output: first {"licence",
"revision", "total"}, then {"done", "total"} in bytes every second, at the end {"ready": FOLDER}, or {"error", "kind"}
and exit code 1, where kind is "unreachable" or "refused". When the reader of these lines dies, the next line fails and
the download ends.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from fnmatch import fnmatch
from pathlib import Path
from threading import Thread
from typing import Any

import httpx2
from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OfflineModeIsEnabled

TEXTS = ("*.json", "*.txt", "*.model", "*.jinja", "*.tiktoken", "LICENSE*", "README*")
REFUSALS = {
    401: "wants a login or an accepted licence: set HF_TOKEN",
    403: "wants a login or an accepted licence",
    404: "does not exist",
}


def wanted(files: list[str]) -> list[str]:
    """The files that vLLM needs: safetensors where there are any, older formats else, and everything that is text."""
    top = [file for file in files if "/" not in file]
    weights = [file for file in top if fnmatch(file, "*.safetensors") and not file.startswith("consolidated")]
    weights = weights or [file for file in top if fnmatch(file, "*.bin")]
    return weights + [file for file in top if any(fnmatch(file, pattern) for pattern in TEXTS)]


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def download(name: str, folder: Path) -> None:
    """The model's files in `folder`."""
    info = HfApi().model_info(name, files_metadata=True)
    sizes = {sibling.rfilename: sibling.size or 0 for sibling in info.siblings or []}
    files = wanted(list(sizes))
    total = sum(sizes[file] for file in files)
    licence = info.card_data.get("license") if info.card_data else None
    say(licence=licence, revision=info.sha, total=total)
    Thread(target=watch, args=(folder, total), daemon=True).start()
    for file in files:
        hf_hub_download(name, file, revision=info.sha, local_dir=folder)


def watch(folder: Path, total: int) -> None:
    """Reports how much has come, until the process ends."""
    while True:
        time.sleep(1)
        try:
            say(done=min(size(folder), total), total=total)
        except BrokenPipeError:
            os._exit(1)
        except FileNotFoundError:
            continue


def say(**line: Any) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(description="Downloads a model from the Hugging Face hub.")
    parser.add_argument("name")
    parser.add_argument("folder", type=Path)
    args = parser.parse_args()
    try:
        download(args.name, args.folder)
    except HFValidationError as error:
        say(error=str(error), kind="refused")
    except HfHubHTTPError as error:
        code = error.response.status_code if error.response is not None else 0
        say(
            error=REFUSALS.get(code, f"was answered with {error}"),
            kind="refused" if code in REFUSALS else "unreachable",
        )
    except (LocalEntryNotFoundError, OfflineModeIsEnabled, httpx2.HTTPError, OSError) as error:
        say(error=str(error) or type(error).__name__, kind="unreachable")
    else:
        say(ready=str(args.folder))
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
