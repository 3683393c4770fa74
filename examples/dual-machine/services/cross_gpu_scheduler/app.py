"""Says which GPU a job goes to, by what NVML shows of the memory.

gpu: nvml in fleet.yaml: it sees the driver and computes nothing, so that its
image is a CPU image. Without a driver there are no devices, and it says so.
"""
import time

import pynvml

from common import status_page
from common.agent import Agent


class CrossMachineGPUScheduler(Agent):
    tick_seconds = 5.0

    def setup(self) -> None:
        self.why_not = ""
        self.devices: list[dict] = []
        self.reserved: list[tuple[float, int, float]] = []
        status_page.serve(self.settings.health_check_port, lambda: {
            "ok": self.running, "gpus": len(self.devices),
            "why_not": self.why_not})

    def tick(self) -> None:
        try:
            pynvml.nvmlInit()
            self.devices = [self.look_at(i) for i
                            in range(pynvml.nvmlDeviceGetCount())]
            self.why_not = ""
            pynvml.nvmlShutdown()
        except pynvml.NVMLError as wrong:
            self.devices, self.why_not = [], str(wrong)
        now = time.monotonic()
        self.reserved = [entry for entry in self.reserved if entry[0] > now]

    def look_at(self, index: int) -> dict:
        handle = pynvml.nvmlDeviceGetHandleByIndex(index)
        memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
        name = pynvml.nvmlDeviceGetName(handle)
        return {"index": index, "free_mb": memory.free / 1e6,
                "name": name.decode() if isinstance(name, bytes) else name}

    def do_place(self, memory_mb: float, seconds: float = 60) -> dict:
        """A place for a job, kept free for it for a while."""
        free = {device["index"]: device["free_mb"] - sum(
            size for _, index, size in self.reserved
            if index == device["index"]) for device in self.devices}
        fits = {index: mb for index, mb in free.items() if mb >= memory_mb}
        if not fits:
            return {"device": "cpu", "why": self.why_not or "no GPU has room"}
        # The fullest that still fits leaves the others for bigger jobs.
        index = min(fits, key=fits.get)
        self.reserved.append((time.monotonic() + seconds, index, memory_mb))
        return {"device": f"cuda:{index}", "why": ""}

    def do_devices(self) -> dict:
        return {"devices": self.devices, "why_not": self.why_not}


if __name__ == "__main__":
    CrossMachineGPUScheduler().run()
