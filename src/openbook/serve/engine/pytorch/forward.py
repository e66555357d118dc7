"""One pass over the tokens of several answers at once: what each row attends to lies in a cache of fixed size.

Shapes in comments: N tokens of a pass, S slots, C context, H heads, K key-value heads, E width of a head, V vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from openbook.model.attention import rotate
from openbook.model.transformer import Block, Linear, Transformer, rotations
from openbook.serve.engine.pytorch.lora import Adapter


@dataclass(frozen=True)
class Segment:
    """Tokens of one answer that are computed now; `start` of them are in the slot's cache already."""

    slot: int
    start: int
    ids: Sequence[int]
    adapter: Adapter | None = None

    @property
    def end(self) -> int:
        return self.start + len(self.ids)


class Cache:
    """Keys and values of S rows of C tokens, every layer: [S, K, C, E] each; allocated once."""

    def __init__(self, model: Transformer, slots: int, context: int) -> None:
        config, weight = model.config, model.head_weight
        shape = (slots, config.kv_heads, context, config.head_dim)
        kind, device = model.compute_dtype, weight.device
        self.layers = [
            (torch.zeros(shape, dtype=kind, device=device), torch.zeros(shape, dtype=kind, device=device))
            for _ in range(config.layers)
        ]


class Forward:
    """Runs a model over segments; the weights stay as the checkpoint has them."""

    def __init__(self, model: Transformer, context: int) -> None:
        self.model = model
        self._rotation = rotations(model.config, context, model.head_weight.device)

    @torch.inference_mode()
    def hidden(self, segments: Sequence[Segment], cache: Cache) -> Tensor:
        """[N, D], normed, in the order of the segments; the cache then holds their keys and values."""
        device = self.model.head_weight.device
        ids = torch.tensor([token for one in segments for token in one.ids], device=device)
        places = torch.cat([torch.arange(one.start, one.end) for one in segments]).to(device)
        rotation = self._rotation[0][places], self._rotation[1][places]
        rows = _rows(segments, device)
        single = _Single.of(segments, device)
        x = self.model.model.embed_tokens(ids).float()
        for number, (block, kept) in enumerate(zip(self.model.model.layers, cache.layers, strict=True)):
            assert isinstance(block, Block)
            x = self._block(block, number, x, rotation, rows, segments, single, kept)
        normed: Tensor = self.model.model.norm(x)
        return normed

    @torch.inference_mode()
    def logits(self, hidden: Tensor) -> Tensor:
        """[N, D] -> [N, V], fp32."""
        kind = self.model.compute_dtype
        return F.linear(hidden.to(kind), self.model.head_weight.to(kind)).float()

    def _block(
        self,
        block: Block,
        number: int,
        x: Tensor,
        rotation: tuple[Tensor, Tensor],
        rows: "Rows",
        segments: Sequence[Segment],
        single: "_Single | None",
        kept: tuple[Tensor, Tensor],
    ) -> Tensor:
        attention, mlp, where = block.self_attn, block.mlp, f"model.layers.{number}."
        inner = block.input_layernorm(x)
        heads, kv_heads, width = attention.heads, attention.kv_heads, attention.head_dim
        q = _linear(attention.q_proj, inner, f"{where}self_attn.q_proj", rows).view(-1, heads, width)  # [N, H, E]
        k = _linear(attention.k_proj, inner, f"{where}self_attn.k_proj", rows).view(-1, kv_heads, width)
        v = _linear(attention.v_proj, inner, f"{where}self_attn.v_proj", rows).view(-1, kv_heads, width)
        q = rotate(q.transpose(0, 1)[None], rotation)[0].transpose(0, 1)
        k = rotate(k.transpose(0, 1)[None], rotation)[0].transpose(0, 1)
        mixed = single.attend(q, k, v, kept) if single else _attend(q, k, v, segments, kept)  # [N, H, E]
        x = x + _linear(attention.o_proj, mixed.reshape(len(x), -1), f"{where}self_attn.o_proj", rows)
        inner = block.post_attention_layernorm(x)
        gate = F.silu(_linear(mlp.gate_proj, inner, f"{where}mlp.gate_proj", rows))
        inner = gate * _linear(mlp.up_proj, inner, f"{where}mlp.up_proj", rows)
        return x + _linear(mlp.down_proj, inner, f"{where}mlp.down_proj", rows)


