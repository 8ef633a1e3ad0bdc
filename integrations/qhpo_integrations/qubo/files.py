"""Formats that other solvers read, each with the meaning of its variables."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from qhpo.errors import MissingExtraError, QhpoError
from qhpo.plugins import missing_packages
from qhpo.suggest import Meaning, QuadraticModel

__all__ = ["check_model_path", "write_model"]


def check_model_path(path: Path) -> None:
    """Tells before the work whether `write_model` will be able to write.

    Raises:
        QhpoError: If no format has the file's ending.
        MissingExtraError: If a picture is asked for and matplotlib is not installed.
    """
    if path.suffix.lower() not in _WRITERS:
        raise QhpoError(
            f"a model must be a file ending in one of: {', '.join(_WRITERS)}; got {path}"
        )
    if path.suffix.lower() == ".png":
        for package in missing_packages(["matplotlib"]):
            raise MissingExtraError("a picture", package, "report")


def write_model(model: QuadraticModel, path: Path) -> None:
    """Writes a model in the format that the file's ending names.

    ``.bqm``: dimod's own, for `dimod.BinaryQuadraticModel.from_file`. ``.json``: for
    `dimod.BinaryQuadraticModel.from_serializable`, with a list ``meanings`` beside. ``.csv``: a
    bias in every row, linear ones with their variable twice, the constant without a variable.
    ``.png``: a picture of the biases.

    Raises:
        QhpoError, MissingExtraError: As `check_model_path`.
    """
    check_model_path(path)
    _WRITERS[path.suffix.lower()](model, path)


def _write_bqm(model: QuadraticModel, path: Path) -> None:
    with model.to_bqm().to_file() as source, path.open("wb") as target:
        shutil.copyfileobj(source, target)


def _write_json(model: QuadraticModel, path: Path) -> None:
    content = model.to_bqm().to_serializable()
    content["meanings"] = [_described(meaning) for meaning in model.meanings]
    path.write_text(json.dumps(content, default=str, indent=1), encoding="utf-8")


def _described(meaning: Meaning) -> dict[str, Any]:
    """The meaning of a variable, as far as it has one."""
    if meaning.parameter is None:
        return {"variable": meaning.variable}
    told: dict[str, Any] = {"variable": meaning.variable, "parameter": meaning.parameter}
    return told | ({"absent": True} if meaning.is_absent else {"value": meaning.value})


def _write_csv(model: QuadraticModel, path: Path) -> None:
    bqm = model.to_bqm()
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["variable", "variable", "bias"])
        writer.writerow(["", "", repr(float(bqm.offset))])
        writer.writerows([v, v, repr(float(bias))] for v, bias in bqm.linear.items())
        writer.writerows([u, v, repr(float(bias))] for (u, v), bias in bqm.quadratic.items())


def _write_png(model: QuadraticModel, path: Path) -> None:
    from qhpo_integrations.qubo.picture import draw_model

    draw_model(model).savefig(path)


_WRITERS: Mapping[str, Callable[[QuadraticModel, Path], None]] = MappingProxyType(
    {".bqm": _write_bqm, ".json": _write_json, ".csv": _write_csv, ".png": _write_png}
)
"""Ending of a file -> what writes it."""
