"""What came out, in sentences that are computed: of tables and of figures, each by its name."""

from rethinking_backdoors.findings.figures import FIGURES
from rethinking_backdoors.findings.tables import TABLES

__all__ = ["FIGURES", "TABLES"]
