"""The page: its text, its tables and the order of what it shows."""

from __future__ import annotations

import html
import re
import shlex
from collections.abc import Sequence

import optuna
from optuna.trial import FrozenTrial, TrialState

from qhpo import Interactions, QhpoError
from qhpo.cli.report import active, anneals, duration, number, plural, time_spent, trial_counts
from qhpo.cli.studies import PROBLEM, SAMPLER, suggesting_seconds, training_seconds
from qhpo.cli.task import unknown_rules
from qhpo.space import MAX_LEVELS
from qhpo.study import spent
from qhpo_integrations.report import figures
from qhpo_integrations.report.advice import advice, measured
from qhpo_integrations.report.facts import StudyFacts, text
from qhpo_integrations.report.layout import document, fact_table, figure, section, table
from qhpo_integrations.report.rules import declared
from qhpo_integrations.report.snippets import as_arguments, as_python

__all__ = ["report_page"]

_CURVES = 8
"""Parameters whose values are drawn: further ones matter little, and each costs a figure."""

_FRONT = 20
"""Trials of a front that are listed."""

_REASONS = 5
"""Reasons of failures that are listed."""

_PAIRS = 5
"""Pairs that are named."""

_RULE = 200
"""Characters of a rule that are shown."""

_STEPS = 3
"""Forbidden steps that are named."""

_REPEATED = re.compile(r"[-_.]?(?:seed)?[-_.]?\d+$")
"""The end of a study's name that tells seeds apart."""


def report_page(studies: Sequence[optuna.Study]) -> str:
    """The page of one study, or of several that are compared, as HTML.

    Raises:
        QhpoError: If no study has a trial, or compared ones differ in what they optimize.
    """
    every = [StudyFacts(study) for study in studies]
    if not any(facts.trials for facts in every):
        names = ", ".join(facts.name for facts in every)
        raise QhpoError(f"a report needs a study with trials; got {names} with none; run some")
    parts = []
    facts = every[0]
    if len(every) > 1:
        facts = _best_of(every)
        parts.append(_compared(every, facts))
    parts += [
        _summary(facts),
        _progress(facts),
        _configuration(facts),
        _advice(facts),
        _importance(facts),
        _together(facts),
        _all_trials(facts),
        _constraints(facts),
        _troubles(facts),
        _time(facts),
    ]
    title = f"{facts.name}: what was learnt"
    return document(title, "\n".join(part for part in parts if part))


def _best_of(every: Sequence[StudyFacts]) -> StudyFacts:
    """The study with the best value, which the page goes on with."""
    first = every[0]
    for facts in every:
        if facts.study.directions != first.study.directions:
            raise QhpoError(
                "studies that are compared must have the same objectives, each minimized or "
                f"maximized; got {first.name} and {facts.name}, which differ; report them apart"
            )
    if not first.is_single:
        raise QhpoError(
            f"studies of one objective can be compared; got {len(first.metrics)}; report them apart"
        )
    sign = -1.0 if first.is_maximized else 1.0
    known = [facts for facts in every if facts.best]
    return min(known, key=lambda f: sign * f.best[0].values[0]) if known else first


def _groups(every: Sequence[StudyFacts]) -> list[tuple[str, list[StudyFacts]]]:
    """Studies that differ by their seed only: the same problem and sampler, or nearly one name."""
    found: dict[str, list[StudyFacts]] = {}
    for facts in every:
        attrs = facts.study.user_attrs
        name = _REPEATED.sub("", facts.name) or facts.name
        if PROBLEM in attrs and SAMPLER in attrs:
            name = f"{attrs[PROBLEM]}, {attrs[SAMPLER]}"
        found.setdefault(name, []).append(facts)
    return list(found.items())


def _compared(every: Sequence[StudyFacts], chosen: StudyFacts) -> str:
    groups = _groups(every)
    rows = [
        [
            text(facts.name),
            text(name),
            str(len(facts.trials)),
            text(facts.best[0].values[0]) if facts.best else "-",
        ]
        for name, members in groups
        for facts in members
    ]
    body = [
        figure(figures.comparison(groups)),
        "<p>Lines are means of studies that differ by their seed only; bands are one standard "
        "deviation of a study to either side.</p>"
        if any(len(members) > 1 for _, members in groups)
        else "",
        table(["study", "group", "trials", f"best {text(chosen.metrics[0])}"], rows),
        f"<p>The rest of this page is about <b>{text(chosen.name)}</b>, which has the best "
        "value.</p>",
    ]
    return section(f"{len(every)} studies compared", *body)


