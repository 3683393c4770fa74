"""What pyscan_oracle.py knows of expressions: conditions that the target
decides, and folders, found by running what names them."""

import ast
import os
import pathlib
import re
import sys

MINOR = sys.version_info[1]

# Folders that no source names: what is relative to them is known to be so.
FILE_FOLDER = "/oracle-file/1/2/3/4/5/6/7/8/9/10"
WORK_FOLDER = "/oracle-work/1/2/3/4/5/6/7/8/9/10"


def dotted(node):
    """"a.b.c" of names and attributes, or None."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    parts.append(node.id)
    return ".".join(reversed(parts))


def last(name):
    return name.rpartition(".")[2] if name else None


def literal(node):
    """The text of a string, or None."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return None


def elements(node):
    if isinstance(node, (ast.Tuple, ast.List)):
        return node.elts
    return [node]


def index_of(node):
    """What stands between the brackets of a subscript."""
    if MINOR < 9 and isinstance(node.slice, ast.Index):
        return node.slice.value
    return node.slice


class Unknown(Exception):
    pass


class Later:
    """A part of the version that is not known: compared, it says so."""

    def __eq__(self, other):
        raise Unknown

    __lt__ = __le__ = __gt__ = __ge__ = __ne__ = __eq__
    __hash__ = None


COMPARE = {
    ast.Eq: lambda a, b: a == b, ast.NotEq: lambda a, b: a != b,
    ast.Lt: lambda a, b: a < b, ast.LtE: lambda a, b: a <= b,
    ast.Gt: lambda a, b: a > b, ast.GtE: lambda a, b: a >= b,
    ast.In: lambda a, b: a in b, ast.NotIn: lambda a, b: a not in b,
}
VERSION = (3, MINOR, Later(), Later(), Later())


class Conditions:
    """What the condition of an if says of its branches."""

    def __init__(self, sys_names):
        self.sys_names = sys_names

    def implied(self, node, outcome):
        """Of "typing" and "main": what holds where the node is so."""
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return self.implied(node.operand, not outcome)
        if isinstance(node, ast.BoolOp):
            parts = [self.implied(value, outcome) for value in node.values]
            if outcome == isinstance(node.op, ast.And):
                return set().union(*parts)
            return set.intersection(*parts)
        if last(dotted(node)) == "TYPE_CHECKING":
            return {"typing"} if outcome else set()
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            sides = [node.left, node.comparators[0]]
            if not (any(dotted(side) == "__name__" for side in sides)
                    and any(literal(side) == "__main__" for side in sides)):
                return set()
            wanted = {ast.Eq: True, ast.NotEq: False}.get(type(node.ops[0]))
            return {"main"} if wanted is outcome else set()
        return set()

    def truth(self, node):
        """True, False, or None where the target does not decide it."""
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            inner = self.truth(node.operand)
            return None if inner is None else not inner
        if isinstance(node, ast.BoolOp):
            decides = isinstance(node.op, ast.Or)
            parts = [self.truth(value) for value in node.values]
            if decides in parts:
                return decides
            return None if None in parts else not decides
        try:
            return self.decided(node)
        except (Unknown, TypeError):
            return None

    def decided(self, node):
        if isinstance(node, ast.Call):
            return bool(self.starts(node))
        if not isinstance(node, ast.Compare) or len(node.ops) != 1:
            raise Unknown
        compare = COMPARE.get(type(node.ops[0]))
        left = self.target(node.left)
        if compare is None:
            raise Unknown
        return compare(left, self.constant(node.comparators[0]))

    def starts(self, node):
        """sys.platform.startswith("...") and its like."""
        if not (isinstance(node.func, ast.Attribute)
                and node.func.attr == "startswith" and len(node.args) == 1
                and not node.keywords):
            raise Unknown
        return self.target(node.func.value).startswith(
            self.constant(node.args[0]))

    def constant(self, node):
        if isinstance(node, ast.Tuple):
            return tuple(map(self.part, node.elts))
        if isinstance(node, (ast.List, ast.Set)):
            return list(map(self.part, node.elts))
        if isinstance(node, ast.Constant) and (
                isinstance(node.value, str) or type(node.value) is int):
            return node.value
        raise Unknown

    def part(self, node):
        try:
            return self.constant(node)
        except Unknown:
            return Later()

    def target(self, node):
        """The value on the target: a version, a part of it, a platform."""
        if isinstance(node, ast.Subscript):
            value = self.target(node.value)
            if value is not VERSION:
                raise Unknown
            index = index_of(node)
            if isinstance(index, ast.Slice):
                if index.lower or index.step or not index.upper:
                    raise Unknown
                return value[:self.constant(index.upper)]
            return value[self.constant(index)]
        if isinstance(node, ast.Call):
            if dotted(node.func) == "platform.system" and not node.args:
                return "Linux"
            raise Unknown
        name = dotted(node) or ""
        if name == "os.name":
            return "posix"
        root, _, rest = name.partition(".")
        if root in self.sys_names:
            found = {"version_info": VERSION, "version_info.major": 3,
                     "version_info.minor": MINOR, "platform": "linux"}
            if rest in found:
                return found[rest]
        raise Unknown


