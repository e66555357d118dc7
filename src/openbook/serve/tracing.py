"""The routes that show where answers come from: /v1/trace, and what is known of a model, /about."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from openbook.errors import OpenbookError
from openbook.serve.about import POLICY, About
from openbook.serve.errors import ApiError
from openbook.serve.limits import Gate, body
from openbook.serve.messages import STRICT
from openbook.serve.models import Models, Served, ServedAdapter
from openbook.serve.responses import JsonResponse
from openbook.serve.settings import ServeSettings

if TYPE_CHECKING:
    from openbook.release.tracing import Tracer

LONGEST = 50_000
"""Characters of a text that is traced."""


class TraceBody(BaseModel):
    model_config = STRICT

    text: str
    model: str | None = None
    least_words: Annotated[int, Field(ge=1, le=1000)] = 5
    documents: Annotated[int, Field(ge=1, le=50)] = 5
    proof: bool = False


def open_tracer(folder: Path | None) -> "Tracer | None":
    """Raises OpenbookError when the folder holds no index."""
    if folder is None:
        return None
    from openbook.release.tracing import Tracer  # loads numba: only where there is an index

    tracer = Tracer.open(folder)
    tracer.trace("a text, so that everything is compiled and read before somebody waits for it")
    return tracer


class Tracing:
    """One index for the models of a server: it is asked for those only that were trained on its corpus."""

    def __init__(self, models: Models, settings: ServeSettings) -> None:
        self._models = models
        self._limits = settings.limits
        self._tracer = open_tracer(settings.trace)
        self._abouts: dict[str, About | None] = {}
        self._gate = Gate(1, settings.limits.waiting)  # each takes a core for some milliseconds

    def routes(self) -> list[Route]:
        return [
            Route("/v1/trace", self.trace, methods=["POST"]),
            Route("/about", self.about, methods=["GET"]),
            Route("/about/{model}/{path:path}", self.file, methods=["GET"]),
        ]

    async def trace(self, request: Request) -> Response:
        asked = await body(request, TraceBody, self._limits)
        if len(asked.text) > LONGEST:
            raise ApiError(
                422, f"text has {len(asked.text):,} characters; {LONGEST:,} are traced at once.", param="text"
            )
        served = self._models.find(asked.model)
        if self._tracer is None:
            text = "This server has no index to trace in: it was started without --trace."
            raise ApiError(501, text, code="no_trace_index")
        if not self._traced(served):
            text = f"The index of this server is not that of {served.name}: it was made of another corpus."
            raise ApiError(409, text, param="model", code="other_corpus")
        return JsonResponse(await self._traced_text(self._tracer, asked))

    async def _traced_text(self, tracer: "Tracer", asked: TraceBody) -> dict[str, Any]:
        async with self._gate.request(), self._gate.slot():
            try:
                return await asyncio.to_thread(
                    tracer.trace, asked.text, asked.least_words, None, asked.documents, asked.proof
                )
            except OpenbookError as trouble:
                raise ApiError(400, str(trouble), code="cannot_trace") from None

    def _traced(self, served: Served) -> bool:
        about = self._about(served)
        return self._tracer is not None and about is not None and self._tracer.index.corpus_root == about.corpus_root

    def _about(self, served: Served) -> About | None:
        if served.name not in self._abouts:
            self._abouts[served.name] = About.of(served.target)
        return self._abouts[served.name]

    async def about(self, request: Request) -> Response:
        """What the page shows of a model beside its card."""
        served = self._models.find(request.query_params.get("model"))
        about = self._about(served)
        facts = await asyncio.to_thread(about.facts) if about else None
        base = served.base.name if isinstance(served, ServedAdapter) else None  # what the release's figures are of
        return JsonResponse({"model": served.name, "base": base, "traced": self._traced(served), "release": facts})

    async def file(self, request: Request) -> Response:
        """A file of the model's release to read; it may show itself and nothing else."""
        about = self._about(self._models.find(request.path_params["model"]))
        found = await asyncio.to_thread(about.file, request.path_params["path"]) if about else None
        if found is None:
            raise ApiError(404, "The release has no such file that could be shown.")
        return Response(found[0], media_type=found[1], headers={"Content-Security-Policy": POLICY})
