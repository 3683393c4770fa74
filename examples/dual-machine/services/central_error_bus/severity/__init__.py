"""How bad an error is."""
from severity.levels import Severity, rank

__all__ = ["Severity", "rank"]
