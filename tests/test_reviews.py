"""The reviews: what is there, that it can be made again, that nothing is shared, and what bad folders are told."""

import csv
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT

from atelier.datasets import reviews
from atelier.reviews import COLUMNS, SIZES, checksum, compose, read_sentences, remake

DATA = ROOT / "data" / "reviews"


@pytest.fixture(autouse=True)
def course_reviews(monkeypatch):
    monkeypatch.delenv("ATELIER_REVIEWS", raising=False)


def texts(split):
    return [row["text"] for row in read_sentences() if row["split"] == split]


def test_sentences_are_many_and_each_stands_once():
    rows = read_sentences()
    opinions = [row for row in rows if row["aspect"] not in ("title", "context")]
    assert len(opinions) >= 1500
    folded = ["".join(filter(str.isalnum, row["text"].lower())) for row in rows]
    assert len(set(folded)) == len(folded), {text for text in folded if folded.count(text) > 1}
    assert all(row["polarity"] in ("pos", "neg") for row in opinions)
    assert all(row["text"] == row["text"].strip() and row["text"] for row in rows)
    devices = {row["device"] for row in opinions}
    assert devices == {"direct", "plain", "negation", "contrast", "understatement", "irony"}


def test_reviews_are_as_many_as_promised_in_imdbs_layout():
    assert reviews() == DATA
    for split, size in SIZES.items():
        for polarity in ("neg", "pos"):
            assert len(list((DATA / split / polarity).glob("*.txt"))) == size / 2
    assert sum(SIZES.values()) == 2000


def test_a_test_review_holds_no_sentence_of_the_training_reviews():
    """Read from the files: no training sentence or title stands anywhere in a test review, nor the reverse."""
    for split, other in (("train", "test"), ("test", "train")):
        corpus = "\n".join(file.read_text(encoding="utf-8") for file in (DATA / split).rglob("*.txt"))
        own = [text for text in texts(split) if text in corpus]
        assert len(own) > .9 * len(texts(split)), "nearly every sentence is used"
        long = [text for text in texts(other) if len(text.split()) > 4]  # a title may be part of a sentence by chance
        assert not [text for text in long if text in corpus]


def test_remaking_changes_nothing(tmp_path):
    assert checksum(remake(tmp_path)) == checksum(DATA)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["test", "train"]


def test_a_changed_review_changes_the_checksum(tmp_path):
    shutil.copytree(DATA / "test", tmp_path / "test")
    before = checksum(tmp_path)
    file = next((tmp_path / "test" / "neg").iterdir())
    file.write_text(file.read_text() + ".")
    assert checksum(tmp_path) != before


def test_a_review_keeps_its_polarity():
    rows = {row["text"]: row for row in read_sentences()}
    for number in range(100):
        title, *body = compose(read_sentences(), "train", "pos", number)
        opinions = [rows[text]["polarity"] for text in body if rows[text]["aspect"] != "context"]
        assert rows[title]["polarity"] == "pos" and opinions.count("pos") >= 3 and opinions.count("neg") <= 1


def test_a_table_of_another_kind_is_refused(tmp_path):
    file = tmp_path / "sentences.csv"
    with open(file, "w", newline="") as lines:
        csv.writer(lines).writerows([["text", "label"], ["Good.", "pos"]])
    with pytest.raises(ValueError, match="its first line must be " + ",".join(COLUMNS)):
        read_sentences(file)


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A folder of one's own with two reviews of each kind."""
    for name in ("train/neg", "train/pos", "test/neg", "test/pos"):
        (tmp_path / name).mkdir(parents=True)
        for number in range(2):
            (tmp_path / name / f"{number}.txt").write_text("Words.", encoding="utf-8")
    monkeypatch.setenv("ATELIER_REVIEWS", str(tmp_path))
    return tmp_path


def test_a_folder_of_ones_own_is_taken(own):
    assert reviews() == own


@pytest.mark.parametrize("harm, said", [
    (lambda own: shutil.rmtree(own), "which is not a folder"),
    (lambda own: shutil.rmtree(own / "test/pos"), "holds no reviews in test/pos"),
    (lambda own: (own / "train/neg/1.txt").write_text(" \n"), "train/neg/1.txt is empty"),
    (lambda own: (own / "test/neg/0.txt").write_bytes(b"caf\xe9"), "test/neg/0.txt is not UTF-8"),
])
def test_a_folder_that_cannot_work_is_refused(own, harm, said):
    harm(own)
    with pytest.raises(ValueError, match=said) as error:
        reviews()
    assert "ATELIER_REVIEWS" in str(error.value) and "it needs" in str(error.value)


def test_the_command_line_says_what_it_takes():
    run = subprocess.run([sys.executable, "-m", "atelier.reviews", "bake"], cwd=ROOT, text=True, capture_output=True)
    assert run.returncode == 1 and "usage: python -m atelier.reviews remake" in run.stderr
