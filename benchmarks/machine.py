"""The machine and the software that a measurement ran on."""

from __future__ import annotations

import os
import platform
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from atlasae import cycles


def facts() -> dict[str, Any]:
    """Processor, software and cycle counter, ready for JSON."""
    counter = cycles.counter()
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]  # type: ignore[call-overload, unused-ignore]
    return {
        "processor": _processor(),
        "processors": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": f"{blas.get('name', 'unknown')} {blas.get('version', '')}".strip(),
        "blas_kernel": _kernel(),
        "threads": 1,
        "source": counter.name,
        "source_description": counter.description,
        "estimated": counter.estimated,
    }


def _processor() -> str:
    """The processor's name; Python's own ``platform.processor`` is often empty on Linux."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    match = re.search(r"(?m)^model name\s*:\s*(.+)$", text)
    return match[1] if match else platform.processor() or platform.machine()


def _kernel() -> str:
    """The processor family of the matrix library's code, if threadpoolctl is installed."""
    try:
        threadpool_info = import_module("threadpoolctl").threadpool_info
    except ImportError:
        return "unknown"
    for library in threadpool_info():
        # torch and scipy have libraries of their own, which numpy does not use
        if library["user_api"] == "blas" and "numpy" in library["filepath"]:
            return str(library.get("architecture", "unknown"))
    return "unknown"
