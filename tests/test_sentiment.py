"""The reader in plain PyTorch: fastai's answers, alone and in company, and bad files named in a sentence."""

import shutil
import subprocess
import sys
from functools import cache
from time import perf_counter

import numpy as np
import pytest
import torch
from conftest import ROOT, full_disk
from fastai.text.all import AWD_LSTM, awd_lstm_clas_config, get_text_classifier
from fastai.text.core import Tokenizer, WordTokenizer
from fastai.text.data import Numericalize
from safetensors.torch import load_file, save_file

from atelier.sentiment import Reader, encode, from_fastai, load_reader, read, save_reader

LABELS = ["neg", "pos"]
VOCAB = ["xxunk", "xxpad", "xxbos", "xxeos", "xxfld", "xxrep", "xxwrep", "xxup", "xxmaj", ".", ",", "!", "i", "it",
         "the", "film", "movie", "good", "bad", "not", "really", "liked", "that", "<", ">", "great", "fun",
         "xxfake", "xxfake"]
TEXTS = ["I really liked that movie!", "Bad.", "GREAT FUN, great great great fun!!!!", "", " ",
         "a splendiferous 映画 🎬", "not good, not bad " * 40, "I<br />liked\n\nit", "xxpad xxmaj"]


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def theirs():
    """fastai's classifier, every weight and every running mean shaken: none of them may go to another's place."""
    torch.manual_seed(0)
    config = {**awd_lstm_clas_config, "emb_sz": 20, "n_hid": 32, "n_layers": 2}
    model = get_text_classifier(AWD_LSTM, len(VOCAB), 2, config=config)
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if name.endswith("running_var"):
                value.mul_(1 + torch.rand_like(value))
            elif value.is_floating_point():
                value.add_(.3 * torch.randn_like(value))
        embeddings = model[0].module.encoder, model[0].module.encoder_dp.emb
        for each in embeddings:
            each.weight.mul_(3)[1] = 0
        model[1].layers[1][2].weight.mul_(.3)  # so that the answers differ, and none is certain
    return model.eval()


@pytest.fixture(scope="module")
def file(theirs, tmp_path_factory):
    file = tmp_path_factory.mktemp("reader") / "reader.safetensors"
    save_reader(theirs.state_dict(), file, VOCAB, LABELS)
    return file


@pytest.fixture
def reader(file):
    return load_reader(file)


@cache
def tokenizer():
    return Tokenizer(WordTokenizer())


@torch.no_grad()
def predict(model, text):
    """What `learn.predict` does with one text."""
    numbers = Numericalize(VOCAB)(tokenizer()(text))
    model.reset()
    return model(torch.Tensor(numbers).long()[None])[0].softmax(1)[0].numpy()


@pytest.mark.parametrize("text", [text for text in TEXTS if "xxpad" not in text])
def test_same_answer_as_fastai(theirs, reader, text):
    assert np.abs(read(reader, [text])[0] - predict(theirs, text)).max() < 1e-5


def test_same_answer_alone_and_in_company(reader):
    together = read(reader, TEXTS)
    assert together.shape == (len(TEXTS), 2) and np.allclose(together.sum(1), 1)
    assert together[:, 0].std() > .01, "the answers differ"
    assert np.abs(together - np.concatenate([read(reader, [text]) for text in TEXTS])).max() < 1e-5


def test_no_texts_no_answers(reader):
    assert read(reader, []).shape == (0, 2)


def test_every_name_is_translated(theirs, reader):
    state = theirs.state_dict()
    assert sorted(from_fastai(state)) == sorted(reader.state_dict())
    assert from_fastai(reader.state_dict()).keys() == reader.state_dict().keys()


def test_gradients_reach_every_weight():
    reader = Reader(20, 3, 8, 16, 10)
    reader(torch.randint(0, 20, (4, 6)), torch.tensor([6, 1, 3, 6])).sum().backward()
    assert not [name for name, weight in reader.named_parameters() if weight.grad is None]


