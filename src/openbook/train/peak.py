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
    about 0.3 s with the threads that torch has. None where neither is known."""
    if device.type == "cuda":
        return known(torch.cuda.get_device_name(device))
    one, other = torch.ones(SIZE, SIZE, dtype=dtype), torch.ones(SIZE, SIZE, dtype=dtype)
    best = float("inf")
    end = time.monotonic() + SECONDS
    with torch.no_grad():
        while time.monotonic() < end:
            began = time.perf_counter()
            one @ other
            best = min(best, time.perf_counter() - began)
    return 2 * SIZE**3 / best
