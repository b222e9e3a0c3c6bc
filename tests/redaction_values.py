"""Values that are not to leave, for tests of redaction. All are made up or published examples."""

from cascade.policy import Redacting
from cascade.redaction.loading import redactor_of
from cascade.redaction.redactor import Redactor

__all__ = ["INVALID", "VALUES", "all_groups"]

# Cut in two so that no scanner of repositories takes them for real ones.
VALUES = {
    "mail address": ("EMAIL", "jane.doe+desk@mail.acme-corp.com"),
    "mail address of an international domain": ("EMAIL", "j\xf6rg@m\xfcller.example"),
    "international telephone number": ("PHONE", "+49 30 1234567"),
    "telephone number without separators": ("PHONE", "+442079460958"),
    "American telephone number": ("PHONE", "(212) 555-0123"),
    "dashed telephone number": ("PHONE", "212-555-0123"),
    "German telephone number": ("PHONE", "030/1234567"),
    "French telephone number": ("PHONE", "01 42 68 53 00"),
    "Visa card": ("CARD", "4111 1111 1111 1111"),
    "Mastercard": ("CARD", "5555555555554444"),
    "American Express card": ("CARD", "3782-822463-10005"),
    "Diners card": ("CARD", "3056 930902 5904"),
    "German account": ("IBAN", "DE89 3704 0044 0532 0130 00"),
    "British account": ("IBAN", "GB82WEST12345698765432"),
    "Norwegian account": ("IBAN", "NO9386011117947"),
    "social security number": ("SSN", "078-05-1120"),
    "German tax number": ("TAX_ID", "86095742719"),
    "spaced German tax number": ("TAX_ID", "86 095 742 719"),
    "Brazilian taxpayer": ("TAX_ID", "529.982.247-25"),
    "Italian tax code": ("TAX_ID", "RSSMRA85T10A562S"),
    "French social security number": ("NATIONAL_ID", "2 55 08 14 168 025 38"),
    "Spanish identity": ("NATIONAL_ID", "12345678Z"),
    "foreigner in Spain": ("NATIONAL_ID", "X1234567L"),
    "Swedish number": ("NATIONAL_ID", "811228-9874"),
    "British insurance number": ("NATIONAL_ID", "AB 12 34 56 C"),
    "Indian number": ("NATIONAL_ID", "2341 2341 2346"),
    "Amazon key": ("API_KEY", "AKIA" + "IOSFODNN7EXAMPLE"),
    "GitHub token": ("API_KEY", "ghp" + "_" + "aB3dE5fG7hJ9" * 3),
    "GitLab token": ("API_KEY", "glpat" + "-" + "aB3dE5fG7hJ9kL2mN4pQ"),
    "Slack token": ("API_KEY", "xoxb" + "-123456789012-" + "aB3dE5fG7hJ9"),
    "Stripe key": ("API_KEY", "sk" + "_live_" + "aB3dE5fG7hJ9kL2mN4pQ"),
    "OpenAI key": ("API_KEY", "sk" + "-proj-" + "aB3dE5fG7hJ9kL2mN4pQ_x"),
    "Anthropic key": ("API_KEY", "sk" + "-ant-api03-" + "aB3dE5fG7hJ9kL2mN4pQ"),
    "Google key": ("API_KEY", "AIza" + "SyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q"),
    "claims": (
        "JWT",
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9" + ".eyJzdWIiOiIxMjM0In0" + ".c2lnbmF0dXJl",
    ),
}
"""What it is: its label and the value."""

INVALID = {
    "card with a wrong digit": "4111 1111 1111 1112",
    "sixteen digits of no issuer": "1234567812345670",
    "account with a wrong digit": "DE88 3704 0044 0532 0130 00",
    "account of the wrong length": "DE8937040044053201300",
    "area that is never given out": "666-05-1120",
    "group that is never given out": "078-00-1120",
    "serial that is never given out": "078-05-0000",
    "German tax number with a wrong digit": "86095742718",
    "eleven digits in a row": "12345678903",
    "Brazilian taxpayer with a wrong digit": "529.982.247-26",
    "Brazilian taxpayer of one digit": "111.111.111-11",
    "Italian tax code with a wrong letter": "RSSMRA85T10A562T",
    "French number with a wrong key": "2 55 08 14 168 025 39",
    "Spanish identity with a wrong letter": "12345678A",
    "Swedish number with a wrong digit": "811228-9875",
    "Swedish number of no day": "811328-9875",
    "British number with a forbidden prefix": "GB 12 34 56 C",
    "Indian number with a wrong digit": "2341 2341 2347",
    "order": "order 4817",
    "prices": "19.99 EUR, 1,299.00 USD, 4111111.11",
    "a long order number": "order 100048170023",
    "a time": "2026-01-02 10:11:12.345678 +0100",
    "milliseconds": "1767225600000",
    "a range of years": "2020-2021, 2022-2023, 2024-2025",
    "nine digits": "123456789",
    "a version": "v1.2.3.4 of build 1.22.333.4444",
    "a picture": "icon@2x.png",
    "a clone address": "git@github.com:acme/desk.git",
    "a decorator": "@app.route",
    "a UUID": "550e8400-e29b-41d4-a716-446655440000",
    "a commit": "2fd4e1c67a2d28fced849ee1bb76e7391b93eb12",
    "coordinates": "52.520008, 13.404954",
    "a limit of tokens": "max_tokens: 4096, tokens=128",
    "words about secrets": "the password is required; token: str; api_key = None",
    "where a secret comes from": "password=${DB_PASSWORD} api_key: os.environ['KEY']",
    "a table": "12 34 56 78 90 12 34 56 78 90 11 22 33 44 55",
}
"""What looks like a value and is none, or is one with an error in it."""


def all_groups() -> Redactor:
    """A redactor with all groups of built-in patterns."""
    return redactor_of(Redacting(recognisers=("contacts", "numbers", "network", "secrets")))
