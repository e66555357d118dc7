"""What each address answers."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from openbook import __version__
from openbook.errors import OpenbookError
from openbook.serve import chat, completions, embeddings
from openbook.serve.answers import Job, respond
from openbook.serve.audit import AuditLog
from openbook.serve.deletions import OutputFilter
from openbook.serve.errors import ApiError
from openbook.serve.keys import Caller
from openbook.serve.ledger import Ledger
from openbook.serve.limits import body
from openbook.serve.metrics import CONTENT_TYPE, Metrics
from openbook.serve.models import Models, Served
from openbook.serve.requests import ChatBody, CompletionBody, DetokenizeBody, EmbeddingsBody, SamplingBody, TokenizeBody
from openbook.serve.responses import JsonResponse
from openbook.serve.settings import ServeSettings


class Service:
    """The models of a server and the requests made to them."""

    def __init__(
        self, models: Models, settings: ServeSettings, audit: AuditLog | None, output: OutputFilter | None = None
    ) -> None:
        self.models = models
        self.output = output
        self.watermarked = settings.watermark is not None
        self.limits = settings.limits
        self.audit = audit
        self.metrics = Metrics()
        waiting, computing = "openbook_requests_open", "openbook_answers_computing"
        self.metrics.watch(waiting, "Requests being answered or waiting", lambda: sum(s.gate.requests for s in models))
        self.metrics.watch(computing, "Answers being computed", lambda: sum(s.gate.computing for s in models))
        self.metrics.watch("openbook_models_alive", "Models that can compute now", lambda: sum(s.alive for s in models))

    async def list_models(self, request: Request) -> Response:
        notice = {"content_logged": bool(self.audit and self.audit.with_content)}
        notice |= {"removed_texts_filtered": self.output is not None, "watermarked": self.watermarked}
        return JsonResponse({"object": "list", "data": [one.card() for one in self.models], "openbook": notice})

    async def one_model(self, request: Request) -> Response:
        return JsonResponse(self.models.find(request.path_params["name"]).card())

    async def load(self, request: Request) -> Response:
        served = self.models.find(request.path_params["name"])
        try:
            await served.load()
        except OpenbookError as trouble:
            raise ApiError(500, str(trouble), code="model_cannot_load") from None
        return JsonResponse(served.card())

    async def unload(self, request: Request) -> Response:
        served = self.models.find(request.path_params["name"])
        await served.unload()
        return JsonResponse(served.card())

    async def completions(self, request: Request) -> Any:
        asked = await body(request, CompletionBody, self.limits)
        served = self.models.find(asked.model)
        job = await completions.job(asked, served.engine, served.identity, tenant(request, asked), self.limits)
        return await respond(request, served.gate, self._filtered(job), self._ledger(request, served, asked))

    async def chat(self, request: Request) -> Any:
        asked = await body(request, ChatBody, self.limits)
        served = self.models.find(asked.model)
        whose, has_template = tenant(request, asked), served.target.has_template
        job = chat.job(asked, served.engine, served.identity, whose, has_template, self.limits)
        return await respond(request, served.gate, self._filtered(job), self._ledger(request, served, asked))

    async def embeddings(self, request: Request) -> Response:
        asked = await body(request, EmbeddingsBody, self.limits)
        served = self.models.find(asked.model)
        ledger = self._ledger(request, served, asked)
        try:
            async with served.gate.request():
                answer, usage = await embeddings.answer(asked, served.engine, served.name, self.limits)
            ledger.answered([usage])
        finally:
            await ledger.close()
        return JsonResponse(answer, headers=dict(served.identity.headers))

    def _filtered(self, job: Job) -> Job:
        return self.output.guard(job) if self.output else job

    def _ledger(self, request: Request, served: Served, asked: SamplingBody | EmbeddingsBody) -> Ledger:
        caller: Caller = request.scope["state"]["caller"]
        content = asked.model_dump(exclude_unset=True) if self.audit and self.audit.with_content else {}
        return Ledger(self.metrics, self.audit, caller, request.url.path, served.name, content)

    async def tokenize(self, request: Request) -> Response:
        asked = await body(request, TokenizeBody, self.limits)
        served = self.models.find(asked.model)
        engine = served.engine
        if asked.prompt is None:
            chat.check_messages(asked.messages or (), served.name, served.target.has_template, self.limits)
            ids = await engine.lay_out(asked.conversation())
        else:
            ids = [token.id for token in await engine.tokenize(asked.prompt, asked.add_special_tokens)]
        return JsonResponse({"tokens": ids, "count": len(ids), "max_model_len": engine.context})

    async def detokenize(self, request: Request) -> Response:
        asked = await body(request, DetokenizeBody, self.limits)
        return JsonResponse({"prompt": await self.models.find(asked.model).engine.detokenize(asked.tokens)})

    async def tokenizer_info(self, request: Request) -> Response:
        """What lm-evaluation-harness asks before it evaluates."""
        return JsonResponse(self.models.find(request.query_params.get("model")).target.tokenizer_info())

    async def health(self, request: Request) -> Response:
        """200 while the server runs and its loaded models can compute, else 503."""
        return self._state(all(one.alive for one in self.models if one.loaded))

    async def ready(self, request: Request) -> Response:
        """200 while at least one model is loaded and can compute."""
        return self._state(any(one.alive for one in self.models))

    def _state(self, well: bool) -> Response:
        if well:
            return JsonResponse({"status": "ok"})
        return JsonResponse({"status": "no engine is ready"}, status_code=503)

    async def version(self, request: Request) -> Response:
        return JsonResponse({"version": __version__})

    async def show_metrics(self, request: Request) -> Response:
        return Response(self.metrics.text(), media_type=CONTENT_TYPE)


def tenant(request: Request, asked: SamplingBody) -> str:
    """Whose prompts may share a computed beginning: those of one key, and of one salt where the request brings one."""
    caller: Caller = request.scope["state"]["caller"]
    return f"{caller.name}\0{asked.cache_salt or ''}"
