"""Process 1: signals, exit statuses, orphans, grace, environment."""

import os
import pty
import signal
import subprocess
import sys
import textwrap
import time

import pytest
from conftest import HEAVY, INIT, clean_env, run_init, wait_until

REPORT = textwrap.dedent("""
    import os, signal, sys
    numbers = [int(word) for word in sys.argv[1].split(",")]
    seen = os.pipe()
    signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    print("ready", flush=True)
    for _ in range(int(sys.argv[2])):
        info = signal.sigwaitinfo(numbers)
        print(info.si_signo, flush=True)
""")


@pytest.mark.parametrize("code", [0, 1, 3, 42, 127, 255])
def test_exit_status(code):
    assert run_init("--", "sh", "-c", f"exit {code}").returncode == code


@pytest.mark.parametrize("name", ["TERM", "KILL", "SEGV", "ABRT", "HUP"])
def test_ended_by_signal(name):
    number = getattr(signal, "SIG" + name)
    done = run_init("--", "sh", "-c", f"kill -{name} $$")
    assert done.returncode == 128 + number
    assert f"ended by SIG{name}" in done.stderr


def test_exec_errors(tmp_path):
    plain = tmp_path / "plain"
    plain.write_text("#!/bin/true\n")
    assert run_init("--", plain).returncode == 126
    script = tmp_path / "script"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    done = run_init("--", script)
    assert done.returncode == 127
    assert "interpreter" in done.stderr
    assert run_init("--", "/no/such/program").returncode == 127
    assert run_init("--", "no-such-program").returncode == 127
    assert run_init("--", tmp_path).returncode == 126


def test_wrong_use():
    assert run_init("--no-such-flag", "--", "true").returncode == 64
    assert run_init("--grace", "soon", "--", "true").returncode == 64
    assert run_init("--").returncode == 64
    assert run_init("--grace").returncode == 64
    done = run_init("--", "true", env=clean_env(SLIPWAY_PROBE="ftp:1"))
    assert done.returncode == 64
    assert "SLIPWAY_PROBE" in done.stderr


