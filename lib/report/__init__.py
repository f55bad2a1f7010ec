"""The report of a study: one folder of static pages around its executed notebooks, to be opened without a server."""

from lib.report.files import SiteError
from lib.report.pages import build

__all__ = ["SiteError", "build"]
