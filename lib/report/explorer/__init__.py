"""The trace explorer: what a model thought, what was put in, and what came of it, position by position.

`chosen` draws cases worth a look; `static_page` shows a handful as a page that needs nothing but a browser, `browse`
shows all of them as a widget.
"""

from lib.report.explorer.browser import browse
from lib.report.explorer.page import sample, static_page
from lib.report.explorer.records import Case, chosen

__all__ = ["Case", "browse", "chosen", "sample", "static_page"]
