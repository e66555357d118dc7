"""Which models does this server have? Each with its engine and its queue; loaded and unloaded while the server runs."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

from openbook.errors import OpenbookError
from openbook.serve.engine.choice import Adaptable, Maker, StartedEngine, suitable
from openbook.serve.engine.interface import Engine
from openbook.serve.errors import ApiError
from openbook.serve.identity import Identity, digest
from openbook.serve.limits import Gate
from openbook.serve.settings import Adapter, ServeSettings
from openbook.serve.target import Target, UpstreamTarget


class Served:
    """One model: what it is, what computes it, who waits for it."""

    def __init__(self, target: Target, settings: ServeSettings, make: Maker, adapters: Sequence[Adapter] = ()) -> None:
        self.target = target
        self.gate = Gate(settings.parallel, settings.limits.waiting)
        self.created = int(target.path.stat().st_mtime) if target.path.exists() else 0
        self.adapters = adapters
        self._digest: str | None = target.sha256 if isinstance(target, UpstreamTarget) else None
        self._settings = settings
        self._make = make
        self._engine: StartedEngine | None = None
        self._changing = asyncio.Lock()

    @property
    def name(self) -> str:
        return self.target.name

    @property
    def identity(self) -> Identity:
        return Identity(self.name, self._digest, self.target.release)

    @property
    def loaded(self) -> bool:
        return self._engine is not None

    @property
    def alive(self) -> bool:
        return self._engine is not None and self._engine.alive

    @property
    def engine(self) -> Engine:
        """What computes; ApiError 503 while the model is not loaded."""
        return self.started

    @property
    def started(self) -> StartedEngine:
        if self._engine is None:
            raise not_loaded(self.name)
        return self._engine

    async def load(self) -> None:
        """Load it unless it is loaded; OpenbookError when it cannot be."""
        async with self._changing:
            if self._engine is None:
                engine = self._make(self.target, self._settings, self.adapters)
                hashing = asyncio.create_task(self._hash())  # beside the loading: both read the file
                try:
                    await engine.start()
                    await hashing
                except BaseException:
                    hashing.cancel()
                    await engine.close()
                    raise
                self._engine = engine

    async def _hash(self) -> None:
        if self._digest is None and self.target.path.exists() and not isinstance(self.target, UpstreamTarget):
            self._digest = await asyncio.to_thread(digest, self.target.path)

    async def unload(self) -> None:
        """End its engine, open answers too, and give the memory back."""
        async with self._changing:
            engine, self._engine = self._engine, None
            if engine is not None:
                await engine.close()

    def card(self) -> dict[str, Any]:
        """The model as /v1/models lists it; `openbook` holds what the page shows and OpenAI's API has no word for."""
        target = self.target
        facts = {
            "converses": target.converses,
            "chat_template": target.has_template,
            "context": (self._engine.context or None) if self._engine else None,
            "loaded": self.loaded,
            "parameters": target.parameters,
            "architecture": target.architecture,
            "languages": target.languages,
            "license": target.license,
            "release": target.release,
            "sha256": self.identity.sha256,
            "adapter": None,
        }
        card = {"id": self.name, "object": "model", "created": self.created, "owned_by": "openbook", "parent": None}
        return card | {"max_model_len": facts["context"], "openbook": facts}


class ServedAdapter(Served):
    """An adapter as a model of its own, with its base's engine and queue, but nothing kept of the base's prompts."""

    def __init__(self, base: Served, adapter: Adapter, settings: ServeSettings, make: Maker) -> None:
        super().__init__(base.target, settings, make)
        self.base = base
        self.adapter = adapter
        self.gate = base.gate
        self.created = int(adapter.path.stat().st_mtime)
        self._own_digest: str | None = None
        self._on = False

    @property
    def name(self) -> str:
        return self.adapter.name

    @property
    def identity(self) -> Identity:
        return Identity(self.name, self.base.identity.sha256, self.target.release, self._own_digest)

    @property
    def loaded(self) -> bool:
        return self._on and self.base.loaded

    @property
    def alive(self) -> bool:
        return self.loaded and self.base.alive

    @property
    def engine(self) -> Engine:
        if not self.loaded:
            raise not_loaded(self.name)
        return self.base.started.adapted(self.name)

    @property
    def started(self) -> StartedEngine:
        return self.base.started

    async def load(self) -> None:
        """Load it, and its base before it."""
        await self.base.load()
        async with self._changing:
            await self._adaptable().load_adapter(self.name, self.adapter.path)
            self._own_digest = await asyncio.to_thread(digest, self.adapter.path)
            self._on = True

    async def unload(self) -> None:
        async with self._changing:
            self._on = False
            if self.base.loaded:
                await self._adaptable().unload_adapter(self.name)

    def _adaptable(self) -> Adaptable:
        engine = self.base.started
        assert isinstance(engine, Adaptable)  # of others, no adapter is accepted at the start
        return engine

    def card(self) -> dict[str, Any]:
        card = self.base.card()
        facts = card["openbook"] | {"loaded": self.loaded, "adapter": self._own_digest}
        facts["converses"] = self.target.has_template  # a tuned base answers messages where it has a form for them
        return card | {"id": self.name, "created": self.created, "parent": self.base.name, "openbook": facts}


def not_loaded(name: str) -> ApiError:
    """The answer 503, with when to ask again."""
    return ApiError(503, f"{name} is not loaded.", code="model_not_loaded", headers={"Retry-After": "10"})


class Models:
    """All models of a server, by name; the first is meant where a request names none."""

    def __init__(self, targets: Sequence[Target], settings: ServeSettings, make: Maker = suitable) -> None:
        self._served: dict[str, Served] = {}
        of_base: dict[str, list[Adapter]] = {}
        for adapter in settings.adapters:
            base = adapter.base or targets[0].name
            if base not in {target.name for target in targets}:
                raise OpenbookError(f"The adapter {adapter.name} is for {base!r}, and no such model is served.")
            of_base.setdefault(base, []).append(adapter)
        for target in targets:
            served = Served(target, settings, make, of_base.get(target.name, ()))
            self._add(served)
            for adapter in served.adapters:
                if not adapter.path.exists():
                    raise OpenbookError(f"The adapter {adapter.name} is not at {adapter.path}.")
                self._add(ServedAdapter(served, adapter, settings, make))

    def _add(self, served: Served) -> None:
        if served.name in self._served:
            raise OpenbookError(f"Two models are called {served.name}: rename one, or serve it alone with a name.")
        self._served[served.name] = served

    def __iter__(self) -> Iterator[Served]:
        return iter(self._served.values())

    def find(self, name: str | None) -> Served:
        """The model of this name; ApiError 404 when there is none."""
        if name is None:
            return next(iter(self))
        if name not in self._served:
            known = ", ".join(repr(one) for one in self._served)
            text = f"There is no model {name!r} here; this server has {known}."
            raise ApiError(404, text, param="model", code="model_not_found")
        return self._served[name]

    async def load(self) -> None:
        for served in self:
            await served.load()

    async def close(self) -> None:
        adapters = [served for served in self if isinstance(served, ServedAdapter)]
        await asyncio.gather(*(served.unload() for served in adapters))
        await asyncio.gather(*(served.unload() for served in self if served not in adapters))
