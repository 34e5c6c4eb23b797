"""How a browser is told the name and the type of a file."""

from pathlib import PurePath
from urllib.parse import quote

from PIL import Image


def media_type(name: str) -> str:
    """Returns the media type of a picture by the suffix of its name."""
    format = Image.registered_extensions().get(PurePath(name).suffix.lower(), "")
    return Image.MIME.get(format, "application/octet-stream")


def headers(name: str) -> dict[str, str]:
    """Returns the headers that make a browser save a file under a name.

    Source:
        RFC 6266, sections 4.3 and 5; RFC 8187, section 3.2.
    """
    plain = "".join(
        each if each.isascii() and each not in '"\\' else "_" for each in name
    )
    encoded = quote(name, safe="")
    told = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}"
    return {"Content-Disposition": told}
