"""`qhpo bench`: compare the methods of a suite."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

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

from qhpo.cli.interrupts import Interrupted
from qhpo.cli.options import WholeNumber, examples
from qhpo.cli.report import output
from qhpo_problems.benchmarks.plot import check_plot_path, draw
from qhpo_problems.benchmarks.report import check_report_path, print_report, write_report
from qhpo_problems.benchmarks.results import Results
from qhpo_problems.benchmarks.run import check_names, run_suite
from qhpo_problems.benchmarks.suite import PARTS, Suite, load_suite, suite_names

__all__ = ["bench"]

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(
    epilog=examples(
        "qhpo bench --samplers qubo,random --tables car,cifar10 --trials 30 --seeds 2",
        "qhpo bench --out bench.md --plot bench.png",
        "qhpo bench --suite functions --tables bbob-d2,bbob-d3 --part choosing",
        "qhpo bench --tables car,kc1 --noise",
        "qhpo bench --suite combinatorial --samplers qubo,fmqa --tables pest-control --seeds 3",
        "qhpo bench --suite constrained --tables cardinality,layers --out constrained.md",
        "qhpo bench --suite solvers --samplers neal:one-hot,potts --seeds 1 --out solvers.md",
        "qhpo bench --suite training --tables rnn-vowels --trials 20 --seeds 3 --out training.md",
        "qhpo bench --suite curves --samplers qubo+model,tpe+median --out curves.md",
        "qhpo bench --suite stopping --samplers qubo+model,tpe+none --seeds 2 --out stopping.md",
        "qhpo bench --suite features --out features.md",
    )
)
@click.option(
    "--suite",
    type=click.Choice(suite_names()),
    default="tables",
    show_default=True,
    help="Tables of recorded trainings, learning curves of trainings that are stopped early, "
    "combinatorial problems of the literature, and some with constraints, test functions, "
    "recorded graph networks, noisy trainings, time and memory of long studies and large spaces, "
    "trainings of the built-in problems, to their end or stopped early, searches over pipelines of "
    "scikit-learn, earlier studies, solvers on the quadratic models of studies, how long encodings "
    "take, what QAOA circuits measure, or a formulation against other methods.",
)
@click.option(
    "--samplers",
    metavar="NAME,...",
    show_default="tables: qubo,tpe,gp,random; graph, noisy, training: the same; functions: these "
    "and cmaes; solvers: those that take every size; others: all",
    help="What to compare, whatever the methods of the suite are; a wrong name lists them. "
    "ablation, on tables, functions, graph and noisy: qubo, and qubo with parts changed. Solvers "
    "are named with their encoding, such as neal:one-hot; descent is always among them.",
)
@click.option(
    "--tables",
    metavar="all|NAME,...",
    show_default="training: cnn-digits,rnn-vowels,cnn-physio; others: all",
    help="The tables, problems, studies or data to compare on; a wrong name lists them. Functions "
    "of one dimension have a name in common, such as bbob-d2.",
)
@click.option(
    "--part",
    type=click.Choice(PARTS),
    default="all",
    show_default=True,
    help="Of these tables, only those for choosing between variants, or only those for reporting.",
)
@click.option(
    "--noise",
    is_flag=True,
    help="Answer each trial with one of a table's recorded seeds, and compare by the mean of what "
    "is recommended.",
)
@click.option(
    "--trials",
    type=WholeNumber(min=1),
    metavar="N",
    show_default="tables, graph, noisy: 100; functions: 200; searchcv: 40; training: 30; curves, "
    "stopping: 20; others: each problem's own",
    help="Trials per run; of curves and stopping: training time, in trainings to the end; of "
    "solvers: trials that the last models are made of; formulations have none.",
)
@click.option(
    "--seeds",
    type=WholeNumber(min=1),
    metavar="N",
    show_default="what the suite has, 1 to 20",
    help="Runs of each method on each table.",
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
    help="Draw curves over trials, or the numbers of the methods beside each other (.png or .svg).",
)
def bench(
    suite: str,
    samplers: str | None,
    tables: str | None,
    part: str,
    noise: bool,
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
    chosen = load_suite(suite)
    if noise:
        if chosen.with_noise is None:
            raise click.UsageError(
                f"--noise is of suites whose tables hold seeds; got --suite {suite}"
            )
        chosen = chosen.with_noise
    if plot is not None:
        check_plot_path(plot)
    if trials is not None and chosen.trials is None:
        raise click.UsageError(f"--trials is of suites with trials; got --suite {suite}")
    methods = _methods(chosen, samplers)
    names = _tables(chosen, tables, part)
    each = range(first_seed, first_seed + (seeds or chosen.seeds))
    # What the methods share counts as a run of its own.
    total = len(methods) * len(names) * len(each)
    if chosen.inputs is not None:
        total += len(names) * (len(each) if chosen.inputs.by_seed else 1)
    console = Console(stderr=True)
    with _progress(total, cache, console) as count:
        records = run_suite(
            *(chosen, methods, names),
            seeds=each,
            trials=trials,
            cache=cache,
            jobs=jobs,
            on_run=count,
        )
    results = Results.of(records)
    print_report(chosen, results, output())
    if out is not None:
        write_report(chosen, results, out)
    if plot is not None:
        draw(chosen, results, plot)
    for path in (out, plot):
        if path is not None:
            console.print(f"Wrote {path}", highlight=False)


@contextmanager
def _progress(
    total: int, cache: Path, console: Console
) -> Iterator[Callable[[str, str, int], None]]:
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

        def count(method: str, table: str, seed: int) -> None:
            nonlocal finished
            finished += 1
            progress.update(bar, advance=1, description=f"{method} on {table}, seed {seed}")

        try:
            yield count
        except KeyboardInterrupt:
            raise Interrupted(
                f"{finished} of {total} runs are kept in {cache}; "
                "the same command continues with the others"
            ) from None


def _methods(suite: Suite, text: str | None) -> tuple[str, ...]:
    if text is None:
        return tuple(suite.default or suite.methods)
    chosen = suite.aliases.get(text) or _names("--samplers", text, suite.methods)
    return tuple(dict.fromkeys([*suite.always, *chosen]))


def _tables(suite: Suite, text: str | None, part: str) -> tuple[str, ...]:
    names = tuple(suite.tables)
    if text is None:
        names = tuple(suite.default_tables or names)
    elif text != "all":
        typed = _names("--tables", text, [*suite.tables, *suite.families])
        names = tuple(name for word in typed for name in suite.families.get(word, (word,)))
    kept = set(suite.part(part))
    names = tuple(dict.fromkeys(name for name in names if name in kept))
    if not names:
        raise click.UsageError(f"--part must leave one of --tables at least; {part} leaves none")
    return names


def _names(option: str, text: str, known: Collection[str]) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    check_names(option, names, known)
    return names
