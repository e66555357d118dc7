"""Our model computes what Hugging Face's Llama computes, and its loss what torch's cross-entropy does."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from openbook.errors import OpenbookError
from openbook.model import Checkpoint, TransformerConfig
from openbook.model.attention import blocked_attention, fused_attention
from openbook.model.checkpoint import write_huggingface
from openbook.model.config import RopeScaling
from openbook.model.loss import CHUNK, TAIL, chunked_cross_entropy
from openbook.model.transformer import Transformer
from openbook.train.initial import initial_model

SMALL = TransformerConfig(
    vocabulary=300, dim=64, layers=3, heads=4, kv_heads=2, feed_forward=96, context=512, head_dim=16
)
SHAPES = {
    "tied, shared heads": SMALL,
    "own head, no sharing": replace(SMALL, tied=False, kv_heads=4),
    "Llama 3.1 rotation": replace(SMALL, rope_theta=500_000.0, rope_scaling=RopeScaling(8.0, 1.0, 4.0, 64)),
    "wide heads": replace(SMALL, head_dim=32),
}


def ids(rows: int, length: int, vocabulary: int = 300) -> torch.Tensor:
    return torch.randint(0, vocabulary, (rows, length), generator=torch.Generator().manual_seed(7))


@pytest.mark.parametrize("config", SHAPES.values(), ids=SHAPES.keys())
def test_logits_equal_those_of_transformers(config: TransformerConfig, tmp_path: Path) -> None:
    from transformers import LlamaForCausalLM

    model = initial_model(config, seed=3)
    write_huggingface(tmp_path, dict(model.named_parameters()), config, None)
    theirs = LlamaForCausalLM.from_pretrained(tmp_path).eval()
    rows = ids(2, 300)
    with torch.no_grad():
        torch.testing.assert_close(model(rows), theirs(rows).logits, atol=2e-5, rtol=1e-4)
    assert set(model.state_dict()) == {
        name for name in theirs.state_dict() if config.tied <= (name != "lm_head.weight")
    }


@pytest.mark.parametrize("config", SHAPES.values(), ids=SHAPES.keys())
def test_a_folder_that_transformers_wrote_opens_with_its_shape_and_logits(
    config: TransformerConfig, tmp_path: Path
) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    wanted = {k: v for k, v in config.to_huggingface().items() if k not in ("rope_scaling", "rope_theta", "dtype")}
    theirs = LlamaForCausalLM(LlamaConfig(**wanted)).eval()
    theirs.save_pretrained(tmp_path)
    checkpoint = Checkpoint.open(tmp_path)
    assert checkpoint.config == replace(config, pad=None)  # transformers writes it elsewhere: generation_config.json
    rows = ids(1, 40)
    with torch.no_grad():
        torch.testing.assert_close(checkpoint.load()(rows), theirs(rows).logits, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("length", [5, 128, 129, 400])
def test_blocked_attention_equals_the_fused_kernel(length: int) -> None:
    draw = torch.Generator().manual_seed(1)
    q, k, v = (torch.randn(2, heads, length, 16, generator=draw) for heads in (4, 2, 2))
    torch.testing.assert_close(blocked_attention(q, k, v, None), fused_attention(q, k, v, None), atol=3e-6, rtol=1e-5)


@pytest.mark.parametrize("attention", ["blocked", "fused"])
def test_masked_documents_do_not_see_each_other(attention: str) -> None:
    model = initial_model(SMALL, seed=1).set_compute(torch.float32, attention)  # type: ignore[arg-type]
    first, second = ids(1, 150), ids(1, 130) // 2
    together = torch.cat((first, second), dim=1)
    documents = torch.cat((torch.zeros_like(first), torch.ones_like(second)), dim=1)
    with torch.no_grad():
        packed = model(together, documents)
        torch.testing.assert_close(packed[:, :150], model(first), atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(packed[:, 150:], model(second), atol=1e-5, rtol=1e-4)
        assert (model(together)[:, 150:] - packed[:, 150:]).abs().max() > 1e-3


@pytest.mark.parametrize("positions", [7, 256, 600])
def test_chunked_cross_entropy_equals_torchs_loss_and_gradients(positions: int) -> None:
    draw = torch.Generator().manual_seed(positions)
    hidden = torch.randn(positions, 32, generator=draw, requires_grad=True)
    weight = torch.randn(500, 32, generator=draw, requires_grad=True)
    targets = torch.randint(0, 500, (positions,), generator=draw)
    targets[::5] = -100
    expected = F.cross_entropy(hidden @ weight.T, targets)
    wanted = torch.autograd.grad(expected, (hidden, weight))
    total, each = chunked_cross_entropy(hidden, weight, targets, int((targets != -100).sum()), torch.float32)
    got = torch.autograd.grad(total, (hidden, weight))
    torch.testing.assert_close(total, expected)
    torch.testing.assert_close(got, wanted, atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(each, F.cross_entropy(hidden @ weight.T, targets, reduction="none").detach())


@pytest.mark.parametrize(("positions", "counted"), [(700, 500), (1536, 1149), (300, 0)])
def test_positions_left_out_enter_no_product_of_the_head(positions: int, counted: int) -> None:
    draw = torch.Generator().manual_seed(positions)
    hidden = torch.randn(positions, 32, generator=draw, requires_grad=True)
    weight = torch.randn(500, 32, generator=draw, requires_grad=True)
    targets = torch.randint(0, 500, (positions,), generator=draw)
    targets[torch.randperm(positions, generator=draw)[counted:]] = -100
    entered = []

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            if func is torch.ops.aten.mm.default and args[0].shape[1] == 32:  # logits: [positions, D] x [D, V]
                entered.append(args[0].shape[0])
            return func(*args, **(kwargs or {}))

    with Watch():
        total, each = chunked_cross_entropy(hidden, weight, targets, max(1, counted), torch.float32)
    assert counted <= sum(entered) < counted + TAIL
    assert set(entered) <= {CHUNK, TAIL}
    got = torch.autograd.grad(total, (hidden, weight))
    losses = F.cross_entropy(hidden @ weight.T, targets, reduction="none")
    wanted = torch.autograd.grad(losses.sum() / max(1, counted), (hidden, weight))
    torch.testing.assert_close(got, wanted, atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(each, losses.detach())


def test_training_never_holds_the_logits_of_the_whole_batch() -> None:
    config = replace(SMALL, vocabulary=20_000)
    model = initial_model(config, seed=1)
    largest = 0

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            nonlocal largest
            result = func(*args, **(kwargs or {}))
            if isinstance(result, torch.Tensor):
                largest = max(largest, result.numel())
            return result

    rows = ids(8, 256, 20_000)
    with Watch():
        loss, _ = model(rows, targets=rows, count=rows.numel())
        loss.backward()
    assert largest == CHUNK * 20_000  # one chunk, a quarter of the batch


def test_losses_of_positions_equal_the_full_logits() -> None:
    model = initial_model(SMALL, seed=1)
    rows = ids(3, 201)
    with torch.no_grad():
        expected = F.cross_entropy(model(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten(), reduction="none")
    torch.testing.assert_close(model.position_losses(rows[:, :-1], rows[:, 1:]).flatten(), expected)


def test_recomputed_activations_give_the_same_gradients() -> None:
    gradients = []
    for recompute in (False, True):
        model = initial_model(SMALL, seed=1)
        model.recompute = recompute
        rows = ids(2, 100)
        model(rows, targets=rows, count=200)[0].backward()
        gradients.append([weight.grad for weight in model.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))


def test_impossible_shapes_are_refused_in_a_sentence() -> None:
    with pytest.raises(OpenbookError, match="4 heads cannot share 3 key-value heads"):
        replace(SMALL, kv_heads=3)


def test_parameters_are_counted_as_torch_counts_them() -> None:
    for config in SHAPES.values():
        with torch.device("meta"):
            model = Transformer(config)
        assert config.parameters == sum(weight.numel() for weight in model.parameters())