def test_a_program_may_have_a_command_s_name(tmp_path):
    program = tmp_path / "probe"
    program.write_text("#!/bin/sh\nexit 7\n")
    program.chmod(0o755)
    env = clean_env(PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert run_init("--", "probe", env=env).returncode == 7


def forwardable():
    never = {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD, 32, 33}
    # Job control is for a test of its own.
    never |= {signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU}
    return [n for n in range(1, 65) if n not in never]


def test_every_signal_is_forwarded(start):
    numbers = forwardable()
    running = start("--", sys.executable, "-c", REPORT,
                    ",".join(map(str, numbers)), len(numbers))
    assert running.line() == "ready"
    for number in numbers:
        running.signal(number)
        assert int(running.line()) == number
    assert running.wait() == 0


def test_the_value_of_a_queued_signal_is_forwarded(start):
    # Only a C program can read si_value: this machine's compiler makes it.
    code = r"""
        #include <signal.h>
        #include <stdio.h>
        int main(void) {
            sigset_t set; siginfo_t info;
            sigemptyset(&set); sigaddset(&set, SIGRTMIN + 4);
            sigprocmask(SIG_BLOCK, &set, 0);
            puts("ready"); fflush(stdout);
            sigwaitinfo(&set, &info);
            printf("%d\n", info.si_value.sival_int);
            return 0;
        }"""
    program = "/tmp/slipway-test-value"
    subprocess.run(["cc", "-x", "c", "-o", program, "-"], input=code,
                   text=True, check=True)
    running = start("--", program)
    assert running.line() == "ready"
    import ctypes
    assert ctypes.CDLL(None).sigqueue(
        running.pid, signal.SIGRTMIN + 4, ctypes.c_void_p(4711)) == 0
    assert running.line() == "4711"
    assert running.wait() == 0
    os.unlink(program)


def test_rewrite_and_drop(start):
    running = start("-r", "TERM:INT,HUP:0,RTMIN+1:USR1", "--",
                    sys.executable, "-c", REPORT, "1,2,10,12,15", 3)
    assert running.line() == "ready"
    running.signal(signal.SIGHUP)
    running.signal(signal.SIGTERM)
    assert int(running.line()) == signal.SIGINT
    running.signal(signal.SIGRTMIN + 1)
    assert int(running.line()) == signal.SIGUSR1
    running.signal(signal.SIGUSR2)
    assert int(running.line()) == signal.SIGUSR2
    assert running.wait() == 0


GROUP = "trap 'echo parent' USR1; " \
    "(trap 'echo child; exit' USR1; echo ready; while :; do sleep 0.05; done) & " \
    "wait; wait; exit 0"


@pytest.mark.parametrize("to_group", [True, False])
def test_signal_to_child_or_group(start, to_group):
    env = clean_env(SLIPWAY_SIGNAL_TO="group" if to_group else "child")
    running = start("--grace", "200ms", "--", "sh", "-c", GROUP, env=env)
    assert running.line() == "ready"
    running.signal(signal.SIGUSR1)
    if to_group:
        assert {running.line(), running.line()} == {"parent", "child"}
        assert running.wait() == 0
    else:
        assert running.line() == "parent"
        running.signal(signal.SIGTERM)
        running.wait()
        assert "child" not in running.out


def test_setsid(start):
    code = "import os; print(os.getsid(0) == os.getpid(), os.getpgrp() == os.getpid())"
    done = run_init("--setsid", "--", sys.executable, "-c", code)
    assert done.stdout.split() == ["True", "True"]
    done = run_init("--", sys.executable, "-c", code)
    assert done.stdout.split() == ["False", "True"]


def test_exit_ok():
    for flag in (["-e", "143"], ["--exit-ok", "3,143"]):
        assert run_init(*flag, "--", "sh", "-c", "kill -TERM $$").returncode == 0
    assert run_init("-e", "3", "--", "sh", "-c", "exit 4").returncode == 4
    assert run_init("-e", "256", "--", "true").returncode == 64


def test_grace_then_kill(start):
    running = start("--grace", "400ms", "--", "sh", "-c",
                    "trap '' TERM; echo ready; while :; do sleep 0.05; done")
    assert running.line() == "ready"
    begin = time.monotonic()
    running.signal(signal.SIGTERM)
    assert running.wait() == 137
    assert 0.3 < time.monotonic() - begin < 2
    assert "time is up" in running.log


def test_grace_none_waits(start):
    running = start("--grace", "none", "--", "sh", "-c",
                    "trap 'sleep 0.6; exit 5' TERM; echo ready; "
                    "while :; do sleep 0.05; done")
    assert running.line() == "ready"
    running.signal(signal.SIGTERM)
    assert running.wait() == 5


def test_what_outlives_the_program_is_asked_then_killed(start, tmp_path):
    polite, rude = tmp_path / "polite", tmp_path / "rude"
    script = f"""
        (trap 'echo bye > {polite}; exit' TERM; echo up; while :; do sleep 0.05; done) &
        setsid sh -c "trap '' TERM; echo \\$\\$ > {rude}; echo up; while :; do sleep 0.05; done" &
        while [ ! -s {rude} ]; do sleep 0.02; done
        sleep 0.2
        exit 9"""
    begin = time.monotonic()
    running = start("--linger", "500ms", "--", "sh", "-c", script)
    assert running.wait() == 9
    assert time.monotonic() - begin < 5
    assert polite.read_text() == "bye\n"
    assert not os.path.exists(f"/proc/{int(rude.read_text())}")


def test_parent_death(tmp_path):
    code = f"""
import subprocess, os
p = subprocess.Popen(["{INIT}", "-p", "TERM", "--", "sleep", "60"])
print(p.pid, flush=True)
while "sleep" not in os.popen("ps --ppid %d -o comm=" % p.pid).read(): pass
os._exit(0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True,
                          text=True, env=clean_env())
    pid = int(done.stdout)

    def gone():
        try:
            return " Z " in open(f"/proc/{pid}/stat").read()
        except FileNotFoundError:
            return True
    wait_until(gone)


def test_the_child_gets_a_clean_start():
    status = {}
    done = run_init("--", "cat", "/proc/self/status")
    for line in done.stdout.splitlines():
        key, _, value = line.partition(":")
        status[key] = value.strip()
    # This machine's own mask is what the program must see.
    own = dict(line.split(":", 1) for line in open("/proc/self/status"))
    assert status["SigBlk"] == own["SigBlk"].strip()
    for name in ("SigCgt", "SigIgn"):
        assert int(status[name], 16) & (1 << 14 | 1 << 16) == 0
    assert status["SigIgn"] == "0" * 16
    done = run_init("--", "ls", "-l", "/proc/self/fd")
    assert len(done.stdout.splitlines()) <= 5  # total, 0, 1, 2, the folder


def orphans(count):
    return textwrap.dedent(f"""
        import os
        left = {count}
        while left:
            some = min(left, 50)
            left -= some
            pid = os.fork()
            if pid == 0:
                for i in range(some):
                    if os.fork() == 0:
                        os._exit(0)
                os._exit(0)
            os.waitpid(pid, 0)
        print("done", flush=True)
        input()
    """)


def zombies_of(pid):
    out = subprocess.run(["ps", "--ppid", str(pid), "-o", "stat="],
                         capture_output=True, text=True).stdout.split()
    return [state for state in out if state.startswith("Z")]


@pytest.mark.parametrize("count", [1, 100, 10000])
def test_double_forks_leave_no_zombies(start, count):
    running = start("--", sys.executable, "-c", orphans(count),
                    stdin=subprocess.PIPE)
    assert running.line() == "done"
    wait_until(lambda: not zombies_of(running.pid))
    running.process.stdin.close()
    running.process.stdin = None
    running.wait()


def test_many_orphans_at_once(start):
    """They live at the same time, lose their parent, and end together."""
    count = 2000 if HEAVY else 300
    code = textwrap.dedent(f"""
        import os, signal, time
        middle = os.fork()
        if middle == 0:
            for i in range({count}):
                if os.fork() == 0:
                    signal.pause()
            os._exit(0)
        os.waitpid(middle, 0)
        print("done", flush=True)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.killpg(0, signal.SIGTERM)
        signal.pause()
    """)
    running = start("--", sys.executable, "-c", code)
    assert running.line() == "done"
    wait_until(lambda: len(open(
        f"/proc/{running.pid}/task/{running.pid}/children").read().split()) == 1)
    running.signal(signal.SIGINT)
    running.wait()


def test_signal_storm(start):
    """Ten thousand signals while it reaps; none of the queued ones is lost."""
    count = 5000
    code = textwrap.dedent(f"""
        import os, signal
        number = signal.SIGRTMIN
        signal.pthread_sigmask(signal.SIG_BLOCK, [number, signal.SIGUSR1])
        print("ready", flush=True)
        for i in range({count}):
            signal.sigwaitinfo([number])
            if i % 50 == 0 and os.fork() == 0:
                if os.fork() == 0:
                    os._exit(0)
                os._exit(0)
        print("all", flush=True)
    """)
    running = start("--", sys.executable, "-c", code)
    assert running.line() == "ready"
    for _ in range(count):
        running.signal(signal.SIGUSR1)
        running.signal(signal.SIGRTMIN)
    assert running.line() == "all"
    assert running.wait() == 0


def test_stdio_is_handed_on():
    done = run_init("--", "cat", input="in\n")
    assert done.stdout == "in\n"


def test_a_full_standard_error_does_not_block(start):
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    try:
        while True:
            os.write(write_end, b"x" * 4096)
    except BlockingIOError:
        pass
    os.set_blocking(write_end, True)
    done = subprocess.run([INIT, "--", "sh", "-c", "exit 6"], env=clean_env(),
                          stderr=write_end, timeout=10)
    assert done.returncode == 6
    os.close(read_end)
    os.close(write_end)


def test_process_one_in_a_namespace():
    if subprocess.run(["unshare", "-pf", "--mount-proc", "true"],
                      stderr=subprocess.DEVNULL).returncode:
        pytest.skip("this machine gives no process namespace")
    script = "(sleep 0.1; (exit 3) & exit 0) & sleep 0.5; ps -eo pid,stat,comm; exit 4"
    done = subprocess.run(["unshare", "-pf", "--mount-proc", INIT, "--", "sh",
                           "-c", script], env=clean_env(), capture_output=True,
                          text=True, timeout=20)
    assert done.returncode == 4
    assert "slipway-init" in done.stdout.splitlines()[1]
    assert " Z" not in done.stdout


def terminal(arguments, talk):
    """Runs slipway-init as the leader of a new terminal's session."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(INIT, [str(INIT), *arguments], clean_env(TERM="dumb"))
    try:
        talk(fd)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    finally:
        os.close(fd)


def read_until(fd, mark):
    text = b""
    while mark not in text:
        text += os.read(fd, 4096)
    return text.decode()


@pytest.mark.parametrize("flags", [[], ["--setsid"]])
def test_control_c_reaches_the_program_in_front(flags):
    code = ("import os, sys, time\n"
            "print('front', os.tcgetpgrp(0) == os.getpgrp(), flush=True)\n"
            "try:\n    time.sleep(20)\n"
            "except KeyboardInterrupt:\n    sys.exit(33)\n")

    def talk(fd):
        assert "front True" in read_until(fd, b"front True")
        time.sleep(0.1)
        os.write(fd, b"\x03")
    assert terminal([*flags, "--", sys.executable, "-c", code], talk) == 33


def test_stop_and_continue_from_a_terminal():
    """A shell sees slipway-init stop with its program, and continues both."""
    script = (f"set -m; {INIT} -- {sys.executable} -c "
              "'import time; print(\"up\", flush=True); time.sleep(1); "
              "print(\"end\", flush=True)'; echo stopped=$?; sleep 0.3; "
              "fg >/dev/null; echo code=$?")
    pid, fd = pty.fork()
    if pid == 0:
        os.execve("/bin/bash", ["bash", "-c", script], clean_env(TERM="dumb"))
    read_until(fd, b"up")
    time.sleep(0.1)
    os.write(fd, b"\x1a")
    text = read_until(fd, b"stopped=")
    text += read_until(fd, b"code=")
    assert "end" in text
    os.waitpid(pid, 0)
    os.close(fd)