Rows = list[tuple[Adapter, Tensor]]  # which tokens of the pass an adapter changes


def _rows(segments: Sequence[Segment], device: torch.device) -> Rows:
    found: dict[int, tuple[Adapter, list[int]]] = {}
    place = 0
    for one in segments:
        if one.adapter is not None:
            found.setdefault(id(one.adapter), (one.adapter, []))[1].extend(range(place, place + len(one.ids)))
        place += len(one.ids)
    return [(adapter, torch.tensor(places, device=device)) for adapter, places in found.values()]


def _linear(layer: Linear, x: Tensor, name: str, rows: Rows) -> Tensor:
    """The layer's product, and for the rows of an adapter what it adds: x A^T B^T (Hu et al. 2021, section 4.1)."""
    y: Tensor = layer(x)
    for adapter, places in rows:
        pair = adapter.pairs.get(name)
        if pair is not None:
            down, up = pair
            y[places] += (x[places].to(down.dtype) @ down.T @ up.T).to(y.dtype)
    return y


@dataclass(frozen=True)
class _Single:
    """The common pass: one token of each answer, attended to in one product."""

    slots: Tensor
    places: Tensor
    longest: int
    contiguous: bool
    mask: Tensor  # [N, 1, 1, longest]

    @classmethod
    def of(cls, segments: Sequence[Segment], device: torch.device) -> "_Single | None":
        if any(len(one.ids) != 1 for one in segments):
            return None
        slots = [one.slot for one in segments]
        places = torch.tensor([one.start for one in segments], device=device)
        longest = max(one.end for one in segments)
        mask = torch.arange(longest, device=device)[None] <= places[:, None]
        return cls(
            torch.tensor(slots, device=device), places, longest, slots == list(range(len(slots))), mask[:, None, None]
        )

    def attend(self, q: Tensor, k: Tensor, v: Tensor, kept: tuple[Tensor, Tensor]) -> Tensor:
        keys, values = kept
        keys[self.slots, :, self.places], values[self.slots, :, self.places] = k.to(keys.dtype), v.to(values.dtype)
        chosen = slice(len(q)) if self.contiguous else self.slots
        seen_keys, seen_values = keys[chosen, :, : self.longest], values[chosen, :, : self.longest]
        grouped = q.view(len(q), keys.shape[1], -1, q.shape[-1])  # heads that share keys are queries of one product
        mixed = F.scaled_dot_product_attention(grouped, seen_keys, seen_values, attn_mask=self.mask)
        return mixed.reshape(q.shape)


def _attend(q: Tensor, k: Tensor, v: Tensor, segments: Sequence[Segment], kept: tuple[Tensor, Tensor]) -> Tensor:
    """The general pass: each segment's queries see its slot's tokens up to their own."""
    keys, values = kept
    mixed, place = [], 0
    for one in segments:
        rows = slice(place, place + len(one.ids))
        place += len(one.ids)
        keys[one.slot, :, one.start : one.end] = k[rows].transpose(0, 1).to(keys.dtype)
        values[one.slot, :, one.start : one.end] = v[rows].transpose(0, 1).to(values.dtype)
        end = torch.arange(one.start, one.end, device=q.device)
        seen = torch.arange(one.end, device=q.device)[None] <= end[:, None]  # [len(ids), end]
        part = F.scaled_dot_product_attention(
            q[rows].transpose(0, 1)[None],
            keys[one.slot : one.slot + 1, :, : one.end],
            values[one.slot : one.slot + 1, :, : one.end],
            attn_mask=seen,
            enable_gqa=True,
        )  # [1, H, len(ids), E]
        mixed.append(part[0].transpose(0, 1))
    return torch.cat(mixed)
