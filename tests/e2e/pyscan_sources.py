"""Sources to try a scanner of Python with: made at random, and real ones with
damage. Most of the first compile; of the second those with luck."""

import random

BLOCKS = """\
if {c}:
if {c}:
elif {c}:
else:
try:
try:
except ImportError:
except (ValueError, ImportError) as problem:
except ModuleNotFoundError:
except Exception:
except (KeyError):
except builtins.ImportError:
except:
finally:
for {t} in {e}:
while {e}:
with contextlib.suppress(ImportError):
with suppress(KeyError, ModuleNotFoundError) as {n}, open({e}):
with open({e}) as {t}, {e}:
with (suppress(ImportError)):
def {n}(a, b={e}, *c, d: {e} = {e}) -> {e}:
def {n}():
async def {n}(self):
class {n}({e}, metaclass={e}):
class {n}:
match {e}:
@{e}
""".splitlines()

STATEMENTS = """\
import {m}
import {m} as {n}, {m}
import {m}; import {m}
from {m} import {n}
from {m} import {n} as {n}, {n}
from . import {n}
from ..{m} import {n}
from .... import {n}
from sys import path
from importlib import import_module as {n}
import sys as {n}
import importlib as {n}
from {m} import *
import sys
{e}
{e}
{t} = {e}
{t} = {t} = {e}
{t}, *{t} = {e}
({t}, [{t}, {n}]) = {e}
{n}: {e} = {e}
{n}: {e}
{n}.a[{e}] = {n} = {e}
{n} += {e}
{t} = lambda {n}, *a, b={e}: {e}
del {n}
del {n}, {n}.a
global {n}
return {e}
raise {e}
raise
raise ImportError({e}) from {n}
sys.exit({e})
os._exit(1)
exit
pass
assert {e}, {e}
yield {e}
sys.path.insert(0, {p})
sys.path.append({p})
sys.path.extend([{p}, {p}])
sys.path.remove({p})
sys.path += [{p}]
sys.path = [{p}, *sys.path, {p}]
sys.path[:] = [{p}] + sys.path
sys.path[0:0] = [{p}]
del sys.path[0]
site.addsitedir({p})
__path__ = {e}
__path__.append({e})
HERE = {p}
if {c}: import {m}
if {c}: {n} = 1; import {m}
def {n}(): import {m}; global {n}
class {n}: import {m}
for {t} in {e}: import {m}
type = {e}
type {n} = {e}
match = {e}
match({e})
match[{e}] = {n}
case = print({e})
{n} = '\\N{{DIGIT ONE}}.a'
{n} = f'{{{f}}}' f"{{{f}!r:>{{{f}}}}} {{{{ import {m} }}}}"
""".splitlines() + [
    "from {m} import ({n}, # (\n    {n} as {n},\n )",
    "{n} = f'''{{\n    {f} }} import {m}\n'''",
    "try: import {m}\nexcept ImportError: import {m}\nelse: import {m}",
    "try: import {m}\nexcept: raise",
]

EXPRESSIONS = """\
{n}
{n}
1
0x1F
1_0.5e-3j
(1if({e})else 2)
{s}
{s}
{s} {s}
{n}({e})
{n}({e}, a={e})
{n}(*{e}, **{e})
[{e}, {e}]
[{n} for {n} in ({e}) if ({e})]
({e})
({e}, )
({n} := {e})
{{{e}: {e}}}
{{**{e}}}
{n}[{e}]
{n}[{e}:{e}]
{n}.{n}
{e} if {e} else {e}
{e} == {e}
{e} in {e}
not {e}
{e} and {e}
lambda: {e}
lambda a, b={e}: {e}
(lambda: {e})({e})
importlib.import_module({s})
import_module({e})
importlib.import_module('.{n}', {s})
importlib . import_module('{m}')
__import__('{m}')
__import__('{m}', fromlist=['{n}', {s}])
__import__('{m}', globals(), None, ('{n}',), 1)
exec({e})
eval('1 + 2')
eval({e})
runpy.run_path({e})
importlib.util.spec_from_file_location({e}, {e})
self.exec({e})
globals()
globals()[{e}]
globals().update({e})
vars()
locals()
sys.modules[__name__]
sys.modules[__name__ + {s}]
setattr(sys.modules[ __name__ ], {e}, {e})
f'{{{f}}}'
f"{{{f}!r}} {{{f}:>{{{f}}}}} x.y"
rf'\\{{{f}}}'
f'''{{ {f} = }} "a.b" '''
f'{{{e}}}'
""".splitlines()

