"""`picolink completion`: scripts for shells, generated from the parser. Boards' addresses are
asked for when TAB is pressed (`picolink devices --quick` opens no port)."""

from __future__ import annotations

import argparse
from typing import Any

from .parser import make_parser

#: What stands in for an address: a shell command that prints the boards' addresses.
_DEVICES = (
    'picolink devices --quick --json 2>/dev/null | grep -o \'"address": "[^"]*"\' | cut -d\'"\' -f4'
)


def run(options: argparse.Namespace) -> int:
    """Prints the script."""
    print(script(options.shell))
    return 0


def script(shell: str) -> str:
    """The script for `bash`, `zsh` or `fish`."""
    return _fish() if shell == "fish" else _bash(zsh=shell == "zsh")


class Completed:
    """What can be completed of a command."""

    def __init__(self, name: str, parser: argparse.ArgumentParser, help: str) -> None:
        self.name = name
        self.help = help
        self.parser = parser
        self.inner: list[argparse.ArgumentParser] = []
        self.options = [
            (max(action.option_strings, key=len), action.help or "")
            for action in parser._actions
            if action.option_strings and action.help != argparse.SUPPRESS
        ]
        self.words: list[str] = []
        for action in parser._actions:
            if not action.option_strings and action.choices is not None:
                self.words += list(action.choices)
                if isinstance(action.choices, dict):
                    self.inner += action.choices.values()
        places = [action.dest for action in parser._actions if not action.option_strings]
        self.address = "address" in places
        self.files = "files" in places or self.name in ("selftest", "install")


def commands() -> list[Completed]:
    """The commands of `picolink`."""
    parser = make_parser()
    subparsers: Any = next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    helps = {choice.dest: choice.help or "" for choice in subparsers._choices_actions}
    return [Completed(name, sub, helps[name]) for name, sub in subparsers.choices.items()]


def _bash(*, zsh: bool) -> str:
    cases = []
    for command in commands():
        words = " ".join([*command.words, *(option for option, _ in command.options)])
        lines = [f"    {command.name})", f'      words="{words}"']
        if command.address:
            lines.append(f'      [ "$COMP_CWORD" -eq 2 ] && words="$words usb:auto $({_DEVICES})"')
        if command.files:
            lines.append('      COMPREPLY+=($(compgen -f -- "$typed"))')
        cases += [*lines, "      ;;"]
    names = " ".join(command.name for command in commands())
    head = "autoload -U +X bashcompinit && bashcompinit\n" if zsh else ""
    body = "\n".join(cases)
    return f"""# picolink completion for {"zsh" if zsh else "bash"}, made by `picolink completion`
{head}_picolink() {{
  local typed="${{COMP_WORDS[COMP_CWORD]}}" words="" IFS=$' \\t\\n'
  COMPREPLY=()
  # bash takes the colon of usb:auto for the end of a word: put the address together again
  if [ "$COMP_CWORD" -ge 3 ] && [ "${{COMP_WORDS[3]}}" = ":" ] && [ "$COMP_CWORD" -le 4 ]; then
    local scheme="${{COMP_WORDS[2]}}:"
    [ "$typed" = ":" ] && typed=""
    COMPREPLY=($(compgen -W "auto $({_DEVICES} | sed -n "s/^$scheme//p")" -- "$typed"))
    return
  fi
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "{names} --help --version" -- "$typed"))
    return
  fi
  case "${{COMP_WORDS[1]}}" in
{body}
  esac
  COMPREPLY+=($(compgen -W "$words" -- "$typed"))
}}
complete -o bashdefault -F _picolink picolink"""


def _fish() -> str:
    lines = [
        "# picolink completion for fish, made by `picolink completion`",
        "complete -c picolink -f",
    ]
    for command in commands():
        start = "complete -c picolink -n __fish_use_subcommand"
        lines.append(f"{start} -a {command.name} -d {_quoted(command.help)}")
        here = f"complete -c picolink -n '__fish_seen_subcommand_from {command.name}'"
        for option, help in command.options:
            lines.append(f"{here} -l {option.removeprefix('--')} -d {_quoted(help)}")
        if command.words:
            lines.append(f"{here} -a {_quoted(' '.join(command.words))}")
        if command.address:
            lines.append(f"{here} -a {_quoted('usb:auto (' + _DEVICES + ')')}")
        if command.files:
            lines.append(f"{here} -F")
    return "\n".join(lines)


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
