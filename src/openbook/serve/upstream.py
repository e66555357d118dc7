"""Which models does the server behind this one have, and of what kind is it?"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from openbook.errors import OpenbookError
from openbook.serve.settings import Upstream
from openbook.serve.target import UpstreamTarget

SECONDS_TO_ANSWER = 10.0


def models_of(upstream: Upstream) -> list[UpstreamTarget]:
    """The models that the server has. Raises OpenbookError when it cannot be asked."""
    key = _key(upstream)
    url = upstream.url.rstrip("/")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        with httpx.Client(headers=headers, timeout=SECONDS_TO_ANSWER, trust_env=False) as client:
            answer = client.get(f"{url}/models")
            if answer.status_code != 200:
                raise OpenbookError(f"{url}/models answers {answer.status_code}. Check the address and its key.")
            cards = answer.json()["data"]
            found = [_target(url, key, card, _told(client, url, card)) for card in cards]
    except httpx.HTTPError as trouble:
        raise OpenbookError(f"{url} cannot be reached: {trouble}. Start it, or correct the address.") from None
    except (ValueError, KeyError, TypeError):
        raise OpenbookError(f"{url}/models is no list of models. Give the address that ends with /v1.") from None
    if not found:
        raise OpenbookError(f"{url} has no models.")
    return found


def _told(client: httpx.Client, url: str, card: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the server says of its tokenizer, where it is of a kind that does."""
    if card.get("owned_by") not in ("openbook", "vllm"):
        return {}
    answer = client.get(f"{url.removesuffix('/v1')}/tokenizer_info", params={"model": card["id"]})
    return dict(answer.json()) if answer.status_code == 200 else {}


def _target(url: str, key: str | None, card: Mapping[str, Any], told: Mapping[str, Any]) -> UpstreamTarget:
    facts = card.get("openbook") or {}
    kind = str(card.get("owned_by") or "")
    return UpstreamTarget(
        path=Path("/nonexistent"),
        name=str(card["id"]),
        converses=bool(facts.get("converses", True)),
        release=facts.get("release"),
        languages=tuple(facts.get("languages") or ()),
        license=facts.get("license"),
        architecture=str(facts.get("architecture") or "unknown"),
        parameters=facts.get("parameters") or (card.get("meta") or {}).get("n_params"),
        trained_context=int(card.get("max_model_len") or 0),
        chat_template=str(told.get("chat_template") or "the server's own")
        if facts.get("chat_template", True)
        else None,
        specials={"bos": told.get("bos_token"), "eos": told.get("eos_token"), "padding": told.get("pad_token")},
        adds_bos=bool(told.get("add_bos_token", False)),
        url=url,
        key=key,
        kind=kind,
        sha256=facts.get("sha256"),
    )


def _key(upstream: Upstream) -> str | None:
    if upstream.key is None:
        return None
    try:
        return upstream.key.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as trouble:
        raise OpenbookError(f"The upstream's key file {upstream.key} cannot be read: {trouble}.") from None
