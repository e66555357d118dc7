"""How many joules a piece of work took, where the machine lets its counters be read: RAPL of the processor packages,
NVML of NVIDIA devices. Both count the whole machine, whoever else works on it."""

import ctypes
import threading
from pathlib import Path
from typing import Any, Self

POWERCAP = Path("/sys/class/powercap")
EVERY = 20.0
"""Seconds between two readings: a package's counter runs over about every ten minutes at full power at the soonest."""


class Rapl:
    """Packages' counters in microjoules, which begin again at `max_energy_range_uj`."""

    def __init__(self, root: Path = POWERCAP) -> None:
        self.zones = []
        for zone in sorted(root.glob("intel-rapl:*")):
            if zone.name.count(":") == 1 and self._number(zone / "energy_uj") is not None:
                self.zones.append(zone)
        self.last = [self._number(zone / "energy_uj") or 0 for zone in self.zones]
        self.joules = 0.0

    def read(self) -> None:
        for at, zone in enumerate(self.zones):
            now = self._number(zone / "energy_uj")
            if now is None:
                continue
            span = self._number(zone / "max_energy_range_uj") or 0
            self.joules += (now - self.last[at] if now >= self.last[at] else now + span - self.last[at]) / 1e6
            self.last[at] = now

    @staticmethod
    def _number(path: Path) -> int | None:
        try:
            return int(path.read_text())
        except (OSError, ValueError):
            return None


class Nvml:
    """Devices' counters in millijoules since the driver was loaded (nvmlDeviceGetTotalEnergyConsumption)."""

    def __init__(self) -> None:
        self.handles: list[ctypes.c_void_p] = []
        try:
            self.library = ctypes.CDLL("libnvidia-ml.so.1")
        except OSError:
            return
        count = ctypes.c_uint()
        if self.library.nvmlInit_v2() or self.library.nvmlDeviceGetCount_v2(ctypes.byref(count)):
            return
        for index in range(count.value):
            handle = ctypes.c_void_p()
            if not self.library.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(handle)):
                self.handles.append(handle)
        self.first = self._total()
        if self.first is None:
            self.handles = []

    @property
    def joules(self) -> float:
        last = self._total()
        return 0.0 if last is None or self.first is None else last - self.first

    def _total(self) -> float | None:
        whole = 0.0
        for handle in self.handles:
            value = ctypes.c_ulonglong()
            if self.library.nvmlDeviceGetTotalEnergyConsumption(handle, ctypes.byref(value)):
                return None
            whole += value.value / 1e3
        return whole


class Meter:
    """`with Meter() as meter: ...`, then `meter.measures()`: empty where no counter can be read."""

    def __init__(self, root: Path = POWERCAP) -> None:
        self.rapl, self.nvml = Rapl(root), Nvml()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        if self.rapl.zones:
            self._thread = threading.Thread(target=self._watch, name="energy", daemon=True)
            self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._over.wait(EVERY):
            self.rapl.read()

    def __exit__(self, *error: object) -> None:
        self._over.set()
        if self._thread:
            self._thread.join()
        self.rapl.read()

    def measures(self) -> dict[str, Any]:
        """For a record's `measures`: `energy` with the joules of each kind of counter."""
        found = {}
        if self.rapl.zones:
            found["rapl_joules"] = round(self.rapl.joules, 3)
        if self.nvml.handles:
            found["nvml_joules"] = round(self.nvml.joules, 3)
        return {"energy": found} if found else {}