def test_an_empty_text_is_its_beginning():
    assert [text.tolist() for text in encode(["", "\n"], VOCAB)] == [[2], [2]]


@pytest.mark.parametrize("text", ["()" * 5000, "😀😁" * 5000, "AB" * 4999 + "a", "! ? " * 2500, "[(" * 5000],
                         ids=["brackets", "emoji", "capitals", "marks", "two-brackets"])
def test_a_text_cannot_take_all_the_time(text, reader):
    read(reader, ["warm up"])
    start = perf_counter()
    assert len(encode([text], VOCAB)[0]) <= 1440
    assert perf_counter() - start < 5, "spaCy alone would take far longer"


def test_weights_survive_the_file(theirs, file, reader):
    assert (reader.vocab, reader.labels, reader.training) == (VOCAB, LABELS, False)
    state = from_fastai(theirs.state_dict())
    assert all(torch.equal(value, state[name]) for name, value in reader.state_dict().items())
    assert not list(file.parent.glob("*.part"))


def test_a_write_that_fails_leaves_the_old_file(theirs, tmp_path):
    kept = tmp_path / "kept.safetensors"
    kept.write_bytes(b"old")
    with full_disk(), pytest.raises(OSError, match="too large"):
        save_reader(theirs.state_dict(), kept, VOCAB, LABELS)
    assert kept.read_bytes() == b"old"


def test_it_needs_no_network_for_pictures(tmp_path):
    """The three files that a service carries away are enough to load it, without torchvision and without Pillow."""
    (tmp_path / "atelier").mkdir()
    for name in ("__init__", "files", "sentiment"):
        shutil.copy(ROOT / "atelier" / f"{name}.py", tmp_path / "atelier")
    program = ("import sys; sys.modules.update(torchvision=None, PIL=None)\n"
               "import atelier.sentiment; print(atelier.sentiment.__file__)")
    run = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, text=True, capture_output=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == str(tmp_path / "atelier/sentiment.py")


@pytest.mark.parametrize("vocab, labels", [(VOCAB[:-1], LABELS), (VOCAB, ["pos"]), ([], [])])
def test_lists_of_another_length_are_not_written(vocab, labels, theirs, tmp_path):
    with pytest.raises(ValueError, match="for a network of 29 and 2: give the two lists"):
        save_reader(theirs.state_dict(), tmp_path / "never.safetensors", vocab, labels)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [None, b"", b"\x00" * 4096, b"half"], ids=["missing", "empty", "zeros", "half"])
def test_broken_files_are_named(content, file, tmp_path):
    broken = tmp_path / "broken.safetensors"
    if content is not None:
        broken.write_bytes(file.read_bytes()[:5000] if content == b"half" else content)
    said = "no weights at .*broken" if content is None else r"broken\.safetensors cannot be read as weights"
    with pytest.raises(ValueError, match=rf"{said}.*: write it with save_reader"):
        load_reader(broken)


def test_weights_of_other_networks_are_named(reader, tmp_path):
    other = tmp_path / "other.safetensors"
    save_file(torch.nn.Linear(3, 4).state_dict(), other)
    with pytest.raises(ValueError, match=r"other\.safetensors does not fit an AWD-LSTM .* of two layers .*save_reader"):
        load_reader(other)
    state = reader.state_dict()
    save_file({**state, "head.1.weight": torch.full_like(state["head.1.weight"], torch.nan)}, other)
    with pytest.raises(ValueError, match="head.1.weight holds numbers that are not finite"):
        load_reader(other)


@pytest.mark.parametrize("notes", [None, {"vocab": "[]"}, {"vocab": "no", "labels": "[]"},
                                   {"vocab": "[]", "labels": "[]"}])
def test_missing_words_are_named(notes, file, tmp_path):
    bare = tmp_path / "bare.safetensors"
    save_file(load_file(file), bare, notes)
    with pytest.raises(ValueError, match=r"bare\.safetensors holds (no|a) vocabulary .*write it with save_reader"):
        load_reader(bare)
