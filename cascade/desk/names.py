# ruff: noqa: E501 - a pattern is read most easily on one line
"""Invented names, items and notes, in two pools that share no name, thing or sentence.

Notes of both hold common words, since a model that never copied a word cannot copy it. Else a word
belongs to the evaluation pool when its checksum says so, so the split needs no list and
holds for every word that can ever be made.
"""

import random
import zlib
from typing import Literal

__all__ = ["Pool", "invented", "item", "misspell", "person", "pool_of", "remark"]

Pool = Literal["train", "evaluation"]

_ONSETS = "b br c ch d dr f fl g gr h j k kl l m n p pr qu r s sh st t th tr v w y z"
_VOWELS = "a e i o u a e i o u ai ea ie oo"
_CODAS = ",,,n,r,l,s,m,k,t,nd,rt,ll,ss,x,ck,st"
_LETTERS = "eeeeettttaaaooiinnsshhrrddllcummwfggypbvkjxqz"
_INVENTED_SHARE = 0.3  # of words that no list holds, so that copying is learnt for any word
_MERE_WORDS_SHARE = (
    0.45  # of remarks in training, so that any text is copied and none known by heart
)
_COMMON_SHARE = 0.6  # of the words of those
_SHARE = 8  # one word in eight is for evaluation only

_ITEMS = (
    "lamp chair desk shelf printer kettle mirror carpet sofa clock radio tablet camera stool "
    "bench heater blanket pillow curtain drawer bottle basket ladder hammer drill saw mixer "
    "toaster fridge scanner monitor keyboard mouse cable router speaker headset charger "
    "battery folder stapler binder notebook easel globe vase candle teapot mug plate bowl "
    "spoon tray rug mat lantern trolley locker cabinet"
)

_COMMON = (
    "a about above after again all along also always an and any are around as ask at away back be because "
    "been before behind below best better between big both bring but by call can car card case change check "
    "city clean close cold come cost could day did do does done door down due each early end enough even ever "
    "every far fast few field file find first five fix for four free from full get give go good great had half "
    "hand has have he hear held help her here high him his hold home hot hour house how if in into is it its "
    "just keep key kind know land last late leave left less let light like line list little load long look lost "
    "lot low made main make man many map may me mean meet mind more most move much must my name near need never "
    "new next nice night no north not note now number of off office old on once one only open or other our out "
    "over own page paid part past pay people place plan please point put quick rain ready rest right ring road "
    "room round run said same say see seen sell send sent set she shop short should show shut side sign since "
    "six size small so some soon south spare stay step still stop store street such sure take tell ten than that "
    "the their them then there these they thing this those three through till time to told too took top town "
    "train true try turn two under until up us use very wait walk wall want was watch water way we week well went "
    "were west what when where which while who why will wire with word work would write year yes yet you your"
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
        return invented(rng, pool)
    return rng.choice([word for word in _ITEMS.split() if pool_of(word) == pool])


def remark(rng: random.Random, pool: Pool) -> str:
    """Return a short lower-case sentence for a message or a note; in training, at times mere words."""
    if pool == "train" and rng.random() < _MERE_WORDS_SHARE:
        return " ".join(_any_word(rng) for _ in range(rng.randrange(2, 10)))
    subject = rng.choice(_SUBJECTS[pool].split("|"))
    if rng.random() < _INVENTED_SHARE:
        article = rng.choice(("the", "your", "our", "a", "this"))
        subject = f"{article} {invented(rng, pool)}"
    predicate = rng.choice(_PREDICATES[pool].split("|"))
    if rng.random() < _INVENTED_SHARE:
        predicate = f"is {rng.choice(('at', 'with', 'from', 'in'))} {invented(rng, pool)}"
    return f"{subject} {predicate}{rng.choice(_ENDINGS[pool].split('|'))}"


def misspell(rng: random.Random, name: str) -> str:
    """Return a name with one inner letter of one word doubled, dropped, swapped or changed."""
    first, last = name.split()
    if rng.random() < 0.5 and len(first) > 3:
        return f"{_slip(rng, first)} {last}"
    return f"{first} {_slip(rng, last)}"


def invented(rng: random.Random, pool: Pool) -> str:
    """Return a lower-case word that means nothing.

    It is made of syllables or, at times in training, of any letters: no piece of a word is rare then.
    """
    if pool == "evaluation" or rng.random() < 0.4:
        return _word(rng, pool, (1, 2, 2, 3)).lower()
    while True:
        word = "".join(rng.choices(_LETTERS, k=rng.randrange(3, 10)))
        if pool_of(word) == pool:
            return word


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


def _any_word(rng: random.Random) -> str:
    if rng.random() < _INVENTED_SHARE:
        return invented(rng, "train")
    if rng.random() < _COMMON_SHARE:
        return rng.choice(_COMMON.split())
    texts = (_SUBJECTS["train"], _PREDICATES["train"], _ITEMS.replace(" ", "|"))
    words = rng.choice(rng.choice(texts).split("|")).split()
    return rng.choice([word for word in words if pool_of(word) == "train"] or ["the"])


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
