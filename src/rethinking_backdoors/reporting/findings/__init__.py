"""What came out, in sentences that are computed from the tables; of figures, their own modules say it."""

from rethinking_backdoors.reporting.findings.tables import TABLES

__all__ = ["TABLES"]
