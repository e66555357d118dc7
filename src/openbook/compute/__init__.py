"""Where tasks run. Stages see only `Engine`; which one it is never changes a result."""

from openbook.compute.engine import Engine
from openbook.compute.registry import ENGINES, local, started, threads
from openbook.compute.settings import EngineSettings, chosen

__all__ = ["ENGINES", "Engine", "EngineSettings", "chosen", "local", "started", "threads"]
