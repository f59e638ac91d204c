"""Text prompts as GroundingDINO reads them: one caption of phrases, and which of its tokens belong to which phrase.

The model was trained on captions such as `a cat. a red chair.`: lower case, phrases closed by full stops, which part
them for its text attention. It scores every box against every token, so a box is given to a phrase by the tokens that
lie within the phrase, never by comparing words: phrases may share words, and a word may be many tokens.
"""

from collections.abc import Iterator, Sequence

import numpy as np

SEPARATORS = ".?"
"""They part phrases, so a phrase cannot hold one."""


def phrase(prompt: str) -> str:
    """A prompt as it stands in a caption: lower case, single blanks, no separators; maybe nothing is left."""
    return " ".join(prompt.lower().translate(str.maketrans(SEPARATORS, " " * len(SEPARATORS))).split())


def caption(phrases: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    """The text that asks for all `phrases`, and where each lies in it: first character, and the one after its last."""
    text, spans = "", []
    for words in phrases:
        text += " " if text else ""
        spans.append((len(text), len(text) + len(words)))
        text += f"{words}."
    return text, spans


def members(offsets: Sequence[tuple[int, int]], spans: Sequence[tuple[int, int]]) -> np.ndarray:
    """(P, T) bool. Which of T tokens, at characters `offsets`, lie in which of P spans. Special tokens are empty."""
    first, last = np.asarray(offsets).reshape(-1, 2).T
    starts, ends = np.asarray(spans).reshape(-1, 2).T[:, :, None]
    return (first >= starts) & (last <= ends) & (first < last)


def batches(lengths: Sequence[int], limit: int) -> Iterator[list[int]]:
    """Positions of phrases in order, in groups whose `lengths` add up to at most `limit` each."""
    group, used = [], 0
    for i, length in enumerate(lengths):
        if group and used + length > limit:
            yield group
            group, used = [], 0
        group.append(i)
        used += length
    if group:
        yield group


def winners(token_scores: np.ndarray, members: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which phrase each box shows, and how surely.

    `token_scores`: (Q, T) in [0, 1], of Q boxes against T tokens. `members`: (P, T) bool, none of its rows empty.
    Returns (Q,) int64 and (Q,). A box shows the phrase whose tokens score highest on average: every token of the right
    phrase was trained to fire, whereas a shared word (`red chair`, `red table`) also fires in the wrong one. Its score
    is the highest of that phrase's tokens, which is what the published thresholds are meant for.
    """
    weights = members / members.sum(axis=1, keepdims=True)
    best = np.argmax(token_scores @ weights.T, axis=1)
    return best, np.where(members[best], token_scores, 0).max(axis=1)
