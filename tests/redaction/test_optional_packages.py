"""Recognisers of optional packages, where these are installed; what is said where they are not."""

from importlib.util import find_spec

import pytest

from cascade.errors import ConfigError
from cascade.policy import Redacting
from cascade.redaction import Vault, redactor_of

needs_detect_secrets = pytest.mark.skipif(
    find_spec("detect_secrets") is None, reason="the extra `secrets` is not installed"
)
needs_presidio = pytest.mark.skipif(
    find_spec("presidio_analyzer") is None, reason="the extra `presidio` is not installed"
)


@pytest.mark.parametrize(
    ("name", "module", "extra"),
    [
        ("detect-secrets", "detect_secrets", "secrets"),
        ("presidio", "presidio_analyzer", "presidio"),
    ],
)
def test_a_missing_package_is_named_together_with_its_extra(name: str, module: str, extra: str):
    if find_spec(module) is not None:
        assert redactor_of(Redacting(recognisers=(name,))).recognisers[0].name == name
        return
    with pytest.raises(ConfigError, match=rf"cascade-runtime\[{extra}\]"):
        redactor_of(Redacting(recognisers=(name,)))


@needs_detect_secrets
def test_detect_secrets_finds_the_tokens_that_its_plugins_know():
    redactor = redactor_of(Redacting(recognisers=("detect-secrets",)))
    token = "xoxb" + "-123456789012-123456789012-" + "aB3dE5fG7hJ9kL2mN4pQ6rS8"
    text, vault = redactor.text(f"hello world\nuse {token} and order 4817", Vault())
    assert text == "hello world\nuse <SECRET_1> and order 4817"
    assert vault.hidden[0].value == token


@needs_presidio
def test_presidio_finds_what_its_patterns_know_without_a_language_model():
    redactor = redactor_of(Redacting(recognisers=("presidio",)))
    text, vault = redactor.text("IBAN GB82WEST12345698765432 of order 4817", Vault())
    assert text == "IBAN <IBAN_CODE_1> of order 4817"
    assert vault.hidden[0].value == "GB82WEST12345698765432"
