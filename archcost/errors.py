"""What can go wrong, as data: a problem at a place in a file, and the error that carries all of them."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a file: line and column from 1, and how many characters to underline."""

    line: int
    column: int
    length: int = 1


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with an input: a message that says what to do, and where it stands."""

    message: str
    mark: Mark | None = None


def printable(text: str) -> str:
    """Text that cannot paint the terminal, nor turn it round: control characters and line ends become spaces."""
    return "".join(character if character.isprintable() else " " for character in text)


class ArchcostError(Exception):
    """Any failure that the user can mend. Only `cli/` catches it, and turns it into its exit code."""

    exit_code = 2


@dataclass(eq=False)
class SpecError(ArchcostError):
    """All problems of one spec at once, with its text, so that each is shown at its line."""

    file: str
    problems: tuple[Problem, ...]
    lines: list[str] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        problems = sorted(self.problems, key=lambda p: (p.mark.line, p.mark.column) if p.mark else (0, 0))
        self.problems = tuple(problems)
        super().__init__(self.file, self.problems)

    def __str__(self) -> str:
        return "\n".join(self._show(problem) for problem in self.problems)

    def _show(self, problem: Problem) -> str:
        mark = problem.mark
        if mark is None:
            return f"{self.file}: {printable(problem.message)}"
        text = f"{self.file}:{mark.line}:{mark.column}: {printable(problem.message)}"
        if not 0 < mark.line <= len(self.lines):
            return text
        source = self.lines[mark.line - 1].rstrip()
        # A line of a megabyte helps nobody: show a window around the column.
        start = max(0, mark.column - 60) if len(source) > 120 else 0
        window = printable(source[start : start + 120])
        caret = " " * (mark.column - 1 - start) + "^" * max(1, min(mark.length, len(window)))
        return f"{text}\n  {window}\n  {caret[:122]}"
