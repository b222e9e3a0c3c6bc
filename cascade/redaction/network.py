"""Addresses of machines."""

import ipaddress
import re
from collections.abc import Iterable

from cascade.redaction.shapes import ALONE
from cascade.redaction.spans import Span

__all__ = ["Network"]

_V4 = re.compile(r"[0-9]" + ALONE + r"[0-9]{0,2}(?:\.[0-9]{1,3}){3}(?![0-9A-Za-z_]|\.[0-9])")
_V6 = re.compile(r"[0-9A-Fa-f:](?<![0-9A-Za-z_:.].)[0-9A-Fa-f:]{2,38}(?:[0-9.]{1,13})?(?![\w:])")
_MAC = re.compile(
    r"[0-9A-Fa-f](?<![0-9A-Za-z_:\-].)[0-9A-Fa-f]([:\-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}"
    r"(?![\w:])"
)
_VERSION = re.compile(r"(?i:version|release|build|\bv)[ .:=]{0,3}$")


class Network:
    """IP addresses of both versions (`IP_ADDRESS`) and hardware addresses (`MAC_ADDRESS`).

    `127.0.0.1`, `0.0.0.0` and `::1` are everybody's and stay.
    """

    name = "network"
    labels = ("IP_ADDRESS", "MAC_ADDRESS")

    def find(self, text: str) -> Iterable[Span]:
        """The addresses in *text*."""
        for match in _V4.finditer(text):
            before = text[max(0, match.start() - 12) : match.start()]
            if _is_address(match.group()) and _VERSION.search(before) is None:
                yield Span(match.start(), match.end(), "IP_ADDRESS")
        if text.count(":") < 2:
            return
        for match in _V6.finditer(text):
            if match.group().count(":") >= 2 and _is_address(match.group()):
                yield Span(match.start(), match.end(), "IP_ADDRESS")
        for match in _MAC.finditer(text):
            yield Span(match.start(), match.end(), "MAC_ADDRESS")


def _is_address(written: str) -> bool:
    try:
        address = ipaddress.ip_address(written)
    except ValueError:
        return False
    # The steps of `x[1::2]` and the names of `a::b` have the shape of an address too.
    shortened = address.version == 6 and len(written.partition(":")[0]) < 3
    return not (shortened or address.is_loopback or address.is_unspecified)
