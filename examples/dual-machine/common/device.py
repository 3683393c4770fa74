"""Where torch computes: on the GPU if there is one, else on the CPU."""
import os

import torch

from common.log import logger


def choose() -> torch.device:
    log = logger("device")
    if os.environ.get("SLIPWAY_DEVICE") != "cpu" and torch.cuda.is_available():
        log.info("computing on %s", torch.cuda.get_device_name(0))
        return torch.device("cuda")
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    log.info("computing on the CPU, %d threads", torch.get_num_threads())
    return torch.device("cpu")
