"""CPython's own answer: starts source trees for real, one fork each.

Run by the Python that is asked, with `-S -s -E -B`: nothing may be imported
here that a fresh interpreter has not loaded, or the trees would find it. Reads
a marshalled list of trees (see random_tree.py) from stdin and writes one of

    {"loaded": [path],
     "failed": None or {"type", "text", "name", "installed", "file",
                            "line"}}

where loaded is every first-party file whose code began to run, and failed is
what the start ended with: name is the module that the exception names, and
installed that it is not first-party; file and line are the innermost
of the first-party frames.
"""

import marshal
import os
import sys

FOLDER = os.path.realpath(sys.argv[1])
APP = FOLDER + "/app"
INSTALLED = FOLDER + "/site-packages"
RAISED = "no"  # the text of what a tree raises itself
SYS_PATH = list(sys.path[1:])  # without the folder of this script
loaded = []


def relative(name):
    """Below the source root: a folder of sys.path may have "..", too."""
    return os.path.normpath(name)[len(APP) + 1:]


def hook(event, arguments):
    if event == "exec":
        name = getattr(arguments[0], "co_filename", "")
        if name.startswith(APP + "/") and name not in loaded:
            loaded.append(name)


def write(folder, files):
    for name, text in files.items():
        path = folder + "/" + name
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(text.encode("utf-8"))


def remove(folder):
    for path, folders, files in os.walk(folder, topdown=False):
        for name in files:
            os.unlink(path + "/" + name)
        for name in folders:
            os.rmdir(path + "/" + name)


def start(tree):
    """What pymain_run_python() does, after what site does."""
    import site
    searched = [APP + "/" + folder if folder else APP
                for folder in tree["pythonpath"]]
    sys.path[:] = searched + SYS_PATH + [INSTALLED]
    # Debian's Python has one of its own, which would be found otherwise.
    if any(os.path.exists(folder + "/sitecustomize.py")
           for folder in searched):
        site.execsitecustomize()
    os.chdir(APP + "/" + (tree["workdir"] or ""))
    main = sys.modules["__main__"] = type(sys)("__main__")
    entry = tree["entry"]
    path = APP + "/" + entry
    if tree["module"]:
        sys.argv[:] = [entry]
        sys.path.insert(0, os.getcwd())
        import runpy
        runpy._run_module_as_main(entry)
    elif os.path.isdir(path):
        sys.argv[:] = [path]
        sys.path.insert(0, path)
        import runpy
        runpy._run_module_as_main("__main__", False)
    else:
        sys.argv[:] = [path]
        sys.path.insert(0, os.path.dirname(path))
        with open(path, "rb") as file:
            code = compile(file.read(), path, "exec")
        main.__file__ = path
        main.__builtins__ = sys.modules["builtins"]
        exec(code, main.__dict__)


def is_installed(error):
    name, path = getattr(error, "name", None), getattr(error, "path", None)
    if path:
        return not path.startswith(APP + "/")
    # "shared" has no file, as a folder without __init__.
    return (name in sys.builtin_module_names or name == "shared"
            and not os.path.exists(APP + "/shared"))


def describe(error):
    """What a start ended with: the import that failed, if one did."""
    seen = error
    while seen is not None and (str(seen) == RAISED or not isinstance(
            seen, (ImportError, SyntaxError))):
        seen = seen.__cause__ or seen.__context__
    seen = seen or error
    file, line = "", 0
    trace = seen.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if name.startswith(APP + "/"):
            file, line = relative(name), trace.tb_lineno
        trace = trace.tb_next
    if isinstance(seen, SyntaxError):
        file, line = relative(seen.filename or ""), seen.lineno
    return {"type": type(seen).__name__, "text": str(seen),
            "name": getattr(seen, "name", None) or "",
            "installed": is_installed(seen),
            "file": file, "line": line}


def child(tree, pipe):
    nowhere = os.open("/dev/null", os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    failed = None
    try:
        start(tree)
    except BaseException as error:
        failed = describe(error)
    answer = {"loaded": [relative(name) for name in loaded],
              "failed": failed}
    os.write(pipe, marshal.dumps(answer))
    os._exit(0)


def ask(tree):
    write(APP, tree["files"])
    write(INSTALLED, tree["distributions"])
    mine, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        child(tree, theirs)
    os.close(theirs)
    with open(mine, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(pid, 0)
    remove(FOLDER)
    return marshal.loads(answer)


sys.addaudithook(hook)
trees = marshal.load(sys.stdin.buffer)
marshal.dump([ask(tree) for tree in trees], sys.stdout.buffer)
