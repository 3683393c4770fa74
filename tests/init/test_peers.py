"""The case table: what tini and dumb-init do, run side by side with Debian's
own packages of them. In each row slipway-init must do as well or better."""

import os
import select
import shutil
import signal
import subprocess
import sys
import textwrap
import time

import pytest
from conftest import INIT, clean_env, wait_until

PEERS = {"slipway-init": [str(INIT), "--log", "quiet"],
         "tini": [shutil.which("tini")],
         "dumb-init": [shutil.which("dumb-init")]}

pytestmark = pytest.mark.skipif(
    not all(command[0] for command in PEERS.values()),
    reason="Debian's tini and dumb-init are not installed")

WAITER = textwrap.dedent("""
    import ctypes, os, signal, sys
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # ends with its parent
    numbers = set(range(1, 65)) - {9, 19, 17, 32, 33}
    signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    print("ready", flush=True)
    while True:
        number = signal.sigwaitinfo(numbers).si_signo
        print(number, flush=True)
        if number == signal.SIGUSR2:
            sys.exit(0)
""")


def begin(peer, flags, *command, namespace=False, **more):
    """Starts a peer; in a process namespace it is process 1."""
    front = ["unshare", "-pf", "--mount-proc", "--kill-child"] if namespace \
        else []
    return subprocess.Popen(
        [*front, *PEERS[peer], *flags, "--", *command], env=clean_env(),
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        bufsize=1, **more)


def code_of(peer, flags, *command):
    process = begin(peer, flags, *command)
    process.communicate(timeout=15)
    return process.returncode


def line(process, seconds=2):
    """The next line of a peer, or "" when none comes."""
    if not select.select([process.stdout], [], [], seconds)[0]:
        return ""
    return process.stdout.readline()


def family(pid):
    """A process and its descendants, the deepest last."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            children = file.read().split()
    except FileNotFoundError:
        return []
    return [pid] + [one for child in children for one in family(int(child))]


def end(process):
    """Ends all of it: what is left would keep the pipe open."""
    for pid in family(process.pid):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    process.communicate()


# A row is a function of a peer that gives True where the peer does the right
# thing, and None where the peer has no such thing.

def exit_status(peer):
    return all(code_of(peer, [], "sh", "-c", f"exit {n}") == n
               for n in (0, 1, 2, 77, 255))


def exit_by_signal(peer):
    return all(code_of(peer, [], "sh", "-c", f"kill -{n} $$") == 128 + n
               for n in (1, 2, 6, 9, 11, 13, 15))


def exec_not_found(peer):
    return code_of(peer, [], "/no/such") == 127


def exec_refused(peer):
    return code_of(peer, [], "/etc/passwd") == 126


def exit_remapped(peer):
    flags = {"slipway-init": ["-e", "143"], "tini": ["-e", "143"]}.get(peer)
    return flags and code_of(peer, flags, "sh", "-c", "kill -TERM $$") == 0


def forwards(numbers):
    def row(peer):
        process = begin(peer, [], sys.executable, "-u", "-c", WAITER)
        try:
            assert line(process) == "ready\n"
            for number in numbers:
                process.send_signal(number)
                if line(process) != f"{number}\n":
                    return False
                if process.poll() is not None:
                    return False
            process.send_signal(signal.SIGUSR2)
            return process.wait(5) == 0
        finally:
            process.kill()
            process.communicate()
    return row


def queued_signals_are_not_lost(peer):
    """Fifty of one real-time signal: each one arrives."""
    process = begin(peer, [], sys.executable, "-u", "-c", WAITER)
    try:
        assert line(process) == "ready\n"
        for _ in range(50):
            process.send_signal(signal.SIGRTMIN + 2)
        # A smaller number would be taken first.
        time.sleep(0.5)
        process.send_signal(signal.SIGUSR2)
        out = process.communicate(timeout=5)[0]
        return out.count(f"{signal.SIGRTMIN + 2}\n") == 50
    finally:
        end(process)


def group_mode(peer):
    flags = {"slipway-init": ["-g"], "tini": ["-g"], "dumb-init": []}[peer]
    script = ("trap 'echo parent; exit 0' TERM; (trap 'echo child; exit' TERM; "
              "echo ready; while :; do sleep 0.05; done) & "
              "while :; do sleep 0.05; done")
    process = begin(peer, flags, "sh", "-c", script)
    try:
        assert line(process) == "ready\n"
        process.send_signal(signal.SIGTERM)
        out = process.communicate(timeout=5)[0]
        return set(out.split()) == {"parent", "child"}
    finally:
        end(process)


def rewrite(peer):
    flags = {"slipway-init": ["-r", "TERM:INT,HUP:0"],
             "dumb-init": ["-r", "15:2", "-r", "1:0"]}.get(peer)
    if not flags:
        return None
    process = begin(peer, flags, sys.executable, "-u", "-c", WAITER)
    try:
        assert line(process) == "ready\n"
        process.send_signal(signal.SIGHUP)
        time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        return line(process) == f"{int(signal.SIGINT)}\n"
    finally:
        end(process)


ORPHANS = textwrap.dedent("""
    import os, time
    for _ in range(200):
        if os.fork() == 0:
            if os.fork() == 0:
                time.sleep(0.05)
                os._exit(0)
            os._exit(0)
        os.wait()
    time.sleep(0.4)
    print(sum(" Z " in open(f"/proc/{p}/stat").read()
              for p in os.listdir("/proc") if p.isdigit()), flush=True)
