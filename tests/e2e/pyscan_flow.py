"""What pyscan_oracle.py says of a start: which imports happen in which try, and
what __all__ names."""

import ast

from pyscan_values import dotted, last, literal

ERRORS = {"not-found", "import", "syntax", "type", "value", "attribute",
          "other"}
# What a handler of the class catches, and what raising it is.
CLASSES = {
    "ImportError": ({"not-found", "import"}, "import"),
    "ModuleNotFoundError": ({"not-found"}, "not-found"),
    "Exception": (ERRORS, "other"),
    "BaseException": (ERRORS | {"exit"}, "exit"),
    "SyntaxError": ({"syntax"}, "syntax"),
    "TypeError": ({"type"}, "type"),
    "ValueError": ({"value"}, "value"),
    "AttributeError": ({"attribute"}, "attribute"),
    "SystemExit": ({"exit"}, "exit"),
    "KeyboardInterrupt": (set(), "exit"),
}


def errors(types):
    """What `except` with these expressions catches; None: a bare one."""
    if types is None:
        return CLASSES["BaseException"][0]
    found = set()
    for node in types:
        for part in (node.elts if isinstance(node, ast.Tuple) else [node]):
            found |= CLASSES.get(last(dotted(part)), (set(),))[0]
    return found


def raised(node):
    """What the last statement of a handler raises; "" is what it caught."""
    if not isinstance(node, ast.Raise):
        return "exit"
    value = node.exc
    while value is not None and not dotted(value):
        value = getattr(value, "func", getattr(value, "value", None))
    name = last(dotted(value)) if value is not None else ""
    if name in CLASSES:
        return CLASSES[name][1]
    return "" if not name or "a" <= name[0] <= "z" else "other"


class Statement:
    """A try, or a with that suppresses; nothing of it counts where it has no
    imports."""

    def __init__(self, flow, counts):
        self.flow, self.counts = flow, counts
        self.first, self.seen = len(flow.steps), flow.seen
        self.add("try")

    def add(self, *step):
        if self.counts:
            self.flow.steps.append(list(step))

    def handler(self, caught):
        self.add("except", sorted(caught))

    def leave(self, error):
        self.add("raise", error)

    def clause(self, name, body):
        if body:
            self.add(name)

    def end(self):
        if self.counts and self.flow.seen == self.seen:
            del self.flow.steps[self.first:]
        self.add("end") if self.flow.seen != self.seen else None


class Flow:
    def __init__(self):
        self.steps = []
        self.seen = 0

    def run(self, *what):
        self.seen += 1
        self.steps.append(["run", *what])

    def statement(self, counts):
        return Statement(self, counts)


def texts(node):
    """The literals of a list, None among them for what is none."""
    if isinstance(node, (ast.List, ast.Tuple)):
        return [literal(part) for part in node.elts]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return texts(node.left) + texts(node.right)
    return [literal(node)]


def dunder_all(tree):
    """The names of __all__; "open" where it has others, None without one."""
    found = None
    stack = [(node, True) for node in reversed(tree.body)]
    while stack:
        node, is_top = stack.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef,
                             ast.ClassDef)):
            continue
        said = about_all(node)
        if said is not None:
            is_new = isinstance(node, (ast.Assign, ast.AnnAssign))
            found = (said if is_new and is_top or found is None
                     else found + said)
        inner = [child for part in ("body", "handlers", "orelse", "finalbody",
                                    "cases")
                 for child in getattr(node, part, [])
                 if isinstance(child, ast.AST)]
        stack += [(child, False) for child in reversed(inner)]
    return "open" if found and None in found else found


def about_all(node):
    """What a statement that begins with __all__ adds, or None."""
    def is_all(part):
        return isinstance(part, ast.Name) and part.id == "__all__"
    if isinstance(node, ast.Assign):
        first = node.targets[0]
        if is_all(first):
            return texts(node.value) if len(node.targets) == 1 else [None]
        while isinstance(first, (ast.Subscript, ast.Attribute)):
            first = first.value
        if isinstance(first, ast.Tuple) and first.elts:
            first = first.elts[0]
        return [None] if is_all(first) else None
    if isinstance(node, ast.AnnAssign) and is_all(node.target):
        return texts(node.value) if node.value else [None]
    if isinstance(node, ast.AugAssign) and is_all(node.target):
        return texts(node.value) if isinstance(node.op, ast.Add) else [None]
    if isinstance(node, ast.Expr):
        value = node.value
        name = dotted(getattr(value, "func", value)) or ""
        if name in ("__all__.extend", "__all__.append") and isinstance(
                value, ast.Call) and not value.keywords:
            return [text for part in value.args for text in texts(part)]
        if name.startswith("__all__") and name.split(".")[0] == "__all__":
            return [None]
    return None
