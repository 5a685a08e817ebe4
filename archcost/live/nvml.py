"""What NVIDIA's management library says of a GPU: clock, power, temperature, and why it runs slower."""

from __future__ import annotations

import contextlib
import importlib
import subprocess
from typing import Any

THROTTLES = {
    0x04: "power cap",
    0x08: "hardware slowdown",
    0x20: "thermal, by software",
    0x40: "thermal, by hardware",
    0x80: "power brake",
}
"""Reasons by their bit. The others (idle, application clocks, sync boost, display) are no fault of the run."""
SLOWED = 0x08 | 0x20 | 0x40 | 0x80
"""Those that make a measurement worthless. A power cap is how the GPU always runs this work: recorded, not refused."""
_FIELDS = "clocks.sm,power.draw,temperature.gpu,clocks_throttle_reasons.active,driver_version"


def state(bus_id: str) -> dict[str, Any]:
    """clock_hertz, power_watts, temperature_celsius, throttle (texts), throttled; empty where nobody can say.

    bus_id: of the GPU, as 00000000:01:00.0.
    """
    found = _by_library(bus_id)
    return _by_program(bus_id) if found is None else found


def driver(bus_id: str) -> str | None:
    """The driver's version; None where nobody can say."""
    nvml = _library()
    if nvml is None:
        cells = _queried(bus_id)
        return cells[-1] if cells else None
    version = nvml.nvmlSystemGetDriverVersion()
    return version.decode() if isinstance(version, bytes) else str(version)


def _library() -> Any:
    """nvidia-ml-py, at work; None where it is not installed, or finds no driver."""
    try:
        nvml: Any = importlib.import_module("pynvml")
    except ImportError:
        return None
    try:
        nvml.nvmlInit()
    except nvml.NVMLError:
        return None
    return nvml


def _by_library(bus_id: str) -> dict[str, Any] | None:
    """None where there is no such library, or it does not know the GPU. What the GPU does not tell is left out."""
    nvml = _library()
    if nvml is None:
        return None
    try:
        handle = nvml.nvmlDeviceGetHandleByPciBusId(bus_id.encode())
    except nvml.NVMLError:
        return None
    found: dict[str, Any] = {}
    with contextlib.suppress(nvml.NVMLError):
        found["clock_hertz"] = nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_SM) * 1e6
    with contextlib.suppress(nvml.NVMLError):
        found["power_watts"] = nvml.nvmlDeviceGetPowerUsage(handle) / 1e3
    with contextlib.suppress(nvml.NVMLError):
        found["temperature_celsius"] = float(nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU))
    with contextlib.suppress(nvml.NVMLError):
        found |= _throttle(int(nvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle)))
    return found


def _by_program(bus_id: str) -> dict[str, Any]:
    cells = _queried(bus_id)
    found: dict[str, Any] = {}
    names = {"clock_hertz": 1e6, "power_watts": 1.0, "temperature_celsius": 1.0}
    for (name, factor), cell in zip(names.items(), cells, strict=False):
        with contextlib.suppress(ValueError):
            found[name] = float(cell) * factor
    if len(cells) > 3:
        with contextlib.suppress(ValueError):
            found |= _throttle(int(cells[3], 16))
    return found


def _queried(bus_id: str) -> list[str]:
    """What nvidia-smi answers; nothing where there is no such program, or it does not answer."""
    command = ["nvidia-smi", f"--id={bus_id}", f"--query-gpu={_FIELDS}", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return []
    lines = done.stdout.strip().splitlines()
    return [cell.strip() for cell in lines[0].split(",")] if done.returncode == 0 and lines else []


def _throttle(bits: int) -> dict[str, Any]:
    return {
        "throttle": [text for bit, text in THROTTLES.items() if bits & bit],
        "throttled": bool(bits & SLOWED),
    }
