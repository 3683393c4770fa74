"""Random source trees whose modules import each other in every manner.

tree(SEED, MINOR) gives a dict of plain values: files and distributions (path to
text), entry, module, workdir, pythonpath, and broken (files that do not
compile). The same seed gives the same tree.

What decisions/graph.h says it does not follow exactly is not made: a test on a
value that only a run knows, a module of a folder that is put on sys.path after
it was asked for.
"""

import random

TOP = ["alpha", "beta", "gamma", "delta", "omega"]
SUB = ["one", "two", "three", "N1", "util"]
NAMES = ["N0", "N1", "N2", "N3", "_hidden"]
# Not loaded by anything else of the standard library that trees import.
SHADOWS = ["colorsys", "wave", "calendar", "cmd"]
FIRST = ["sys", "os", "io", "abc", "codecs", "time", "errno"]
STDLIB = ["json", "json.decoder", "string", "bisect", "keyword", "colorsys",
          "textwrap", "os.path", "wave", "abc", "io", "cmd"]
STDLIB_NAMES = [("json", "loads"), ("string", "digits"), ("os", "path"),
                ("json", "decoder"), ("os.path", "join"), ("sys", "path")]
DISTRIBUTIONS = {
    "vendor/__init__.py": "thing = 1\n",
    "vendor/sub.py": "",
    "shared/installed.py": "thing = 1\n",
    "delta/__init__.py": "N0 = N1 = N2 = N3 = _hidden = 1\n",
}
INSTALLED = ["vendor", "vendor.sub", "shared", "shared.installed", "delta"]
REGULAR = ["vendor", "delta"]
CATCHES = ["except ImportError:", "except ImportError as error:",
           "except (ImportError, AttributeError):", "except Exception:",
           "except BaseException as error:", "except:",
           "except ModuleNotFoundError:", "except (ImportError, SyntaxError):",
           "except SyntaxError:", "except TypeError:"]
RAISES = ["raise", "raise RuntimeError('no')", "raise SystemExit(1)",
          "raise ImportError('no')", "raise error", "import sys; sys.exit(1)"]


def indent(lines):
    return ["    " + line for line in lines]