class Folders:
    """Folders that are added to sys.path, by running the expressions with the
    real os.path and pathlib. Unknown where a name has two values or more."""

    FUNCTIONS = {
        "os.getcwd", "os.fspath", "str", "pathlib.Path.cwd",
        *("os.path." + name for name in (
            "join", "abspath", "realpath", "normpath", "dirname", "split")),
        *("pathlib." + name for name in (
            "Path", "PurePath", "PosixPath", "PurePosixPath")),
    }
    METHODS = {"resolve", "absolute", "joinpath", "as_posix", "__str__",
               "__fspath__"}

    def __init__(self, tree):
        self.values = {}  # name: its values; None for one not understood
        for node in ast.walk(tree):
            self.note(node)

    def add(self, name, value):
        self.values.setdefault(name, []).append(value)

    def note(self, node):
        if isinstance(node, ast.Assign):
            plain = (len(node.targets) == 1
                     and isinstance(node.targets[0], ast.Name))
            for target in node.targets:
                for name in ast.walk(target):
                    if (isinstance(name, ast.Name)
                            and isinstance(name.ctx, ast.Store)):
                        self.add(name.id, node.value if plain else None)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                found = alias.name
                if isinstance(node, ast.ImportFrom):
                    found = f"{node.module}.{alias.name}"
                    name = alias.asname or alias.name
                elif alias.asname:
                    name = alias.asname
                else:
                    name = found = alias.name.partition(".")[0]
                found = re.sub("^posixpath", "os.path", found)
                if found not in self.values.get(name, []):
                    self.add(name, found)
        elif isinstance(node, ast.arg):
            self.add(node.arg, None)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef,
                               ast.ClassDef)):
            self.add(node.name, None)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            self.add(node.name, None)
        elif isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension,
                               ast.withitem, ast.AugAssign, ast.AnnAssign,
                               ast.NamedExpr, ast.Delete)):
            target = getattr(node, "target",
                             getattr(node, "optional_vars", None))
            for part in [target] if target else getattr(node, "targets", []):
                for name in ast.walk(part):
                    if isinstance(name, ast.Name):
                        self.add(name.id, None)
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            for name in node.names:
                self.add(name, None)

    def path_of(self, node):
        """"os.path.join" of what stands for it here."""
        name = dotted(node)
        if name is None:
            raise Unknown
        root, dot, rest = name.partition(".")
        values = self.values.get(root, [root] if root == "str" else [])
        if len(values) != 1 or not isinstance(values[0], str):
            raise Unknown
        return values[0] + dot + rest

    def value(self, node, depth=0):
        if depth > 20:
            raise Unknown
        method = getattr(self, "value_" + type(node).__name__, None)
        if method is None:
            raise Unknown
        return method(node, depth + 1)

    def value_Constant(self, node, depth):
        if not isinstance(node.value, str):
            raise Unknown
        return node.value

    def value_Name(self, node, depth):
        if node.id == "__file__":
            return FILE_FOLDER + "/file.py"
        values = self.values.get(node.id, [])
        if len(values) != 1 or not isinstance(values[0], ast.AST):
            raise Unknown
        return self.value(values[0], depth)

    def value_BinOp(self, node, depth):
        left = self.value(node.left, depth)
        right = self.value(node.right, depth)
        if isinstance(node.op, ast.Add) and isinstance(left, str):
            return left + right
        if isinstance(node.op, ast.Div):
            return left / right
        raise Unknown

    def value_JoinedStr(self, node, depth):
        text = ""
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                if part.conversion != -1 or part.format_spec:
                    raise Unknown
                part = part.value
            text += str(self.value(part, depth))
        return text

    def value_Attribute(self, node, depth):
        try:
            name = self.path_of(node)
        except Unknown:
            name = ""
        if name in ("os.sep", "os.pardir", "os.curdir", "os.path.sep",
                    "os.path.pardir", "os.path.curdir"):
            return getattr(os, last(name))
        value = self.value(node.value, depth)
        if isinstance(value, pathlib.PurePath) and node.attr in (
                "parent", "parents"):
            return getattr(value, node.attr)
        raise Unknown

    def value_Subscript(self, node, depth):
        index = index_of(node)
        if not (isinstance(index, ast.Constant)
                and type(index.value) is int):
            raise Unknown
        return self.value(node.value, depth)[index.value]

    def value_Call(self, node, depth):
        if any(word.arg != "strict" for word in node.keywords):
            raise Unknown
        arguments = [self.value(word, depth) for word in node.args]
        try:
            name = self.path_of(node.func)
        except Unknown:
            name = ""
        if name in self.FUNCTIONS:
            found = {"str": str, "os": os, "pathlib": pathlib}[
                name.partition(".")[0]]
            for part in name.split(".")[1:]:
                found = getattr(found, part)
            return found(*arguments)
        if isinstance(node.func, ast.Attribute) and (
                node.func.attr in self.METHODS):
            value = self.value(node.func.value, depth)
            if isinstance(value, pathlib.PurePath):
                return getattr(value, node.func.attr)(*arguments)
        raise Unknown

    def folder(self, node):
        """[anchor, folder], or None where that is not known."""
        try:
            value = os.path.normpath(str(self.value(node)) or ".")
        except (Unknown, TypeError, ValueError, IndexError, AttributeError,
                OSError):
            return None
        for anchor, top in (("file", FILE_FOLDER), ("workdir", WORK_FOLDER)):
            if value.startswith("/" + top.split("/")[1]):
                value = os.path.relpath(value, top)
                break
        else:
            anchor = "root" if value.startswith("/") else "workdir"
        if "/file.py" in "/" + value and anchor == "file":
            return None
        return [anchor, "" if value == "." else value]
