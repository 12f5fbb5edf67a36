"""What a study is doing, on standard error: a line for each stage with its time."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

STAGE_WORDS = {
    "performance": "Performance of each platform",
    "plan": "Searching for the best plan",
    "explanation": "Asking the plan",
    "simulation": "Playing the plan out",
    "appraisal": "Counting the money",
    "risk": "Sampling histories",
    "report": "Drawing the report",
    "writing": "Writing the study",
}


class StageProgress:
    """Shows the stage under way; a stage is done when the next one begins."""

    def __init__(self, console: Console) -> None:
        self._bars = Progress(
            SpinnerColumn(finished_text="[green]✓[/]"),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[detail]}[/]"),
            console=console,
            transient=not console.is_terminal,
            disable=not console.is_terminal,
        )
        self._current: tuple[str, TaskID] | None = None

    def __call__(self, stage: str, fraction: float, detail: str = "") -> None:
        """Note that `stage` has come to `fraction`, from 0 to 1."""
        if self._current is None or self._current[0] != stage:
            self._finish()
            words = STAGE_WORDS.get(stage, stage)
            self._current = (stage, self._bars.add_task(words, total=1.0, detail=""))
        shown = detail or (f"{fraction:.0%}" if fraction > 0 else "")
        self._bars.update(self._current[1], completed=min(fraction, 0.999), detail=shown.replace("[", "\\["))

    def _finish(self) -> None:
        if self._current is not None:
            self._bars.update(self._current[1], completed=1.0, detail="")

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._finish()
        self._bars.stop()
