"""Serving: an OpenAI-shaped API and a page, for releases, GGUF files, Hugging Face folders and other servers."""

from pathlib import Path

from openbook.serve.settings import Adapter, Limits, ServeSettings, Upstream, WatermarkSettings, read_limits

__all__ = ["Adapter", "Limits", "ServeSettings", "Upstream", "WatermarkSettings", "read_limits", "serve"]


def serve(target: Path | None, settings: ServeSettings) -> None:
    """Serve a release folder, a .gguf file, a Hugging Face folder or what the settings name; until SIGINT or SIGTERM.

    Raises OpenbookError, before anything listens, when the target cannot be served.
    """
    from openbook.serve.server import run  # the web stack is imported only by those who serve

    run(target, settings)
