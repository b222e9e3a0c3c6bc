"""A value is found wherever it hides in a message."""

import base64
import html
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from redaction_values import VALUES, all_groups

from cascade.exchange import OutputSchema, ToolSpec
from cascade.messages import (
    Artefact,
    AssistantMessage,
    Image,
    Message,
    Origin,
    Reasoning,
    Text,
    ToolCall,
    ToolMessage,
    ToolResult,
    UserMessage,
)
from cascade.redaction import Redactor, Vault, images_in

CANARY = "jane.doe@acme-corp.com"
ENCODINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "Base64": lambda text: base64.b64encode(text.encode()).decode(),
    "Base64 without padding": lambda text: base64.b64encode(text.encode()).decode().rstrip("="),
    "Base64 for addresses": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "Base64 behind a word": lambda text: "data" + base64.b64encode(text.encode()).decode(),
    "Base64 twice": lambda text: base64.b64encode(base64.b64encode(text.encode())).decode(),
    "Base64 of wide characters": lambda text: base64.b64encode(text.encode("utf-16-le")).decode(),
    "Base64 in lines": lambda text: base64.encodebytes(("x" * 60 + " " + text).encode()).decode(),
    "hexadecimal": lambda text: text.encode().hex(),
    "hexadecimal with colons": lambda text: text.encode().hex(":"),
    "hexadecimal escapes": lambda text: "".join(f"\\x{ord(letter):02x}" for letter in text),
    "percent signs": lambda text: quote(text, safe=""),
    "percent signs throughout": lambda text: "".join(f"%{ord(letter):02X}" for letter in text),
    "percent signs twice": lambda text: quote(quote(text, safe=""), safe=""),
    "entities": lambda text: "".join(f"&#{ord(letter)};" for letter in text),
    "hexadecimal entities": lambda text: "".join(f"&#x{ord(letter):x};" for letter in text),
    "entities for entities": lambda text: html.escape(f"&#x{ord(text[0]):x};") + text[1:],
    "unicode escapes": lambda text: "".join(f"\\u{ord(letter):04x}" for letter in text),
    "quoted-printable": lambda text: text.replace("@", "=40").replace("e", "=65"),
    "quoted-printable line": lambda text: text[:8] + "=\r\n" + text[8:],
    "JSON": lambda text: json.dumps({"to": text}),
    "JSON in JSON": lambda text: json.dumps(json.dumps({"to": f"\n{text}"})),
    "JSON in JSON in JSON": lambda text: json.dumps(json.dumps(json.dumps([f"\t{text}"]))),
    "Base64 in JSON": lambda text: json.dumps({"x": base64.b64encode(text.encode()).decode()}),
    "zero-width characters": "\u200b".join,
    "soft hyphens": lambda text: text[:3] + "\xad" + text[3:],
    "wide letters": lambda text: "".join(chr(ord(letter) + 0xFEE0) for letter in text),
    "a wrapped line": lambda text: "x " * 30 + text[:6] + "\n" + text[6:],
    "a quoted wrapped line": lambda text: "> " + "x " * 30 + text[:6] + "\r\n> " + text[6:],
}


def shown(redactor: Redactor, message: Message) -> str:
    """All that a lane would be shown of the message, with every escape of JSON resolved."""
    redacted, _ = redactor.message(message, Vault())
    return json.dumps(redacted.model_dump(mode="json"), ensure_ascii=False)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_an_encoded_value_is_found_in_text_results_and_arguments(encoding: str):
    encoded = ENCODINGS[encoding](CANARY)
    remains = [piece for piece in (CANARY, encoded) if piece]
    result = ToolResult(call_id="call_1", name="look", parts=(Text(text=f"It is {encoded} ."),))
    call = ToolCall(id="call_1", name="look", arguments={"deep": [{"x": [encoded, 1]}]})
    messages: list[Message] = [
        UserMessage.of(f"Write to {encoded} please."),
        ToolMessage(parts=(result,)),
        AssistantMessage(parts=(call,)),
    ]
    for message in messages:
        seen = shown(all_groups(), message)
        assert "_1>" in seen
        for piece in remains:
            assert json.dumps(piece, ensure_ascii=False)[1:-1] not in seen
            assert "acme" not in seen


@pytest.mark.parametrize("kind", VALUES)
def test_every_kind_of_value_is_found_in_base64_and_in_json(kind: str):
    _, value = VALUES[kind]
    for encode in (ENCODINGS["Base64"], ENCODINGS["JSON in JSON"], ENCODINGS["wide letters"]):
        if encode is ENCODINGS["wide letters"] and not value.isdigit():
            continue
        seen = shown(all_groups(), UserMessage.of(f"see {encode(f'x {value} y')}"))
        assert value not in seen
        assert encode(f"x {value} y") not in seen


@pytest.mark.parametrize("cut", range(1, len(CANARY)))
def test_a_value_cut_over_two_parts_is_found(cut: int):
    parts = (Text(text=f"to {CANARY[:cut]}"), Text(text=f"{CANARY[cut:]}"))
    redacted, vault = all_groups().message(UserMessage(parts=parts), Vault())
    # Nothing is left of the second part; providers refuse empty ones.
    assert redacted == UserMessage.of("to <EMAIL_1>")
    assert [hidden.value for hidden in vault.hidden] == [CANARY]


@pytest.mark.parametrize(
    ("rest", "is_part"), [("aB3dE5fG7hJ9", True), ("Thanks for that", False), ("x", False)]
)
def test_a_wrapped_key_goes_on_where_its_rest_looks_like_one(rest: str, is_part: bool):  # noqa: FBT001 - a column
    key = "sk" + "-ant-api03-" + "aB3dE5fG7hJ9kL2mN4pQ"
    text = f"{'the key is ' * 4}{key}\n{rest}"
    redacted, vault = all_groups().text(text, Vault())
    assert redacted == "the key is " * 4 + "<API_KEY_1>" + ("" if is_part else f"\n{rest}")
    assert vault.hidden[0].value == (f"{key}\n{rest}" if is_part else key)


