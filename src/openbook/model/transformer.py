"""The whole model: a Llama-shaped decoder whose parameter names are those of Hugging Face's Llama.

RMSNorm before each half of a block, rotary positions in half-rotation, grouped-query attention, SwiGLU. Its state dict
is `model.safetensors`. Weights stay in fp32; matrix products run in `compute_dtype`, norms, softmax and sums in fp32.
Shapes in comments: B rows, T positions, D width, H heads, K key-value heads, E width of a head, V vocabulary.
"""

import math
from typing import overload

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from openbook.model.attention import AttentionKind, blocked_attention, fused_attention, rotate, signed
from openbook.model.config import TransformerConfig
from openbook.model.loss import LossBody, chunked_cross_entropy, position_losses


class RMSNorm(nn.Module):
    def __init__(self, dim: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:  # [..., D] -> [..., D], fp32
        x = x.float()
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.epsilon) * self.weight


class Linear(nn.Module):
    """A matrix, stored in fp32 and multiplied in `compute_dtype`; with a bias where a model taken over has one."""

    def __init__(self, inputs: int, outputs: int, bias: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs))
        self.bias = nn.Parameter(torch.empty(outputs)) if bias else None
        self.compute_dtype = torch.float32

    def forward(self, x: Tensor) -> Tensor:
        bias = self.bias.to(self.compute_dtype) if self.bias is not None else None
        return F.linear(x.to(self.compute_dtype), self.weight.to(self.compute_dtype), bias)


class Attention(nn.Module):
    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.heads, self.kv_heads, self.head_dim = config.heads, config.kv_heads, config.head_dim
        self.kind: AttentionKind = "blocked"
        bias = config.attention_bias
        self.q_proj = Linear(config.dim, config.heads * config.head_dim, bias)
        self.k_proj = Linear(config.dim, config.kv_heads * config.head_dim, bias)
        self.v_proj = Linear(config.dim, config.kv_heads * config.head_dim, bias)
        self.o_proj = Linear(config.heads * config.head_dim, config.dim, bias)

    def forward(self, x: Tensor, rotation: tuple[Tensor, Tensor], documents: Tensor | None) -> Tensor:
        B, T, _ = x.shape
        q = rotate(self.q_proj(x).view(B, T, self.heads, self.head_dim).transpose(1, 2), rotation)  # [B, H, T, E]
        k = rotate(self.k_proj(x).view(B, T, self.kv_heads, self.head_dim).transpose(1, 2), rotation)  # [B, K, T, E]
        v = self.v_proj(x).view(B, T, self.kv_heads, self.head_dim).transpose(1, 2)
        attend = blocked_attention if self.kind == "blocked" else fused_attention
        mixed = attend(q, k, v, documents)  # [B, H, T, E]
        return self.o_proj(mixed.transpose(1, 2).reshape(B, T, self.heads * self.head_dim))


class FeedForward(nn.Module):
    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.gate_proj = Linear(config.dim, config.feed_forward, config.mlp_bias)
        self.up_proj = Linear(config.dim, config.feed_forward, config.mlp_bias)
        self.down_proj = Linear(config.feed_forward, config.dim, config.mlp_bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Block(nn.Module):
    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.input_layernorm = RMSNorm(config.dim, config.norm_epsilon)
        self.self_attn = Attention(config)
        self.post_attention_layernorm = RMSNorm(config.dim, config.norm_epsilon)
        self.mlp = FeedForward(config)

    def forward(self, x: Tensor, rotation: tuple[Tensor, Tensor], documents: Tensor | None = None) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x), rotation, documents)
        return x + self.mlp(self.post_attention_layernorm(x))


