"""Check digits of numbers that carry one. All take digits (and letters) without separators."""

from collections.abc import Sequence

__all__ = [
    "is_birth_date",
    "luhn",
    "mod_97",
    "valid_aadhaar",
    "valid_bsn",
    "valid_codice_fiscale",
    "valid_cpf",
    "valid_dni",
    "valid_iban",
    "valid_nir",
    "valid_pesel",
    "valid_steuer_id",
]

_DNI_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_ODD_PLACES = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25)
_ODD_LETTERS = (*_ODD_PLACES, 24, 23)
_IBAN_LENGTHS = {
    country: length
    for length, countries in {
        15: "NO",
        16: "BE",
        18: "DK FI FO GL NL SD",
        19: "MK SI",
        20: "AT BA EE KZ LT LU MN XK",
        21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA",
        23: "AE GI IL IQ OM SO TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG",
        25: "LY PT ST",
        26: "IS TR",
        27: "BI DJ FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HU LB NI PL SV",
        29: "BR EG PS QA UA",
        30: "JO KW MU YE",
        31: "MT SC",
        32: "LC",
        33: "RU",
    }.items()
    for country in countries.split()
}
# The dihedral group of order ten and the powers of Verhoeff's permutation.
_ROTATIONS = tuple(
    tuple((a + b) % 5 + 5 * (b >= 5) if a < 5 else (a - b) % 5 + 5 * (b < 5) for b in range(10))
    for a in range(10)
)
_PERMUTATION = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)


def luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of ISO/IEC 7812."""
    doubled = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
    total = sum(
        doubled[int(digit)] if index % 2 else int(digit)
        for index, digit in enumerate(reversed(digits))
    )
    return total % 10 == 0


def mod_97(code: str) -> int:
    """The remainder of ISO 7064 MOD 97-10, letters counting from A = 10."""
    return int("".join([str(int(character, 36)) for character in code])) % 97


def valid_iban(code: str) -> bool:
    """Whether it is an account number by ISO 13616: length of the country, remainder 1."""
    if _IBAN_LENGTHS.get(code[:2]) != len(code) or not code[2:4].isdigit():
        return False
    return mod_97(code[4:] + code[:4]) == 1


def valid_steuer_id(digits: str) -> bool:
    """German tax identification number: one digit of the first ten twice or thrice; MOD 11,10."""
    if len(digits) != 11 or digits[0] == "0":
        return False
    counts = sorted(digits[:10].count(digit) for digit in set(digits[:10]))
    if counts[-1] not in {2, 3} or any(count > 1 for count in counts[:-1]):
        return False
    product = 10
    for digit in digits[:10]:
        total = (int(digit) + product) % 10 or 10
        product = 2 * total % 11
    return (11 - product) % 10 == int(digits[10])


def valid_nir(code: str) -> bool:
    """French social security number with its key; 2A and 2B are the halves of Corsica."""
    if len(code) != 15 or code[0] not in "123478":
        return False
    body = code[:13].upper()
    number = body.replace("2A", "19", 1) if body[5:7] == "2A" else body
    number = body.replace("2B", "18", 1) if body[5:7] == "2B" else number
    if not (number + code[13:]).isdigit():
        return False
    month = int(number[3:5])
    # Months of people whose birth month is not known, by the registry's own rule.
    known_month = 1 <= month <= 12 or 20 <= month <= 42 or month >= 50
    return known_month and 97 - int(number) % 97 == int(code[13:])


def valid_dni(code: str) -> bool:
    """Spanish DNI (eight digits) or NIE (X, Y or Z and seven) with its letter."""
    first = "XYZ".find(code[0])
    digits = code[:-1] if first < 0 else f"{first}{code[1:-1]}"
    return len(digits) == 8 and digits.isdigit() and _DNI_LETTERS[int(digits) % 23] == code[-1]


def valid_bsn(digits: str) -> bool:
    """Dutch citizen service number: the sum with weights from 9 down to 2, then -1, modulo 11."""
    if len(digits) != 9 or not int(digits):
        return False
    return _weighted(digits, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0


def valid_cpf(digits: str) -> bool:
    """Brazilian taxpayer number: two check digits; ten equal digits are none."""
    if len(digits) != 11 or len(set(digits)) == 1:
        return False
    return all(
        _weighted(digits, range(length + 1, 1, -1)) * 10 % 11 % 10 == int(digits[length])
        for length in (9, 10)
    )


def valid_pesel(digits: str) -> bool:
    """Polish number: a birth date whose month tells the century, and a check digit."""
    if len(digits) != 11:
        return False
    month, day = int(digits[2:4]) % 20, int(digits[4:6])
    if not is_birth_date(month, day):
        return False
    return _weighted(digits, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)) % 10 == 0


def valid_aadhaar(digits: str) -> bool:
    """Indian number: twelve digits, the first from 2 on, Verhoeff's check digit."""
    if len(digits) != 12 or digits[0] in "01":
        return False
    check = 0
    for index, digit in enumerate(reversed(digits)):
        permuted = int(digit)
        for _ in range(index % 8):
            permuted = _PERMUTATION[permuted]
        check = _ROTATIONS[check][permuted]
    return check == 0


def valid_codice_fiscale(code: str) -> bool:
    """Italian tax code of a person: sixteen characters, the last one checks the others."""
    total = 0
    for index, character in enumerate(code[:15]):
        place = int(character, 36)
        place = place - 10 if place >= 10 else place
        total += place if index % 2 else _ODD_LETTERS[place]
    return len(code) == 16 and chr(ord("A") + total % 26) == code[15]


def is_birth_date(month: int, day: int) -> bool:
    """Whether there is such a day in some year."""
    return 1 <= month <= 12 and 1 <= day <= _DAYS[month - 1]


def _weighted(digits: str, weights: Sequence[int]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False))
