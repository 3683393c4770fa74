"""What src/facts/pyscan.h says of a Python source, said by CPython itself.

    pythonX.Y pyscan_oracle.py <PATHS

prints one line of JSON for each path of stdin: {"path", "syntax"} where the
source does not compile, else imports, dynamics, edits of sys.path, names and
so on, as tests/tools/pyscan_dump.c prints what the scanner says. The source is
read by ast, tokenize and compile; levels follow ../shared/facts/imports.md.
Runs with every Python from 3.8 on; the target is the one that runs it.
"""

import ast
import io
import json
import os
import pathlib
import re
import sys
import tokenize
import warnings
from typing import NamedTuple

MINOR = sys.version_info[1]
NEW_FIELDS = MINOR >= 12  # places in f-strings are exact since PEP 701
HAS_ALIAS_PLACES = MINOR >= 10
LEVELS = ["hard", "guarded", "lazy", "typing"]
HARD, GUARDED, LAZY, TYPING = range(4)
MODULE, CLASS, FUNCTION = "module", "class", "function"
CATCHES = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}
EXITS = {"sys.exit", "exit", "quit", "os._exit", "os.abort"}
LOADERS = {"spec_from_file_location", "SourceFileLoader",
           "SourcelessFileLoader", "ExtensionFileLoader"}
IMP_LOADERS = {"imp." + name for name in (
    "load_source", "load_module", "load_dynamic", "load_compiled",
    "load_package")}
RUNPY = {"run_path", "run_module", "runpy.run_path", "runpy.run_module"}
EDITS = {"append", "clear", "extend", "insert", "pop", "remove", "sort",
         "reverse"}
READS = {"get", "items", "keys", "values", "copy"}
LITERAL = re.compile(r"[-A-Za-z0-9._/]{1,200}")
CODING = re.compile(r"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)", re.ASCII)
BLANK = re.compile(r"^[ \t\f]*(#.*)?$")

TRIES = tuple(getattr(ast, name) for name in ("Try", "TryStar")
              if hasattr(ast, name))
MATCH = getattr(ast, "Match", ())
TYPE_ALIAS = getattr(ast, "TypeAlias", ())
STRINGS_WITH_FIELDS = tuple(
    getattr(ast, name) for name in ("JoinedStr", "TemplateStr")
    if hasattr(ast, name))

# Folders that no source names: what is relative to them is known to be so.
FILE_FOLDER = "/oracle-file/1/2/3/4/5/6/7/8/9/10"
WORK_FOLDER = "/oracle-work/1/2/3/4/5/6/7/8/9/10"


class Context(NamedTuple):
    level: int = HARD
    only_main: bool = False
    never: bool = False

    def add(self, level=HARD, only_main=False, never=False):
        return Context(max(self.level, level), self.only_main or only_main,
                       self.never or never)


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


