"""Slugs: names that people type, and that are safe in file names, shells and rules."""

import re
import unicodedata
from typing import Annotated

from pydantic import AfterValidator

SLUG = r"[a-z0-9][a-z0-9_-]{0,40}"
"""Pattern of a slug."""


def slug_of(text: str, otherwise: str) -> str:
    """The slug that `text` suggests: lower-case letters and digits joined by `-`; `otherwise` if none are left."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9_]+", "-", plain).strip("-_")[:41].rstrip("-_") or otherwise


def _slug(text: str) -> str:
    if not re.fullmatch(SLUG, text):
        raise ValueError(
            f"a name of at most 41 of a-z 0-9 - _, beginning with a letter or digit: {slug_of(text, 'name')}"
        )
    return text


Slug = Annotated[str, AfterValidator(_slug)]