def _summary(facts: StudyFacts) -> str:
    goals = ", ".join(
        f"{goal.name.lower()} {text(name)}"
        for goal, name in zip(facts.study.directions, facts.metrics, strict=True)
    )
    rows = [("goal", goals), ("trials", trial_counts(facts.trials))]
    if PROBLEM in facts.study.user_attrs:
        rows.insert(0, ("problem", text(facts.study.user_attrs[PROBLEM])))
    if facts.is_single and facts.best:
        best = facts.best[0]
        rows.append(("best", f"<b>{text(best.values[0])}</b> in trial {best.number}"))
        rows += _against_random(facts)
    elif facts.best:
        rows.append(("best", f"{plural(len(facts.best), 'trial')} that no other beats"))
    else:
        rows.append(("best", _why_no_best(facts)))
    if facts.is_single and facts.is_learnt:
        rows.append(("what matters", _what_matters(facts.effects[0])))
    return section("In short", fact_table(rows))


def _why_no_best(facts: StudyFacts) -> str:
    if facts.complete:
        return "no trial kept all its constraints yet"
    return "no trial has ended with a value yet"


def _against_random(facts: StudyFacts) -> list[tuple[str, str]]:
    """How many random trials would be needed for the same value."""
    random = facts.effects[0].random
    counts, best = figures.running_best(facts)
    if not facts.is_learnt or not facts.effects[0].curves:
        return []
    (by_chance,) = figures.expected_best(random, counts[-1:], is_maximized=facts.is_maximized)
    return [
        (
            "random search",
            f"would have reached about {text(float(by_chance))} in {counts[-1]} trials, by what "
            f"these trials have shown; this search reached {text(float(best[-1]))}",
        )
    ]


def _what_matters(effects: Interactions) -> str:
    shares = [(name, share) for name, share in effects.total.items() if share.value >= 0.05]
    if not shares:
        return "nothing that stands out yet"
    said = [f"{text(name)} ({100 * share.value:.0f} %)" for name, share in shares[:4]]
    return ", ".join(said)


def _progress(facts: StudyFacts) -> str:
    if not facts.complete:
        return ""
    if not facts.is_single:
        return section(
            "What was reached",
            figure(figures.front(facts)),
            "<p>Each point is a trial. The coloured ones are those that no other trial beats in "
            "all objectives at once.</p>",
        )
    return section(
        "Best value so far",
        figure(figures.best_so_far(facts)),
        "<p>Points are trials. The dashed line is what as many random trials would have reached on "
        "average, as far as these trials can tell. A few of the worst values may lie outside of "
        "the picture.</p>",
    )


def _configuration(facts: StudyFacts) -> str:
    if not facts.best:
        return ""
    if not facts.is_single:
        return _front_table(facts)
    best = facts.best[0]
    body = []
    recommended = next(iter(facts.recommended), None)
    headers = ["parameter", f"best, trial {best.number}"]
    columns = [best.params]
    if recommended is not None and recommended.trial.number != best.number:
        headers.append(f"recommended, trial {recommended.trial.number}")
        columns.append(recommended.params)
    names = list(dict.fromkeys(name for params in columns for name in params))
    rows = [[text(n), *(text(c[n]) if n in c else "-" for c in columns)] for n in names]
    shown = [best] if recommended is None or len(columns) == 1 else [best, recommended.trial]
    rows.append(["its value", *(text(trial.values[0]) for trial in shown)])
    body.append(table(headers, rows))
    if recommended is not None:
        expected = _plus_minus(recommended.value, recommended.deviation)
        if len(columns) > 1:
            body.append(
                f"<p>Trial {best.number} has the best value, which may be luck. Trial "
                f"{recommended.trial.number} is expected to be the best one in truth: {expected}, "
                "if it were repeated without noise.</p>"
            )
        else:
            body.append(
                "<p>The best trial is also the one that is expected to be the best in truth: "
                f"{expected}.</p>"
            )
    chosen = best if recommended is None else recommended.trial
    return section("The configuration to take", *body, _to_paste(facts, chosen))


def _plus_minus(value: float, deviation: float) -> str:
    return f"{number(value, 4)} ± {number(deviation, 2)}"


def _to_paste(facts: StudyFacts, trial: FrozenTrial) -> str:
    if not trial.params:
        return ""
    python = html.escape(as_python(trial.params))
    arguments = html.escape(_command(facts, trial) or as_arguments(trial.params))
    return f"<h3>In Python</h3><pre>{python}</pre><h3>On a command line</h3><pre>{arguments}</pre>"


def _command(facts: StudyFacts, trial: FrozenTrial) -> str | None:
    """The command line of the program that the study tunes, if it is one and it can be written."""
    problem = facts.problem
    if problem is None or problem.command is None:
        return None
    try:
        return shlex.join(problem.command(active(trial.params, problem.conditions)))
    except QhpoError:  # it has a variable that is not set here
        return None


