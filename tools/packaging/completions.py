"""Completion for bash, zsh and fish, from the help. Made once, so that a tab starts no Python."""

from __future__ import annotations

from collections.abc import Iterator

from tools.packaging.words import Option, Words

_NOTE = "Made from the help of adpersist."


def bash(words: Words) -> str:
    """For /usr/share/bash-completion/completions."""
    return "\n".join(_bash(words)) + "\n"


def zsh(words: Words) -> str:
    """For /usr/share/zsh/vendor-completions."""
    return "\n".join(_zsh(words)) + "\n"


def fish(words: Words) -> str:
    """For /usr/share/fish/vendor_completions.d."""
    return "\n".join(_fish(words)) + "\n"


def _names(words: Words) -> str:
    """Every option's names, in one line."""
    return " ".join([*(name for option in words.options for name in option.names), "--help"])


def _valued(words: Words) -> Iterator[tuple[Words, Option]]:
    for each in words.walk():
        for option in each.options:
            if option.value:
                yield each, option


def _bash(words: Words) -> Iterator[str]:
    yield f"# {_NOTE}"
    yield "_adpersist() {"
    yield '    local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}" command="" each'
    yield "    COMPREPLY=()"
    yield '    for each in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do'
    yield '        case "$command $each" in'
    for each in words.walk():
        if each.name:
            above, _, last = each.name.rpartition(" ")
            yield f'            "{above} {last}") command="{each.name}" ;;'
    yield '            *" --") return ;;'
    yield "        esac"
    yield "    done"
    yield '    case "$command $before" in'
    paths = set()
    for each, option in _valued(words):
        for name in option.names:
            if option.choices:
                choices = " ".join(option.choices)
                yield f'        "{each.name} {name}") COMPREPLY=($(compgen -W "{choices}" -- "$word")); return ;;'
            elif option.is_path:
                paths.add(f'"{each.name} {name}"')
            else:
                yield f'        "{each.name} {name}") return ;;'
    yield f'        {" | ".join(sorted(paths))}) COMPREPLY=($(compgen -f -- "$word")); return ;;'
    yield "    esac"
    yield '    case "$command" in'
    for each in words.walk():
        below = " ".join(command.name.rpartition(" ")[2] for command in each.commands)
        yield f'        "{each.name}")'
        yield f'            if [[ "$word" == -* ]]; then COMPREPLY=($(compgen -W "{_names(each)}" -- "$word"))'
        yield f'            else COMPREPLY=($(compgen -W "{below}" -- "$word")); fi ;;'
    yield "    esac"
    yield "}"
    yield "complete -o bashdefault -F _adpersist adpersist"


def _zsh(words: Words) -> Iterator[str]:
    yield "#compdef adpersist"
    yield f"# {_NOTE}"
    for each in words.walk():
        yield ""
        yield f"_{_function(each)}() {{"
        yield "    local state line"
        yield "    _arguments -C \\"
        for option in each.options:
            for name in option.names:
                yield f"        {_zsh_option(name, option)} \\"
        yield "        '--help[print the help and exit]' \\"
        if each.commands:
            yield "        '1: :->command' '*:: :->rest'"
            yield "    case $state in"
            yield "    command)"
            yield "        local -a commands=("
            for command in each.commands:
                yield f"            {_quoted(command.name.rpartition(' ')[2] + ':' + command.summary)}"
            yield "        )"
            yield "        _describe command commands ;;"
            yield "    rest)"
            yield "        case $line[1] in"
            for command in each.commands:
                yield f"        {command.name.rpartition(' ')[2]}) _{_function(command)} ;;"
            yield "        esac ;;"
            yield "    esac"
        else:
            yield "        '*: :_files'"
        yield "}"
    yield ""
    yield '_adpersist "$@"'


def _function(words: Words) -> str:
    return "_".join(["adpersist", *words.name.split()])


def _zsh_option(name: str, option: Option) -> str:
    text = option.help.replace("[", "(").replace("]", ")").replace(":", "\\:")
    value = ""
    if option.choices:
        value = f":{option.value.replace(':', ' ')}:({' '.join(option.choices)})"
    elif option.is_path:
        value = ":file:_files"
    elif option.value:
        value = f":{option.value.replace(':', ' ')}: "
    return _quoted(f"{name}[{text}]{value}")


def _fish(words: Words) -> Iterator[str]:
    yield f"# {_NOTE}"
    yield "complete -c adpersist -f"
    for each in words.walk():
        first, _, second = each.name.partition(" ")
        seen = f"__fish_seen_subcommand_from {first}" if first else "__fish_use_subcommand"
        if second:
            seen = f"{seen}; and __fish_seen_subcommand_from {second}"
        for command in each.commands:
            word = command.name.rpartition(" ")[2]
            yield f"complete -c adpersist -n {_quoted(seen)} -a {word} -d {_quoted(command.summary)}"
        for option in each.options:
            flags = " ".join(f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names)
            value = ""
            if option.choices:
                value = f" -x -a {_quoted(' '.join(option.choices))}"
            elif option.value:
                value = " -r -F" if option.is_path else " -x"
            yield f"complete -c adpersist -n {_quoted(seen)} {flags}{value} -d {_quoted(option.help)}"


def _quoted(text: str) -> str:
    """A word of zsh or fish, in single quotes; what they hold is text of ours, without control characters."""
    return "'" + text.replace("'", "’") + "'"  # noqa: RUF001 - an apostrophe that ends no word
