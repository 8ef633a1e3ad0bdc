"""Mutated sweep files: each is a valid one or an error of one line, never a traceback."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import pytest
import yaml

import qhpo.sweep.summary
from qhpo.cli import main

FILES = [
    """
program: train.py
method: bayes
name: demo
project: p
metric: {name: loss, goal: minimize, target: 0.1}
parameters:
  lr: {min: 1.0e-5, max: 0.1, distribution: log_uniform_values}
  momentum: {min: 0.0, max: 0.9}
  optimizer: {values: [sgd, adam, lion]}
  amsgrad: {values: [true, false]}
conditions:
  momentum: optimizer == "sgd"
constraints:
  - not (amsgrad and optimizer != 'adam')
  - momentum * 2 <= lr * 100 + 1
  - {metric: memory_mb, max: 4000}
early_terminate: {type: hyperband, min_iter: 3}
""",
    """
command: ["${env}", "python3", "train.py", "${args_no_boolean_flags}", "--home=${envvar:HOME}"]
metric:
  name: val_acc
  goal: maximize
run_cap: 20
parameters:
  width_1: &width {values: [16, 32, 64]}
  width_2: *width
  heads: {min: 1, max: 6}
  model:
    parameters:
      depth: {distribution: int_uniform, min: 1, max: 3}
      eps: {value: 1.0e-8}
      act: {values: [relu, gelu, [a, 1]]}
  columns: {subset: [a, b, c], size: {min: 1, max: 2}}
  order: {permutation: [crop, flip, blur]}
conditions:
  width_2: model.depth >= 2
constraints:
  - width_2 <= width_1
  - width_1 * heads + 2 * width_2 <= 200
  - "'a' in columns or order[0] == 'flip'"
  - at_most(1, heads > 4, model.depth == 3, width_1 == 64)
  - min(heads, 3) % 2 == 1 or abs(heads - 4) ** 2 / 3 < 1
qhpo:
  solver: neal
  encoding: domain-wall
  seed: 3
  n_startup_trials: 5
  batch_size: 4
  prior_studies: [last-month, other-data]
  believed_good: {width_1: 32}
  noisy: false
  trials: 10
  timeout: 60
  program:
    answer: {regex: 'acc=(?P<val_acc>[0-9.]+)'}
    retries: 2
    timeout: 3.5
    env: {OMP_NUM_THREADS: 1}
""",
    """
program: package.module:train
method: grid
metric: {name: loss}
parameters:
  a: {distribution: q_uniform, min: 0, max: 1, q: 0.25}
  b: {values: [1, 2, null, "x"]}
  c: {distribution: constant, value: [1, 2]}
""",
    """
program: train.py
method: random
metric: {name: loss}
parameters:
  a: {distribution: log_uniform, min: -9.2, max: -2.3}
  b: {distribution: q_log_uniform_values, min: 1, max: 100, q: 1}
  c: {distribution: inv_log_uniform_values, min: 0.1, max: 3}
  d-e: {min: 1, max: 1000}
