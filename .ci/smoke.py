"""Builds the wheel and runs `core_smoke.py` on each Python found of those that qhpo names.

`make smoke` calls it with the environment that holds the build tools. Every run has an environment
of its own, with the wheel and no extra. The first also has MLflow's callback, and then a second run
with the oldest Optuna that pyproject.toml allows. Pip starts with an empty cache: a package that it
has kept from an earlier day would hide that it no longer installs.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PREFIX = "Programming Language :: Python :: "


def named_versions() -> list[str]:
    """The versions among the classifiers of pyproject.toml, such as 3.11."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    versions = [entry.removeprefix(PREFIX) for entry in project["classifiers"]]
    return [version for version in versions if version.startswith("3.")]


def find_python(version: str) -> str | None:
    """A Python of that version: this one, one on PATH, or one that pyenv has installed."""
    candidates = [f"python{version}"]
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        candidates.insert(0, sys.executable)
    if pyenv := shutil.which("pyenv"):
        root = subprocess.run([pyenv, "root"], capture_output=True, text=True).stdout.strip()
        candidates += map(str, Path(root, "versions").glob(f"{version}.*/bin/python"))
    return next(filter(can_make_environments, candidates), None)


def can_make_environments(python: str) -> bool:
    """Whether it runs and can make environments: a shim of pyenv or a bare system may not."""
    if shutil.which(python) is None:
        return False
    return subprocess.run([python, "-c", "import ensurepip"], capture_output=True).returncode == 0


def oldest_optuna() -> str:
    """The requirement of the first Optuna that pyproject.toml allows, such as optuna==4.5.*."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (oldest,) = (one for one in project["dependencies"] if one.startswith("optuna>="))
    return oldest.replace(">=", "==") + ".*"


def make_environment(python: str, wheel: Path, folder: Path) -> str:
    """Installs the wheel, without extras, for this Python; returns that of the environment."""
    subprocess.run([python, "-m", "venv", folder], check=True)
    own = str(folder / "bin" / "python")
    install(own, "-c", str(ROOT / "constraints.txt"), str(wheel))
    return own


def install(python: str, *what: str) -> None:
    """Pip's installation of what is named, wheels only."""
    pip = [python, "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    subprocess.run([*pip, "--only-binary=:all:", *what], check=True)


def run_core(python: str) -> None:
    """Runs the wheel in an environment."""
    subprocess.run([python, "-I", str(ROOT / ".ci" / "core_smoke.py")], check=True)


SWEEP = """\
program: training:train
metric: {name: error}
parameters: {rate: {min: 0.0, max: 1.0}, layers: {min: 1, max: 4}}
"""
TRAINING = """\
def train(rate, layers):
    return {"error": abs(rate - 0.3) + layers / 100}
"""


def run_mlflow(python: str, folder: Path) -> None:
    """Runs the blocks for MLflow of the page on callbacks, and expects what it says is printed.

    The last one is for a finished search of `qhpo run`, which is made first. MLflow's requirements
    are in conflict with constraints.txt, so that the tests cannot do it.
    """
    page = (ROOT / "docs" / "how-to" / "callbacks.md").read_text()
    blocks = re.findall(r"```python [^\n]*\n([^`]*)```\n\n```text\n([^`]*)```", page)
    if len(blocks) != 2:
        sys.exit("smoke: callbacks.md must have two python blocks with a text block behind them")
    install(python, "mlflow-skinny", "optuna-integration")
    (folder / "sweep.yaml").write_text(SWEEP)
    (folder / "training.py").write_text(TRAINING)
    search = [str(Path(python).with_name("qhpo")), "run", "sweep.yaml", "--trials", "12"]
    subprocess.run([*search, "--quiet"], cwd=folder, check=True)
    for code, expected in blocks:
        run = subprocess.run([python, "-c", code], cwd=folder, stdout=subprocess.PIPE, text=True)
        if run.returncode or run.stdout != expected:
            sys.exit(f"smoke: callbacks.md must print {expected!r}, got {run.stdout!r}")


def main() -> None:
    """Ends with an error where a run fails, or where there is no Python to run on."""
    pythons = {version: find_python(version) for version in named_versions()}
    found = {version: python for version, python in pythons.items() if python}
    if not found:
        sys.exit(f"smoke: one of Python {', '.join(pythons)} must be on PATH, found none")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["PIP_CACHE_DIR"] = str(folder / "cache")
        build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", name]
        subprocess.run([*build, str(ROOT)], check=True)
        (wheel,) = folder.glob("*.whl")
        for version, python in found.items():
            print(f"Python {version}:", flush=True)
            run_core(make_environment(python, wheel, folder / version))
        own = str(folder / next(iter(found)) / "bin" / "python")
        run_mlflow(own, folder)
        install(own, oldest_optuna())
        run_core(own)
    absent = [version for version in pythons if version not in found]
    print(f"smoke: ran on Python {', '.join(found)}; not found: {', '.join(absent) or 'none'}")


if __name__ == "__main__":
    main()
