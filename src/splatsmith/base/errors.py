"""One way to say that an input is wrong: what, where, expected, got, and what to do about it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing wrong with an input, complete enough to be mended without reading our code."""

    what: str  # one sentence, e.g. "the image is truncated"
    where: str  # file, and the field, line or byte in it
    fix: str  # what the user should do
    expected: str | None = None
    got: str | None = None

    def __str__(self) -> str:
        rows = [("where", self.where), ("expected", self.expected), ("got", self.got), ("fix", self.fix)]
        return "\n".join([self.what, *(f"  {name + ':':<10}{text}" for name, text in rows if text is not None)])


class InputError(Exception):
    """The input is wrong, the program is not. Shown without a traceback.

    Carries every problem that was found, so that a check can report all of them at once.
    """

    def __init__(self, *problems: Problem):
        assert problems, "an InputError carries at least one Problem"
        super().__init__(*problems)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)