class Maker:
    def __init__(self, seed, minor):
        self.random = random.Random(seed)
        self.minor = minor
        self.files = {}      # path -> lines
        self.bound = {}      # path -> names
        self.folders = [""]  # on the search path
        self.spare = 0

    def chance(self, percent):
        return self.random.random() * 100 < percent

    # -- the layout

    def fill(self, folder, depth):
        names = TOP if depth == 0 else SUB
        for name in self.random.sample(names, self.random.randint(1, 3)):
            path = folder + name
            kind = self.random.choice(
                ["module", "module", "package", "package", "both", "folder",
                 "folder-and-module"])
            if depth == 2:
                kind = "module"
            if kind in ("module", "both", "folder-and-module"):
                self.files[path + ".py"] = []
            if kind in ("package", "both"):
                self.files[path + "/__init__.py"] = []
                if self.chance(30):
                    self.files[path + "/__main__.py"] = []
            if kind != "module":
                self.fill(path + "/", depth + 1)

    def layout(self):
        self.fill("", 0)
        for name in SHADOWS + FIRST:
            if self.chance(3):
                self.files[name + ".py"] = []
        if self.chance(15):
            self.files["shared/own.py"] = []
        if self.chance(40):
            self.fill("lib/", self.random.choice([0, 1]))
        if self.chance(4):
            self.files["sitecustomize.py"] = []

    def start(self):
        files = sorted(self.files)
        self.pythonpath = self.random.choice([[""], [""], [], ["lib"],
                                              ["lib", ""]])
        self.workdir = self.random.choice(["", "", "", "lib"])
        if not any(path.startswith("lib/") for path in files):
            self.workdir = ""
        self.module = self.chance(35)
        if self.module:
            self.entry = self.dotted(self.random.choice(files),
                                     self.workdir) or "alpha"
            if self.entry in FIRST:  # -m sys
                self.entry = "alpha"
            self.folders = [self.workdir]
        else:
            self.entry = self.random.choice(
                ["main.py", "svc/main.py", "svc/deep/main.py", "svc"])
            path = self.entry if self.entry != "svc" else "svc/__main__.py"
            self.files[path] = []
            if path.startswith("svc") and self.chance(50):
                self.fill(path.rpartition("/")[0] + "/", 1)
            self.folders = [path.rpartition("/")[0]]
        self.folders += self.pythonpath

    def dotted(self, path, folder):
        """The name of a file for who searches this folder, or None."""
        if folder:
            if not path.startswith(folder + "/"):
                return None
            path = path[len(folder) + 1:]
        if path.endswith("/__init__.py"):
            path = path[:-len("/__init__.py")] + ".py"
        return path[:-3].replace("/", ".") if path != "__init__.py" else None

    # -- what a module binds

    def definitions(self, path):
        lines = []
        for name in NAMES + ["one", "util"]:
            if not self.chance(45 if name in NAMES else 6):
                continue
            forms = [[f"{name} = 1"], [f"def {name}():", "    return 1"],
                     [f"class {name}:", "    inner = 1"],
                     [f"{name}, other = 1, 2"], [f"for {name} in (1, 2):",
                                                 "    pass"],
                     [f"import string as {name}"], [f"{name}: int = 1"],
                     [f"(other := ({name} := 1))"],
                     ["try:", f"    {name} = 1", "finally:", "    pass"],
                     ["if len('a') == 1:", f"    {name} = 1"],
                     [f"with memoryview(b'') as {name}:", "    pass"]]
            if self.minor >= 10:
                forms.append(["match 1:", f"    case {name}:", "        pass"])
            lines.append(self.random.choice(forms))
            if self.chance(4):
                lines.append([f"del {name}"])
        if self.chance(10):
            lines.append(self.dunder_all(path))
        if self.chance(5):
            lines.append([f"{self.random.choice(NAMES)}: int"])
        if self.chance(6):
            lines.append(["def __getattr__(name):",
                          "    if name.startswith('N'):", "        return 1",
                          "    raise AttributeError(name)"])
        return lines

    def dunder_all(self, path):
        names = NAMES + ["one"]
        if path.endswith("__init__.py"):
            folder = path[:-len("__init__.py")]
            names = names[:2] + sorted(
                {name[len(folder):].split("/")[0].split(".")[0]
                 for name in self.files if name.startswith(folder)}
                - {"__init__", "__main__"}) * 2
        names = self.random.sample(names, self.random.randint(0, 2))
        if self.chance(30) and len(names) > 1:
            return [f"__all__ = [{names[0]!r}]",
                    self.random.choice(["__all__ += [%r]",
                                        "__all__.append(%r)",
                                        "__all__.extend((%r,))"]) % names[1]]
        return [f"__all__ = {names!r}"]

    # -- imports

    def some_file(self, path):
        """A file to import; mostly a later one, so that cycles are rare."""
        files = sorted(self.files)
        if self.chance(75):
            files = files[files.index(path) + 1:] or files
        return self.random.choice(files)

    def some_module(self, path, bogus):
        """A dotted name."""
        if self.chance(bogus):
            base = self.dotted(self.some_file(path), "") or "alpha"
            return self.random.choice(
                ["nowhere", base + ".nowhere", "vendor.nowhere",
                 "shared.nowhere", base + ".one", "nowhere.one"]
                if base.partition(".")[0] not in FIRST + SHADOWS
                else ["nowhere"])
        for _ in range(20):
            folder = self.random.choice(self.folders)
            name = self.dotted(self.some_file(path), folder)
            if name:
                return name
        return "string"

    def relative(self, path, bogus):
        """(dots and module, the file's package as a folder) or None."""
        package = path.rpartition("/")[0]
        if not package and not self.chance(bogus):
            return None
        depth = package.count("/") + 1
        up = self.random.randint(1, depth if not self.chance(bogus)
                                 else depth + 1)
        folder = "/".join(package.split("/")[:depth - up + 1])
        inside = [name for name in self.files
                  if name.startswith(folder + "/")]
        if not inside or self.chance(bogus):
            return "." * up + "nowhere"
        tail = self.dotted(self.random.choice(inside), folder) or ""
        if "__main__" in tail:
            tail = ""
        return "." * up + (tail if self.chance(60) else
                           tail.rpartition(".")[0])

    def names_of(self, module, bogus):
        files = [path for path in self.files
                 if self.dotted(path, "").endswith(module.lstrip("."))]
        known = sorted({name for path in files
                        for name in self.bound.get(path, [])})
        folder = module.lstrip(".").replace(".", "/") + "/"
        known += sorted({path.split(folder, 1)[1].split("/")[0].split(".")[0]
                         for path in self.files if folder in path}
                        - {"__init__", "__main__"})
        if not known or self.chance(bogus):
            known = NAMES + ["nowhere", "__file__", "__version__"]
        count = self.random.choice([1, 1, 1, 2])
        return [self.random.choice(known) for _ in range(count)]

    def from_names(self, module, names):
        texts = [name + (f" as {self.random.choice(NAMES)}"
                         if self.chance(15) else "") for name in names]
        if self.chance(15):
            return [f"from {module} import ("]  + indent(
                [text + "," for text in texts]) + [")"]
        return [f"from {module} import " + ", ".join(texts)]

    def plain_import(self, path, bogus):
        """The lines of one import."""
        way = self.random.random()
        if way < 0.08:
            return [f"import {self.random.choice(STDLIB)}"]
        if way < 0.14:
            return ["from %s import %s" % self.random.choice(STDLIB_NAMES)]
        if way < 0.19:
            return [self.random.choice(
                ["import vendor", "import vendor.sub", "import delta",
                 "from vendor import thing", "import shared.installed",
                 "from shared import installed"])]
        if way < 0.40:
            module = self.relative(path, bogus)
            if module:
                if set(module) == {"."} or self.chance(60):
                    return self.from_names(module,
                                           self.names_of(module, bogus))
                if self.chance(50):
                    return [f"from {module} import *"]
                if self.chance(30):
                    return ["import importlib",
                            f"importlib.import_module({module!r}, "
                            "__package__)"]
                head, _, last = module.rpartition(".")
                return self.from_names(head + "." if set(head) <= {"."}
                                       else head, [last])
        module = self.some_module(path, bogus)
        if way < 0.60:
            alias = (f" as {self.random.choice(NAMES)}" if self.chance(20)
                     else "")
            return [f"import {module}{alias}"]
        if way < 0.64:
            return [f"import {module}, {self.some_module(path, bogus)}"]
        if way < 0.72:
            return [f"from {module} import *"]
        if way < 0.75:
            return ["import importlib", f"importlib.import_module({module!r})"]
        if way < 0.77:
            return [f"__import__({module!r})"]
        if way < 0.85 and "." in module:
            head, _, last = module.rpartition(".")
            return self.from_names(head, [last])
        return self.from_names(module, self.names_of(module, bogus))

    # -- where an import stands

    def block(self, path, bogus, depth=0):
        """The lines of an import in some context."""
        way = self.random.random()
        if depth == 3 or way < 0.55:
            return self.plain_import(path, bogus)
        if way < 0.73:
            return self.guarded(path, depth)
        if way < 0.80:
            head = self.random.choice(["def function():", "async def later():",
                                       "def outer(value=1):"])
            return [head] + indent(self.inside(path, 30, depth))
        if way < 0.82:
            module = self.some_module(path, 30)
            return [f"call = lambda: __import__({module!r})"]
        if way < 0.86:
            lines = ["from typing import TYPE_CHECKING", "if TYPE_CHECKING:"]
            lines += indent(self.inside(path, 30, depth))
            if self.chance(30):
                lines += ["else:"] + indent(self.inside(path, bogus, depth))
            return lines
        if way < 0.91:
            return (['if __name__ == "__main__":']
                    + indent(self.inside(path, bogus, depth)))
        if way < 0.94:
            yes, no = self.inside(path, bogus, depth), self.inside(path, 50, 3)
            test = "sys.version_info >= (3, 8)"
            if self.chance(50):
                test, yes, no = "sys.version_info < (3, 8)", no, yes
            return (["import sys", f"if {test}:"] + indent(yes) + ["else:"]
                    + indent(no))
        head = self.random.choice(
            ["class Body:", "if len('a') == 1:", "for _ in (1,):",
             "with memoryview(b''):", "while True:"])
        inner = self.inside(path, bogus, depth)
        if head == "while True:":
            inner = inner + ["break"]
        return [head] + indent(inner)

    def inside(self, path, bogus, depth):
        """A block that may stand in another: no star import in a function or
        class, which does not compile."""
        for _ in range(20):
            lines = self.block(path, bogus, depth + 1)
            if not any("import *" in line for line in lines):
                return lines
        return ["import string"]

    def guarded(self, path, depth):
        body = self.inside(path, 35, depth)
        way = self.random.random()
        if way < 0.12:
            caught = self.random.choice(
                ["ImportError", "ImportError", "ModuleNotFoundError",
                 "SyntaxError, ImportError", "ValueError"])
            return (["from contextlib import suppress",
                     f"with suppress({caught}):"] + indent(body))
        if way < 0.50:
            return (["try:"] + indent(body)
                    + [self.random.choice(CATCHES), "    missing = None"])
        if way < 0.60:  # another instead
            return (["try:"] + indent(body) + [self.random.choice(CATCHES)]
                    + indent(self.inside(path, 0, depth)))
        if way < 0.68:  # guards nothing
            body = self.inside(path, 3, depth)
            if self.chance(30):
                body = ["try:"] + indent(body) + [
                    "except ImportError as error:", "    missing = None",
                    "    " + self.random.choice(RAISES)]
            return (["try:"] + indent(body)
                    + ["except ImportError as error:", "    missing = None",
                       "    " + self.random.choice(RAISES)])
        if way < 0.74:  # guards something else
            body = self.inside(path, 3, depth)
            return ["try:"] + indent(body) + ["except ValueError:", "    pass"]
        if way < 0.80:
            return (["try:"] + indent(body)
                    + ["except ValueError:", "    raise",
                       self.random.choice(CATCHES), "    pass"])
        if way < 0.86:
            return (["try:"] + indent(body)
                    + [self.random.choice(CATCHES), "    pass", "finally:"]
                    + indent(self.inside(path, 3, depth)))
        if way < 0.89:  # nothing of the else comes to pass
            return (["try:", "    import nowhere", "except ImportError:",
                     "    pass", "else:"]
                    + indent(self.inside(path, 50, depth)))
        if way < 0.92:
            return (["try:", "    import string", "except ImportError:",
                     "    pass", "else:"]
                    + indent(self.inside(path, 3, depth)))
        body = self.inside(path, 3, depth)
        return ["try:"] + indent(body) + ["finally:", "    pass"]

    # -- the whole

    def path_edit(self, path):
        """Lines that put lib/ on sys.path, and an import that needs them."""
        up = path.count("/")
        parts = ", ".join(["'..'"] * up + ["'lib'"])
        where = self.random.choice([
            f"os.path.join(os.path.dirname(__file__), {parts})",
            f"os.path.join(os.path.dirname(os.path.abspath(__file__)), "
            f"{parts})",
            f"str(pathlib.Path(__file__).resolve().parents[{up}] / 'lib')",
        ])
        call = self.random.choice(["sys.path.insert(0, %s)",
                                   "sys.path.append(%s)"])
        return ["import os, pathlib, sys", call % where, "import only_lib"]

    def module_lines(self, path, is_entry):
        lines = []
        if is_entry and self.chance(20):
            self.files["lib/only_lib.py"] = ["N0 = 1"]
            lines += self.path_edit(path)
        blocks = self.definitions(path)
        self.bound[path] = sorted({name for block in blocks for line in block
                                   for name in NAMES + ["one", "util"]
                                   if name in line})
        for _ in range(self.random.choice([0, 1, 1, 2, 3])
                       + 2 * is_entry):
            block = self.block(path, 1)
            blocks.insert(self.random.randint(0, len(blocks)), block)
        for block in blocks:
            lines += block
        return lines

    def make(self):
        self.layout()
        self.start()
        entry = None if self.module else (
            self.entry if self.entry != "svc" else "svc/__main__.py")
        for path in sorted(self.files, reverse=True):
            self.files[path] = self.module_lines(
                path, path == entry)
        broken = []
        if self.chance(6):
            path = self.random.choice(sorted(self.files))
            self.files[path] = ["def broken(:"] + self.files[path]
            broken = [path]
        return {
            "files": {path: "".join(line + "\n" for line in lines)
                      for path, lines in sorted(self.files.items())},
            "distributions": DISTRIBUTIONS, "installed": INSTALLED,
            "regular": REGULAR, "minor": self.minor, "entry": self.entry,
            "module": self.module, "workdir": self.workdir,
            "pythonpath": self.pythonpath, "broken": broken,
        }


def tree(seed, minor):
    return Maker(seed, minor).make()
