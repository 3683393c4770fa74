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
import re
import sys
import tokenize
import warnings
from typing import NamedTuple

import pyscan_flow
from pyscan_values import (MINOR, WORK_FOLDER, Conditions, Folders, dotted,
                           elements, index_of, last, literal)

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


class Context(NamedTuple):
    level: int = HARD
    only_main: bool = False
    never: bool = False

    def add(self, level=HARD, only_main=False, never=False):
        return Context(max(self.level, level), self.only_main or only_main,
                       self.never or never)


class Reader:
    """Walks one module."""

    def __init__(self, tree, text):
        self.lines = [line.encode("utf-8", "surrogateescape")
                      for line in text.split("\n")]
        self.imports, self.dynamics, self.edits = [], [], []
        self.bound = []  # (place, name, line or None, is del, by import)
        self.flow = pyscan_flow.Flow()
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

    def bind(self, node, name, scope, line=0, by_import=False):
        if scope == MODULE:
            if line == 0:
                # Behind a backslash the name of a def is on another line.
                line = node.lineno
                if self.lines[line - 1].endswith(b"\\"):
                    line = None
            self.bound.append(((node.lineno, node.col_offset), name, line,
                               False, by_import))

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
                                None, True, False))

    def add_import(self, place, module, context, name="", dots=0,
                   by_call=False):
        self.imports.append([*place, module, LEVELS[context.level], name,
                             dots, context.only_main, context.never, by_call])
        if self.runs(context):
            self.flow.run(place[0], dots, module, name)

    @staticmethod
    def runs(context):
        """Do imports here happen at the start of the module?"""
        return context.level < LAZY and not context.never

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
                  node.lineno, True)

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
        flow = self.flow.statement(self.runs(context))
        self.block(node.body, context.add(GUARDED if guards else HARD), scope)
        for one in node.handlers:
            if one.type:
                self.expressions(one.type, context, scope)
            flow.handler(pyscan_flow.errors(
                [one.type] if one.type else None))
            self.block(one.body, context.add(
                GUARDED if guards and one is handler else HARD), scope)
            if self.leaves(one.body[-1]):
                flow.leave(pyscan_flow.raised(one.body[-1]))
        flow.clause("else", node.orelse)
        self.block(node.orelse, context, scope)
        flow.clause("finally", node.finalbody)
        self.block(node.finalbody, context, scope)
        flow.end()

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
        inner, errors = context, set()
        for item in node.items:
            self.expressions(item.context_expr, context, scope)
            if item.optional_vars:
                self.expressions(item.optional_vars, context, scope)
                self.targets(item.optional_vars, scope)
            call = item.context_expr
            if isinstance(call, ast.Call) and (
                    last(dotted(call.func)) == "suppress"):
                errors |= pyscan_flow.errors(call.args)
                if any(last(dotted(part)) in CATCHES for part in call.args):
                    inner = context.add(GUARDED)
        flow = self.flow.statement(self.runs(context) and bool(errors))
        self.block(node.body, inner, scope)
        flow.handler(errors)
        flow.end()

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
        """[name, line, line of the first binding that is no import or 0]"""
        found = {}
        for _, name, line, is_del, by_import in sorted(
                self.bound, key=lambda one: (one[0], one[1])):
            if is_del:
                found.pop(name, None)
                continue
            entry = found.setdefault(name, [name, line, 0])
            if not by_import and entry[2] == 0:
                entry[2] = line
        return sorted(found.values(), key=lambda one: one[0].encode())


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
        "getattr": any(name == "__getattr__" for name, *_ in names),
        "flow": reader.flow.steps, "all": pyscan_flow.dunder_all(tree),
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
