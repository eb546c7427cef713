"""What a call adds to memory at most, measured in a fresh process.

On a CPU this is the largest resident set while the call runs, less the resident set
before it: every buffer counts, including those inside an operation. It is not exact to
a few MiB, so small sizes say nothing. On a GPU it is the allocator's own peak. What is
loaded and kept at a first call (libraries, the optimizer's state) belongs before it.
"""

import ctypes
import gc
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import torch

MIB = 2**20


def of_fresh_process(name: str) -> float:
    """Run this program again with ``--measure-memory NAME`` and read its answer."""
    command = [sys.executable, *sys.argv, '--measure-memory', name]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return float(done.stdout.splitlines()[-1])


def print_added(call: Callable, device: str) -> None:
    """Print the MiB that a call adds, for :func:`of_fresh_process`."""
    print(json.dumps((_added_on_cpu if device == 'cpu' else _added_on_gpu)(call)))


def _added_on_gpu(call: Callable) -> float:
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    call()
    return (torch.cuda.max_memory_allocated() - before) / MIB


def _added_on_cpu(call: Callable) -> float:
    gc.collect()
    ctypes.CDLL('libc.so.6').malloc_trim(0)  # free memory counts as added when used
    Path('/proc/self/clear_refs').write_text('5')  # forget the peak so far
    before = _status('VmRSS')
    call()
    return _status('VmHWM') - before


def _status(key: str) -> float:
    """MiB that the system notes under a key for this process."""
    lines = Path('/proc/self/status').read_text().splitlines()
    return int(next(x for x in lines if x.startswith(key)).split()[1]) / 1024
