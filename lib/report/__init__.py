"""The report of a study: one folder of static pages around its executed notebooks, to be opened without a server.

| | modules |
|---|---|
| what a study has: its notebooks, figures, summaries | `held` |
| what the overview says, in sentences and tables of numbers | `found` |
| an executed notebook as HTML | `books` |
| pages around all that, and the folder they make | `pages` |
"""

from lib.report.files import SiteError
from lib.report.pages import build

__all__ = ["SiteError", "build"]
