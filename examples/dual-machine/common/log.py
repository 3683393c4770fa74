"""One line per event, on standard output."""
import logging
import os
import sys


def logger(name: str) -> logging.Logger:
    logging.basicConfig(
        stream=sys.stdout, level=os.environ.get("LOG_LEVEL", "INFO"),
        format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    return logging.getLogger(name)
