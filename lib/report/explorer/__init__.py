"""The trace explorer: what a model thought, what was put in, and what came of it, position by position.

| | modules |
|---|---|
| what is shown: a case's record, cut into parts, from a study's tables | `records` |
| which cases are worth a look | `cases` |
| one record as HTML | `shown` |
| a handful of cases as a page that needs nothing but a browser | `pages` |
| all cases as a widget | `browser` |
"""

from lib.report.explorer.browser import browse
from lib.report.explorer.cases import chosen
from lib.report.explorer.records import Case
from lib.report.explorer.static_page import document, page, sample

__all__ = ["Case", "browse", "chosen", "document", "page", "sample"]
