"""`qhpo bench`: samplers compared, solvers compared, and formulations with other methods."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from qhpo.cli.options import Interrupted, WholeNumber, examples
from qhpo.cli.report import output
from qhpo_problems.benchmarks.ablation import ABLATIONS
from qhpo_problems.benchmarks.constrained import (
    CONTESTANTS,
    print_constrained,
    problem_names,
    run_constrained,
    summarize_constrained,
    write_constrained,
)
from qhpo_problems.benchmarks.formulations import (
    comparison_names,
    load_comparison,
    plot_comparison,
    print_comparison,
    run_comparison,
    write_comparison,
)
from qhpo_problems.benchmarks.plot import check_plot_path, plot_regret
from qhpo_problems.benchmarks.report import print_report, write_report
from qhpo_problems.benchmarks.runner import run_grid
from qhpo_problems.benchmarks.samplers import SAMPLERS
from qhpo_problems.benchmarks.sheets import check_report_path
from qhpo_problems.benchmarks.solvers import (
    BASELINE,
    contestants,
    default_contestants,
    print_solvers,
    run_solvers,
    study_names,
    summarize_solvers,
    write_solvers,
)
from qhpo_problems.benchmarks.summary import summarize
from qhpo_problems.benchmarks.tabular import table_names

__all__ = ["bench"]

_FILE = click.Path(dir_okay=False, path_type=Path)

_TRIALS = 100
_SEEDS = 10
_SEEDS_CONSTRAINED = 5
_SEEDS_SOLVERS = 5
_SEEDS_FORMULATIONS = 5

ValueT = TypeVar("ValueT")


class _Finished(Protocol):
    """What the progress bar tells of: a run of a sampler, or the models of a study."""

    @property
    def sampler(self) -> str: ...

    @property
    def table(self) -> str: ...

    @property
    def seed(self) -> int: ...


@click.command(
    epilog=examples(
        "qhpo bench --samplers qubo,random --tables car,cifar10 --trials 30 --seeds 2",
        "qhpo bench --out bench.md --plot bench.png",
        "qhpo bench --suite constrained --tables cardinality,layers --out constrained.md",
        "qhpo bench --suite solvers --samplers neal:one-hot,potts --seeds 1 --out solvers.md",
        "qhpo bench --suite features --out features.md",
    )
)
@click.option(
    "--suite",
    type=click.Choice(["tables", "constrained", "solvers", *comparison_names()]),
    default="tables",
    show_default=True,
    help="Tables of recorded trainings, combinatorial problems with constraints, solvers on the "
    "quadratic models of studies, how long encodings take, what QAOA circuits measure, or a "
    "formulation against other methods.",
)
@click.option(
    "--samplers",
    metavar="NAME,...",
    show_default=f"{','.join(SAMPLERS)}; constrained: {','.join(CONTESTANTS)}; "
    "solvers: those that take every size; formulations: all methods",
    help="What to compare; ablation, on tables: qubo, and qubo with parts changed. Solvers are "
    f"named with their encoding, such as neal:one-hot; {BASELINE} is always among them.",
)
@click.option(
    "--tables",
    default="all",
    show_default=True,
    metavar="all|NAME,...",
    help="The tables, problems, studies or data to compare on; a wrong name lists them.",
)
@click.option(
    "--trials",
    type=WholeNumber(min=1),
    metavar="N",
    show_default=f"{_TRIALS}; others: each problem's own",
    help="Trials per run; of solvers: trials that the last models are made of; formulations have "
    "none.",
)
@click.option(
    "--seeds",
    type=WholeNumber(min=1),
    metavar="N",
    show_default=f"{_SEEDS}; constrained: {_SEEDS_CONSTRAINED}; solvers: {_SEEDS_SOLVERS}; "
    f"formulations: {_SEEDS_FORMULATIONS}",
    help="Runs of each sampler on each table or problem.",
)
@click.option(
    "--first-seed",
    type=WholeNumber(0, 2**31),
    metavar="N",
    default=0,
    show_default=True,
    help="Seed of the first run; the others count up from it.",
)
@click.option(
    "--jobs",
    type=WholeNumber(min=1),
    metavar="N",
    default=1,
    show_default=True,
    help="Runs at a time. Each has one thread, but CPU times are cleanest one at a time.",
)
@click.option(
    "--cache",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    default=Path("bench-cache"),
    show_default=True,
    help="Where finished runs are kept. A run made by other code or versions is not used.",
)
@click.option("--out", type=_FILE, help="Write the tables (.md), or everything (.json).")
@click.option(
    "--plot",
    type=_FILE,
    help="Draw the regret curves of the tables, or the comparison of a formulation (.png).",
)
def bench(
    suite: str,
    samplers: str | None,
    tables: str,
    trials: int | None,
    seeds: int | None,
    first_seed: int,
    jobs: int,
    cache: Path,
    out: Path | None,
    plot: Path | None,
) -> None:
    """Compare samplers on recorded trainings or constrained problems, or solvers, or formulations.

    All get the same tables, seeds and number of trials. An interrupted comparison continues where
    it stopped, and one with more seeds or tables reuses the runs that exist.
    """
    if out is not None:
        check_report_path(out)
    if plot is not None:
        if suite in ("constrained", "solvers"):
            raise click.UsageError(
                "--plot draws comparisons of formulations, and the regret curves of the suite "
                f"tables; got --suite {suite}"
            )
        check_plot_path(plot)
    console = Console(stderr=True)
    if suite == "tables":
        _bench_tables(
            ",".join(SAMPLERS) if samplers is None else samplers,
            tables,
            trials=trials or _TRIALS,
            seeds=range(first_seed, first_seed + (seeds or _SEEDS)),
            jobs=jobs,
            cache=cache,
            out=out,
            plot=plot,
            console=console,
        )
    elif suite == "solvers":
        _bench_solvers(
            samplers,
            tables,
            trials=trials,
            seeds=range(first_seed, first_seed + (seeds or _SEEDS_SOLVERS)),
            jobs=jobs,
            cache=cache,
            out=out,
            console=console,
        )
    elif suite in comparison_names():
        if trials is not None:
            raise click.UsageError(f"--trials is of suites with trials; got --suite {suite}")
        _bench_formulation(
            suite,
            samplers,
            tables,
            seeds=range(first_seed, first_seed + (seeds or _SEEDS_FORMULATIONS)),
            jobs=jobs,
            cache=cache,
            out=out,
            plot=plot,
            console=console,
        )
    else:
        _bench_constrained(
            ",".join(CONTESTANTS) if samplers is None else samplers,
            tables,
            trials=trials,
            seeds=range(first_seed, first_seed + (seeds or _SEEDS_CONSTRAINED)),
            jobs=jobs,
            cache=cache,
            out=out,
            console=console,
        )
    for path in (out, plot):
        if path is not None:
            console.print(f"Wrote {path}", highlight=False)


def _bench_tables(
    samplers: str,
    tables: str,
    *,
    trials: int,
    seeds: range,
    jobs: int,
    cache: Path,
    out: Path | None,
    plot: Path | None,
    console: Console,
) -> None:
    if samplers == "ablation":
        samplers = ",".join(["qubo", *ABLATIONS])
    chosen = _samplers(samplers, {**SAMPLERS, **ABLATIONS})
    names = _tables(tables, table_names())
    with _progress(len(chosen) * len(names) * len(seeds), cache, console) as count:
        records = run_grid(
            chosen, names, seeds=seeds, trials=trials, cache=cache, jobs=jobs, on_record=count
        )
    print_report(summarize(records), output())
    if out is not None:
        write_report(records, out)
    if plot is not None:
        plot_regret(records, plot)


def _bench_constrained(
    samplers: str,
    problems: str,
    *,
    trials: int | None,
    seeds: range,
    jobs: int,
    cache: Path,
    out: Path | None,
    console: Console,
) -> None:
    chosen = _samplers(samplers, CONTESTANTS)
    names = _tables(problems, problem_names())
    with _progress(len(chosen) * len(names) * len(seeds), cache, console) as count:
        records = run_constrained(
            chosen, names, seeds=seeds, trials=trials, cache=cache, jobs=jobs, on_record=count
        )
    print_constrained(summarize_constrained(records), output())
    if out is not None:
        write_constrained(records, out)


def _bench_solvers(
    solvers: str | None,
    studies: str,
    *,
    trials: int | None,
    seeds: range,
    jobs: int,
    cache: Path,
    out: Path | None,
    console: Console,
) -> None:
    if solvers is None:
        chosen = {**default_contestants()}
    else:
        chosen = _samplers(f"{BASELINE},{solvers}", contestants())
    names = _tables(studies, study_names())
    # The models of a study count as a run of their own.
    with _progress((len(chosen) + 1) * len(names) * len(seeds), cache, console) as count:
        records = run_solvers(
            chosen,
            names,
            seeds=seeds,
            trials=trials,
            cache=cache,
            jobs=jobs,
            on_models=count,
            on_record=count,
        )
    print_solvers(summarize_solvers(records), output())
    if out is not None:
        write_solvers(records, out)


def _bench_formulation(
    suite: str,
    methods: str | None,
    tables: str,
    *,
    seeds: range,
    jobs: int,
    cache: Path,
    out: Path | None,
    plot: Path | None,
    console: Console,
) -> None:
    comparison = load_comparison(suite)
    known = comparison.methods
    chosen = known if methods is None else _names("--samplers", methods, known)
    names = _tables(tables, tuple(comparison.tables))
    with _progress(len(chosen) * len(names) * len(seeds), cache, console) as count:
        records = run_comparison(
            comparison, chosen, names, seeds=seeds, cache=cache, jobs=jobs, on_record=count
        )
    print_comparison(comparison, records, output())
    if out is not None:
        write_comparison(comparison, records, out)
    if plot is not None:
        plot_comparison(comparison, records, plot)


@contextmanager
def _progress(total: int, cache: Path, console: Console) -> Iterator[Callable[[_Finished], None]]:
    """Shows a bar that is moved on by calls with a finished run; says how to continue a break."""
    finished = 0
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
    ) as progress:
        bar = progress.add_task("runs", total=total)

        def count(record: _Finished) -> None:
            nonlocal finished
            finished += 1
            where = f"{record.sampler} on {record.table}, seed {record.seed}"
            progress.update(bar, advance=1, description=where)

        try:
            yield count
        except KeyboardInterrupt:
            raise Interrupted(
                f"{finished} of {total} runs are kept in {cache}; "
                "the same command continues with the others"
            ) from None


def _samplers(text: str, known: Mapping[str, ValueT]) -> dict[str, ValueT]:
    return {name: known[name] for name in _names("--samplers", text, tuple(known))}


def _tables(text: str, known: tuple[str, ...]) -> tuple[str, ...]:
    return known if text == "all" else _names("--tables", text, known)


def _names(option: str, text: str, known: tuple[str, ...]) -> tuple[str, ...]:
    chosen = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in chosen:
        if name not in known:
            raise click.UsageError(
                f"{option} must be among {', '.join(known)}, separated by commas; got {name!r}"
            )
    return chosen
