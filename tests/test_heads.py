"""A head for real paintings: a probe that has become a layer, and the file that keeps it."""

import numpy as np
import pytest
import torch
from conftest import ROOT
from safetensors.torch import save_file
from torch import nn

from atelier.backbone import probe
from atelier.heads import TwoHeads, linear, load_head, save_head


@pytest.fixture
def fitted():
    rng = np.random.default_rng(0)
    X = rng.normal(3, [1, 5, .1, 2], (60, 4)).astype(np.float32)
    return probe().fit(X, (X[:, 0] + X[:, 2] > 6).astype(int)), X


def test_a_layer_says_what_the_probe_says(fitted):
    probe, X = fitted
    with torch.no_grad():
        ours = linear(probe)(torch.from_numpy(X)).softmax(1).numpy()
    assert np.allclose(ours, probe.predict_proba(X), atol=1e-5) and .1 < ours[:, 1].mean() < .9


def test_both_heads_get_the_same_numbers(fitted):
    painted, real = nn.Linear(3, 2), nn.Linear(3, 2)
    x = torch.rand(5, 3, 8, 8)
    scores = TwoHeads(nn.Identity(), painted, real)(x)
    assert scores.shape == (5, 2, 2)
    assert torch.allclose(scores[:, 0], painted(x.mean((2, 3)))) and torch.allclose(scores[:, 1], real(x.mean((2, 3))))


def test_a_head_comes_back_as_it_was(tmp_path):
    head = nn.Linear(512, 2)
    save_head(head, tmp_path / "head.safetensors")
    again = load_head(tmp_path / "head.safetensors")
    assert torch.equal(again.weight, head.weight) and torch.equal(again.bias, head.bias)


def test_the_shipped_head_is_small_and_fits():
    assert (ROOT / "data/painter/real-head.safetensors").stat().st_size < 10_000
    assert load_head().weight.shape == (2, 512)


@pytest.mark.parametrize("content, said", [(None, "there are no weights"), (b"", "cannot be read as weights"),
                                           (nn.Linear(64, 2), "does not fit a head for 512 numbers and two classes")])
def test_a_head_that_is_none_is_named(tmp_path, content, said):
    file = tmp_path / "head.safetensors"
    if isinstance(content, bytes):
        file.write_bytes(content)
    elif content:
        save_file(content.state_dict(), file)
    with pytest.raises(ValueError, match=f"{said}.*get it back with git"):
        load_head(file)
