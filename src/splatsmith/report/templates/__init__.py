"""The page's templates and style sheet, a package of their own: they count as code of what imports it, the page."""

from pathlib import Path

FOLDER = Path(__file__).parent
