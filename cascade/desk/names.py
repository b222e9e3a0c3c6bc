# ruff: noqa: E501 - a pattern is read most easily on one line
"""Invented names, items and notes, in two pools that share no word.

A word belongs to the evaluation pool when its checksum says so, so the split needs no list and
holds for every word that can ever be made.
"""

import random
import zlib
from typing import Literal

__all__ = ["Pool", "item", "misspell", "person", "pool_of", "remark"]

Pool = Literal["train", "evaluation"]

_ONSETS = "b br c ch d dr f fl g gr h j k kl l m n p pr qu r s sh st t th tr v w y z"
_VOWELS = "a e i o u a e i o u ai ea ie oo"
_CODAS = ",,,n,r,l,s,m,k,t,nd,rt,ll,ss,x,ck,st"
_LETTERS = "eeeeettttaaaooiinnsshhrrddllcummwfggypbvkjxqz"
_INVENTED_SHARE = 0.3  # of words that no list holds, so that copying is learnt for any word
_SHARE = 8  # one word in eight is for evaluation only

_ITEMS = (
    "lamp chair desk shelf printer kettle mirror carpet sofa clock radio tablet camera stool "
    "bench heater blanket pillow curtain drawer bottle basket ladder hammer drill saw mixer "
    "toaster fridge scanner monitor keyboard mouse cable router speaker headset charger "
    "battery folder stapler binder notebook easel globe vase candle teapot mug plate bowl "
    "spoon tray rug mat lantern trolley locker cabinet"
)

_SUBJECTS = {
    "train": (
        "the parcel|the driver|your invoice|the new part|the courier|the refund form|your order|the box"
        "|the spare key|the label|our van|the contract|the receipt|the sample|the second half|the crate"
    ),
    "evaluation": "the package|the technician|your voucher|the missing lid|our fitter|the warranty card",
}
_PREDICATES = {
    "train": (
        "is on its way|is ready for pick up|will come on monday|has been delayed|needs a signature|is at the gate"
        "|arrives before noon|is waiting at the front desk|was sent by mail|must stay dry|comes next week"
        "|is with the neighbour|was checked twice|goes to the back door|has a new date|is fragile"
    ),
    "evaluation": (
        "will be there by friday|is held at the depot|was packed this morning|should ring the bell twice"
        "|is due after lunch|has left the warehouse"
    ),
}
_ENDINGS = {
    "train": "||| today| for now| as agreed| once more| at last| in the morning",
    "evaluation": "||| as promised| this time| by van",
}


def pool_of(word: str) -> Pool:
    """Return the pool that a word belongs to."""
    return "evaluation" if zlib.crc32(word.lower().encode()) % _SHARE == 0 else "train"


def person(rng: random.Random, pool: Pool) -> str:
    """Return a first and a last name, both of the given pool."""
    return f"{_word(rng, pool, (2, 2, 3))} {_word(rng, pool, (1, 2, 2))}"


def item(rng: random.Random, pool: Pool) -> str:
    """Return a thing that can be ordered, at times of a make that nobody has heard of."""
    if rng.random() < _INVENTED_SHARE:
        return _invented(rng, pool)
    return rng.choice([word for word in _ITEMS.split() if pool_of(word) == pool])


def remark(rng: random.Random, pool: Pool) -> str:
    """Return a short lower-case sentence for a message or a note."""
    subject = rng.choice(_SUBJECTS[pool].split("|"))
    if rng.random() < _INVENTED_SHARE:
        article = rng.choice(("the", "your", "our", "a", "this"))
        subject = f"{article} {_invented(rng, pool)}"
    predicate = rng.choice(_PREDICATES[pool].split("|"))
    if rng.random() < _INVENTED_SHARE:
        predicate = f"is {rng.choice(('at', 'with', 'from', 'in'))} {_invented(rng, pool)}"
    return f"{subject} {predicate}{rng.choice(_ENDINGS[pool].split('|'))}"


def misspell(rng: random.Random, name: str) -> str:
    """Return a name with one inner letter of one word doubled, dropped, swapped or changed."""
    first, last = name.split()
    if rng.random() < 0.5 and len(first) > 3:
        return f"{_slip(rng, first)} {last}"
    return f"{first} {_slip(rng, last)}"


def _word(rng: random.Random, pool: Pool, syllables: tuple[int, ...]) -> str:
    while True:
        word = "".join(
            rng.choice(_ONSETS.split())
            + rng.choice(_VOWELS.split())
            + (rng.choice(_CODAS.split(",")) if last else "")
            for last in _last_flags(rng.choice(syllables))
        )
        if len(word) > 2 and pool_of(word) == pool:
            return word.capitalize()


def _invented(rng: random.Random, pool: Pool) -> str:
    """Return a word of syllables or, in training, of any letters: no piece of a word is rare then."""
    if pool == "evaluation" or rng.random() < 0.4:
        return _word(rng, pool, (1, 2, 2, 3)).lower()
    while True:
        word = "".join(rng.choices(_LETTERS, k=rng.randrange(3, 10)))
        if pool_of(word) == pool:
            return word


def _last_flags(count: int) -> list[bool]:
    return [index == count - 1 for index in range(count)]


def _slip(rng: random.Random, word: str) -> str:
    at = rng.randrange(1, len(word))
    kind = rng.randrange(3)
    if kind == 0:
        return word[: at + 1] + word[at:]
    if kind == 1 and len(word) > 3:
        return word[:at] + word[at + 1 :]
    other = rng.choice([letter for letter in "aeioulnrst" if letter != word[at]])
    return word[:at] + other + word[at + 1 :]
