"""A real Slurm on loopback: munged, a controller and two nodes, all of them processes of this user on this machine."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol")
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
CONFIGURATION = """ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/%n
SlurmctldPidFile={folder}/controller.pid
SlurmdPidFile={folder}/%n.pid
SlurmctldLogFile={folder}/controller.log
SlurmdLogFile={folder}/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=1,sched_min_interval=0
PreemptType=preempt/partition_prio
PreemptMode=CANCEL
ReturnToService=2
SlurmdTimeout=10
KillWait=2
NodeName=n0 NodeHostname={host} NodeAddr=127.0.0.1 Port={first} CPUs=1
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={second} CPUs=1
PartitionName=usual Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=1
PartitionName=urgent Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=2 PreemptMode=OFF
"""


class NoSlurmError(Exception):
    """Why it cannot run here."""


@dataclass
class Cluster:
    folder: Path
    nodes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def lose(self, name: str) -> None:
        """Kill a node with everything that runs on it, and say so, as the controller would after its timeout."""
        node = self.nodes.pop(name)
        for process in [psutil.Process(node.pid), *_processes_of(self.folder, name)]:
            if psutil.pid_exists(process.pid):
                process.kill()
        node.wait()
        self.ask("scontrol", "update", f"NodeName={name}", "State=DOWN", "Reason=lost")

    def start_node(self, name: str) -> None:
        self.nodes[name] = _start("slurmd", "-D", "-N", name)

    def ask(self, *command: str) -> str:
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout

    def states(self) -> dict[str, str]:
        lines = self.ask("sinfo", "--noheader", "--Node", "--partition=usual", "--format=%N %T").splitlines()
        return dict(line.split() for line in lines)

    def jobs(self, states: str = "all") -> list[str]:
        return self.ask("squeue", "--noheader", "--array", f"--states={states}", "--format=%i").split()

    def wait_for_nodes(self, seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while set(self.states().values()) != {"idle"}:
            if time.monotonic() > deadline:
                raise NoSlurmError(f"its nodes do not come up ({self.states()}): {_tail(self.folder)}")
            time.sleep(0.2)


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """Raises NoSlurmError, with the reason, where Slurm is not installed or does not start."""
    missing = [program for program in PROGRAMS if not shutil.which(program, path=PATH)]
    if missing:
        raise NoSlurmError(f"{missing[0]} is not installed (Debian: slurm-wlm)")
    controller, first, second = _free_ports(3)
    user, host = psutil.Process().username(), socket.gethostname().split(".")[0]
    (folder / "state").mkdir(parents=True)
    (folder / "munge.key").write_bytes(os.urandom(1024))
    (folder / "munge.key").chmod(0o600)
    facts = {"folder": folder, "user": user, "host": host, "controller": controller, "first": first, "second": second}
    (folder / "slurm.conf").write_text(CONFIGURATION.format(**facts))
    version = subprocess.run(["slurmctld", "-V"], env={"PATH": PATH}, capture_output=True, text=True).stdout
    number = tuple(map(int, version.split()[1].split(".")[:2]))
    (folder / "cgroup.conf").write_text(f"CgroupPlugin={'disabled' if number >= (23, 2) else 'cgroup/v1'}\n")
    before = {name: os.environ.get(name) for name in ("SLURM_CONF", "PATH")}
    os.environ |= {"SLURM_CONF": str(folder / "slurm.conf"), "PATH": PATH}
    found = Cluster(folder)
    try:
        with ExitStack() as stack:
            files = {"socket": "socket", "key-file": "key", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
            options = [f"--{option}={folder}/munge.{name}" for option, name in files.items()]
            stack.callback(_end, _start("munged", "--foreground", "--force", *options))
            _wait_for(folder / "munge.socket", folder)
            stack.callback(_end, _start("slurmctld", "-D", "-c"))
            stack.callback(lambda: [_end(node) for node in found.nodes.values()])
            stack.callback(lambda: [one.kill() for one in _processes_of(folder, "")])
            for name in ("n0", "n1"):
                (folder / name).mkdir()
                found.start_node(name)
            _wait_for_controller(folder)
            found.wait_for_nodes()
            yield found
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value


def _start(*command: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _processes_of(folder: Path, node: str) -> list[psutil.Process]:
    """Steps and jobs of this cluster, on the node of this name or, when it is empty, on any."""
    found = []
    for process in psutil.process_iter():
        try:
            variables = process.environ()
            is_step = process.name() == "slurmstepd"
        except psutil.Error:
            continue
        if variables.get("SLURM_CONF") != str(folder / "slurm.conf"):
            continue
        on = variables.get("SLURMD_NODENAME", "")
        if (is_step or on) and (not node or on == node or is_step and _holds(process, node)):
            found.append(process)
    return found


def _holds(step: psutil.Process, node: str) -> bool:
    """Whether a step's child runs on the node: the step's own variables do not say."""
    try:
        return any(child.environ().get("SLURMD_NODENAME") == node for child in step.children())
    except psutil.Error:
        return False


def _wait_for(path: Path, folder: Path, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not path.exists():
        if time.monotonic() > deadline:
            raise NoSlurmError(f"{path.name} does not appear: {_tail(folder)}")
        time.sleep(0.05)


def _wait_for_controller(folder: Path, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while subprocess.run(["scontrol", "ping"], capture_output=True).returncode:
        if time.monotonic() > deadline:
            raise NoSlurmError(f"its controller does not answer: {_tail(folder)}")
        time.sleep(0.2)


def _tail(folder: Path) -> str:
    """The last words of every log."""
    logs = {path.name: path.read_text(errors="replace").splitlines() for path in sorted(folder.glob("*.log"))}
    return "; ".join(f"{name}: {lines[-1]}" for name, lines in logs.items() if lines)


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
