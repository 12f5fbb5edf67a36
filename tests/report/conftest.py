import pytest

from gigawatt.entities.stages import Study
from tests.report.studies import rich_study


@pytest.fixture(scope="session")
def study() -> Study:
    return rich_study()