class Reader:
    """Walks one module."""

    def __init__(self, tree, text):
        self.lines = [line.encode("utf-8", "surrogateescape")
                      for line in text.split("\n")]
        self.imports, self.dynamics, self.edits = [], [], []
        self.bound = []  # (place, name, line or None, is del)
        self.star = self.dynamic_names = False
        self.sys_names = {"sys"}
        self.path_names = {"sys.path"}
        self.importlib_names = {"importlib"}
        self.import_names = {"import_module"}
        self.conditions = Conditions(self.sys_names)
        self.folders = None
        self.tree = tree
        self.block(tree.body, Context(), MODULE)
        self.deleted(tree.body)

    # Places

    def column(self, line, offset):
        return len(self.lines[line - 1][:offset].decode(
            "utf-8", "surrogateescape")) + 1

    def place(self, node):
        return [node.lineno, self.column(node.lineno, node.col_offset)]

    def segment(self, start, end):
        """The source from the start of one node to the end of another, as one
        line of at most 120 bytes."""
        rows = self.lines[start.lineno - 1:end.end_lineno]
        rows[-1] = rows[-1][:end.end_col_offset]
        rows[0] = rows[0][start.col_offset:]
        raw = b"\n".join(rows)
        # A backslash at a line's end is a blank; so are all runs of them.
        text = re.sub(rb"(\\\n|[ \t\f\n])+", b" ", raw)[:120]
        return text.decode("utf-8", "ignore").strip()

    # Statements

    def block(self, body, context, scope):
        for node in body:
            method = getattr(self, "do_" + type(node).__name__, None)
            if method:
                method(node, context, scope)
            else:
                self.expressions(node, context, scope)

    def bind(self, node, name, scope, line=0):
        if scope == MODULE:
            if line == 0:
                # Behind a backslash the name of a def is on another line.
                line = node.lineno
                if self.lines[line - 1].endswith(b"\\"):
                    line = None
            self.bound.append(((node.lineno, node.col_offset), name, line,
                               False))

    def targets(self, node, scope):
        """The names of an assignment's target."""
        if isinstance(node, ast.Name):
            self.bind(node, node.id, scope)
        elif isinstance(node, (ast.Tuple, ast.List)):
            for element in node.elts:
                self.targets(element, scope)
        elif isinstance(node, ast.Starred):
            self.targets(node.value, scope)

    def deleted(self, body):
        """del as a statement of the module itself."""
        for node in body:
            if isinstance(node, ast.Delete):
                for target in node.targets:
                    for part in ast.walk(target):
                        if isinstance(part, ast.Name) and isinstance(
                                part.ctx, ast.Del):
                            self.bound.append((
                                (part.lineno, part.col_offset), part.id,
                                None, True))

    def add_import(self, place, module, context, name="", dots=0,
                   by_call=False):
        self.imports.append([*place, module, LEVELS[context.level], name,
                             dots, context.only_main, context.never, by_call])

    def do_Import(self, node, context, scope):
        for alias in node.names:
            self.add_import(self.place(node), alias.name, context)
            name = alias.asname or alias.name.partition(".")[0]
            if alias.asname and alias.name == "sys":
                self.sys_names.add(name)
            if alias.asname and alias.name == "importlib":
                self.importlib_names.add(name)
            self.bind_alias(node, alias, name, scope)

    def bind_alias(self, node, alias, name, scope):
        self.bind(alias if HAS_ALIAS_PLACES else node, name, scope,
                  node.lineno)

    def do_ImportFrom(self, node, context, scope):
        module = node.module or ""
        for alias in node.names:
            self.add_import(self.place(node), module, context, alias.name,
                            node.level)
            if alias.name == "*":
                self.star = True
                continue
            name = alias.asname or alias.name
            if (module, alias.name, node.level) == ("sys", "path", 0):
                self.path_names.add(name)
            if (module, alias.name, node.level) == (
                    "importlib", "import_module", 0):
                self.import_names.add(name)
            self.bind_alias(node, alias, name, scope)

    def do_FunctionDef(self, node, context, scope):
        self.bind(node, node.name, scope)
        for part in ast.iter_child_nodes(node):
            if not isinstance(part, ast.stmt):
                self.expressions(part, context, scope)
        self.block(node.body, context.add(LAZY), FUNCTION)

    do_AsyncFunctionDef = do_FunctionDef

    def do_ClassDef(self, node, context, scope):
        self.bind(node, node.name, scope)
        for part in ast.iter_child_nodes(node):
            if not isinstance(part, ast.stmt):
                self.expressions(part, context, scope)
        self.block(node.body, context, CLASS)

    def do_If(self, node, context, scope):
        self.expressions(node.test, context, scope)
        truth = self.conditions.truth(node.test)
        for body, outcome in ((node.body, True), (node.orelse, False)):
            facts = self.conditions.implied(node.test, outcome)
            self.block(body, context.add(
                TYPING if "typing" in facts else HARD, "main" in facts,
                truth is (not outcome)), scope)

    def do_Try(self, node, context, scope):
        handler = next(filter(self.catches, node.handlers), None)
        guards = handler is not None and not self.leaves(handler.body[-1])
        self.block(node.body, context.add(GUARDED if guards else HARD), scope)
        for one in node.handlers:
            if one.type:
                self.expressions(one.type, context, scope)
            self.block(one.body, context.add(
                GUARDED if guards and one is handler else HARD), scope)
        self.block(node.orelse, context, scope)
        self.block(node.finalbody, context, scope)

    do_TryStar = do_Try

    @staticmethod
    def catches(handler):
        return handler.type is None or any(
            last(dotted(part)) in CATCHES
            for part in (handler.type.elts
                         if isinstance(handler.type, ast.Tuple)
                         else [handler.type]))

    @staticmethod
    def leaves(node):
        return isinstance(node, ast.Raise) or (
            isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
            and dotted(node.value.func) in EXITS)

    def do_With(self, node, context, scope):
        inner = context
        for item in node.items:
            self.expressions(item.context_expr, context, scope)
            if item.optional_vars:
                self.expressions(item.optional_vars, context, scope)
                self.targets(item.optional_vars, scope)
            call = item.context_expr
            if isinstance(call, ast.Call) and (
                    last(dotted(call.func)) == "suppress") and any(
                    last(dotted(part)) in CATCHES for part in call.args):
                inner = context.add(GUARDED)
        self.block(node.body, inner, scope)

    do_AsyncWith = do_With

    def do_For(self, node, context, scope):
        self.expressions(node.target, context, scope)
        self.targets(node.target, scope)
        self.expressions(node.iter, context, scope, node)
        self.block(node.body, context, scope)
        self.block(node.orelse, context, scope)

    do_AsyncFor = do_For

    def do_While(self, node, context, scope):
        self.expressions(node.test, context, scope)
        self.block(node.body, context, scope)
        self.block(node.orelse, context, scope)

    def do_Match(self, node, context, scope):
        self.expressions(node.subject, context, scope)
        for case in node.cases:
            for part in ast.walk(case.pattern):
                name = getattr(part, "name", None)
                if isinstance(name, str):
                    self.bind(part, name, scope, part.end_lineno)
                if getattr(part, "rest", None):
                    self.bind(part, part.rest, scope, None)
            if case.guard:
                self.expressions(case.guard, context, scope)
            self.block(case.body, context, scope)

    def do_TypeAlias(self, node, context, scope):
        self.bind(node.name, node.name.id, scope)
        self.expressions(node.value, context, scope)

    def do_Global(self, node, context, scope):
        if scope != MODULE:
            for name in node.names:
                self.bind(node, name, MODULE, node.lineno
                          if node.lineno == node.end_lineno else None)

    def do_Assign(self, node, context, scope):
        self.expressions(node, context, scope)
        for target in node.targets:
            self.targets(target, scope)
        self.path_statement(node, node.targets[0], context)

    def do_AnnAssign(self, node, context, scope):
        self.expressions(node, context, scope)
        if node.value:
            self.targets(node.target, scope)
            if not self.is_path(node.target):
                self.path_statement(node, node.target, context)

    def do_AugAssign(self, node, context, scope):
        self.expressions(node, context, scope)
        self.path_statement(node, node.target, context)

    def do_Delete(self, node, context, scope):
        self.expressions(node, context, scope)
        self.path_statement(node, node.targets[0], context)

    # Expressions

    def expressions(self, root, context, scope, parent=None):
        """Calls, walruses and subscripts anywhere in a node."""
        stack = [(root, context, scope, False, parent)]
        while stack:
            node, context, scope, in_field, parent = stack.pop()
            kind = type(node)
            if kind is ast.Call:
                self.call(node, context, scope, in_field, parent)
            elif kind is ast.Lambda:
                stack.append((node.args, context, scope, in_field, node))
                stack.append((node.body, context.add(LAZY), FUNCTION,
                              in_field, node))
                continue
            elif kind is ast.NamedExpr:
                self.bind(node.target, node.target.id, scope,
                          None if in_field and not NEW_FIELDS else 0)
            elif kind is ast.Subscript:
                index = index_of(node)
                if last(dotted(node.value)) == "modules" and (
                        dotted(index) == "__name__"):
                    self.dynamic_names = True
            elif kind in STRINGS_WITH_FIELDS:
                in_field = True
            for value in node.__dict__.values():
                if isinstance(value, ast.AST):
                    stack.append((value, context, scope, in_field, node))
                elif isinstance(value, list):
                    for part in value:
                        if isinstance(part, ast.AST):
                            stack.append((part, context, scope, in_field,
                                          node))

    def call_place(self, node, in_field):
        if in_field and not NEW_FIELDS:
            return [None, None]
        return self.place(node)

    def add_dynamic(self, what, start, end, context, in_field=False):
        place = self.call_place(start, in_field)
        self.dynamics.append([
            *place, what, LEVELS[context.level], context.only_main,
            context.never, self.segment(start, end) if place[0] else None])

    def call(self, node, context, scope, in_field, parent):
        name = dotted(node.func)
        if name is None:
            return
        prefix, _, method = name.rpartition(".")
        plain = prefix in ("", "builtins")
        if name in self.import_names or (
                method == "import_module" and prefix in self.importlib_names):
            self.import_call(node, context, in_field, False)
        elif plain and method == "__import__":
            self.import_call(node, context, in_field, True)
        elif (method in LOADERS or name in IMP_LOADERS or name in RUNPY
                or (plain and method == "exec")
                or (plain and method == "eval" and self.is_code(node))):
            self.add_dynamic("exec", node, node, context, in_field)
            if method == "exec" and plain and scope == MODULE:
                self.dynamic_names = True
        elif method in EDITS and prefix in self.path_names or (
                method in EDITS and prefix.rpartition(".")[2] == "path"
                and prefix.rpartition(".")[0] in self.sys_names):
            self.path_call(node, method, context, in_field)
        elif name == "site.addsitedir":
            self.path_call(node, "append", context, in_field)
        elif method in EDITS and last(prefix) == "__path__":
            self.add_dynamic("package-path", node, node, context, in_field)
        elif not prefix and not node.args and not node.keywords and (
                method == "globals" or
                (method in ("locals", "vars") and scope == MODULE)):
            self.dynamic_names |= self.may_bind(node, parent)

    @staticmethod
    def is_code(node):
        value = getattr(node.args[0], "value", None) if node.args else None
        if isinstance(value, bytes):
            value = value.decode("latin-1")
        return not isinstance(value, str) or "import" in value

    @staticmethod
    def may_bind(node, parent):
        """Is what globals() gives used for more than to be read?"""
        if isinstance(parent, ast.Attribute):
            return parent.attr not in READS
        if isinstance(parent, ast.Subscript) and parent.value is node:
            return isinstance(parent.ctx, ast.Store)
        if isinstance(parent, ast.Compare):
            return not any(isinstance(op, (ast.In, ast.NotIn))
                           and part is node for op, part in
                           zip(parent.ops, parent.comparators))
        if isinstance(parent, (ast.For, ast.comprehension)):
            return parent.iter is not node
        if isinstance(parent, ast.keyword):
            return parent.arg is not None
        if isinstance(parent, ast.Dict):  # {**globals()}
            return not any(key is None and value is node for key, value in
                           zip(parent.keys, parent.values))
        return True

    @staticmethod
    def argument(node, position, keyword):
        if position < len(node.args):
            return node.args[position]
        return next((word.value for word in node.keywords
                     if word.arg == keyword), None)

    def import_call(self, node, context, in_field, is_builtin):
        text = literal(self.argument(node, 0, "name"))
        if text is None:
            self.add_dynamic("import-call", node, node, context, in_field)
            return
        module = text.lstrip(".")
        dots = len(text) - len(module)
        if not text:
            return
        place = self.call_place(node, in_field)
        if not is_builtin:
            package = literal(self.argument(node, 1, "package"))
            if dots and package and (
                    package.count(".") >= dots - 1):
                parts = package.rsplit(".", dots - 1)
                module = ".".join(part for part in (parts[0], module) if part)
                dots = 0
            self.add_import(place, module, context, "", dots, True)
            return
        level = self.argument(node, 4, "level")
        if isinstance(level, ast.Constant) and type(level.value) is int:
            dots = level.value
        self.add_import(place, module, context, "", dots, True)
        names = self.argument(node, 3, "fromlist")
        if isinstance(names, (ast.Tuple, ast.List)):
            for name in map(literal, names.elts):
                if name:
                    self.add_import(place, module, context, name, dots, True)

    # Edits of sys.path

    def folder(self, node):
        if self.folders is None:
            self.folders = Folders(self.tree)
        return self.folders.folder(node)

    def is_path(self, node):
        name = dotted(node)
        return name is not None and (
            name in self.path_names or
            (name.endswith(".path") and name[:-5] in self.sys_names))

    def add_edit(self, place, context, added, text):
        """added: [anchor, folder, in front] each, None for what is not known;
        or None where nothing of it is understood."""
        self.edits.append([*place, LEVELS[context.level], context.only_main,
                           context.never, added, text])

    def path_call(self, node, method, context, in_field):
        arguments, added = node.args, None
        if node.keywords:
            arguments = []
        if method == "insert" and len(arguments) == 2:
            where = arguments[0]
            front = isinstance(where, ast.Constant) and where.value in (0, 1)
            added = [self.added(arguments[1], front)]
        elif method == "append" and len(arguments) == 1:
            added = [self.added(arguments[0], False)]
        elif method == "extend" and len(arguments) == 1 and isinstance(
                arguments[0], (ast.List, ast.Tuple)):
            added = [self.added(part, False) for part in arguments[0].elts]
        elif method == "remove" and len(arguments) == 1:
            added = []
        place = self.call_place(node, in_field)
        self.add_edit(place, context, added,
                      self.segment(node, node) if place[0] else None)

    def added(self, node, in_front):
        found = self.folder(node)
        return found and [*found, in_front]

    def sum(self, node):
        """The elements of `[a] + sys.path + [b]`; "all" is sys.path."""
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return self.sum(node.left) + self.sum(node.right)
        if isinstance(node, ast.Starred):
            return self.sum(node.value)
        if isinstance(node, (ast.List, ast.Tuple)):
            found = []
            for part in node.elts:
                found += (self.sum(part) if isinstance(part, ast.Starred)
                          else [part])
            return found
        return ["all" if self.is_path(node) else None]

    def path_statement(self, node, target, context):
        if dotted(target) == "__path__" or (
                isinstance(target, ast.Subscript)
                and dotted(target.value) == "__path__"):
            if not isinstance(node, ast.Delete):
                self.add_dynamic("package-path", node, node, context)
            return
        is_part = isinstance(target, ast.Subscript)
        if not self.is_path(target.value if is_part else target):
            return
        added = None
        if isinstance(node, (ast.Assign, ast.AugAssign)) and not is_part:
            adds = isinstance(node, ast.AugAssign)
            parts = self.sum(node.value)
            if (adds or "all" in parts) and None not in parts:
                at = -1 if adds else parts.index("all")
                added = [self.added(part, i < at)
                         for i, part in enumerate(parts) if part != "all"]
        self.add_edit(self.place(node), context, added,
                      self.segment(node, node))

    def names(self):
        found = {}
        for _, name, line, is_del in sorted(
                self.bound, key=lambda one: (one[0], one[1])):
            if is_del:
                found.pop(name, None)
            else:
                found.setdefault(name, line)
        return sorted(found.items(), key=lambda one: one[0].encode())


