"""Random members: a function of seed and index alone, and captions that say what is there."""

import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from splatsmith.toys.captions import COINS, PLURAL, Depicted, Part, caption
from splatsmith.toys.draws import Draws, scramble
from splatsmith.toys.family import KINDS, draw_members, part_ids, parts_of
from splatsmith.toys.materials import PALETTE

COLORS = "|".join(PALETTE)


@pytest.fixture(scope="module")
def members():
    return draw_members(7, torch.arange(48), size=32, supersample=1)


def said(text: str) -> set[tuple[str, str, str]]:
    """(colour, pattern, part) of everything a caption says, pairs taken apart."""
    text = re.sub(r" on an? \w+ (table|floor|background)$", "", text)
    parts = sorted({part for kind in KINDS for part in parts_of(kind)}, key=len, reverse=True)
    pairs = {part.partition(" ")[2] for part in parts if part.startswith("left ")}
    words = "|".join([*parts, *(f"{pair}s" for pair in pairs)])
    found = re.findall(rf"\b({COLORS})( striped| checkered)? ({words})\b", text)
    single = {(color, pattern.strip(), part) for color, pattern, part in found if part[:-1] not in pairs}
    both = {
        (c, p.strip(), f"{side} {part[:-1]}")
        for c, p, part in found
        if part[:-1] in pairs
        for side in ("left", "right")
    }
    return single | both


def test_the_same_seed_and_index_give_the_same_picture(members):
    again = draw_members(7, torch.arange(48), size=32, supersample=1)
    assert torch.equal(again.images, members.images)
    assert torch.equal(again.part, members.part)
    assert again.captions == members.captions


def test_a_picture_does_not_depend_on_the_others_of_its_batch(members):
    index = torch.tensor([41, 3, 17, 46])
    some = draw_members(7, index, size=32, supersample=1)
    assert torch.equal(some.part, members.part[index])
    assert torch.equal(some.object, members.object[index])
    assert torch.allclose(some.images, members.images[index], atol=2e-4)
    assert some.captions == [members.captions[i] for i in index]


def test_another_seed_gives_other_pictures(members):
    other = draw_members(8, torch.arange(8), size=32, supersample=1)
    assert (other.images - members.images[:8]).abs().mean(dim=(1, 2, 3)).min() > 0.02


def test_members_are_varied(members):
    assert len({one.kind for one in members.depicted}) >= 10
    assert len(set(members.captions)) >= 40
    assert members.images.min() >= 0
    assert members.images.max() <= 1
    assert (members.part > 0).flatten(1).any(1).float().mean() > 0.95


def test_part_masks_lie_in_the_toy_and_name_its_parts(members):
    assert not members.part[members.object != 1].any()
    assert members.part[members.object == 1].all()
    for one, mask in zip(members.depicted, members.part, strict=True):
        allowed = {part_ids()[part] for part in parts_of(one.kind)}
        assert set(mask.unique().tolist()) - {0} <= allowed
        assert {part_ids()[part] for part in one.parts} <= set(mask.unique().tolist())
        assert not {part_ids()[part] for part in one.absent} & set(mask.unique().tolist())


def test_captions_say_only_what_is_seen(members):
    for text, one in zip(members.captions, members.depicted, strict=True):
        assert f" a {one.kind}" in f" {text}" or list(one.parts) == [one.kind] or not one.parts
        for color, pattern, part in said(text):
            assert one.parts[part].color == color, text
            assert pattern in ("", one.parts[part].pattern), text
        for part in re.findall(r"\bno (\w+)", text):
            assert part in one.absent


def test_coloured_parts_have_their_colour(members):
    ids, right = part_ids(), []
    for one, picture, mask in zip(members.depicted, members.images, members.part, strict=True):
        for part, look in one.parts.items():
            pixels = picture[mask == ids[part]]
            if look.color in ("red", "green", "blue") and not look.pattern and len(pixels) >= 4:
                right.append(pixels.mean(0).argmax().item() == ("red", "green", "blue").index(look.color))
    assert len(right) >= 8
    assert sum(right) >= 0.9 * len(right)


FIGURE = Depicted(
    "toy figure",
    {"left eye": Part("blue"), "right eye": Part("blue"), "legs": Part("orange", "striped"), "nose": Part("red")},
    absent=("hat",),
    place="on a wooden table",
)


@given(st.lists(st.floats(0, 1, exclude_max=True), min_size=COINS, max_size=COINS))
def test_whatever_the_coins_a_caption_is_true(coins):
    text = caption(FIGURE, coins)
    truth = {(look.color, pattern, part) for part, look in FIGURE.parts.items() for pattern in ("", look.pattern)}
    assert said(text) <= truth
    assert text.count("toy figure") == 1
    assert not re.search(r"\ba (orange|left|legs|eyes)|\ban (blue|red)|  | ,|,$", text)
    assert not any(f"a {look} {part}" in text for part in PLURAL for look in ("orange", "striped"))


def test_a_caption_that_says_all_names_exactly_the_visible_parts():
    coins = [0.0, 0.9, 0.95, *[0.1, 0.2, 0.3, 0.4], 0.9, 0.1, 0.9, *[0.1] * 30]
    assert caption(FIGURE, coins) == (
        "a toy figure with a blue left eye, a blue right eye, orange striped legs and a red nose"
    )
    ball = Depicted("ball", {"ball": Part("orange")}, place="on a red floor")
    assert caption(ball, [0.0, 0.1, 0.95, *[0.5] * 37]) == "an orange ball on a red floor"


def test_draws_are_uniform_and_independent_of_one_another():
    draws = Draws(3, torch.arange(20000))
    a, b = draws.uniform("a"), draws.uniform("b")
    assert a.mean().item() == pytest.approx(0.5, abs=0.01)
    assert a.var().item() == pytest.approx(1 / 12, abs=0.003)
    assert (
        torch.corrcoef(torch.stack([a, b, a.roll(1), Draws(4, draws.index).uniform("a")])).fill_diagonal_(0).abs().max()
        < 0.03
    )
    share = torch.bincount(draws.choice("c", (1.0, 0.0, 3.0)), minlength=3) / 20000
    assert torch.allclose(share, torch.tensor([0.25, 0.0, 0.75]), atol=0.015)
    assert draws.number("d", 5).unique().tolist() == [0, 1, 2, 3, 4]
    assert torch.equal(draws.of(torch.tensor([5, 9])).uniform("a"), a[[5, 9]])


def test_scramble_is_a_bijection_and_the_same_for_ints_and_tensors():
    words = torch.arange(100000) * 42949
    assert scramble(words).unique().numel() == 100000
    assert scramble(words)[777].item() == scramble(777 * 42949)
    assert scramble(words).min() >= 0
    assert scramble(words).max() < 2**32
