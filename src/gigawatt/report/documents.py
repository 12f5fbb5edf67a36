"""The files that a study's folder holds for people: page, memo, workbook and summary."""

import json
from collections.abc import Mapping

from gigawatt.entities.stages import Study
from gigawatt.report.excel import report_xlsx
from gigawatt.report.html import report_html
from gigawatt.report.markdown import report_markdown
from gigawatt.report.summary import summary

PAGE = "report.html"


def documents(study: Study) -> Mapping[str, bytes]:
    """File names and contents."""
    overview = summary(study, report=PAGE)
    return {
        PAGE: report_html(study).encode(),
        "report.md": report_markdown(study).encode(),
        "report.xlsx": report_xlsx(study),
        "summary.json": (json.dumps(overview, indent=1, allow_nan=False, ensure_ascii=False) + "\n").encode(),
    }
