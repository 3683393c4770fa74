"""Files of one folder: list, read, write, find. Never outside of it."""
from pathlib import Path

from common.agent import Agent


class FileSystemAssistantAgent(Agent):
    def setup(self) -> None:
        self.root = Path(self.settings.config.get("root", "data")).resolve()
        self.limit = self.settings.config.get("bytes", 1_000_000)

    def inside(self, path: str) -> Path:
        found = (self.root / path).resolve()
        if not found.is_relative_to(self.root):
            raise ValueError(f"{path} leaves the folder")
        return found

    def do_list(self, path: str = ".") -> dict:
        return {"entries": sorted(entry.name + "/" * entry.is_dir()
                                  for entry in self.inside(path).iterdir())}

    def do_read(self, path: str) -> dict:
        with self.inside(path).open(encoding="utf-8") as file:
            return {"text": file.read(self.limit)}

    def do_write(self, path: str, text: str) -> dict:
        if len(text.encode()) > self.limit:
            raise ValueError(f"at most {self.limit} bytes")
        target = self.inside(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(target.name + ".new")
        beside.write_text(text, encoding="utf-8")
        beside.replace(target)
        return {"bytes": len(text.encode())}

    def do_find(self, pattern: str) -> dict:
        return {"found": sorted(str(path.relative_to(self.root))
                                for path in self.root.rglob(pattern))[:1000]}


if __name__ == "__main__":
    FileSystemAssistantAgent().run()
