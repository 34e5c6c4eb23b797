"""The answers and the numbers of a study as files for other programs."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jaxcolor
from jaxcolor.runtime import atomic
from jaxcolor.web.study import exclusions
from jaxcolor.web.study.analysis import Fooling, Pair, Rate, Results
from jaxcolor.web.study.exclusions import Rules
from jaxcolor.web.study.participants import Screen
from jaxcolor.web.study.records import Session, Trial
from jaxcolor.web.study.studies import Study

ANSWERS, SESSIONS, STUDY = "answers.csv", "sessions.csv", "study.json"
RESULTS, RATES, PAIRS = "results.json", "rates.csv", "pairs.csv"
PHOTOGRAPHS = "photographs.csv"
# Of answers, beside the times that were measured: what they should have been.
TARGETS = ("first_target_ms", "blank_target_ms", "second_target_ms")
SESSION_HEADS = ("session", "algorithm", "is_simulated", "is_rehearsal", "is_finished")


def write_answers(
    study: Study, sessions: Sequence[Session], folder: Path, *, rules: Rules
) -> None:
    """Writes all answers, also those that the analysis leaves out.

    Links, hashes and times of day are not written: nothing leads to a participant.

    Args:
        study: that was answered.
        sessions: of all participants.
        folder: is made if it does not exist.
        rules: by which a trial is flagged as wrongly exposed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    settings = study.protocol
    targets = (settings.first_ms, settings.blank_ms, settings.second_ms)
    _write_csv(
        folder / ANSWERS,
        [
            "session",
            "session_algorithm",
            "is_simulated",
            *Trial._fields,
            *TARGETS,
            "is_wrongly_exposed",
        ],
        [
            [
                one.number,
                one.algorithm,
                study.is_simulated,
                *trial,
                *targets,
                exclusions.is_wrongly_exposed(trial, settings, rules),
            ]
            for one in sessions
            for trial in one.trials
        ],
    )
    _write_csv(
        folder / SESSIONS,
        [*SESSION_HEADS, *Screen._fields, "answers"],
        [
            [
                one.number,
                one.algorithm,
                study.is_simulated,
                one.is_rehearsal,
                one.is_finished,
                *one.screen.values(),
                len(one.trials),
            ]
            for one in sessions
        ],
    )
    listed = [
        one._asdict() | {"trials": [trial._asdict() for trial in one.trials]}
        for one in sessions
    ]
    atomic.write_json(folder / STUDY, {**described(study), "sessions": listed})


def write_results(study: Study, results: Results, folder: Path) -> None:
    """Writes the numbers of an analysis."""
    folder.mkdir(parents=True, exist_ok=True)
    check = [] if results.check is None else [results.check]
    for name, kind, rows in (
        (RATES, Rate, [*results.rates, *check]),
        (PAIRS, Pair, results.pairs),
        (PHOTOGRAPHS, Fooling, results.photographs),
    ):
        _write_csv(
            folder / name,
            [*kind._fields, "is_simulated"],
            [[*row, study.is_simulated] for row in rows],
        )
    values = {name: _plain(value) for name, value in results._asdict().items()}
    # They are in the export, one by one.
    del values["response_ms"]
    atomic.write_json(folder / RESULTS, {**described(study), **values})


def described(study: Study) -> dict[str, Any]:
    """Returns what a study was, without its secrets."""
    return {
        "study": study.name,
        "is_simulated": study.is_simulated,
        "protocol": study.protocol._asdict(),
        "consent": study.recruitment.consent,
        "jaxcolor": jaxcolor.__version__,
    }


def _plain(value: Any) -> Any:
    """Returns records as dictionaries, which JSON would write as lists."""
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: _plain(one) for name, one in value._asdict().items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value


def _write_csv(path: Path, heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(heads)
    writer.writerows(rows)
    atomic.write_text(path, text.getvalue())