""")


def reaps_as_process_one(peer):
    process = begin(peer, [], sys.executable, "-c", ORPHANS, namespace=True)
    return process.communicate(timeout=15)[0].strip() == "0"


def reaps_as_subreaper(peer):
    """Not process 1: orphans still come to it, and are collected."""
    flags = {"tini": ["-s"]}.get(peer, [])
    code = ("import os, time\n"
            "if os.fork() == 0:\n"
            "    if os.fork() == 0:\n"
            "        time.sleep(0.2)\n"
            "        print(os.getppid() == int(os.environ['INIT']), flush=True)\n"
            "    os._exit(0)\n"
            "os.wait(); time.sleep(0.5)\n")
    process = subprocess.Popen(
        ["sh", "-c", 'export INIT=$$; exec "$@"', "sh", *PEERS[peer], *flags,
         "--", sys.executable, "-c", code], env=clean_env(), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return process.communicate(timeout=10)[0].strip() == "True"


def parent_death(peer):
    flags = {"slipway-init": ["-p", "TERM"], "tini": ["-p", "SIGTERM"]}.get(peer)
    if not flags:
        return None
    inner = " ".join([*PEERS[peer], *flags, "--", "sleep", "5"])
    shell = subprocess.Popen(["sh", "-c", f"{inner} & echo $!; sleep 0.3; "
                              "kill -KILL $$"], env=clean_env(), text=True,
                             stdout=subprocess.PIPE)
    pid = int(shell.stdout.readline())
    shell.wait()
    try:
        wait_until(lambda: not os.path.exists(f"/proc/{pid}") or
                   " Z " in open(f"/proc/{pid}/stat").read(), seconds=3)
        return True
    except AssertionError:
        os.kill(pid, signal.SIGKILL)
        return False
    finally:
        shell.stdout.close()


def own_group_or_session(peer):
    code = "import os; print(os.getpgrp() == os.getpid())"
    process = begin(peer, [], sys.executable, "-c", code)
    return process.communicate(timeout=5)[0].strip() == "True"


def clean_signal_mask(peer):
    process = begin(peer, [], "grep", "-E", "SigBlk|SigIgn",
                    "/proc/self/status",
                    preexec_fn=lambda: signal.signal(signal.SIGPIPE,
                                                     signal.SIG_DFL))
    out = process.communicate(timeout=5)[0].split()
    return out[1::2] == ["0" * 16, "0" * 16]


def what_is_left_is_asked_to_end(peer):
    """The program ends by itself; what it left can write its last words."""
    path = f"/tmp/slipway-peers-{os.getpid()}-{peer}"
    script = (f"setsid sh -c 'trap \"echo bye >{path}; exit\" TERM; echo up; "
              "while :; do sleep 0.05; done' & read x; exit 0")
    process = begin(peer, [], "sh", "-c", script, namespace=True,
                    stdin=subprocess.PIPE)
    try:
        assert line(process) == "up\n"
        process.communicate("\n", timeout=10)
        return os.path.exists(path)
    finally:
        end(process)
        if os.path.exists(path):
            os.unlink(path)


def a_deaf_program_is_killed(peer):
    """A program that ignores SIGTERM ends within a time that can be set."""
    flags = {"slipway-init": ["--grace", "300ms"]}.get(peer, [])
    process = begin(peer, flags, "sh", "-c", "trap '' TERM; echo up; "
                    "while :; do sleep 0.05; done", start_new_session=True)
    try:
        assert line(process) == "up\n"
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(1.5)
            return True
        except subprocess.TimeoutExpired:
            return False
    finally:
        end(process)


STANDARD = [n for n in range(1, 32) if n not in (9, 12, 17, 18, 19, 20, 21, 22)]
FAULTS = [4, 5, 6, 7, 8, 11, 31]
ROWS = {
    "exit status of the program": exit_status,
    "128 + n when it is ended by signal n": exit_by_signal,
    "127 when it is not there": exec_not_found,
    "126 when it cannot be executed": exec_refused,
    "exit statuses turned into 0": exit_remapped,
    "forwards the usual signals": forwards([1, 2, 3, 10, 15, 18, 28]),
    "forwards every standard signal": forwards(
        [n for n in STANDARD if n not in FAULTS]),
    "forwards a sent SIGSEGV, SIGABRT ...": forwards(FAULTS),
    "forwards real-time signals": forwards(range(34, 65)),
    "loses no queued signal": queued_signals_are_not_lost,
    "signals to the whole group": group_mode,
    "rewrites and drops signals": rewrite,
    "collects orphans as process 1": reaps_as_process_one,
    "collects orphans as subreaper": reaps_as_subreaper,
    "a signal when its parent dies": parent_death,
    "own process group for the program": own_group_or_session,
    "clean signal mask and actions": clean_signal_mask,
    "what is left is asked to end": what_is_left_is_asked_to_end,
    "a program deaf to SIGTERM is killed": a_deaf_program_is_killed,
}
TABLE = {}


@pytest.fixture(scope="module", autouse=True)
def table():
    yield
    words = {True: "yes", False: "no", None: "-"}
    print("\n%-40s %-14s %-8s %s" % ("", *PEERS))
    for name, row in TABLE.items():
        print("%-40s %-14s %-8s %s" % (name, *(words[row[p]] for p in PEERS)))


@pytest.mark.parametrize("name", ROWS)
def test_equal_or_better(name):
    if "process 1" in name or "left" in name:
        if subprocess.run(["unshare", "-pf", "--mount-proc", "true"],
                          stderr=subprocess.DEVNULL).returncode:
            pytest.skip("this machine gives no process namespace")
    TABLE[name] = {peer: ROWS[name](peer) for peer in PEERS}
    assert TABLE[name]["slipway-init"] is True
