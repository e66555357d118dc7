"""What shape a model has, in our words and in those of a Hugging Face Llama `config.json`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from openbook.errors import OpenbookError

IGNORED = -100
"""A target that counts nothing, as elsewhere in torch."""


@dataclass(frozen=True)
class RopeScaling:
    """How Llama 3.1 and later stretch the rotation's long waves (`rope_type: llama3`)."""

    factor: float
    low_frequency: float
    high_frequency: float
    original_context: int


@dataclass(frozen=True)
class TransformerConfig:
    """A Llama-shaped decoder. `dim` is the width of the residual stream, `feed_forward` that of the gated layer."""

    vocabulary: int
    dim: int
    layers: int
    heads: int
    kv_heads: int
    feed_forward: int
    context: int
    head_dim: int
    rope_theta: float = 10_000.0
    rope_scaling: RopeScaling | None = None
    norm_epsilon: float = 1e-5
    tied: bool = True
    bos: int = 0
    eos: tuple[int, ...] = (0,)
    pad: int | None = 3
    attention_bias: bool = False
    """Whether the four matrices of the attention add a vector."""
    mlp_bias: bool = False
    """Whether the three of the gated layer do."""

    def __post_init__(self) -> None:
        if self.heads % self.kv_heads:
            raise OpenbookError(
                f"A model of {self.heads} heads cannot share {self.kv_heads} key-value heads: the first number must be "
                "a multiple of the second. Change heads or kv_heads."
            )
        if self.head_dim % 2:
            raise OpenbookError(
                f"A head {self.head_dim} wide cannot be rotated in pairs. "
                "Choose dim and heads so that dim / heads is even."
            )

    @property
    def matrix_parameters(self) -> int:
        """Parameters of the blocks' matrices: everything but embeddings, head and norms."""
        attention = 2 * self.dim * self.head_dim * (self.heads + self.kv_heads)
        return self.layers * (attention + 3 * self.dim * self.feed_forward)

    @property
    def parameters(self) -> int:
        tables = self.vocabulary * self.dim * (1 if self.tied else 2)
        return self.matrix_parameters + tables + self.dim * (2 * self.layers + 1) + self._biases

    @property
    def _biases(self) -> int:
        attention = self.head_dim * (self.heads + 2 * self.kv_heads) + self.dim
        mlp = 2 * self.feed_forward + self.dim
        return self.layers * (attention * self.attention_bias + mlp * self.mlp_bias)

    def training_flops(self, length: int) -> float:
        """Floating-point operations a token costs in training at this sequence length: 6 per weight that multiplies
        (the head included), and causal attention's 6 x layers x heads x head_dim x length."""
        weights = self.matrix_parameters + self.vocabulary * self.dim
        return 6.0 * weights + 6.0 * self.layers * self.heads * self.head_dim * length

    def to_huggingface(self) -> dict[str, Any]:
        """The content of config.json."""
        rope: dict[str, Any] = {"rope_type": "default", "rope_theta": self.rope_theta}
        if self.rope_scaling:
            rope |= {
                "rope_type": "llama3",
                "factor": self.rope_scaling.factor,
                "low_freq_factor": self.rope_scaling.low_frequency,
                "high_freq_factor": self.rope_scaling.high_frequency,
                "original_max_position_embeddings": self.rope_scaling.original_context,
            }
        legacy_scaling = (
            {name: value for name, value in rope.items() if name != "rope_theta"} if self.rope_scaling else None
        )
        return {
            "architectures": ["LlamaForCausalLM"],
            "attention_bias": self.attention_bias,
            "attention_dropout": 0.0,
            "bos_token_id": self.bos,
            "dtype": "float32",
            "eos_token_id": self.eos[0] if len(self.eos) == 1 else list(self.eos),
            "head_dim": self.head_dim,
            "hidden_act": "silu",
            "hidden_size": self.dim,
            "initializer_range": 0.02,
            "intermediate_size": self.feed_forward,
            "max_position_embeddings": self.context,
            "mlp_bias": self.mlp_bias,
            "model_type": "llama",
            "num_attention_heads": self.heads,
            "num_hidden_layers": self.layers,
            "num_key_value_heads": self.kv_heads,
            "rms_norm_eps": self.norm_epsilon,
            "rope_parameters": rope,
            "rope_scaling": legacy_scaling,
            "rope_theta": self.rope_theta,
            "tie_word_embeddings": self.tied,
            "torch_dtype": "float32",
            "use_cache": True,
            "vocab_size": self.vocabulary,
        }

    @classmethod
    def from_huggingface(cls, config: Mapping[str, Any], where: str) -> "TransformerConfig":
        """Raises OpenbookError, naming `where`, for a model that is not a plain Llama."""
        if not isinstance(config, Mapping):
            raise OpenbookError(f"{where} is no model's configuration: it holds no table of settings.")
        architectures = config.get("architectures") or [config.get("model_type")]
        named = architectures[0] if isinstance(architectures, list) else architectures
        if named not in ("LlamaForCausalLM", "llama"):
            raise OpenbookError(f"{where} describes {named}; only LlamaForCausalLM models can be read.")
        if config.get("hidden_act", "silu") != "silu":
            raise OpenbookError(f"{where} asks for hidden_act = {config['hidden_act']!r}; only 'silu' is supported.")
        try:
            dim, heads = _count(config, "hidden_size"), _count(config, "num_attention_heads")
            rope = {**(config.get("rope_scaling") or {}), **(config.get("rope_parameters") or {})}
            eos = config.get("eos_token_id")
            return cls(
                vocabulary=_count(config, "vocab_size"),
                dim=dim,
                layers=_count(config, "num_hidden_layers"),
                heads=heads,
                kv_heads=_count(config, "num_key_value_heads") if config.get("num_key_value_heads") else heads,
                feed_forward=_count(config, "intermediate_size"),
                context=_count(config, "max_position_embeddings"),
                head_dim=_count(config, "head_dim") if config.get("head_dim") else dim // heads,
                rope_theta=float(rope.get("rope_theta") or config.get("rope_theta") or 10_000.0),
                rope_scaling=_rope_scaling(rope, where),
                norm_epsilon=float(config["rms_norm_eps"]),
                tied=bool(config.get("tie_word_embeddings", False)),
                bos=int(config.get("bos_token_id") or 0),
                eos=tuple(eos) if isinstance(eos, list) else (int(eos or 0),),
                pad=config.get("pad_token_id"),
                attention_bias=bool(config.get("attention_bias", False)),
                mlp_bias=bool(config.get("mlp_bias", False)),
            )
        except KeyError as missing:
            raise OpenbookError(
                f"{where} lacks {missing.args[0]}: it is not the config.json of a Llama model."
            ) from None
        except (TypeError, ValueError, AttributeError) as error:
            raise OpenbookError(f"{where} cannot be read as the config.json of a Llama model: {error}.") from None


def _count(config: Mapping[str, Any], name: str) -> int:
    """Raises ValueError for what is no whole number above 0."""
    value = config[name]
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{name} is {value!r}, and must be a whole number above 0")
    return value


def _rope_scaling(rope: Mapping[str, Any], where: str) -> RopeScaling | None:
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind == "default":
        return None
    if kind != "llama3":
        raise OpenbookError(f"{where} asks for rope_type {kind!r}; only 'default' and 'llama3' are supported.")
    return RopeScaling(
        factor=float(rope["factor"]),
        low_frequency=float(rope["low_freq_factor"]),
        high_frequency=float(rope["high_freq_factor"]),
        original_context=int(rope["original_max_position_embeddings"]),
    )
