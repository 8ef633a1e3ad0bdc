"""A study as one page that a browser shows without a network: what was tried, and what it says."""

from __future__ import annotations

from qhpo_integrations.report.page import report_page

__all__ = ["report_page"]