def literals(text):
    """[text, line] of string tokens that look like paths or modules."""
    found, depth = [], 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        name = tokenize.tok_name[token.type]
        if name in ("FSTRING_START", "TSTRING_START"):
            depth += 1
        elif name in ("FSTRING_END", "TSTRING_END"):
            depth -= 1
        elif name == "STRING" and not depth:
            match = re.match("([A-Za-z]*)('''|\"\"\"|'|\")", token.string)
            if set(match[1].lower()) & set("bft"):
                continue
            body = token.string[match.end():-len(match[2])]
            if LITERAL.fullmatch(body) and ("." in body or "/" in body):
                found.append([body, token.start[0]])
    return found


def coding_of(source):
    """The name in the coding line as the scanner gives it, and the encoding."""
    source = source[3:] if source.startswith(b"\xef\xbb\xbf") else source
    lines = re.split(rb"\r\n|\r|\n", source, maxsplit=2)[:2]
    for line in lines:
        line = line.decode("latin-1")
        match = CODING.match(line)
        if match:
            name = match[1].lower().replace("_", "-")
            if name in ("utf-8", "utf8", "u8") or name.startswith("utf-8-"):
                return "", "utf-8"
            return name[:64], match[1]
        if not BLANK.match(line):
            break
    return "", "utf-8"


