"""Store a study on disk and read it back."""