# In f-strings: no quotes, which mean another thing before Python 3.12.
FIELDS = """\
{n}
{n}.{n}[{f}]
exec({f})
__import__({f})
globals()[{f}]
(lambda: {f})
(lambda a, b=1: eval({f}))
[{n} for {n} in ({f})]
({n} := {f})
({f}, {f})
({f} == {f})
 {{1: {f}}}
""".splitlines()

STRINGS = [
    "'a/b.py'", '"conf.d/x-1.yaml"', "u'x.y'", r"r'x\.y'", "b'x.y'",
    "'it is \"('", "\"it's [ # no\"", r"'\''", r"'\\'", r"r'\\'",
    '"a\\\nb"', "'''x.y'''", "'''\nimport no\n' \" ''\\'\n'''",
    '"""\ndef no(:\n"""', "'\u00e4.b'", "''", "'import os'", "'.'",
    "'x/y' 'z.z'", "f'x.y'", r"'\x2e/a'",
]

CONDITIONS = """\
{e}
TYPE_CHECKING
typing.TYPE_CHECKING
not {c}
({c})
{c} and {c}
{c} or {c}
sys.version_info >= (3, 8)
sys.version_info < (3, 11, 0)
sys.version_info[:2] == (3, 12)
sys.version_info[0] == 2
sys.version_info.minor > 10
sys.version_info[1] <= {n}
sys.version_info > (3,)
sys.platform == 'win32'
sys.platform != {s}
sys.platform == {n}
sys.platform in ('linux', 'darwin')
sys.platform not in ['cygwin', {n}]
sys.platform.startswith('win')
sys.platform.startswith({n})
os.name == 'nt'
os.name == "posix"
platform.system() == 'Linux'
__name__ == '__main__'
"__main__" == __name__
__name__ != '__main__'
__name__ == {s}
""".splitlines()

PATHS = """\
__file__
'lib'
'/opt/x/../y'
os.path.dirname(__file__)
os.path.dirname({p})
os.path.abspath({p})
os.path.join({p}, {p})
os.path.join({p}, '..', 'x')
os.path.normpath({p})
{p} + '/lib'
Path(__file__).parent
pathlib.Path({p}).resolve().parents[1] / 'lib'
str({p})
str(Path({p}).parent.parent)
f'{{{p}}}/sub'
os.getcwd()
HERE
{n}
{e}
""".splitlines()

TARGETS = ["{n}"] * 4 + ["{n}.{n}", "{n}[{e}]", "(foo)", "[{n}, {n}]"]
NAMES = """\
a b foo lambda_x mylambda x1 _y sys path importlib os exec_it matchs type
match case __getattr__ HERE Path pathlib TYPE_CHECKING ifx de\u0301f
""".split()
MODULES = "a b.c os.path sys importlib x.y.z _private matches iffy".split()
NEEDS = {"except": ("try", "except"), "finally": ("try", "except", "else"),
         "elif": ("if", "elif"),
         "else": ("if", "elif", "for", "while", "except")}


