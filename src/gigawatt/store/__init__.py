"""Store a study on disk and read it back."""

from gigawatt.store.content import content_sha256
from gigawatt.store.folder import check_destination, is_study, read, write

__all__ = ["check_destination", "content_sha256", "is_study", "read", "write"]
