"""What a command costs: wall time, processor time, memory, bytes written.

Processor time and bytes written are those of the whole machine, since peers
work in daemons and containers: nothing else may run meanwhile. Memory is the
largest sum of the proportional set sizes of the command, the daemons that are
named, and all that they started.
"""

import os
import pathlib
import subprocess
import threading
import time

SAMPLE_S = 0.2
SECTOR_BYTES = 512


def busy_seconds():
    user, nice, system, _, _, irq, softirq = map(
        int, pathlib.Path("/proc/stat").read_text().split("\n")[0].split()[1:8])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def written_bytes(folder):
    """Bytes written so far to the disk that a folder is on."""
    device = os.stat(folder).st_dev
    name = f"{os.major(device)}:{os.minor(device)}"
    block = pathlib.Path("/sys/dev/block", name).resolve()
    return int((block / "stat").read_text().split()[6]) * SECTOR_BYTES


def children():
    """{pid: [pids it started]} of the machine."""
    tree = {}
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        tree.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    return tree


def memory_bytes(roots):
    tree, total, todo = children(), 0, list(roots)
    while todo:
        pid = todo.pop()
        todo += tree.get(pid, [])
        try:
            rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        total += next((int(line.split()[1]) << 10
                       for line in rollup.splitlines()
                       if line.startswith("Pss:")), 0)
    return total


class Sampler(threading.Thread):
    def __init__(self, roots):
        super().__init__(daemon=True)
        self.roots, self.peak = roots, 0
        self.ended = threading.Event()

    def run(self):
        while not self.ended.wait(SAMPLE_S):
            self.peak = max(self.peak, memory_bytes(self.roots))

    def end(self):
        self.ended.set()
        self.join()
        return self.peak


def measure(command, folder, daemons=(), **options):
    """Runs a command that has to succeed; what it cost. folder lies on the
    disk whose writes count; daemons are pids that work for the command."""
    os.sync()
    written, busy, begin = (written_bytes(folder), busy_seconds(),
                            time.monotonic())
    process = subprocess.Popen([str(word) for word in command],
                               stdin=subprocess.DEVNULL, text=True,
                               stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, **options)
    sampler = Sampler([process.pid, *daemons])
    sampler.start()
    output = process.communicate()[0]
    wall = time.monotonic() - begin
    peak, busy = sampler.end(), busy_seconds() - busy
    os.sync()
    if process.returncode:
        raise RuntimeError(f"{command[0]} ended with {process.returncode}:\n"
                           + output[-4000:])
    return {"wall_s": wall, "cpu_s": busy, "peak_bytes": peak,
            "written_bytes": written_bytes(folder) - written}


def disk_bytes(*folders):
    """What folders take on disk, a file with several names once."""
    return int(subprocess.run(["du", "-scB1", *folders], text=True, check=True,
                              stdout=subprocess.PIPE)
               .stdout.split("\n")[-2].split()[0])
