"""What a command costs: wall time, processor time, memory, bytes written.

Processor time and bytes written are those of the command, of the daemons that
are named, and of all that they started and waited for (getrusage, /proc/PID/io),
so that what else runs on the machine counts only in the wall time. Memory is
the largest sum of their proportional set sizes, sampled, or the largest process
where that is more: what ends before the first sample has no other figure.
"""

import os
import pathlib
import resource
import subprocess
import tempfile
import threading
import time

SAMPLE_S = 0.2
MAX_SHOWN_CHARS = 4000


def io_bytes(pid):
    """Bytes that it and its ended children sent towards the disk, less those
    of files that were removed before the disk had them."""
    fields = dict(line.split(": ") for line in pathlib.Path(
        f"/proc/{pid}/io").read_text().splitlines())
    return int(fields["write_bytes"]) - int(fields["cancelled_write_bytes"])


def daemon_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1]
    return (sum(map(int, fields.split()[11:15]))
            / os.sysconf("SC_CLK_TCK"))


def spent(daemons):
    """Processor seconds and bytes written until now."""
    own = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (own.ru_utime + own.ru_stime + sum(map(daemon_seconds, daemons)),
            io_bytes("self") + sum(map(io_bytes, daemons)))


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


def measure(command, daemons=(), **options):
    """Runs a command that has to succeed; what it cost. daemons are pids that
    work for the command."""
    os.sync()
    cpu, written = spent(daemons)
    with tempfile.TemporaryFile("w+") as output:
        begin = time.monotonic()
        process = subprocess.Popen([str(word) for word in command],
                                   stdin=subprocess.DEVNULL, stdout=output,
                                   stderr=subprocess.STDOUT, **options)
        sampler = Sampler([process.pid, *daemons])
        sampler.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        peak = sampler.end()
        if process.returncode:
            output.seek(0)
            raise RuntimeError(f"{command[0]} ended with {process.returncode}:"
                               f"\n{output.read()[-MAX_SHOWN_CHARS:]}")
    now_cpu, now_written = spent(daemons)
    return {"wall_s": round(wall, 4), "cpu_s": round(now_cpu - cpu, 3),
            "peak_bytes": max(peak, usage.ru_maxrss << 10),
            "written_bytes": now_written - written,
            "load": round(os.getloadavg()[0], 1)}


def disk_bytes(*folders):
    """What folders take on disk, a file with several names once."""
    return int(subprocess.run(["du", "-scB1", *folders], text=True, check=True,
                              stdout=subprocess.PIPE)
               .stdout.split("\n")[-2].split()[0])
