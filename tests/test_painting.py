"""The painting engine: determinism, masks, labels, sizes, and what it says to bad input."""
import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest

from atelier.elements import CODES, LABELS, MOODS
from atelier.painting import BOLDEST, MONET, PAINTERS, VAN_GOGH, Painter, draw_boldness, imaginary, paint
from atelier.scenes import SMALLEST, SUBJECTS, compose

HASHES = """
import hashlib
from atelier.painting import imaginary, paint
for painter, seed in (('Monet', 3), ('Van Gogh', 3), (imaginary(5), 3)):
    painting = paint(painter, seed, 96)
    print(hashlib.sha256(painting.image.tobytes() + painting.mask.tobytes()).hexdigest())
    print(painting.boldness)
"""


def hashes_in_another_process(**environment):
    done = subprocess.run([sys.executable, "-c", HASHES], env=os.environ | environment, text=True,
                          capture_output=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_same_seed_same_pixels_across_processes(tmp_path):
    here = [paint(painter, 3, 96) for painter in ("Monet", "Van Gogh", imaginary(5))]
    here = [line for p in here for line in
            (hashlib.sha256(p.image.tobytes() + p.mask.tobytes()).hexdigest(), str(p.boldness))]
    assert here == hashes_in_another_process(PYTHONHASHSEED="1")
    # compiled anew, and in a process with a different number of threads
    assert here == hashes_in_another_process(NUMBA_CACHE_DIR=str(tmp_path), OMP_NUM_THREADS="1")


def test_another_processor_changes_next_to_nothing(tmp_path):
    """NumPy rounds sines and exponentials differently on processors with other vector units."""
    code = ("import sys, numpy as np; from atelier.painting import paint;"
            "np.save(sys.argv[1], [paint(p, 7, 128).image for p in ('Monet', 'Van Gogh')])")
    plain = "AVX2 FMA3 AVX512F AVX512_SKX X86_V3 X86_V4"
    pictures = []
    for name, features in (("all", ""), ("plain", plain)):
        file = tmp_path / f"{name}.npy"
        subprocess.run([sys.executable, "-W", "ignore", "-c", code, str(file)], check=True, timeout=300,
                       env=os.environ | {"NPY_DISABLE_CPU_FEATURES": features})
        pictures.append(np.load(file).astype(int))
    difference = np.abs(pictures[0] - pictures[1])
    assert difference.mean() < .5 and (difference > 8).mean() < .01


@pytest.mark.parametrize("painter", list(PAINTERS))
def test_seeds_and_painters_differ(painter):
    one, other = paint(painter, 1, 64), paint(painter, 2, 64)
    assert (one.image != other.image).mean() > .5
    rival = next(name for name in PAINTERS if name != painter)
    same_scene = paint(rival, 1, 64, one.subject, one.mood)
    assert (same_scene.mask == one.mask).all()
    assert (same_scene.image != one.image).mean() > .5


@pytest.mark.parametrize("subject", SUBJECTS)
def test_masks_and_labels(subject):
    for seed, mood in enumerate(MOODS):
        painting = paint("Van Gogh" if seed % 2 else "Monet", seed, 48, subject, mood)
        assert painting.image.shape == (48, 48, 3) and painting.image.dtype == np.uint8
        assert painting.mask.shape == (48, 48) and painting.mask.dtype == np.uint8
        assert painting.mask.min() > 0 and painting.mask.max() < len(LABELS)
        assert (painting.subject, painting.mood) == (subject, mood)
        assert painting.horizon is None or 0 < painting.horizon < 1
        assert (painting.sun is not None) == (painting.mask == CODES["sun"]).any()
        assert painting.image.std() > 5, "an even surface is no picture"


@pytest.mark.parametrize("subject, things", [
    ("still life", {"wall", "furniture", "still life"}),
    ("vase", {"wall", "furniture", "still life", "flower"}),
    ("room", {"wall", "floor", "furniture"}),
    ("cafe", {"wall", "floor", "furniture", "figure", "still life"}),
    ("person", {"figure"}),
    ("portrait", {"wall", "figure"}),
])
def test_people_and_rooms_have_their_masks(subject, things):
    for seed in range(4):
        painting = paint("Van Gogh", 50 + seed, 96, subject)
        found = set(np.unique(painting.mask))
        if subject != "cafe":  # whose guests may all be cut off
            assert {CODES[thing] for thing in things} <= found
        if subject != "person":
            assert painting.horizon is None and painting.sun is None and CODES["sky"] not in found
    share = (painting.mask == CODES["figure"]).mean()
    assert subject != "portrait" or .2 < share < .9


def test_new_labels_stand_at_the_end():
    """A mask of the first edition reads the same with the codes of the second."""
    assert LABELS.index("still life") == 15 and LABELS[16:] == ("wall", "floor", "furniture")


@pytest.mark.parametrize("subject", SMALLEST)
def test_a_size_too_small_for_a_subject_is_refused(subject):
    with pytest.raises(ValueError, match=f"a {subject} needs {SMALLEST[subject]} pixels a side, not 40"):
        paint("Monet", 1, 40, subject)
    assert paint("Monet", 1, SMALLEST[subject], subject).subject == subject


@pytest.mark.parametrize("subject", SUBJECTS)
def test_composing_never_fails(subject):
    """Recipes draw between limits that depend on what was drawn before: none may lie in the wrong order."""
    size, moods = SMALLEST.get(subject, 32), list(MOODS)
    for seed in range(200):
        scene = compose(subject, moods[seed % len(moods)], seed, size)
        assert scene.colour.shape == (size, size, 3) and np.isfinite(scene.colour).all()
        assert scene.label.all(), "a point that belongs to nothing"


def test_a_still_life_without_room_in_front():
    """Of this seed, the bowl is so near that fruit had no room before it, and NumPy said: high - low < 0."""
    assert compose("still life", "day", 10_002_156, 64).size == 64


def test_strokes_know_no_painter():
    """atelier.painting is built on atelier.strokes, which can be read and used without it."""
    code = "import sys, atelier.strokes; sys.exit('atelier.painting' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=300).returncode == 0


def test_the_painters_overlap_in_boldness():
    rng = np.random.default_rng(1)
    calm, bold = (np.array([draw_boldness(painter, rng) for _ in range(2000)]) for painter in (MONET, VAN_GOGH))
    assert max(np.abs(calm).max(), np.abs(bold).max()) <= BOLDEST
    assert .05 < (calm > 0).mean() < .3 and .05 < (bold < 0).mean() < .3
    painted = [paint(name, seed, 32, "cliffs").boldness for name in PAINTERS for seed in range(8)]
    assert len(set(painted)) == 16 and np.mean(painted[:8]) < np.mean(painted[8:])


def test_a_bolder_hand_paints_the_same_scene_with_more_contrast():
    calm, bold = (paint("Monet", 3, 128, "harbour", "day", boldness=b) for b in (-BOLDEST, BOLDEST))
    assert (calm.boldness, bold.boldness) == (-BOLDEST, BOLDEST) and (calm.mask == bold.mask).all()
    rough = [np.abs(np.diff(p.image.astype(float).mean(-1))).mean() for p in (calm, bold)]
    assert rough[1] > 1.5 * rough[0]
    drawn = paint("Monet", 3, 64)
    assert (paint("Monet", 3, 64, boldness=drawn.boldness).image == drawn.image).all()


def test_the_sun_is_where_its_label_says():
    found = 0
    for seed in range(60):
        painting = paint("Monet", seed, 128, "haystacks", "dusk")
        if painting.sun is None:
            continue
        found += 1
        x, y, radius = painting.sun
        rows, cols = np.nonzero(painting.mask == CODES["sun"])
        assert abs((cols.mean() + .5) / 128 - x) < radius and abs((rows.mean() + .5) / 128 - y) < radius
        assert len(rows) >= .4 * np.pi * (128 * radius)**2
        assert painting.horizon is None or y < painting.horizon
    assert 5 < found < 55


def test_horizon_divides_sky_from_land():
    for seed in range(12):
        painting = paint("Van Gogh", seed, 96, "wheat field", "day")
        if painting.horizon is None:
            continue
        row = int(painting.horizon * 96)
        assert (painting.mask[row + 4:] == CODES["sky"]).mean() < .02
        assert (painting.mask[:max(row - 2, 1)] == CODES["field"]).mean() < .02


@pytest.mark.parametrize("subject", SUBJECTS)
def test_another_size_shows_the_same_scene(subject):
    for seed in range(3):
        small, large = (compose(subject, "day", seed, size) for size in (128, 256))
        shrunk = large.colour.reshape(128, 2, 128, 2, 3).mean((1, 3))
        assert np.abs(shrunk - small.colour).mean() < .05
        assert (small.label == large.label[1::2, 1::2]).mean() > .88
        assert small.horizon == large.horizon or abs(small.horizon - large.horizon) < .02


def test_another_size_shows_the_same_picture():
    small, large = (paint("Van Gogh", 4, size, "village", "midi").image.astype(float) for size in (128, 256))
    shrunk = large.reshape(128, 2, 128, 2, 3).mean((1, 3))
    other = paint("Van Gogh", 5, 128, "village", "midi").image
    assert np.abs(shrunk - small).mean() < .5 * np.abs(other - small).mean()


def test_imaginary_painters_differ():
    painters = [imaginary(seed) for seed in range(8)]
    assert imaginary(3) == painters[3] and len({p.length for p in painters}) == 8
    pictures = [paint(p, 1, 64, "harbour", "day").image.astype(float) for p in painters]
    gaps = [np.abs(a - b).mean() for i, a in enumerate(pictures) for b in pictures[:i]]
    assert min(gaps) > 3


@pytest.mark.parametrize("arguments, error, words", [
    (("Manet", 1), ValueError, "'Monet' or 'Van Gogh'"),
    ((7, 1), TypeError, "painter must be a name"),
    (("Monet", -1), ValueError, "seed must be from 0"),
    (("Monet", 1.5), TypeError, "seed must be a whole number"),
    (("Monet", True), TypeError, "seed must be a whole number"),
    (("Monet", 1, 8), ValueError, "size must be from 32"),
    (("Monet", 1, 10_000), ValueError, "size must be from 32 to 2048"),
    (("Monet", 1, 64, "battle"), ValueError, "unknown subject 'battle'"),
    (("Monet", 1, 64, None, "rage"), ValueError, "unknown mood 'rage'"),
    (("Monet", 1, 64, None, None, 2), ValueError, "boldness must be from -1.8 to 1.8, not 2"),
    (("Monet", 1, 64, None, None, float("nan")), ValueError, "boldness must be from -1.8"),
    (("Monet", 1, 64, None, None, "bold"), TypeError, "boldness must be a number"),
    ((Painter("Wild", boldness=9.), 1), ValueError, "boldness must be from -1.8"),
])
def test_bad_input_is_refused_in_a_sentence(arguments, error, words):
    with pytest.raises(error, match=words):
        paint(*arguments)


def test_imaginary_refuses_a_bad_seed():
    with pytest.raises(ValueError, match="seed must be from 0"):
        imaginary(-3)


def test_a_painter_of_your_own():
    dots = Painter("Dots", length=.8, wander=1.5, contour=0., lean=.02)
    assert paint(dots, 1, 64).painter == "Dots"
    assert MONET.name in PAINTERS