class Decoder(nn.Module):
    """Everything before the head; named `model` in the state dict."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocabulary, config.dim)
        self.layers = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = RMSNorm(config.dim, config.norm_epsilon)


class Transformer(nn.Module):
    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.compute_dtype = torch.float32
        self.recompute = False  # forget activations of the blocks and compute them again in the backward pass
        self.loss_body = LossBody()
        self.model = Decoder(config)
        if not config.tied:
            self.lm_head = nn.Linear(config.dim, config.vocabulary, bias=False)
        self._rotation: tuple[Tensor, Tensor] | None = None

    @property
    def head_weight(self) -> Tensor:  # [V, D]
        return self.model.embed_tokens.weight if self.config.tied else self.lm_head.weight

    def set_compute(self, dtype: torch.dtype, attention: AttentionKind) -> "Transformer":
        """Choose the arithmetic of matrix products and the way of attending; returns self."""
        self.compute_dtype = dtype
        for module in self.modules():
            if isinstance(module, Linear):
                module.compute_dtype = dtype
            elif isinstance(module, Attention):
                module.kind = attention
        return self

    def hidden(self, ids: Tensor, documents: Tensor | None = None) -> Tensor:
        """[B, T] -> [B, T, D], normed, fp32. `documents` [B, T] numbers the documents of a row: no position then
        attends to another document's."""
        x = self.model.embed_tokens(ids).float()
        rotation = self._rotations(ids.shape[1], x.device)
        for block in self.model.layers:
            if self.recompute and self.training:
                x = checkpoint(block, x, rotation, documents, use_reentrant=False)
            else:
                x = block(x, rotation, documents)
        normed: Tensor = self.model.norm(x)
        return normed

    @overload
    def forward(self, ids: Tensor, documents: Tensor | None = None) -> Tensor: ...

    @overload
    def forward(
        self, ids: Tensor, documents: Tensor | None = None, *, targets: Tensor, count: float
    ) -> tuple[Tensor, Tensor]: ...

    def forward(
        self, ids: Tensor, documents: Tensor | None = None, *, targets: Tensor | None = None, count: float = 1.0
    ) -> Tensor | tuple[Tensor, Tensor]:
        """[B, T] -> logits [B, T, V] in `compute_dtype`. T must not exceed the context.

        With targets [B, T] instead: the sum of their cross-entropies over `count`, and each one's (fp32, without
        gradient). Targets of -100 count nothing. The logits of the whole batch are never held at once.
        """
        hidden = self.hidden(ids, documents)
        if targets is None:
            return F.linear(hidden.to(self.compute_dtype), self.head_weight.to(self.compute_dtype))
        total, each = chunked_cross_entropy(
            hidden.flatten(0, 1), self.head_weight, targets.flatten(), count, self.compute_dtype, self.loss_body
        )
        return total, each.view_as(targets)

    @torch.no_grad()
    def position_losses(self, ids: Tensor, targets: Tensor) -> Tensor:
        """The cross-entropy (nats) of each target [B, T], 0 where it is -100, without logits for the whole batch."""
        hidden = self.hidden(ids).flatten(0, 1)
        return position_losses(hidden, self.head_weight, targets.flatten(), self.compute_dtype).view_as(targets)

    def _rotations(self, length: int, device: torch.device) -> tuple[Tensor, Tensor]:
        if self._rotation is None or self._rotation[0].shape[0] != length or self._rotation[0].device != device:
            self._rotation = rotations(self.config, length, device)
        return self._rotation


def rotations(config: TransformerConfig, length: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Cosines and `signed` sines [T, E] of the rotary positions (Su et al. 2021), as in Hugging Face's Llama."""
    exponents = torch.arange(0, config.head_dim, 2, dtype=torch.float32) / config.head_dim
    frequencies = 1.0 / config.rope_theta**exponents
    scaling = config.rope_scaling
    if scaling:  # Llama 3.1: long waves are slowed by `factor`, short ones kept, those between blended
        wavelength = 2 * math.pi / frequencies
        blend = scaling.original_context / wavelength - scaling.low_frequency
        blend = (blend / (scaling.high_frequency - scaling.low_frequency)).clamp(0, 1)
        frequencies = (1 - blend) * frequencies / scaling.factor + blend * frequencies
    angles = torch.outer(torch.arange(length, dtype=torch.float32), frequencies)
    angles = torch.cat((angles, angles), dim=-1)
    return angles.cos().to(device), signed(angles.sin()).to(device)