def _front_table(facts: StudyFacts) -> str:
    observed = [(t, [text(value) for value in t.values]) for t in facts.best]
    expected = [
        (one.trial, [_plus_minus(*each) for each in zip(one.values, one.deviations, strict=True)])
        for one in facts.recommended
    ]
    chosen = facts.recommended[0].trial if facts.recommended else facts.best[0]
    return section(
        "Trials that no other beats",
        *_front(facts, observed),
        *_expected_front(facts, expected),
        f"<p>To run one of them, such as trial {chosen.number}:</p>" if chosen.params else "",
        _to_paste(facts, chosen),
    )


def _expected_front(facts: StudyFacts, shown: Sequence[tuple[FrozenTrial, list[str]]]) -> list[str]:
    if not shown:
        return []
    said = (
        "<h3>Recommended</h3><p>Some of these values may be luck. These are the trials that no "
        "other one is expected to beat if all were repeated without noise, and what is then "
        "expected of them.</p>"
    )
    return [said, *_front(facts, shown)]


def _front(facts: StudyFacts, shown: Sequence[tuple[FrozenTrial, list[str]]]) -> list[str]:
    """A table of trials with what is said of their objectives."""
    names = list(dict.fromkeys(n for trial, _ in shown for n in trial.params))
    rows = [
        [str(trial.number), *said, *(text(trial.params.get(n, "-")) for n in names)]
        for trial, said in shown[:_FRONT]
    ]
    more = f"<p>{len(shown)} trials; the first {_FRONT} are shown.</p>"
    headers = ["trial", *map(text, facts.metrics), *map(text, names)]
    return [table(headers, rows), *([more] if len(shown) > _FRONT else [])]


def _advice(facts: StudyFacts) -> str:
    said = advice(facts)
    if not said:
        return ""
    items = "".join(f"<li>{text(sentence)}</li>" for sentence in said)
    return section("What to change next", f"<ul>{items}</ul>")


def _importance(facts: StudyFacts) -> str:
    if not facts.is_learnt:
        return ""
    body = [
        "<p>How much of the differences between all configurations comes from each parameter: "
        "<b>alone</b>, and <b>with others</b>, where what it does depends on another one. Black "
        "lines are one standard deviation.</p>"
    ]
    for name, effects in zip(facts.metrics, facts.effects, strict=True):
        if not effects.curves:
            continue
        if not facts.is_single:
            body.append(f"<h3>{text(name)}</h3>")
        body.append(figure(figures.importances(facts, effects)))
        body.append(_trust(effects))
    effects = facts.effects[0]
    names = [name for name in facts.strongest(_CURVES) if name in effects.curves]
    if names:
        dotted = " Dotted: the best trial." if facts.is_single else ""
        ends = figures.curve_ends([effects.curves[name] for name in names])
        body.append(
            f"<h3>What each value brings</h3><p>The expected {text(facts.metrics[0])} for each "
            "value of a parameter, averaged over all others. The band, or the line through a "
            f"point, is one standard deviation.{dotted}</p>"
        )
        drawn = [
            f"<div><h4>{text(name)}</h4>"
            f"{figure(figures.curve(facts, name, effects.curves[name], ends))}</div>"
            for name in names
        ]
        body.append(f'<div class="grid">{"".join(drawn)}</div>')
    return section("What matters", *body)


def _trust(effects: Interactions) -> str:
    share = f"{100 * max(effects.explained, 0.0):.0f} %"
    by_rank = (
        " A few values are worse than the rest by far, so the order of the values was learnt, not "
        "their size."
        if effects.is_by_rank
        else ""
    )
    return (
        f'<p class="small">From {plural(effects.n_trials, "trial")}. Each is predicted from the '
        f"others; this explains {share} of the differences.{by_rank}</p>"
    )


def _together(facts: StudyFacts) -> str:
    if not facts.is_learnt:
        return ""
    body = []
    for name, effects in zip(facts.metrics, facts.effects, strict=True):
        if not effects.pair or not effects.curves:
            continue
        if not facts.is_single:
            body.append(f"<h3>{text(name)}</h3>")
        body.append(figure(figures.interaction_map(facts, effects)))
        body.append(_strongest_pairs(effects))
    if not body:
        return ""
    return section(
        "Which parameters belong together",
        "<p>How much of the differences comes from each pair, beyond what its two parameters do "
        "alone. Parameters with a strong pair should be tuned together.</p>",
        *body,
    )


