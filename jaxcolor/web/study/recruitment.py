"""What participants read, and how they come to a study."""

from typing import NamedTuple

CONSENT = """\
This is a study of how natural the colors of photographs look. You will see pairs of \
pictures, one after the other, and say which one has fake colors. It takes a few \
minutes. Please take part only if you have normal color vision.

Taking part is voluntary. You can stop at any time by closing the page.

We store your answers, when you gave them and how long they took, the size of your \
screen and window, and the kind of your browser. We do not store your name, your \
address or anything else that identifies you.
"""
"""What participants agree to, unless the study has a text of its own."""


class Recruitment(NamedTuple):
    """What participants read before and after, and how they arrive.

    Attributes:
        consent: text that participants agree to; empty lines part paragraphs.
        completion_code: shown at the end; empty for none.
        return_url: of the link at the end; empty for none.
        parameter: of the open link, which identifies a participant to a recruitment
            service; only a keyed hash of its value is stored.
    """

    consent: str = CONSENT
    completion_code: str = ""
    return_url: str = ""
    parameter: str = "PROLIFIC_PID"


def check(recruitment: Recruitment) -> None:
    """Refuses texts that no page can show.

    Raises:
        ValueError: the consent is empty, the address is none of the web, or the
            parameter is not a word.
    """
    if not recruitment.consent.strip():
        raise ValueError("the consent text is empty; wanted a text to agree to")
    url = recruitment.return_url
    if url and not url.startswith(("https://", "http://")):
        raise ValueError(f"the return URL is {url}; wanted https://...")
    if not recruitment.parameter.replace("_", "").isalnum():
        raise ValueError(
            f"the parameter is {recruitment.parameter!r}; wanted letters, digits and _"
        )
