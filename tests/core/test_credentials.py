"""Where keys come from, and that they show up nowhere."""

import pickle
import sys

import pytest
from pydantic import SecretStr

from cascade.credentials import Credential
from cascade.errors import MissingKey

KEY = "sk-canary-81f3"


def program(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


def test_a_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FAR_KEY", f" {KEY}\n")
    key = Credential(lane="far", env="FAR_KEY").resolve()
    assert isinstance(key, SecretStr)
    assert key.get_secret_value() == KEY
    assert KEY not in repr(key) + str(key)


def test_a_command_that_is_given_is_asked_instead(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FAR_KEY", "another")
    command = program(f"print('{KEY}')")
    key = Credential(lane="far", env="FAR_KEY", command=command).resolve()
    assert key.get_secret_value() == KEY


@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_variable_that_is_not_set_or_empty_is_a_missing_key(
    value: str | None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("FAR_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("FAR_KEY", value)
    with pytest.raises(MissingKey, match="lane 'far' has no key: set FAR_KEY or give api_key_cmd"):
        Credential(lane="far", env="FAR_KEY").resolve()


def test_a_credential_that_names_nothing_says_what_to_name():
    with pytest.raises(MissingKey, match="name a variable in api_key_env or give api_key_cmd"):
        Credential(lane="far").resolve()


def test_a_command_that_prints_nothing_is_a_missing_key():
    with pytest.raises(MissingKey, match="printed nothing"):
        Credential(lane="far", command=program("")).resolve()


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("no-such-program-anywhere",), "cannot be run: FileNotFoundError"),
        (
            program(f"import sys; print('{KEY}'); print('{KEY}', file=sys.stderr); sys.exit(3)"),
            "ended with 3",
        ),
        (
            program("import sys; sys.stdout.buffer.write(b'\\xff')"),
            "cannot be run: UnicodeDecodeError",
        ),
    ],
)
def test_a_command_that_fails_is_a_missing_key_and_shows_none(command: tuple[str, ...], words: str):
    with pytest.raises(MissingKey, match=words) as caught:
        Credential(lane="far", command=command).resolve()
    assert KEY not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_credential_holds_no_key_that_could_be_shown_or_stored(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FAR_KEY", KEY)
    credential = Credential(lane="far", env="FAR_KEY")
    credential.resolve()
    assert KEY not in repr(credential)
    assert KEY.encode() not in pickle.dumps(credential)
