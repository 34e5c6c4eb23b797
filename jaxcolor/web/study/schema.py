"""The tables of a database of studies.

Constraints prevent what must never happen, whatever the code does: a trial has at most
one answer, a link at most one session, and an answer is one of two values. No column
has a name, an address or the identifier of a recruitment service; for the latter a
keyed hash is stored. Times are seconds or milliseconds since 1970, UTC.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

VERSION = 1
"""Of this schema; a database of another version is refused."""

# Kinds of algorithms: the photographs themselves, the systems that are compared, and
# the fakes of attention checks.
TRUTH, COMPARED, CHECK = "truth", "compared", "check"

METADATA = MetaData()


def _key() -> Column[int]:
    return Column("id", Integer, primary_key=True)


def _reference(name: str, to: str, *, unique: bool = False) -> Column[int]:
    return Column(name, ForeignKey(f"{to}.id"), nullable=False, unique=unique)


def _one_of(column: str, *values: str) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_is_known")


schema_version = Table(
    "schema_version", METADATA, Column("version", Integer, primary_key=True)
)

# `secret` is the key of the hashes of outside identifiers.
studies = Table(
    "studies",
    METADATA,
    _key(),
    Column("name", String(100), nullable=False, unique=True),
    Column("created_at", BigInteger, nullable=False),
    Column("is_simulated", Boolean, nullable=False),
    Column("settings", Text, nullable=False),
    Column("open_token", String(64), nullable=False, unique=True),
    Column("secret", String(64), nullable=False),
)

algorithms = Table(
    "algorithms",
    METADATA,
    _key(),
    _reference("study_id", "studies"),
    Column("name", String(100), nullable=False),
    Column("kind", String(16), nullable=False),
    UniqueConstraint("study_id", "name"),
    _one_of("kind", TRUTH, COMPARED, CHECK),
)

photographs = Table(
    "photographs",
    METADATA,
    _key(),
    _reference("study_id", "studies"),
    Column("name", Text, nullable=False),
    UniqueConstraint("study_id", "name"),
)

pictures = Table(
    "pictures",
    METADATA,
    _key(),
    _reference("photograph_id", "photographs"),
    _reference("algorithm_id", "algorithms"),
    Column("png", LargeBinary, nullable=False),
    UniqueConstraint("photograph_id", "algorithm_id"),
)

# The token is all that a participant needs, and all that identifies one.
links = Table(
    "links",
    METADATA,
    _key(),
    _reference("study_id", "studies"),
    Column("token", String(64), nullable=False, unique=True),
    Column("outside_hash", String(64)),
    Column("is_rehearsal", Boolean, nullable=False),
    UniqueConstraint("study_id", "outside_hash"),
)

sessions = Table(
    "sessions",
    METADATA,
    _key(),
    _reference("link_id", "links", unique=True),
    _reference("algorithm_id", "algorithms"),
    Column("seed", BigInteger, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("finished_at", BigInteger),
    Column("screen_width", Integer, nullable=False),
    Column("screen_height", Integer, nullable=False),
    Column("window_width", Integer, nullable=False),
    Column("window_height", Integer, nullable=False),
    Column("pixel_ratio", Float, nullable=False),
    Column("zoom", Float, nullable=False),
    Column("frame_ms", Float, nullable=False),
    Column("browser", String(16), nullable=False),
    Column("has_touch", Boolean, nullable=False),
    _one_of("browser", "Chromium", "Firefox", "Safari", "other", "simulated"),
)

# `exposures` counts how often the trial was shown, `shown_ms` is when it last was.
trials = Table(
    "trials",
    METADATA,
    _key(),
    _reference("session_id", "sessions"),
    Column("position", Integer, nullable=False),
    Column("kind", String(16), nullable=False),
    _reference("truth_id", "pictures"),
    _reference("fake_id", "pictures"),
    Column("truth_position", String(8), nullable=False),
    Column("first_token", String(64), nullable=False, unique=True),
    Column("second_token", String(64), nullable=False, unique=True),
    Column("exposures", Integer, nullable=False),
    Column("shown_ms", BigInteger),
    UniqueConstraint("session_id", "position"),
    _one_of("kind", "practice", "test", "attention"),
    _one_of("truth_position", "first", "second"),
    CheckConstraint("exposures >= 0", name="exposures_are_counted"),
)

# The primary key is the trial: there is no second answer.
answers = Table(
    "answers",
    METADATA,
    Column("trial_id", ForeignKey("trials.id"), primary_key=True, autoincrement=False),
    Column("fake_position", String(8), nullable=False),
    Column("response_ms", Float, nullable=False),
    Column("first_ms", Float, nullable=False),
    Column("blank_ms", Float, nullable=False),
    Column("second_ms", Float, nullable=False),
    Column("dropped_frames", Integer, nullable=False),
    Column("device", String(16), nullable=False),
    Column("since_shown_ms", BigInteger, nullable=False),
    Column("answered_at", BigInteger, nullable=False),
    _one_of("fake_position", "first", "second"),
    _one_of("device", "keyboard", "mouse", "touch", "other"),
    CheckConstraint("response_ms >= 0", name="response_is_after_the_question"),
)

Index("sessions_by_algorithm", sessions.c.algorithm_id)
Index("links_by_study", links.c.study_id)
