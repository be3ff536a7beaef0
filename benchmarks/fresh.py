"""Large files made of a small one, and code timed in processes of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import uproot

if TYPE_CHECKING:
    from pathlib import Path


def repeated(source: Path, target: Path, copies: int, compression: Any) -> int:
    """Write the events of a file many times over, by uproot; gives the number of events."""
    with uproot.open(source) as file:
        tree = file["Events"]
        arrays = tree.arrays([name for name in tree.keys() if name != "nJet"])  # noqa: SIM118
    columns = {name: arrays[name] for name in arrays.fields}
    types = {name: values.type.content for name, values in columns.items()}
    with uproot.recreate(target, compression=compression) as file:
        file.mktree("Events", types, counter_name=lambda _: "nJet")
        for _ in range(copies):
            file["Events"].extend(columns)
    return copies * len(arrays)


def run(code: str, *arguments: str) -> tuple[Any, float]:
    """Run code in a new Python: the JSON that it prints, and the seconds that the process took."""
    # installed packages have their byte code stored; so has this one after its first run
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    process = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    seconds = time.perf_counter() - start
    return json.loads(process.stdout), seconds
