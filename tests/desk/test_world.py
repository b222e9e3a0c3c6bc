"""The office's tools: what they return, what they change, what they refuse."""

import json

import pytest

from cascade.desk.arithmetic import evaluate
from cascade.desk.calls import Call
from cascade.desk.records import Customer, Order, Records
from cascade.desk.tasks import reply_of
from cascade.desk.world import TOOL_EFFECTS, Message, Office, Refund, ToolError

RECORDS = Records(
    customers=(
        Customer(customer_id="412", name="Mia Kolder", tier="gold"),
        Customer(customer_id="733", name="Taro Brin", tier="basic"),
    ),
    orders=(
        Order(order_id="4817", customer_id="412", item="lamp", total=84, status="open"),
        Order(order_id="5120", customer_id="412", item="desk", total=230, status="shipped"),
    ),
    files={"policy/refunds_2.txt": "Refund limit: 150"},
    replaced={"3300": "4817"},
    timeouts=frozenset({"get_order:5120"}),
)


@pytest.fixture
def office() -> Office:
    return Office(RECORDS)


def test_a_customer_is_found_by_full_name(office: Office):
    found = json.loads(office.find_customer("Mia Kolder"))
    assert found == {"customer_id": "412", "name": "Mia Kolder", "tier": "gold"}


def test_a_misspelt_name_is_answered_with_the_similar_one(office: Office):
    with pytest.raises(ToolError, match="no customer Mia Kloder; similar: Mia Kolder"):
        office.find_customer("Mia Kloder")


def test_a_name_like_no_other_gets_no_suggestion(office: Office):
    with pytest.raises(ToolError, match="no customer Xxx Yyy; check the name"):
        office.find_customer("Xxx Yyy")


def test_orders_are_listed_oldest_first(office: Office):
    assert json.loads(office.list_orders("412"))["orders"] == ["4817", "5120"]


def test_an_order_is_shown_without_its_note_until_it_has_one(office: Office):
    assert "note" not in json.loads(office.get_order("4817"))
    office.set_note("4817", "fragile")
    assert json.loads(office.get_order("4817"))["note"] == "fragile"


def test_a_replaced_order_points_to_the_new_one(office: Office):
    with pytest.raises(ToolError, match="order 3300 was replaced, see 4817"):
        office.get_order("3300")


def test_a_renamed_file_is_answered_with_the_list_of_files(office: Office):
    with pytest.raises(ToolError, match=r"no file policy/refunds.txt; files: policy/refunds_2.txt"):
        office.read_file("policy/refunds.txt")
    assert office.read_file("policy/refunds_2.txt") == "Refund limit: 150"


def test_a_timeout_happens_once_and_only_where_it_was_set(office: Office):
    office.get_order("4817")
    with pytest.raises(ToolError, match="timeout, try again"):
        office.get_order("5120")
    assert json.loads(office.get_order("5120"))["total"] == 230


def test_a_reliable_office_never_times_out():
    assert json.loads(Office(RECORDS, reliable=True).get_order("5120"))["total"] == 230


def test_writes_change_this_office_and_not_the_records(office: Office):
    office.update_order("4817", "cancelled")
    assert office.orders["4817"].status == "cancelled"
    assert Office(RECORDS).orders["4817"].status == "open"


def test_messages_and_refunds_are_kept_in_order(office: Office):
    office.send_message("412", "on its way")
    office.issue_refund("4817", 20)
    assert office.messages == [Message(customer_id="412", text="on its way")]
    assert office.refunds == [Refund(order_id="4817", amount=20)]


@pytest.mark.parametrize("amount", [0, -5, 85])
def test_a_refund_must_lie_within_the_total(office: Office, amount: int):
    with pytest.raises(ToolError, match=f"amount {amount} is not between 1 and the total of 84"):
        office.issue_refund("4817", amount)
    assert office.refunds == []


def test_an_order_is_refunded_at_most_once(office: Office):
    office.issue_refund("4817", 84)
    with pytest.raises(ToolError, match="already refunded"):
        office.issue_refund("4817", 84)


@pytest.mark.parametrize(
    ("tool", "arguments", "problem"),
    [
        ("get_order", {"order_id": "9999"}, "no order 9999"),
        ("list_orders", {"customer_id": "999"}, "no customer with id 999"),
        ("send_message", {"customer_id": "999", "text": "hi"}, "no customer with id 999"),
        ("calculator", {"expression": "1 / 0"}, "cannot compute 1 / 0: division by zero"),
    ],
)
def test_what_does_not_exist_is_an_error_in_words(
    office: Office, tool: str, arguments: dict[str, object], problem: str
):
    reply = reply_of(office, Call(name=tool, arguments=arguments))
    assert reply.is_error
    assert reply.text == f"ToolError: {problem}"


def test_calls_of_unknown_tools_or_with_wrong_arguments_are_errors(office: Office):
    assert reply_of(office, Call(name="fly", arguments={})).text == "ToolError: no tool fly"
    assert reply_of(office, Call(name="get_order", arguments={"id": "4817"})).is_error


def test_the_runtime_sees_nine_tools_with_their_side_effects(office: Office):
    tools = office.tools()
    assert {tool.name: tool.spec.side_effect for tool in tools} == TOOL_EFFECTS
    assert all(tool.spec.parallel == (tool.spec.side_effect == "read") for tool in tools)
    assert all(tool.spec.description for tool in tools)


def test_tools_of_two_offices_do_not_share_state():
    first, second = Office(RECORDS), Office(RECORDS)
    by_name = {tool.name: tool for tool in first.tools()}
    by_name["update_order"](order_id="4817", status="closed")
    assert (first.orders["4817"].status, second.orders["4817"].status) == ("closed", "open")


def test_arguments_keep_the_order_of_the_signature(office: Office):
    by_name = {tool.name: tool for tool in office.tools()}
    properties = by_name["issue_refund"].spec.parameters["properties"]
    assert isinstance(properties, dict)
    assert list(properties) == ["order_id", "amount"]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("84 + 120", "204"),
        ("240 * 15 / 100", "36"),
        ("1 / 3", "0.33"),
        ("-(2 - 5)", "3"),
        ("0.1 + 0.2", "0.30"),
    ],
)
def test_the_calculator_is_exact(expression: str, value: str):
    assert evaluate(expression) == value


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "2 ** 9",
        "__import__('os')",
        "a + 1",
        "1 +",
        "True",
        "1" * 201,
        "(" * 150,
        "1; 2",
        "'a' * 3",
    ],
)
def test_the_calculator_refuses_all_but_sums(expression: str):
    with pytest.raises(ValueError, match=r".+"):
        evaluate(expression)
