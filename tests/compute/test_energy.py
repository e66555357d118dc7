"""Joules from a machine's counters, on a folder shaped like the kernel's."""

from pathlib import Path

from openbook.compute.energy import Meter, Rapl


def zone(root: Path, name: str, microjoules: int, most: int = 262_143_328_850) -> Path:
    folder = root / name
    folder.mkdir(parents=True)
    (folder / "energy_uj").write_text(f"{microjoules}\n")
    (folder / "max_energy_range_uj").write_text(f"{most}\n")
    return folder


def test_packages_add_up_and_their_parts_are_not_counted_twice(tmp_path: Path) -> None:
    first, second = zone(tmp_path, "intel-rapl:0", 1_000_000), zone(tmp_path, "intel-rapl:1", 0)
    part = zone(tmp_path, "intel-rapl:0:0", 0)  # the cores inside of the first package
    with Meter(tmp_path) as meter:
        (first / "energy_uj").write_text("3500000")
        (second / "energy_uj").write_text("1000000")
        (part / "energy_uj").write_text("2000000")
    assert meter.measures()["energy"]["rapl_joules"] == 3.5


def test_a_counter_that_began_again_is_counted_on(tmp_path: Path) -> None:
    package = zone(tmp_path, "intel-rapl:0", 9_000_000, most=10_000_000)
    rapl = Rapl(tmp_path)
    (package / "energy_uj").write_text("500000")
    rapl.read()
    (package / "energy_uj").write_text("700000")
    rapl.read()
    assert round(rapl.joules, 6) == 1.7


def test_a_counter_that_may_not_be_read_measures_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "intel-rapl:0"
    folder.mkdir()
    (folder / "energy_uj").mkdir()  # as unreadable as one of another user, for root too
    with Meter(tmp_path) as meter:
        pass
    assert "rapl_joules" not in meter.measures().get("energy", {})
