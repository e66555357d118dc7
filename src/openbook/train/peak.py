"""How many operations a second the machine could do at most: what the share shown while training (MFU) is of."""

import time

import torch

SIZE = 1024
SECONDS = 0.3
KNOWN = {
    # Dense bfloat16 operations a second, from the makers' data sheets.
    "H200": 989e12,
    "H100 PCIe": 756e12,
    "H100": 989e12,
    "GH200": 989e12,
    "B200": 2250e12,
    "A100": 312e12,
    "A40": 149.7e12,
    "L40S": 362e12,
    "L4": 121e12,
    "MI250": 362e12,
    "MI300X": 1307e12,
}
"""The first name that stands in the device's counts; MI250: of one of its two dies."""


def known(name: str) -> float | None:
    """The peak of a graphics processor by the name that its driver gives; None for one that the table lacks."""
    return next((peak for part, peak in KNOWN.items() if part in name), None)


def peak(device: torch.device, dtype: torch.dtype) -> float | None:
    """Operations a second: of a graphics processor by the table, of a processor the best matrix product measured in
    about 0.3 s with the threads that torch has. None where neither is known.

    Other work on the machine takes time from the clock, not from this process' processor seconds: the one that says
    more is taken, so that a busy moment does not make all that follows look faster than it is."""
    if device.type == "cuda":
        return known(torch.cuda.get_device_name(device))
    one, other = torch.ones(SIZE, SIZE, dtype=dtype), torch.ones(SIZE, SIZE, dtype=dtype)
    threads, best = torch.get_num_threads(), float("inf")
    with torch.no_grad():
        one @ other  # threads start, and the library chooses its kernel
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            began, spent = time.perf_counter(), time.process_time()
            one @ other
            wall, cpu = time.perf_counter() - began, time.process_time() - spent
            best = min(best, wall, cpu / threads if cpu > 0 else wall)
    return 2 * SIZE**3 / best
