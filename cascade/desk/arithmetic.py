"""The calculator: sums of whole and decimal numbers, evaluated exactly and without `eval`."""

import ast
from fractions import Fraction

__all__ = ["evaluate"]

_LONGEST = 200  # characters; a desk's sums are short, and a bound keeps hostile input cheap


def evaluate(expression: str) -> str:
    """Return the value of an arithmetic expression as text.

    Whole results carry no point; others are rounded to two decimals.

    Raises:
        ValueError: The expression is too long, malformed, divides by zero or uses anything but
            numbers, `+ - * /` and brackets.
    """
    if len(expression) > _LONGEST:
        raise ValueError(f"longer than {_LONGEST} characters")
    try:
        tree = ast.parse(expression.strip(), mode="eval")
        value = _value(tree.body)
    except (SyntaxError, RecursionError, MemoryError):
        raise ValueError("not a sum of numbers") from None
    except ZeroDivisionError:
        raise ValueError("division by zero") from None
    return str(value.numerator) if value.denominator == 1 else f"{float(value):.2f}"


def _value(node: ast.expr) -> Fraction:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return Fraction(str(number))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand)
        case ast.BinOp(left=left, op=operator, right=right):
            return _combine(_value(left), operator, _value(right))
        case _:
            raise ValueError("only numbers, + - * / and brackets are known")


def _combine(left: Fraction, operator: ast.operator, right: Fraction) -> Fraction:
    match operator:
        case ast.Add():
            return left + right
        case ast.Sub():
            return left - right
        case ast.Mult():
            return left * right
        case ast.Div():
            return left / right
        case _:
            raise ValueError("only + - * / are known")