def read(path):
    with open(path, "rb") as file:
        source = file.read()
    try:
        tree = compile(source, path, "exec", ast.PyCF_ONLY_AST,
                       dont_inherit=True)
        compile(source, path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, UnicodeDecodeError) as error:
        return {"syntax": f"{type(error).__name__}: {error}",
                "line": getattr(error, "lineno", None)}
    except (RecursionError, MemoryError) as error:
        return {"syntax": type(error).__name__, "is_limit": True}
    coding, encoding = coding_of(source)
    source = source[3:] if source.startswith(b"\xef\xbb\xbf") else source
    text = source.decode(encoding, "surrogateescape")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    reader = Reader(tree, text)
    names = reader.names()
    return {
        "imports": reader.imports, "dynamics": reader.dynamics,
        "edits": reader.edits, "names": names, "literals": literals(text),
        "star": reader.star, "dynamic_names": reader.dynamic_names,
        "getattr": any(name == "__getattr__" for name, _ in names),
        "coding": coding,
    }


def main():
    warnings.simplefilter("ignore")
    sys.setrecursionlimit(5000)
    os.getcwd = lambda: WORK_FOLDER
    for path in sys.stdin.read().splitlines():
        print(json.dumps({"path": path, **read(path)}))


if __name__ == "__main__":
    main()
