"""Runs commands of a fixed list, with a deadline and bounded output."""
import shlex
import subprocess

from common.agent import Agent

COMMANDS = {"date": ["date", "-Is"], "uptime": ["cat", "/proc/uptime"],
            "disk": ["df", "-h", "/app"], "list": ["ls", "-l"]}


class Executor(Agent):
    def setup(self) -> None:
        self.deadline_s = self.settings.config.get("deadline_seconds", 5)
        extra = self.settings.config.get("commands", {})
        self.commands = {**COMMANDS, **{name: shlex.split(line)
                                        for name, line in extra.items()}}

    def do_execute(self, command: str) -> dict:
        if command not in self.commands:
            raise ValueError("allowed: " + ", ".join(sorted(self.commands)))
        try:
            result = subprocess.run(
                self.commands[command], capture_output=True, text=True,
                timeout=self.deadline_s, stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:
            raise ValueError(f"not done after {self.deadline_s} s")
        return {"code": result.returncode, "output": result.stdout[-4000:],
                "errors": result.stderr[-1000:]}

    def do_commands(self) -> dict:
        return {"commands": sorted(self.commands)}


if __name__ == "__main__":
    Executor().run()
