"""Shell commands, as far as monitors have to understand them.

The class of a command follows SWE-Protégé's normaliser (arXiv 2602.22124): assignments before it
are dropped, the last sub-command of a chain counts, by its first word or, for `git` and its like,
its first two.
"""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from cascade.exchange import ToolSpec
from cascade.messages import ToolCall
from cascade.monitors.sameness import as_object

__all__ = ["ShellCommand", "command_in", "read_command"]

_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_WRAPPERS = frozenset({"command", "env", "nice", "nohup", "sudo", "time"})
_TWO_WORDS = frozenset(
    {"apt", "apt-get", "cargo", "conda", "docker", "gh", "git", "go", "kubectl", "make", "npm",
     "pip", "poetry", "uv", "yarn"}
)  # fmt: skip
_READING = frozenset(
    {"ag", "awk", "basename", "cat", "cd", "column", "cut", "date", "df", "diff", "dirname", "du",
     "echo", "egrep", "env", "fgrep", "file", "find", "grep", "head", "hostname", "id", "jq",
     "less", "ls", "md5sum", "more", "nl", "open", "printenv", "printf", "ps", "pwd", "realpath",
     "rg",
     "sed", "sha256sum", "sort", "stat", "tail", "test", "tr", "tree", "type", "uname",
     "uniq",
     "view", "wc", "whereis", "which", "who", "whoami", "xxd"}
)  # fmt: skip
_READING_GIT = frozenset(
    {"blame", "branch", "diff", "grep", "log", "ls-files", "rev-parse", "show", "status"}
)
_FOLDER_OPTIONS = frozenset({"-C", "-c", "--directory", "--prefix"})
_WAITING = frozenset({"inotifywait", "sleep", "wait", "watch"})
_WRITING_OPTIONS = {
    "find": ("-delete", "-exec", "-execdir", "-fprint", "-ok"),
    "sed": ("-i", "--in-place"),
}
_HARMLESS_TARGETS = ("/dev/null", "&", "/dev/stderr", "/dev/stdout")
_CHAIN = frozenset({"&&", "||", ";", "&", ";;", "\n"})
_LOOKED_AT = 600
_MEDIA_TYPES = frozenset({"application/x-sh", "application/x-shellscript", "text/x-shellscript"})
_FORMATS = frozenset({"shell", "shell-command", "bash"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ShellCommand:
    """What a command does, in the few words that loops are told by."""

    kind: str
    """`navigate` for whatever only reads; else the program, `git commit` or `python`."""
    reads: bool
    """Whether all of it only reads."""
    waits: bool
    """Whether part of it is a pause."""


def command_in(call: ToolCall, spec: ToolSpec | None, shell_tools: tuple[str, ...]) -> str | None:
    """The shell command that a call holds; `None` where it holds none.

    Its tool is one of *shell_tools*, or its schema declares a text argument as a command, by
    `"format": "shell"` or a shell script's `contentMediaType`.
    """
    if call.name in shell_tools:
        return next((value for value in call.arguments.values() if isinstance(value, str)), None)
    declared = as_object(None if spec is None else spec.parameters.get("properties"))
    for name, value in call.arguments.items():
        if isinstance(value, str) and _is_command(as_object(declared.get(name))):
            return value
    return None


def read_command(command: str) -> ShellCommand:
    """What *command* does. Of a long one the beginning counts, and nothing of what it feeds in."""
    parts = _parts(_words(command[:_LOOKED_AT]))
    reads = all(_only_reads(words) for part in parts for words in part)
    waits = any(_first(words) in _WAITING for part in parts for words in part)
    kind = "navigate" if reads else _program(parts[-1][0])
    return ShellCommand(kind=kind, reads=reads, waits=waits)


def _is_command(argument: Mapping[str, Any]) -> bool:
    return argument.get("contentMediaType") in _MEDIA_TYPES or argument.get("format") in _FORMATS


def _words(command: str) -> list[str]:
    """Words and operators; of a document that is fed in only that it is."""
    line, fed, _ = command.partition("<<")
    lexer = shlex.shlex(line.replace("\n", " ; "), posix=True, punctuation_chars="();<>|&")
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        words = list(lexer)
    except ValueError:
        # A quote that stays open, as the command was cut or is broken.
        words = line.split()
    # What is fed in goes to a program or a file; either way it is more than reading.
    return [*words, "<<"] if fed and not command.partition("<<")[2].startswith("<") else words


def _parts(words: list[str]) -> list[list[list[str]]]:
    """The members of the chain, each a list of the commands of its pipe."""
    chain: list[list[list[str]]] = [[[]]]
    for word in words:
        # Neighbouring signs come as one word: `);` ends a group and a member.
        operator = word.strip("()") if not word.strip("();|&\n") else None
        if operator is None:
            chain[-1][-1].append(word)
        elif operator in _CHAIN:
            chain.append([[]])
        elif operator:
            chain[-1].append([])
    pipes = [[_plain(words) for words in pipe if words] for pipe in chain]
    return [kept for pipe in pipes if (kept := [words for words in pipe if words])]


def _plain(words: list[str]) -> list[str]:
    """A command without assignments and wrappers before it."""
    rest = list(words)
    while rest and (_ASSIGNMENT.match(rest[0]) or rest[0] in _WRAPPERS):
        rest.pop(0)
    if rest[:1] == ["timeout"]:
        rest = [word for word in rest[1:] if not word.startswith("-")][1:]
    return rest


def _first(words: list[str]) -> str:
    return words[0].rsplit("/", 1)[-1]


def _program(words: list[str]) -> str:
    first = _first(words)
    if first.startswith("python") and words[1:2] == ["-m"] and len(words) > 2:
        return words[2]
    if first in _TWO_WORDS:
        return f"{first} {_subcommand(words)}".rstrip()
    return first


def _subcommand(words: list[str]) -> str:
    """The first word that is neither an option nor the value of one that takes a folder."""
    for before, word in pairwise(words):
        if not word.startswith("-") and before not in _FOLDER_OPTIONS:
            return word
    return ""


def _only_reads(words: list[str]) -> bool:
    first = _first(words)
    if first == "git":
        return _subcommand(words) in _READING_GIT
    if first not in _READING and first not in _WAITING:
        return False
    options = _WRITING_OPTIONS.get(first, ())
    if any(word.startswith(option) for word in words[1:] for option in options):
        return False
    return not _writes_to_file(words)


def _writes_to_file(words: list[str]) -> bool:
    for index, word in enumerate(words):
        if word == "<<":
            return True
        if word.startswith(">") or word == "&>":
            target = word.lstrip(">&") or "".join(words[index + 1 : index + 2])
            if "&" not in word and not target.startswith(_HARMLESS_TARGETS):
                return True
    return False
