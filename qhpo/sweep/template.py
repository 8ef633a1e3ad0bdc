"""A commented sweep file to begin with, of the options of a script.

The ranges are guesses around the defaults, by what parameters of that name usually are. The file is
written for a person who corrects it.
"""

from __future__ import annotations

import json
import math
import re
import shutil
from collections.abc import Sequence
from typing import Any

from qhpo.sweep.script import Option

__all__ = ["write_template"]

_RATES = re.compile(
    r"(^|[-_.])(lr|learning[-_]?rate|weight[-_]?decay|wd|eps|epsilon|tol|reg|l1|l2)"
)
"""Numbers whose order of magnitude matters."""

_SHARES = re.compile(r"(^|[-_.])(momentum|beta|gamma|rho|decay|discount|tau|ema)")
"""Numbers below 1 that are often close to it."""

_DROPS = re.compile(r"drop|mask|smooth|noise")
"""Numbers from 0 to about a half."""

_NOT_TUNED = re.compile(
    r"(^|[-_.])(seed|data|dataset|path|dir|root|out|output|folder|file|config|cfg|device|gpus?|cuda"
    r"|cpu|workers?|num[-_]?workers|jobs?|threads?|log|logging|verbose|quiet|debug|save|load|resume"
    r"|checkpoint|ckpt|name|project|entity|wandb|host|port|url|rank|world|download|dry|test|eval"
    r"|epochs?|steps|iterations?|iters?|version|tag|comment|print|plot|profile)($|[-_.])"
)
"""Options that say where and how long, not how well."""

_NAME = re.compile(r"[A-Za-z][\w.-]*\Z")
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
"""Keys that YAML would read as something else."""

_HEAD = """\
# A search over {what}. Check it with `qhpo validate {file}`, start it with `qhpo run {file}`.
# The keys are those of a sweep of Weights & Biases; what stands under qhpo, conditions and
# constraints is more.
"""

_METRIC = """
# What the program must say: a line {"loss": 0.31} on standard output, the last one counts. Lines
# with a step, {"loss": 0.5, "step": 3}, let a pruner stop trials that are behind.
metric:
  name: loss
  goal: minimize
"""

_METHOD = """
# bayes is the annealed model of qhpo; random and grid are what they say.
method: bayes
"""

_TAIL = """
# When a parameter exists:
# conditions:
#   momentum: optimizer == "sgd"

# What every trial must keep, and bounds of what only running the program tells:
# constraints:
#   - width_2 <= width_1
#   - not (amsgrad and optimizer != "adam")
#   - {metric: memory_mb, max: 4000}

# qhpo:
#   trials: 50
#   seed: 0
#   program:
#     answer: json           # or {regex: 'loss=(?P<loss>\\S+)'}, or {file: result.json}
#     timeout: 3600          # seconds of one trial
#     retries: 1
"""

_EXAMPLE = """
# No options were read: these are examples. A range is a min and a max, a choice is a list.
parameters:
  lr:
    distribution: log_uniform_values
    min: 0.0001
    max: 0.1
  batch_size:
    values: [16, 32, 64]
  optimizer:
    values: ["sgd", "adam"]
"""


def write_template(script: str | None, options: Sequence[Option], file: str) -> tuple[str, int]:
    """The text of a file, and how many parameters of the script it searches.

    Args:
        script: The program; None for an example.
        options: Its options; none of a program that is no Python.
        file: How the file will be called.
    """
    searched: list[tuple[str, list[str]]] = []
    left: list[tuple[str, str]] = []
    for option in options:
        lines, why = _lines(option)
        if lines:
            searched.append((option.name, [*_about(option), *lines]))
        else:
            left.append((option.name, why))
    has_flags = any(option.kind == "flag" for option in options)
    program = script or "train.py"
    parts = [_HEAD.format(what=_one_line(program), file=_one_line(file))]
    parts += [_program(program, has_flags), _METHOD, _METRIC]
    parts.append(_parameters(searched) if searched else _EXAMPLE)
    if left:
        parts.append("\n# Options that are not searched; write them below parameters to do so:\n")
        parts += [f"#   {_one_line(name)}: {why}\n" for name, why in left]
    parts.append(_TAIL)
    return "".join(parts), len(searched)


def _program(program: str, has_flags: bool) -> str:
    text = f"\nprogram: {json.dumps(program)}\n"
    if not program.endswith(".py"):
        start = program if "/" in program else f"./{program}"
        return f'{text}command: [{json.dumps(start)}, "${{args}}"]\n'
    arguments = "${args_no_boolean_flags}" if has_flags else "${args}"
    # W&B starts `python`, which is not everywhere.
    interpreter = "${interpreter}" if shutil.which("python") else "python3"
    if not has_flags and interpreter == "${interpreter}":
        return text
    note = "# Flags are given where they are true, and left out where they are false.\n"
    words = ["${env}", interpreter, "${program}", arguments]
    return f"{text}{note if has_flags else ''}command: [{', '.join(map(json.dumps, words))}]\n"


