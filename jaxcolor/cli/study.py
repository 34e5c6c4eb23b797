"""`jaxcolor study`: the real-or-fake study, from pictures to a table."""

import argparse
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from jaxcolor.cli import flags, study_flags
from jaxcolor.cli.flags import Command

if TYPE_CHECKING:
    from jaxcolor.web.study.studies import Study


def _add_study(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    for name, (summary, add, run) in ACTIONS.items():
        action = actions.add_parser(
            name, help=summary, description=summary, allow_abbrev=False
        )
        add(action)
        action.add_argument(
            "--quiet",
            action="store_true",
            # The value of `jaxcolor study --quiet` stays.
            default=argparse.SUPPRESS,
            help="no progress bars, only warnings",
        )
        action.set_defaults(action=run)


def _study(arguments: Namespace) -> int:
    run: Callable[[Namespace], int] = arguments.action
    return run(arguments)


def _create(arguments: Namespace) -> int:
    from jaxcolor.runtime import progress
    from jaxcolor.web.study import creation, database

    systems = flags.named(arguments.system, what="system")
    folders = creation.Folders(
        truth=arguments.truth,
        systems={name: Path(path) for name, path in systems.items()},
        check=arguments.attention,
    )
    rules = study_flags.protocol(arguments)
    with progress.bar(0, unit="photograph", is_hidden=arguments.quiet) as bar:
        creation.create(
            arguments.database,
            arguments.name,
            folders=folders,
            rules=rules,
            texts=study_flags.recruitment(arguments),
            seed=arguments.seed,
            on_done=bar.update,
        )
    print(
        f"{arguments.name} is in {database.shown(arguments.database)}: {len(systems)}"
        f" systems, sessions of {rules.practice} practice and {rules.test} test trials"
    )
    return 0


def _links(arguments: Namespace) -> int:
    from jaxcolor.web.study import database, studies

    with (
        database.opened(arguments.database) as engine,
        database.writing(engine) as connection,
    ):
        study = studies.find(connection, arguments.name)
        if study.is_simulated:
            raise ValueError(f"{study.name} is simulated; wanted a study of people")
        base = arguments.base_url.rstrip("/")
        if arguments.open:
            found = [f"{base}{_open_path(study)}"]
        else:
            tokens = studies.add_links(
                connection,
                study,
                count=arguments.count,
                is_rehearsal=arguments.rehearsal,
            )
            found = [f"{base}/p/{token}" for token in tokens]
    # After the commit: a link that is printed works.
    print("\n".join(found))
    return 0


def _serve(arguments: Namespace) -> int:
    from jaxcolor.web import serving
    from jaxcolor.web.study import database, server

    with database.opened(arguments.database) as engine:
        bound = serving.bind(arguments.host, arguments.port)
        app = serving.protected(
            server.make_app(engine),
            host=arguments.host,
            allowed_hosts=arguments.allow_host,
            most_bytes=server.MOST_BYTES,
            body_seconds=server.BODY_SECONDS,
        )
        shown = database.shown(arguments.database)
        if not arguments.quiet:
            place = serving.address(bound)
            print(f"Serving {shown} at {place} until Ctrl-C", flush=True)
        serving.run(app, bound)
    return 0


def _simulate(arguments: Namespace) -> int:
    from jaxcolor.runtime import progress
    from jaxcolor.web.study import database, reading, simulation, studies

    with database.opened(arguments.database) as engine:
        with database.reading(engine) as connection:
            study = studies.find(connection, arguments.name)
            algorithms = reading.algorithms(connection, study)
        people = simulation.People(
            rates=study_flags.rates(arguments, algorithms),
            check_rate=arguments.check_rate / 100,
            spread=arguments.spread / 100,
            guessers=arguments.guessers / 100,
            dropouts=arguments.dropouts / 100,
            wrong_exposures=arguments.wrong_exposures / 100,
        )
        total = arguments.participants * len(algorithms)
        with progress.bar(total, unit="participant", is_hidden=arguments.quiet) as bar:
            simulation.simulate(
                engine,
                arguments.name,
                people=people,
                per_algorithm=arguments.participants,
                seed=arguments.seed,
                on_done=bar.update,
            )
    print(
        f"{total} simulated participants are in {arguments.name}, marked as simulated"
    )
    return 0


def _analyze(arguments: Namespace) -> int:
    from jaxcolor.runtime import atomic
    from jaxcolor.web.study import (
        analysis,
        database,
        exports,
        reading,
        report,
        result_tables,
        studies,
    )

    with (
        database.opened(arguments.database) as engine,
        database.reading(engine) as connection,
    ):
        study = studies.find(connection, arguments.name)
        results = analysis.analyze(
            reading.sessions(connection, study),
            study.protocol,
            rules=study_flags.rules(arguments),
            draws=arguments.draws,
            seed=arguments.seed,
        )
        print(result_tables.markdown(results, is_simulated=study.is_simulated))
        if arguments.output is not None:
            exports.write_results(study, results, arguments.output)
            page = report.page(connection, study, results)
            atomic.write_text(arguments.output / report.FILE, page)
    if arguments.output is not None and not arguments.quiet:
        path = arguments.output / report.FILE
        print(f"\nwritten to {arguments.output}; open {path}")
    return 0


def _power(arguments: Namespace) -> int:
    from jaxcolor.web.study import power

    first, second = (rate / 100 for rate in arguments.rates)
    question = power.Question(
        rates=(first, second),
        spread=arguments.spread / 100,
        trials=arguments.trials,
        level=arguments.level,
        comparisons=arguments.comparisons,
        power=arguments.power / 100,
    )
    found = power.needed(question, seed=arguments.seed)
    for participants, share in found.powers.items():
        print(f"{participants:5} participants of each algorithm: {share:6.1%}")
    if found.participants is None:
        print(f"more than {power.MOST} participants of each algorithm are needed")
        return 1
    print(f"wanted: {found.participants} participants of each algorithm")
    return 0


def _export(arguments: Namespace) -> int:
    from jaxcolor.web.study import database, exclusions, exports, reading, studies

    rules = exclusions.Rules(exposure_ms=arguments.exposure_ms)
    exclusions.check(rules)
    with (
        database.opened(arguments.database) as engine,
        database.reading(engine) as connection,
    ):
        study = studies.find(connection, arguments.name)
        sessions = reading.sessions(connection, study)
    exports.write_answers(study, sessions, arguments.output, rules=rules)
    if not arguments.quiet:
        print(f"{len(sessions)} sessions are in {arguments.output}")
    return 0


def _open_path(study: "Study") -> str:
    parameter = study.recruitment.parameter
    # Prolific replaces the part in braces.
    return f"/join/{study.open_token}?{parameter}={{{{%{parameter}%}}}}"


# By name: a summary, what declares the flags, and what runs.
ACTIONS: dict[
    str,
    tuple[str, Callable[[ArgumentParser], None], Callable[[Namespace], int]],
] = {
    "create": ("make a study from folders of pictures", study_flags.create, _create),
    "links": ("print links for participants", study_flags.links, _links),
    "serve": ("show studies to participants", study_flags.serve, _serve),
    "simulate": (
        "fill a study with simulated participants of known rates",
        study_flags.simulate,
        _simulate,
    ),
    "analyze": ("compute the numbers of a study", study_flags.analyze, _analyze),
    "power": (
        "compute how many participants a difference needs",
        study_flags.power,
        _power,
    ),
    "export": ("write all answers as CSV and JSON", study_flags.export, _export),
}

COMMAND = Command(
    "ask people which pictures have fake colors: the paper's real-or-fake study",
    "  jaxcolor study create colors --truth results/pictures/ground_truth \\\n"
    "      --system full=results/pictures/full --system l2=results/pictures/l2\n"
    "  jaxcolor study links colors --count 80\n"
    "  jaxcolor study serve\n"
    "  jaxcolor study analyze colors -o results/study",
    _add_study,
    _study,
    extra="web",
)
