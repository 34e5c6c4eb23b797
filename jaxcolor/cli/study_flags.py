"""Flags of the actions of `jaxcolor study`, and the records that they become."""

from argparse import ArgumentParser, BooleanOptionalAction, Namespace
from collections.abc import Sequence
from pathlib import Path

from jaxcolor.cli import flags, server_flags
from jaxcolor.web.study.exclusions import Rules
from jaxcolor.web.study.protocol import Protocol
from jaxcolor.web.study.recruitment import Recruitment

DATABASE = "sqlite:///study.db"

# What is printed for the numbers of the protocol.
MEANINGS = {
    "practice": "practice trials with feedback, which are not counted",
    "test": "test trials, attention checks included",
    "attention_share": "part of the test trials that are attention checks",
    "size": "side of the pictures, in pixels",
    "lead_ms": "blank before the first picture",
    "first_ms": "time of the first picture",
    "blank_ms": "blank between the pictures",
    "second_ms": "time of the second picture",
    "question_ms": "blank before the question",
    "feedback_ms": "time of the feedback in practice",
    "open_places": "sessions that the open link begins at most",
}

# Defaults of `simulation.People` and `power.Question`, in percent, whose import would
# take NumPy and SQLAlchemy.
CHECK_RATE, SPREAD, TRIALS, LEVEL, POWER = 13.0, 12.0, 36, 0.05, 80.0
PARTICIPANTS, DRAWS = 40, 1000


def create(parser: ArgumentParser) -> None:
    """Adds the flags of `study create`."""
    _add_name(parser)
    parser.add_argument(
        "--truth",
        type=Path,
        required=True,
        metavar="DIR",
        help="the photographs, such as pictures/ground_truth of jaxcolor evaluate"
        " --pictures",
    )
    parser.add_argument(
        "--system",
        action="append",
        default=[],
        metavar="[NAME=]DIR",
        help="a colorized picture of each photograph, of the same name whatever its"
        " ending; repeat it for several systems. Names of the paper (full, class, l2,"
        " l2-ft, larsson, dahl) get its numbers beside theirs",
    )
    parser.add_argument(
        "--attention",
        type=Path,
        metavar="DIR",
        help="fakes for attention checks (default: each photograph with the colors of"
        " another)",
    )
    _add_database(parser)
    for name, value in Protocol()._asdict().items():
        if name in MEANINGS:
            parser.add_argument(
                f"--{name.replace('_', '-')}",
                type=type(value),
                default=value,
                metavar="MS" if name.endswith("_ms") else "N",
                help=f"{MEANINGS[name]} (default: %(default)s)",
            )
    parser.add_argument(
        "--unpaired",
        action="store_true",
        help="real and fake picture of a trial show different photographs",
    )
    parser.add_argument(
        "--mobile",
        action=BooleanOptionalAction,
        default=False,
        help="let phones and tablets take part",
    )
    _add_recruitment(parser)
    _add_seed(parser)


def _add_recruitment(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--consent",
        type=Path,
        metavar="FILE",
        help="text that participants agree to, UTF-8; empty lines part paragraphs",
    )
    parser.add_argument(
        "--completion-code",
        default=Recruitment().completion_code,
        metavar="CODE",
        help="shown at the end",
    )
    parser.add_argument(
        "--return-url",
        default=Recruitment().return_url,
        metavar="URL",
        help="link at the end, such as that of Prolific",
    )
    parser.add_argument(
        "--parameter",
        default=Recruitment().parameter,
        metavar="NAME",
        help="parameter of the open link that tells participants apart; only a keyed"
        " hash of its value is stored (default: %(default)s)",
    )


def links(parser: ArgumentParser) -> None:
    """Adds the flags of `study links`."""
    _add_name(parser)
    _add_database(parser)
    parser.add_argument(
        "--count",
        type=flags.count,
        default=1,
        metavar="N",
        help="new links, each for one session (default: %(default)s)",
    )
    parser.add_argument(
        "--rehearsal",
        action="store_true",
        help="links to try the study: the analysis leaves out what is answered",
    )
    parser.add_argument(
        "--open",
        action="store_true",
        help="instead the one link for a recruitment service, in Prolific's form",
    )
    parser.add_argument(
        "--base-url",
        default=f"http://{server_flags.HOST}:{server_flags.PORT}",
        metavar="URL",
        help="address of the server for participants (default: %(default)s)",
    )


def serve(parser: ArgumentParser) -> None:
    """Adds the flags of `study serve`."""
    _add_database(parser)
    server_flags.add(parser)


def simulate(parser: ArgumentParser) -> None:
    """Adds the flags of `study simulate`."""
    _add_name(parser)
    _add_database(parser)
    parser.add_argument(
        "--rate",
        action="append",
        default=[],
        metavar="NAME=PERCENT",
        help="share of trials in which participants are fooled, of each algorithm",
    )
    parser.add_argument(
        "--participants",
        type=flags.count,
        default=PARTICIPANTS,
        metavar="N",
        help="of each algorithm (default: %(default)s)",
    )
    _add_percents(
        parser,
        check_rate=(CHECK_RATE, "the same as --rate, for attention checks"),
        spread=(SPREAD, "standard deviation of rates between participants, points"),
        guessers=(0.0, "participants who answer by chance"),
        dropouts=(0.0, "participants who leave in the middle"),
        wrong_exposures=(0.0, "trials with a wrong exposure"),
    )
    _add_seed(parser)


