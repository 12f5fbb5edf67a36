"""Every exception that gigawatt raises on purpose grows from one tree.

    GigawattError
    ├── InputError          what a person wrote cannot be used (exit code 2)
    │   ├── QuantityError       a quantity that does not parse or has the wrong dimension or basis
    │   ├── ScenarioError       a scenario file or an override
    │   ├── CatalogError        a catalogue record, or a figure nobody has published
    │   ├── StudyFolderError    a folder that is not a readable study
    │   └── TraceError          a request trace
    └── InfeasibleError     no plan satisfies the scenario; names what conflicts (exit code 3)

An input error always has four parts: where, what was found, what was expected, how to fix it.
"""


class GigawattError(Exception):
    """Root of all exceptions that gigawatt raises on purpose."""


class InputError(GigawattError):
    """Something a person wrote cannot be used."""

    def __init__(self, *, where: str, found: str, expected: str, fix: str) -> None:
        self.where = where
        self.found = found
        self.expected = expected
        self.fix = fix
        super().__init__(f"{where}: found {found}; expected {expected}. {fix}")


class QuantityError(InputError):
    """A quantity does not parse, or has the wrong dimension or basis."""


class ScenarioError(InputError):
    """A scenario file or an override cannot be used."""


class CatalogError(InputError):
    """A catalogue record is unknown, malformed or lacks a figure that is needed."""


class StudyFolderError(InputError):
    """A folder is not a readable study."""


class TraceError(InputError):
    """A trace of requests cannot be used."""


class InfeasibleError(GigawattError):
    """No plan satisfies every statement of the scenario.

    `conflicts` are the statements that cannot all hold, in the scenario's own keys, each with the
    smallest relaxation that was found, in words; without any one of them a plan exists. `remedy` is the
    relaxation that changes least.
    """

    def __init__(self, conflicts: tuple[str, ...], *, remedy: str = "") -> None:
        self.conflicts = conflicts
        self.remedy = remedy
        listed = "; ".join(conflicts) if conflicts else "the solver named none"
        super().__init__(f"no feasible plan: {listed}" + (f" ({remedy})" if remedy else ""))