class Maker:
    """Makes programs; the same seed makes the same."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.choose = self.chance.choice

    def fill(self, template, depth=0):
        """The template with its {x} made at random."""
        lists = {"f": FIELDS, "e": EXPRESSIONS, "c": CONDITIONS, "p": PATHS, "t": TARGETS,
                 "s": STRINGS, "n": NAMES, "m": MODULES}
        flat = {"f": "a", "e": "a", "c": "b", "p": "__file__", "t": "c"}

        class Values(dict):
            def __missing__(values, key):
                if depth > 3 and key in flat:
                    return flat[key]
                made = self.choose(lists[key])
                if key in "snm":
                    return made
                return self.fill(made, depth + 1)

        made, rest = "", template
        while "{" in rest or "}" in rest:
            at = min(i for i in (rest.find("{"), rest.find("}")) if i >= 0)
            made += rest[:at]
            if rest[at:at + 2] in ("{{", "}}"):
                made += rest[at]
                rest = rest[at + 2:]
            else:
                made += Values()[rest[at + 1]]
                rest = rest[at + 3:]
        return made + rest

    def layout(self, indent):
        """Lines between statements."""
        return self.choose([""] * 12 + [
            "\n", indent + "# import no (\n", "#if:\n", " \t\n", "\f\n",
            "\f", indent + "'''doc/x.y\nimport no\n'''\n"])

    def block(self, indent, depth, in_function=False):
        text, before = "", ""
        for _ in range(self.chance.randrange(1, 5 if depth else 12)):
            template = self.choose(BLOCKS if depth < 5 and
                                   self.chance.random() < .45
                                   else STATEMENTS)
            word = template.split()[0].strip(":(")
            needs = NEEDS.get(word)
            if template in BLOCKS and needs and before not in needs:
                continue
            if not in_function and word in ("return", "yield"):
                continue
            if before == "try" and word not in ("except", "finally"):
                text += indent + "except ImportError:\n" + self.block(
                    indent + "  ", depth + 1, in_function)
            text += self.layout(indent) if word not in NEEDS else ""
            made = self.fill(template)
            if template in BLOCKS and word == "match":
                text += (f"{indent}{made}\n{indent} case {self.pattern()}:\n"
                         + self.block(indent + "  ", depth + 1, in_function))
            elif template in BLOCKS and word[0] == "@":
                text += f"{indent}{made}\n{indent}def g():\n{indent}\tpass\n"
            elif template in BLOCKS:
                inner = indent + self.choose([" ", "  ", "    ", "\t"])
                comment = self.choose(["", "", " # x: (", " "])
                text += f"{indent}{made}{comment}\n" + self.block(
                    inner, depth + 1, in_function or "def" in made)
            else:
                joint = self.choose([""] * 6 + [";", " # if x:", "; a = 1"])
                # A backslash goes on with the line, also between two words.
                head, space, tail = made.partition(" ")
                if not set(head) & set("'\"") and self.chance.random() < .1:
                    made = head + (" \\\n " if tail else "") + tail
                for later in ("except", "else"):
                    made = made.replace("\n" + later, f"\n{indent}{later}")
                text += indent + made + joint + "\n"
            before = word if template in BLOCKS else ""
        if before == "try":
            text += f"{indent}finally:\n{indent} pass\n"
        return text + (f"{indent}pass\n" if self.chance.random() < .3
                       or not text.strip() or before else "")

    def pattern(self):
        return self.choose([
            "x", "_", "[x, *rest]", "{'k': v, **rest}", "Point(x=0, y=yy)",
            "a.b | c.d", "(1 | 2) as number", "str() as text if text", "None",
            "{'x': [q, _]} if (w := q)", "-1", "'a.b'"])

    def program(self):
        """Bytes of one source."""
        text = self.block("", 0)
        ends = self.choose(["\n"] * 6 + ["\r\n", "\r"])
        coding, encoding, mark = self.choose([
            ("", "utf-8", b"")] * 8 + [
            ("", "utf-8", b"\xef\xbb\xbf"),
            ("# -*- coding: latin-1 -*-\n", "latin-1", b""),
            ("#!/x\n# vim: set fileencoding=UTF_8 :\n", "utf-8", b""),
            ("\n# coding=iso-8859-15\n", "iso-8859-15", b"")])
        if self.chance.random() < .2:
            text = text.rstrip("\n")
        return mark + (coding + text).replace("\n", ends).encode(
            encoding, "replace")

    def damaged(self, source):
        """A real source with lines and bytes changed."""
        lines = source.split(b"\n")
        for _ in range(self.choose([1, 1, 2, 3])):
            at = self.chance.randrange(len(lines))
            line = lines[at]
            indent = line[:len(line) - len(line.lstrip())].decode("latin-1")
            what = self.chance.randrange(9)
            if what == 0:
                del lines[at:at + self.choose([1, 1, 2, 5])]
            elif what == 1:
                lines[at:at + 2] = reversed(lines[at:at + 2])
            elif what == 2 and line:
                place = self.chance.randrange(len(line))
                lines[at] = line[:place] + self.choose([
                    b"'", b'"', b"(", b")", b"[", b"\\", b"#", b":", b"=",
                    b";", b"\f", b"\r", b"\0", b"\x80", b"f", b"{", b"}",
                    b" ", b"\t", b"lambda: ", b"'''", b"import x", b"",
                ]) + line[place + self.choose([0, 1]):]
            elif what == 3:
                lines = lines[:at + 1]
            elif what == 4:
                lines = lines[at:]
            else:
                made = self.fill(self.choose(STATEMENTS))
                lines.insert(at, indent.encode("latin-1") + made.encode())
            if not lines:
                lines = [b""]
        return b"\n".join(lines)