def _strongest_pairs(effects: Interactions) -> str:
    strong = [(pair, share) for pair, share in effects.pair.items() if share.value >= 0.01]
    if not strong:
        return "<p>No pair makes up one per cent: each parameter can be tuned alone.</p>"
    rows = [
        [f"{text(a)} with {text(b)}", f"{100 * share.value:.1f} ± {100 * share.deviation:.1f}"]
        for (a, b), share in strong[:_PAIRS]
    ]
    return table(["pair", "share, %"], rows)


def _all_trials(facts: StudyFacts) -> str:
    if len(facts.complete) < 2 or not facts.strongest(1):
        return ""
    which = "the better ones"
    if not facts.is_single:
        which = f"those with the better {text(facts.metrics[0])}"
    return section(
        "All trials at a glance",
        figure(figures.parallel(facts)),
        f"<p>Each line is a trial. Dark lines are {which}. The strongest parameters are shown; of "
        "many trials the best and some of the others.</p>",
    )


def _constraints(facts: StudyFacts) -> str:
    body = [*_declared(facts), *_measured(facts)]
    return section("Constraints", *body) if body else ""


def _declared(facts: StudyFacts) -> list[str]:
    """What is said of the rules that every configuration must keep."""
    body = []
    found = declared(facts)
    if found:
        rows = [
            [
                text(one.text, _RULE),
                _share(one.n_kept, one.n_trials),
                _share(one.n_tight, one.n_looked) if one.n_looked else "-",
                _forbidden(one.at_best),
            ]
            for one in found
        ]
        body = [
            table(["rule", "kept by", "tight at", "at the best trial"], rows),
            "<p>A rule is tight at a trial if it forbids a single step from there: another choice "
            "of one parameter, or the next smaller or larger of up to "
            f"{MAX_LEVELS} values of a number. One that is tight at the best trial may be what "
            "keeps the search from better values.</p>",
        ]
    body += [
        f"<p>The rule {text(rule, _RULE)} is a Python function and is not known here.</p>"
        for rule in unknown_rules(facts.study)
    ]
    return body


def _forbidden(steps: Sequence[str] | None) -> str:
    """Steps from the best trial that a rule forbids."""
    if steps is None:
        return "-"
    if not steps:
        return "not tight"
    more = f" and {len(steps) - _STEPS} more" if len(steps) > _STEPS else ""
    return f"tight: forbids {text(' or '.join(steps[:_STEPS]))}{more}"


def _measured(facts: StudyFacts) -> list[str]:
    """What is said of the constraints that only a trial tells."""
    found = measured(facts)
    if not found:
        return []
    rows = [
        [
            text(one.name),
            _share(one.n_kept, one.n_measured),
            "-" if one.at_best is None else text(one.at_best),
            "yes" if one.is_active else "no",
        ]
        for one in found
    ]
    return [
        table(["measured constraint", "kept by", "at the best trial", "active"], rows),
        "<p>A measured constraint is kept where its number is at most 0. It is active if the best "
        "trial is close to its limit, or if a trial that broke only this one was better.</p>",
    ]


def _share(n: int, of: int) -> str:
    return f"{n} of {of} ({100 * n / of:.0f}&nbsp;%)" if of else "no trial"


def _troubles(facts: StudyFacts) -> str:
    n_pruned = sum(t.state == TrialState.PRUNED for t in facts.trials)
    body = []
    if facts.reasons:
        rows = [[str(n), text(reason, 300)] for reason, n in facts.reasons[:_REASONS]]
        body.append(table(["trials", "why they failed"], rows))
    if n_pruned:
        body.append(f"<p>{plural(n_pruned, 'trial')} ended early because others were better.</p>")
    drawn = figures.reports(facts)
    if drawn is not None:
        body.append(figure(drawn))
        body.append("<p>Values that trials reported on their way; ended early in orange.</p>")
    return section("Failed trials and trials ended early", *body) if body else ""


def _time(facts: StudyFacts) -> str:
    rows = [("in total", time_spent(facts.trials))]
    seconds = [s for s in map(training_seconds, facts.trials) if s > 0.0]
    if seconds:
        longest = duration(max(seconds))
        rows.append(("a trial", f"{duration(sum(seconds) / len(seconds))}, at most {longest}"))
    suggesting = [s for s in map(suggesting_seconds, facts.trials) if s > 0.0]
    if suggesting:
        rows.append(("a suggestion", duration(sum(suggesting) / len(suggesting))))
    qpu = sum(report.qpu_seconds or 0.0 for report in spent(facts.trials).values())
    rows.append(("on a quantum processor", f"{qpu:.3f} s" if qpu else "none"))
    rows += [("annealing", text(line)) for line in anneals(facts.trials)]
    return section("Time", fact_table(rows))
