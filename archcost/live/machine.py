"""The device that measurements run on: found, checked, named, and watched."""

from __future__ import annotations

import contextlib
import gc
import importlib
import math
import os
import platform
import re
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from archcost.errors import ArchcostError
from archcost.live import nvml

_ON_CPU = "`--device cpu` measures on the CPU"


@dataclass(frozen=True, slots=True, eq=False)
class Machine:
    """A device that works. fingerprint: what it is, to tell it from others; software: the versions on it.

    threads: of the CPU, for its own arithmetic; note: what the user should know of the choice.
    """

    device: torch.device
    name: str
    fingerprint: dict[str, Any]
    software: dict[str, Any]
    threads: int
    note: str = ""
    bus_id: str = field(default="", repr=False)

    @property
    def is_gpu(self) -> bool:
        return self.device.type == "cuda"

    @property
    def lock(self) -> str:
        """What processes of this machine wait for each other by, before they measure on it."""
        return self.bus_id or "cpu"

    def state(self) -> dict[str, Any]:
        """What it is doing now; what nobody can say is left out."""
        if not self.is_gpu:
            return _cpu_state(self.threads)
        free, _ = torch.cuda.mem_get_info(self.device)
        return {**nvml.state(self.bus_id), "free_bytes": free}

    def wait(self) -> None:
        """Until all that was started has ended."""
        if self.is_gpu:
            torch.cuda.synchronize(self.device)

    def release(self) -> None:
        """Gives memory back. Raises ArchcostError where the GPU will not work again in this process."""
        gc.collect()
        if not self.is_gpu:
            return
        try:
            torch.cuda.synchronize(self.device)
            torch.cuda.empty_cache()
        except RuntimeError as error:
            raise ArchcostError(
                f"{self.name} has stopped working: {first_line(error)}. What was measured is in the store; run again"
            ) from None

    def peak_bytes(self, forward: Callable[[], object]) -> int | None:
        """The most that is allocated during a forward; None on a CPU, where nobody counts."""
        if not self.is_gpu:
            return None
        torch.cuda.reset_peak_memory_stats(self.device)
        forward()
        self.wait()
        return int(torch.cuda.max_memory_allocated(self.device))


def find(device: str | None = None, threads: int | None = None) -> Machine:
    """The device asked for (`cuda`, `cuda:1`, `cpu`); None: the GPU where there is one, else the CPU.

    threads: of the CPU; None for as many as it has cores for this process. Raises ArchcostError where it does not work.
    """
    if threads is not None and threads < 1:
        raise ArchcostError(f"{threads} threads; at least 1 is needed")
    if device == "cpu":
        return _cpu(threads)
    if device is not None and not re.fullmatch(r"cuda(:[0-9]{1,4})?", device):
        raise ArchcostError(f"unknown device `{device}`; measure on cuda, cuda:1 or cpu")
    missing = _no_gpu()
    if missing is None:
        return _gpu(torch.device(device or "cuda"))
    if device is None:
        return _cpu(threads, f"Measured on the CPU: {missing}.")
    raise ArchcostError(f"no GPU can be used: {missing}; {_ON_CPU}")


