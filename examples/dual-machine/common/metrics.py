"""What every service counts. Prometheus reads it where a port is given."""
from prometheus_client import Counter, Gauge, Histogram, generate_latest

REQUESTS = Counter("agent_requests_total", "Requests answered",
                   ["agent", "action", "status"])
SECONDS = Histogram("agent_request_seconds", "Time to answer", ["agent"])
MEMORY = Gauge("agent_memory_bytes", "Resident memory", ["agent"])
PEER_FAILURES = Counter("agent_peer_failures_total",
                        "Requests to other services without an answer",
                        ["peer"])


def text() -> str:
    return generate_latest().decode()
