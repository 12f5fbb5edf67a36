"""Files and folders that a command writes where it was told to: refused early, and in words."""

from pathlib import Path

from gigawatt.errors import InputError, StudyFolderError


def refuse_page(page: Path | None, *, option: str) -> None:
    """Raise `InputError` for what cannot become a file, before any work is done for it."""
    if page is not None and (page.is_dir() or not page.parent.is_dir()):
        raise InputError(
            where=option,
            found=f"{page}",
            expected="a file in a folder that exists",
            fix="Name a file, such as page.html.",
        )


def write_page(page: Path, content: str) -> None:
    """Writes a page into a file that was asked for; raises StudyFolderError when it cannot be written."""
    try:
        page.write_text(content, encoding="utf-8")
    except OSError as error:
        raise StudyFolderError(
            where=str(page),
            found=f"{type(error).__name__}: {error.strerror or error}",
            expected="a file that can be written",
            fix="Choose another file in a folder that exists.",
        ) from error


def made_folder(folder: Path, *, option: str) -> Path:
    """The folder, made if it is new; raises `InputError` when it is a file or cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            where=option,
            found=f"{folder}, {type(error).__name__}: {error.strerror or error}",
            expected="a folder that can be written to",
            fix="Name a folder, new or not.",
        ) from error
    return folder
