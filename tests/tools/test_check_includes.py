"""tests/check_includes fails on each kind of wrong include."""
import pathlib
import subprocess
import sys

import pytest

CHECKER = pathlib.Path(__file__).parents[1] / "check_includes"

TABLE = "# a comment\nbase  one two\nwork  run report\nfaces cli\n"


def tree(root, files):
    files = {"src/modules.txt": TABLE, "src/base/one.h": "", **files}
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def check(root):
    return subprocess.run([sys.executable, CHECKER, root],
                          capture_output=True, text=True)


def test_a_good_tree_passes(tmp_path):
    tree(tmp_path, {
        "src/base/two.h": '#include <stdio.h>\n#include "base/one.h"\n',
        "src/work/run.h": "",
        "src/work/run.c": '#include "work/run.h"\n'
                          '#include "work/run/inner.h" /* ours */\n'
                          '# include "base/two.h"\n',
        "src/work/run/inner.h": "",
        "src/work/run/inner.c": '#include "work/run/inner.h"\n',
        "src/work/report.c": '#include "work/run.h"\n',
        "src/faces/cli.h": '#include "work/run.h"\n',
        "src/faces/main.c": '#include "faces/cli.h"\n',
        "init/init.h": "",
        "init/init.c": '#include <stdio.h>\n#include "init.h"\n',
        "init/gpu/gpu.h": "",
        "init/gpu/gpu.c": '#include "gpu.h"\n#include "init.h"\n',
    })
    result = check(tmp_path)
    assert result.stdout == "13 passed, 0 failed\n"
    assert result.returncode == 0


@pytest.mark.parametrize("path, text, message", [
    ("src/base/two.c", '#include "work/run.h"\n',
     'src/base/two.c:1: includes upward: "work/run.h" is in a higher layer'),
    ("src/base/one.c", '\n#include "base/two.h"\n',
     "src/base/one.c:2: includes rightward: base/two stands to the right of "
     "base/one in modules.txt"),
    ("src/base/two.c", '#  include  "work/run.h" // why not\n',
     'src/base/two.c:1: includes upward: "work/run.h" is in a higher layer'),
    ("src/work/report.c", '#include "work/run/inner.h"\n',
     'src/work/report.c:1: includes "work/run/inner.h", which is private to '
     "work/run"),
    ("src/work/run.c", '#include "inner.h"\n',
     'src/work/run.c:1: includes "inner.h", which is no file below src; '
     "paths are LAYER/MODULE.h"),
    ("src/work/run.c", "#include <base/one.h>\n",
     "src/work/run.c:1: includes <base/one.h>, which is ours; quote it"),
    ("src/work/run.c", "#include HEADER\n",
     "src/work/run.c:1: includes a macro; name the header"),
    ("src/work/run.c", '#include "base/code.c"\n',
     'src/work/run.c:1: includes "base/code.c", which is no header'),
    ("src/work/stray.c", "",
     "src/work/stray.c: belongs to no module of src/modules.txt"),
    ("src/work/run/deep/deep.c", "",
     "src/work/run/deep/deep.c: belongs to no module of src/modules.txt"),
    ("init/init.c", '#include "base/one.h"\n',
     'init/init.c:1: includes "base/one.h", which is not below init/'),
    ("init/init.c", '#include "../src/base/one.h"\n',
     'init/init.c:1: includes "../src/base/one.h"; name it from its own '
     "folder or init/"),
    ("init/init.c", "#include <base/one.h>\n",
     "init/init.c:1: includes <base/one.h> of src/; init/ uses libc only"),
])
def test_a_wrong_include_is_named(tmp_path, path, text, message):
    tree(tmp_path, {"src/base/two.h": "", "src/work/run.h": "",
                    "src/work/run/inner.h": "", path: text})
    if "code.c" in text:
        tree(tmp_path, {"src/base/code.c": ""})
    result = check(tmp_path)
    assert message in result.stdout.splitlines()
    assert result.returncode == 1


def test_an_empty_tree_does_not_pass(tmp_path):
    tree(tmp_path, {})
    (tmp_path / "src/base/one.h").unlink()
    result = check(tmp_path)
    assert (result.stdout, result.returncode) == ("0 passed, 0 failed\n", 1)
