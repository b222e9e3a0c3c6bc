"""Numbers that states give to persons, by country.

Where the shape is shared by ordinary numbers and the check digit lets one in ten of them pass, a
word before the number has to say what it is.
"""

import re
from collections.abc import Callable

from cascade.redaction.checksums import (
    is_birth_date,
    luhn,
    valid_aadhaar,
    valid_bsn,
    valid_codice_fiscale,
    valid_cpf,
    valid_dni,
    valid_nir,
    valid_pesel,
    valid_steuer_id,
)
from cascade.redaction.shapes import ALONE, END, GAP, Shape

__all__ = ["NATIONAL"]


def _is_ssn(digits: str) -> bool:
    """By the rules for numbers given out: no 000, 666 or 9xx area, no zero group or serial."""
    if digits[3:5] == "00" or digits[5:] == "0000" or digits[:3] in {"000", "666"}:
        return False
    if digits[0] != "9":
        return True
    # Taxpayers without a social security number: 9xx with a group of these ranges.
    group = int(digits[3:5])
    return 50 <= group <= 65 or 70 <= group <= 88 or 90 <= group <= 92 or 94 <= group <= 99


def _is_personnummer(digits: str) -> bool:
    number = digits[-10:]
    day = int(number[4:6])
    # Coordination numbers have 60 added to the day.
    return is_birth_date(int(number[2:4]), day - 60 if day > 60 else day) and luhn(number)


def _shape(
    label: str, pattern: str, valid: Callable[[str], bool], *, behind: str = "", marks: str = ""
) -> Shape:
    return Shape(
        label=label,
        pattern=re.compile(pattern),
        valid=valid,
        context=re.compile(rf"(?i:{behind})") if behind else None,
        marks=tuple(marks.split()),
    )


def _is_any(_code: str) -> bool:
    return True


NATIONAL = (
    _shape("SSN", rf"[0-9]{ALONE}[0-9]{{2}}-[0-9]{{2}}-[0-9]{{4}}{END}", _is_ssn),
    _shape(
        "SSN",
        rf"[0-9]{ALONE}[0-9]{{2}}[ ]?[0-9]{{2}}[ ]?[0-9]{{4}}{END}",
        _is_ssn,
        behind=r"\bssn\b|social.security",
        marks="ssn social",
    ),
    _shape("TAX_ID", rf"[1-9]{ALONE}[0-9]{{10}}{END}", valid_steuer_id),
    _shape(
        "TAX_ID",
        rf"[1-9]{ALONE}[0-9](?:{GAP}[0-9]{{3}}){{3}}{END}",
        valid_steuer_id,
    ),
    _shape(
        "NATIONAL_ID",
        rf"[123478]{ALONE}([ ]?)[0-9]{{2}}\1[0-9]{{2}}\1(?:[0-9]{{2}}|2[ABab])\1[0-9]{{3}}"
        rf"\1[0-9]{{3}}[ ]?[0-9]{{2}}{END}",
        valid_nir,
    ),
    _shape("NATIONAL_ID", rf"[0-9]{ALONE}[0-9]{{7}}[ \-]?[A-Za-z]{END}", valid_dni),
    _shape("NATIONAL_ID", rf"[XYZxyz]{ALONE}[ \-]?[0-9]{{7}}[ \-]?[A-Za-z]{END}", valid_dni),
    _shape(
        "NATIONAL_ID",
        rf"[0-9]{ALONE}[0-9]{{3}}[ .]?[0-9]{{2}}[ .]?[0-9]{{3}}{END}",
        valid_bsn,
        behind=r"\bbsn\b|burgerservice|sofi",
        marks="bsn burgerservice sofi",
    ),
    _shape(
        "NATIONAL_ID",
        rf"[0-9]{ALONE}[0-9]{{5}}(?:[0-9]{{2}})?[-+][0-9]{{4}}{END}",
        _is_personnummer,
    ),
    _shape(
        "NATIONAL_ID",
        rf"[0-9]{ALONE}[0-9]{{9}}(?:[0-9]{{2}})?{END}",
        _is_personnummer,
        behind=r"person(?:nummer|nr)|samordningsnummer",
        marks="person samordning",
    ),
    _shape("TAX_ID", rf"[0-9]{ALONE}[0-9]{{2}}(?:\.[0-9]{{3}}){{2}}-[0-9]{{2}}{END}", valid_cpf),
    _shape("TAX_ID", rf"[0-9]{ALONE}[0-9]{{10}}{END}", valid_cpf, behind=r"\bcpf\b", marks="cpf"),
    _shape(
        "NATIONAL_ID", rf"[0-9]{ALONE}[0-9]{{10}}{END}", valid_pesel, behind="pesel", marks="pesel"
    ),
    _shape("NATIONAL_ID", rf"[2-9]{ALONE}[0-9]{{3}}(?:[ \-][0-9]{{4}}){{2}}{END}", valid_aadhaar),
    _shape(
        "NATIONAL_ID",
        rf"[2-9]{ALONE}[0-9]{{11}}{END}",
        valid_aadhaar,
        behind="aadhaar",
        marks="aadhaar",
    ),
    _shape(
        "SSN",
        rf"[1-9]{ALONE}[0-9]{{2}}([ \-])[0-9]{{3}}\1[0-9]{{3}}{END}",
        luhn,
        behind=r"\bsin\b|social.insurance|assurance.sociale",
        marks="sin social assurance",
    ),
    _shape(
        "NATIONAL_ID",
        rf"[A-CEGHJ-PR-TW-Z]{ALONE}(?<!B|D|F|I|Q|U|V)[A-CEGHJ-NPR-TW-Z](?<!BG|GB|KN|NK|NT|TN|ZZ)"
        rf"[ ]?[0-9]{{2}}[ ]?[0-9]{{2}}[ ]?[0-9]{{2}}[ ]?[A-D]{END}",
        _is_any,
    ),
    _shape(
        "TAX_ID",
        rf"[A-Z]{ALONE}[A-Z]{{5}}[0-9]{{2}}[A-EHLMPR-T][0-9]{{2}}[A-Z][0-9]{{3}}[A-Z]{END}",
        valid_codice_fiscale,
    ),
)