def _no_gpu() -> str | None:
    """Why PyTorch has no GPU; None where it has one."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        if torch.cuda.is_available():
            return None
    if torch.version.cuda is None and torch.version.hip is None:
        return f"PyTorch {torch.__version__} is a build without CUDA"
    if said:  # such as a driver that is too old
        return first_line(said[-1].message)
    return "PyTorch sees no NVIDIA GPU"


def _gpu(device: torch.device) -> Machine:
    count = torch.cuda.device_count()
    if (device.index or 0) >= count:
        raise ArchcostError(f"there is no {device}; the GPUs are cuda:0 to cuda:{count - 1}")
    try:
        device = torch.device("cuda", torch.cuda.current_device() if device.index is None else device.index)
        torch.ones(2, device=device).sum().item()
        properties: Any = torch.cuda.get_device_properties(device)
    except (RuntimeError, AssertionError) as error:
        raise ArchcostError(f"CUDA is there but does not work: {first_line(error)}; {_ON_CPU}") from None
    bus_id = _bus_id(properties)
    fingerprint = {
        "kind": "cuda",
        "name": properties.name,
        "driver": nvml.driver(bus_id),
        "memory_bytes": properties.total_memory,
        "compute_capability": f"{properties.major}.{properties.minor}",
        "multiprocessors": properties.multi_processor_count,
        "host": _cpu_name(),
    }
    cudnn: Any = torch.backends.cudnn
    software = {**_software(), "cuda": torch.version.cuda, "cudnn": cudnn.version()}
    return Machine(device, properties.name, fingerprint, software, torch.get_num_threads(), bus_id=bus_id)


def _bus_id(properties: Any) -> str:
    """Where the GPU sits: its number among those that are visible here says nothing to the driver's tools."""
    places = (getattr(properties, f"pci_{part}_id", 0) for part in ("domain", "bus", "device"))
    return "{:08x}:{:02x}:{:02x}.0".format(*places)


def _cpu(threads: int | None, note: str = "") -> Machine:
    name, chosen = _cpu_name(), threads or physical_cores()
    fingerprint = {
        "kind": "cpu",
        "name": name,
        "machine": platform.machine(),
        "threads": chosen,
        "capability": torch.backends.cpu.get_cpu_capability(),
    }
    return Machine(torch.device("cpu"), name, fingerprint, _software(), chosen, note)


def _cpu_state(threads: int) -> dict[str, Any]:
    """load_average; and where Linux counts them: the seconds that others have kept these cores busy (foreign_seconds),
    the clock to hold that against, and how many cores are to spare."""
    found: dict[str, Any] = {}
    with contextlib.suppress(OSError, AttributeError):
        found["load_average"] = os.getloadavg()[0]
    with contextlib.suppress(OSError, AttributeError, ValueError):
        mine = os.sched_getaffinity(0)
        ticks = 0
        for line in Path("/proc/stat").read_text().splitlines():
            name, *counts = line.split()
            if name.startswith("cpu") and name[3:].isdigit() and int(name[3:]) in mine:
                user, nice, system, _, _, irq, softirq, steal = map(int, counts[:8])
                ticks += user + nice + system + irq + softirq + steal
        found |= {
            "foreign_seconds": round(ticks / os.sysconf("SC_CLK_TCK") - time.process_time(), 3),
            "clock_seconds": round(time.monotonic(), 3),
            "spare_cores": max(0, len(mine) - threads),
        }
    return found


def _software() -> dict[str, Any]:
    return {
        # By name: the package's front offers the interface above this room, and the contract takes that for a use.
        "archcost": importlib.import_module("archcost").__version__,
        "torch": str(torch.__version__),
        "python": platform.python_version(),
        "os": f"{platform.system()} {platform.release()}",
    }


def physical_cores() -> int:
    """Cores that this process may use, two hardware threads of one counted once, and no more than its quota of time."""
    if not hasattr(os, "sched_getaffinity"):
        return max(1, torch.get_num_threads())
    logical = os.sched_getaffinity(0)
    cores = set()
    for cpu in logical:
        try:
            cores.add(Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list").read_text())
        except OSError:
            cores.add(str(cpu))
    return max(1, min(len(cores), _quota()))


def _quota() -> int:
    """Processors' worth of time that a container may use."""
    try:
        limit, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, math.ceil(int(limit) / int(period)))
    except (OSError, ValueError):  # no such file, or "max"
        return sys.maxsize


def _cpu_name() -> str:
    try:
        if sys.platform == "darwin":
            command = ["sysctl", "-n", "machdep.cpu.brand_string"]
            return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
        text = Path("/proc/cpuinfo").read_text()
    except (OSError, subprocess.SubprocessError):
        text = ""
    named = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return named[1].strip() if named else platform.processor() or platform.machine() or "unknown CPU"


def first_line(error: object) -> str:
    """What an error says, without its stack."""
    lines = str(error).strip().splitlines()
    return lines[0].strip()[:300].rstrip(".") if lines else type(error).__name__
