"""Scripts for shells, generated from the parser. Boards' addresses are asked for when TAB is
pressed (`picolink devices --quick` opens no port).

    eval "$(picolink completion bash)"    # in ~/.bashrc; zsh alike
    picolink completion fish > ~/.config/fish/completions/picolink.fish
"""

from __future__ import annotations

import argparse

from ..command_line.parser import COMMANDS, commands

#: What stands in for an address: a shell command that prints the boards' addresses.
_DEVICES = (
    'picolink devices --quick --json 2>/dev/null | grep -o \'"address": "[^"]*"\' | cut -d\'"\' -f4'
)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=["bash", "zsh", "fish"])


def run(options: argparse.Namespace) -> int:
    """Prints the script."""
    print(script(options.shell))
    return 0


def script(shell: str) -> str:
    """The script for `bash`, `zsh` or `fish`."""
    return _fish() if shell == "fish" else _bash(zsh=shell == "zsh")


class Completed:
    """What can be completed of a command."""

    def __init__(self, name: str, parser: argparse.ArgumentParser) -> None:
        self.name = name
        self.options = [
            (max(action.option_strings, key=len), action.help or "")
            for action in parser._actions
            if action.option_strings and action.help != argparse.SUPPRESS
        ]
        places = [action for action in parser._actions if not action.option_strings]
        self.words = [word for place in places for word in place.choices or ()]
        self.address = any(place.dest == "address" for place in places)
        self.files = name in ("selftest", "install")


def completed() -> list[Completed]:
    """The commands of `picolink`."""
    return [Completed(name, parser) for name, parser in commands().items()]


def _bash(*, zsh: bool) -> str:
    cases = []
    for command in completed():
        words = " ".join([*command.words, *(option for option, _ in command.options)])
        lines = [f"    {command.name})", f'      words="{words}"']
        if command.address:
            lines.append(f'      [ "$COMP_CWORD" -eq 2 ] && words="$words usb:auto $({_DEVICES})"')
        if command.files:
            lines.append('      COMPREPLY+=($(compgen -f -- "$typed"))')
        cases += [*lines, "      ;;"]
    names = " ".join(COMMANDS)
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
    for command in completed():
        start = "complete -c picolink -n __fish_use_subcommand"
        lines.append(f"{start} -a {command.name} -d {_quoted(COMMANDS[command.name])}")
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