def test_a_value_cut_over_the_parts_of_a_result_and_around_a_picture_is_found():
    picture = Image(media_type="image/png", data="iVBORw0KGgo=")
    parts = (Text(text="a jane.do"), picture, Text(text="e@acme-corp.com b"))
    message = ToolMessage(parts=(ToolResult(call_id="c", name="look", parts=parts),))
    assert images_in(message) == 1
    redacted, _ = all_groups().message(message, Vault())
    assert isinstance(redacted, ToolMessage)
    assert redacted.parts[0].parts == (
        Text(text="a <EMAIL_1>"),
        Text(text="[A picture was left out here.]"),
        Text(text=" b"),
    )
    assert images_in(redacted) == 0


def test_a_value_cut_over_the_items_of_an_argument_is_found():
    arguments: dict[str, Any] = {"words": ["jane.doe@", "acme-corp.com"], "plain": ["a", "b"]}
    arguments["digits"] = list("4111111111111111")
    arguments["mail"] = ["jane", "x@acme-corp.com", "doe"]
    call = ToolCall(id="c", name="look", arguments=arguments)
    redacted, _ = all_groups().message(AssistantMessage(parts=(call,)), Vault())
    assert isinstance(redacted, AssistantMessage)
    shown_arguments: dict[str, Any] = dict(redacted.calls[0].arguments)
    assert shown_arguments["words"] == ["<FRAGMENT_1>", "<FRAGMENT_2>"]
    assert not any(
        character.isdigit() and len(character) == 1 for character in shown_arguments["digits"]
    )
    assert shown_arguments["plain"] == ["a", "b"]
    assert shown_arguments["mail"] == ["jane", "<EMAIL_1>", "doe"]


def test_names_of_fields_and_numbers_are_searched_too():
    arguments: dict[str, Any] = {CANARY: 4111111111111111, "password": "swordfish", "n": 4817}
    call = ToolCall(id="c", name="look", arguments=arguments)
    redacted, vault = all_groups().message(AssistantMessage(parts=(call,)), Vault())
    assert isinstance(redacted, AssistantMessage)
    assert redacted.calls[0].arguments == {
        "<EMAIL_1>": "<CARD_1>",
        "password": "<PASSWORD_1>",
        "n": 4817,
    }
    assert [hidden.is_number for hidden in vault.hidden] == [False, True, False]


def test_a_name_that_a_model_made_up_for_a_tool_is_searched_too():
    call = ToolCall(id="c", name=f"mail {CANARY}", arguments={})
    result = ToolResult(call_id="c", name=f"mail {CANARY}", parts=(Text(text="no such tool"),))
    redacted, vault = all_groups().message(AssistantMessage(parts=(call,)), Vault())
    assert isinstance(redacted, AssistantMessage)
    assert redacted.calls[0].name == "mail EMAIL_1"
    redacted, after = all_groups().message(ToolMessage(parts=(result,)), vault)
    assert isinstance(redacted, ToolMessage)
    assert redacted.parts[0].name == "mail EMAIL_1"
    assert after is vault


def test_text_and_reasoning_of_a_model_are_searched():
    message = AssistantMessage(
        parts=(Reasoning(text=f"I know {CANARY}"), Text(text=f"It is {CANARY}."))
    )
    redacted, _ = all_groups().message(message, Vault())
    assert redacted == AssistantMessage(
        parts=(Reasoning(text="I know <EMAIL_1>"), Text(text="It is <EMAIL_1>."))
    )


def test_a_block_that_holds_a_value_in_clear_goes_nowhere_but_home():
    origin = Origin(provider="llama_cpp", model="desk")
    clear = Artefact(origin=origin, raw={"text": f"It is {CANARY}."})
    sealed = Artefact(origin=origin, raw={"data": "aB3dE5fG7hJ9kL2mN4pQ"})
    message = AssistantMessage(
        parts=(Reasoning(text="", artefact=clear), Reasoning(text="", artefact=sealed)),
        artefact=clear,
    )
    redacted, _ = all_groups().message(message, Vault())
    assert redacted == AssistantMessage(parts=(Reasoning(text="", artefact=sealed),))
    assert all_groups().message(message, Vault(), own=True)[0] is message


def test_tools_and_the_schema_of_the_answer_are_redacted_but_not_their_names():
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {"to": {"type": "string", "default": CANARY, "enum": [CANARY, "x"]}},
        "examples": [{"to": CANARY}],
    }
    spec = ToolSpec(name="send", description=f"Sends to {CANARY}.", parameters=schema)
    plain = ToolSpec(name="look", description="Looks.", parameters={"type": "object"})
    redactor = all_groups()
    tools, vault = redactor.tools([spec, plain], Vault())
    assert CANARY not in "".join(tool.model_dump_json() for tool in tools)
    assert tools[0].name == "send"
    assert tools[1] is plain
    output, after = redactor.output(OutputSchema(name="answer", definition=schema), vault)
    assert CANARY not in output.model_dump_json()
    assert after is vault
    untouched = OutputSchema(name="answer", definition={"type": "object"})
    assert redactor.output(untouched, vault)[0] is untouched


def test_what_holds_nothing_stays_the_same_object():
    message = UserMessage(parts=(Text(text="What about order 4817?"), Text(text="It cost 19.99.")))
    vault = Vault()
    assert all_groups().message(message, vault) == (message, vault)
    redacted, after = all_groups().message(message, vault)
    assert redacted is message
    assert after is vault
