"""A small study: tiny pictures, few trials, short exposures."""

from pathlib import Path

import numpy as np
from PIL import Image

from jaxcolor.web.study import creation, database, studies
from jaxcolor.web.study.participants import Answer, Screen
from jaxcolor.web.study.protocol import Protocol
from jaxcolor.web.study.recruitment import Recruitment

NAME = "small"
SYSTEMS = ("gray", "swapped")
RULES = Protocol(
    practice=2,
    test=4,
    attention_share=0.25,
    size=32,
    lead_ms=50,
    first_ms=100,
    blank_ms=50,
    second_ms=100,
    question_ms=20,
    feedback_ms=100,
)
TEXTS = Recruitment(completion_code="C0DE", return_url="https://example.org/done")
SCREEN = Screen(1920, 1080, 1900, 950, 1.0, 1.0, 16.7, "Chromium", False)
ANSWER = Answer("first", 700.0, 100.0, 50.0, 100.0, 0, "mouse")


def write_pictures(photographs, folder: Path, *, count: int, size: int) -> None:
    """Writes squares of photographs, gray ones, and ones with red for blue."""
    rng = np.random.default_rng(0)
    pictures = list(photographs.values())
    for n in range(count):
        photograph = pictures[n % len(pictures)]
        top, left = (int(rng.integers(0, s - size + 1)) for s in photograph.shape[:2])
        truth = photograph[top : top + size, left : left + size]
        gray = np.asarray(Image.fromarray(truth).convert("L").convert("RGB"))
        for name, rgb in (
            ("truth", truth),
            ("gray", gray),
            ("swapped", truth[..., ::-1]),
        ):
            (folder / name).mkdir(exist_ok=True, parents=True)
            Image.fromarray(np.ascontiguousarray(rgb)).save(
                folder / name / f"{n:03}.png"
            )


def create(url: str, pictures: Path, *, name: str = NAME, rules=RULES, texts=TEXTS):
    """Makes a study of the pictures."""
    folders = creation.Folders(
        pictures / "truth", {system: pictures / system for system in SYSTEMS}
    )
    return creation.create(url, name, folders=folders, rules=rules, texts=texts, seed=0)


def new_links(url: str, *, count: int = 1, is_rehearsal: bool = False) -> list[str]:
    """Returns the tokens of new links."""
    with database.opened(url) as engine, database.writing(engine) as connection:
        study = studies.find(connection, NAME)
        return studies.add_links(
            connection, study, count=count, is_rehearsal=is_rehearsal
        )