def _parameters(searched: Sequence[tuple[str, list[str]]]) -> str:
    text = "\n# The ranges are guesses around the defaults; correct them.\nparameters:\n"
    for name, lines in searched:
        plain = _NAME.match(name) and name.lower() not in _WORDS
        text += f"  {name if plain else json.dumps(name)}:\n"
        text += "".join(f"    {line}\n" for line in lines)
    return text


def _about(option: Option) -> list[str]:
    default = "" if option.default is None else f"default {_shown(option.default)}"
    about = "; ".join(filter(None, [_one_line(option.help), default]))
    return [f"# {about}"] if about else []


def _one_line(text: str) -> str:
    printable = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(printable.split())[:90]


def _shown(value: Any) -> str:
    return _one_line(_number(value) if isinstance(value, float) else json.dumps(value, default=str))


def _lines(option: Option) -> tuple[list[str], str]:
    """What stands below the name of an option; or nothing, and why."""
    if re.search(r"[\s=,\[\]\x00-\x1f\x7f]", option.name) or option.name.startswith("-"):
        return [], "its name cannot be a parameter's"
    if _NOT_TUNED.search(option.name.lower()):
        return [], "its name says where or how long, not how well"
    if option.choices:
        choices = list(dict.fromkeys(option.choices))
        if len(choices) < 2 or not all(map(_is_kept, choices)):
            return [], "it has one value only"
        return [f"values: [{', '.join(map(_value, choices))}]"], ""
    if option.kind == "flag":
        if option.default is True:
            return [], "it is on unless another flag turns it off"
        return ["values: [true, false]"], ""
    if option.kind in ("number", "whole") and any(end is not None for end in option.limits):
        return _within(option)
    is_number = isinstance(option.default, (int, float)) and not isinstance(option.default, bool)
    if option.kind == "whole" and is_number:
        return _whole(int(option.default)) if _is_kept(option.default) else ([], "it is too large")
    if option.kind == "number" and is_number:
        if not _is_kept(option.default):
            return [], "it is too large"
        return _real(option.name.lower(), float(option.default)), ""
    if option.kind in ("number", "whole"):
        return [], "it has no default to guess a range from"
    return [], "it takes text, or a type of the script's own"


def _is_kept(value: Any) -> bool:
    """Whether a study keeps a value, with room for a range around it."""
    if isinstance(value, str):
        return "\0" not in value
    return math.isfinite(value) and (value == 0 or 1e-12 < abs(value) < 1e12)


def _within(option: Option) -> tuple[list[str], str]:
    low, high = option.limits
    default = option.default if isinstance(option.default, (int, float)) else None
    if low is None:
        low = min(0, high or 0) if default is None else min(default, high or 0) / 10
    if high is None:
        high = max(low + 1, 10 * (default if default is not None else abs(low)))
    if option.kind == "whole":
        low, high = int(low), int(high)
    if not low < high or not _is_kept(low) or not _is_kept(high):
        return [], "its range is one value"
    if option.kind == "whole":
        return [f"min: {low}", f"max: {high}"], ""
    return [f"min: {_number(float(low))}", f"max: {_number(float(high))}"], ""


def _whole(default: int) -> tuple[list[str], str]:
    if default < 0:
        return [], "a negative default often means something special"
    if default >= 8 and default & (default - 1) == 0:
        around = [default // 4, default // 2, default, 2 * default, 4 * default]
        return [f"values: [{', '.join(map(str, around))}]"], ""
    low, high = (1 if default else 0), max(2 * default, 3)
    return [f"min: {max(low, default // 4)}", f"max: {high}"], ""


def _real(name: str, default: float) -> list[str]:
    if _DROPS.search(name) and 0 <= default < 1:
        return _range(0.0, max(0.5, min(2 * default, 0.9)))
    if _RATES.search(name) or (0 < default < 0.01):
        center = default if default > 0 else 1e-4
        top = min(10 * center, 1.0) if center < 1 else 10 * center
        return ["distribution: log_uniform_values", *_range(center / 10, top)]
    if _SHARES.search(name) and 0 <= default < 1:
        return _range(0.0, max(0.99, default))
    if default < 0:
        return _range(2 * default, 0.0)
    if default <= 1:
        return _range(0.0, 1.0)
    return ["distribution: log_uniform_values", *_range(default / 10, 10 * default)]


def _range(low: float, high: float) -> list[str]:
    return [f"min: {_number(low)}", f"max: {_number(high)}"]


def _number(value: float) -> str:
    """As YAML 1.1 reads it too, which takes 1e-05 for text."""
    text = repr(float(f"{value:.6g}"))
    mantissa, e, exponent = text.partition("e")
    if not e:
        return text
    return f"{mantissa if '.' in mantissa else f'{mantissa}.0'}e{exponent}"


def _value(value: Any) -> str:
    return _number(value) if isinstance(value, float) else json.dumps(value)
