from enum import Enum


class Severity(Enum):
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


def rank(severity: Severity) -> int:
    return list(Severity).index(severity)
