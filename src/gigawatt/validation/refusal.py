"""Why a measured point cannot be set beside a prediction."""


class Inexpressible(Exception):  # noqa: N818  # a finding about a row that is counted and named, not a failure
    """A row that cannot become a configuration, with the reason."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)