early_terminate: {type: hyperband, max_iter: 27, s: 2, eta: 3, strict: true}
""",
]
ODD: list[Any] = [
    *[None, True, False, 0, -1, 1, 3, 2**53 + 1, 10**30, -(10**400), 0.5, 1e308, float("nan")],
    *[5e-324, 1e-300, -1e308, 2**53, 1e15, -(2**53), 1e-17, 10**15, 1000001],
    *["", " ", "a", "1e-3", "lr", "${args}", "${arg}", "a == b", "lr <= ", "(" * 90, "\0", "é\n"],
    *["lr ** lr ** 99 < 1", "a / 0 == 1", "not a", "__import__('os')", "exactly(9, a)", "x" * 1200],
    *[[], {}, [[]], [1], ["a", "a"], {"a": 1}, {"min": 1, "max": 2}, {"values": [1, "1", True]}],
    *[{"metric": "m", "max": 1}, {"subset": ["a", "b"]}, {"permutation": [1, 2]}, "json:dumps"],
    *[
        float("inf"),
        "normal",
        "beta",
        "grid",
        "minimize",
        "hyperband",
        {"parameters": {"z": {"values": [0, 1]}}},
    ],
]
CHARACTERS = "\t\n :-[]{},'\"#&*!|>%@`0123456789abz.eE$()\\=~\0\x85é\u2028😀"

Document = dict[str, Any] | list[Any]


def places(value: Any) -> list[tuple[Document, Any]]:
    """Every element of nested mappings and lists, as its container and its key."""
    keys = list(value) if isinstance(value, dict) else range(len(value))
    found: list[tuple[Document, Any]] = [(value, key) for key in keys]
    for key in keys:
        if isinstance(value[key], (dict, list)):
            found += places(value[key])
    return found


def with_other_values(rng: random.Random, text: str) -> tuple[str, str]:
    """A document with values exchanged, keys renamed or removed; in one of the languages."""
    document = yaml.safe_load(text)
    for _ in range(rng.randint(1, 3)):
        container, key = rng.choice(places(document))
        what = rng.random()
        if what < 0.5:
            container[key] = copy.deepcopy(rng.choice(ODD))
        elif what < 0.7:
            other, name = rng.choice(places(document))
            container[key] = json.loads(json.dumps(other[name]))
        elif what < 0.85 and isinstance(container, dict):
            container[misspelt(rng, str(key))] = container.pop(key)
        elif len(container) > 1:
            del container[key]
        if not document:
            break
    if rng.random() < 0.5:
        return json.dumps(document), rng.choice([".json", ".yaml"])
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True), ".yml"


def misspelt(rng: random.Random, word: str) -> str:
    at = rng.randint(0, len(word))
    return word[:at] + rng.choice(["", "x", "s", ".", " "]) + word[at + rng.randint(0, 1) :]


def with_other_characters(rng: random.Random, text: str) -> tuple[str, str]:
    """A text with characters, words and lines exchanged, doubled or removed."""
    for _ in range(rng.randint(1, 4)):
        at = rng.randint(0, len(text))
        lines = text.split("\n")
        row = rng.randrange(len(lines))
        match rng.randint(0, 6):
            case 0:
                text = text[:at] + text[at + rng.randint(1, 4) :]
            case 1:
                text = text[:at] + rng.choice(CHARACTERS) + text[at:]
            case 2:
                text = text[:at] + rng.choice(CHARACTERS) + text[at + 1 :]
            case 3:
                text = "\n".join([*lines[:row], lines[rng.randrange(len(lines))], *lines[row:]])
            case 4:
                text = "\n".join(lines[:row] + lines[row + 1 :])
            case 5:
                words = text.split(" ")
                i, j = rng.randrange(len(words)), rng.randrange(len(words))
                words[i], words[j] = words[j], words[i]
                text = " ".join(words)
            case _:
                text = text[:at] if rng.random() < 0.3 else text.replace(rng.choice("aeiou"), "", 1)
    return text, rng.choice([".yaml", ".yaml", ".yaml", ".toml", ".json"])


def check(seed: int, n: int, capfd: pytest.CaptureFixture[str]) -> list[int]:
    """Exit codes of `qhpo validate` for so many files."""
    codes = []
    for i in range(n):
        rng = random.Random(1_000_000 * seed + i)
        mutated = rng.choice([with_other_values, with_other_characters])
        text, suffix = mutated(rng, rng.choice(FILES))
        path = Path(f"sweep{suffix}")
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        code = main(["validate", path.name])
        printed = capfd.readouterr()
        told = [line for line in printed.err.split("\n") if line.startswith("qhpo: ")]
        assert code in (0, 2), text
        assert len(told) == (code == 2), text
        assert "Traceback" not in printed.err + printed.out, text
        if code == 2:
            assert printed.out == "", text
            assert printed.err.endswith(f"{told[0]}\n"), text
            assert len(told[0]) < 1_500, text
        codes.append(code)
    return codes


@pytest.fixture(autouse=True)
def _few_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qhpo.sweep.summary, "_SAMPLES", 20)
    monkeypatch.setattr(qhpo.sweep.summary, "_MOST_COUNTED", 200)
    monkeypatch.setattr(qhpo.sweep.summary, "_MOST_CASES", 200)


@pytest.mark.parametrize("seed", range(6))
def test_mutated_files(seed: int, capfd: pytest.CaptureFixture[str]) -> None:
    codes = check(seed, 50, capfd)

    assert {0, 2} <= set(codes)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 120))
def test_ten_thousand_mutated_files(seed: int, capfd: pytest.CaptureFixture[str]) -> None:
    codes = check(seed, 500, capfd)

    assert {0, 2} <= set(codes)