def analyze(parser: ArgumentParser) -> None:
    """Adds the flags of `study analyze`."""
    _add_name(parser)
    _add_database(parser)
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="DIR",
        help="folder for the numbers as CSV and JSON, and an HTML report",
    )
    rules = Rules()
    for flag, value, meaning in (
        (
            "--exposure-ms",
            rules.exposure_ms,
            "leave out trials with an exposure farther than this from its target",
        ),
        (
            "--least-attention",
            rules.attention,
            "leave out sessions with a smaller share of attention checks right",
        ),
        (
            "--least-valid",
            rules.valid,
            "leave out sessions with a smaller share of test trials left",
        ),
    ):
        parser.add_argument(
            flag,
            type=float,
            default=value,
            metavar="X",
            help=f"{meaning} (default: %(default)s)",
        )
    parser.add_argument(
        "--draws",
        type=flags.count,
        default=DRAWS,
        metavar="N",
        help="bootstrap samples; of participants more, where many pairs are tested"
        " (default: %(default)s)",
    )
    _add_seed(parser)


def power(parser: ArgumentParser) -> None:
    """Adds the flags of `study power`."""
    parser.add_argument(
        "--rates",
        nargs=2,
        type=float,
        required=True,
        metavar="PERCENT",
        help="labeled real, of the two algorithms that should be told apart",
    )
    _add_percents(
        parser,
        spread=(SPREAD, "standard deviation of rates between participants, points"),
        power=(POWER, "studies that should find the difference"),
    )
    parser.add_argument(
        "--trials",
        type=flags.count,
        default=TRIALS,
        metavar="N",
        help="of a participant, without attention checks (default: %(default)s)",
    )
    parser.add_argument(
        "--level",
        type=float,
        default=LEVEL,
        metavar="P",
        help="of the two-sided test (default: %(default)s)",
    )
    parser.add_argument(
        "--comparisons",
        type=flags.count,
        default=1,
        metavar="N",
        help="pairs that the study tests, by which the level is divided (default:"
        " %(default)s)",
    )
    _add_seed(parser)


def export(parser: ArgumentParser) -> None:
    """Adds the flags of `study export`."""
    _add_name(parser)
    _add_database(parser)
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder for answers.csv, sessions.csv and study.json",
    )
    parser.add_argument(
        "--exposure-ms",
        type=float,
        default=Rules().exposure_ms,
        metavar="X",
        help="flag trials with an exposure farther than this from its target (default:"
        " %(default)s)",
    )


def protocol(arguments: Namespace) -> Protocol:
    """Returns the settings of `create`."""
    given = {name: getattr(arguments, name) for name in MEANINGS}
    return Protocol(
        **given, is_paired=not arguments.unpaired, allows_mobile=arguments.mobile
    )


def recruitment(arguments: Namespace) -> Recruitment:
    """Returns the texts of `create`.

    Raises:
        ValueError: the consent is no text.
    """
    consent = Recruitment().consent
    if arguments.consent is not None:
        try:
            consent = arguments.consent.read_text("utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{arguments.consent}: not UTF-8; wanted a text"
            ) from error
        except OSError as error:
            raise ValueError(f"{arguments.consent}: {error.strerror}") from error
    return Recruitment(
        consent=consent.replace("\r\n", "\n"),
        completion_code=arguments.completion_code,
        return_url=arguments.return_url,
        parameter=arguments.parameter,
    )


def rules(arguments: Namespace) -> Rules:
    """Returns the rules of `analyze`."""
    return Rules(
        exposure_ms=arguments.exposure_ms,
        attention=arguments.least_attention,
        valid=arguments.least_valid,
    )


def rates(arguments: Namespace, algorithms: Sequence[str]) -> dict[str, float]:
    """Returns the shares of `simulate`, from 0 to 1, by algorithm.

    Raises:
        ValueError: a rate is no number.
    """
    found: dict[str, float] = {}
    for given in arguments.rate:
        name, _, percent = given.rpartition("=")
        try:
            found[name] = float(percent) / 100
        except ValueError:
            raise ValueError(
                f"--rate is {given}; wanted NAME=PERCENT, such as {algorithms[0]}=25"
            ) from None
    return found


def _add_name(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="of the study")


def _add_database(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--database",
        default=DATABASE,
        metavar="URL",
        help="sqlite:///FILE, or postgresql://USER@HOST/NAME with the password in"
        " PGPASSWORD or ~/.pgpass (default: %(default)s)",
    )


def _add_seed(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--seed",
        type=flags.seed,
        default=flags.SEED,
        metavar="N",
        help="random seed (default: %(default)s)",
    )


def _add_percents(parser: ArgumentParser, **given: tuple[float, str]) -> None:
    for name, (value, meaning) in given.items():
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=float,
            default=value,
            metavar="PERCENT",
            help=f"{meaning} (default: %(default)s)",
        )
