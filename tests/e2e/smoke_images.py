"""Starts each image's entrypoint in the image and compares what it loads with
what `check` says.

    smoke_images.py PROGRAM FLEET STORE [SERVICE...]

In every image that `build` makes, runpy.run_path(entrypoint,
run_name="slipway_smoke") (run_module after -m) has to end with 0, and the
first-party files that Python really ran have to be all of check's hard ones
and none but hard and guarded ones. Under that name the entrypoint's
`if __name__ == "__main__"` body does not run: the bounds are what `check`
says of a copy of the fleet in which these bodies are empty.

An image's root is a read-only overlay of its unpacked layers, each unpacked
once; around it stands bubblewrap, without network, as the image's user. Needs
root, for the owners of files and for the overlay.
"""

import ast
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = "/mnt"  # of the image, in a mount namespace of its own
DEADLINE_S = 300

PROBE = """\
import json, os, runpy, sys
fd, work, words = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
loaded = set()

def listen(event, arguments):
    if event == "exec" and arguments[0].co_name == "<module>":
        path = os.path.normpath(arguments[0].co_filename)
        if path.startswith(work):
            loaded.add(path[len(work):])

if words[0] == "-m":
    run, words = runpy.run_module, words[1:]
else:
    run, sys.path[0] = runpy.run_path, os.path.dirname(words[0])
sys.argv = words
sys.addaudithook(listen)
try:
    run(words[0], run_name="slipway_smoke")
finally:
    os.write(fd, json.dumps(sorted(loaded)).encode())
"""

# $1 overlay options, $2 mount point, the rest is run with that mount.
MOUNT = 'mount -t overlay -o "$1" overlay "$2" && cd / && shift 2 && exec "$@"'


class NoMain(ast.NodeTransformer):
    """Empties the bodies of `if __name__ == "__main__"`."""

    TESTS = {"__name__ == '__main__'", "'__main__' == __name__"}
    found = False

    def visit_If(self, node):
        self.generic_visit(node)
        if ast.unparse(node.test) in self.TESTS:
            self.found = True
            node.body = [ast.Pass()]
        return node


def empty_main(path):
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return  # check says the same of the whole service
    cut = NoMain()
    tree = cut.visit(tree)
    if cut.found:
        path.write_text(ast.unparse(tree), encoding="utf-8")


class Layers:
    """Unpacked layers by DiffID."""

    def __init__(self, store, folder):
        self.store = store
        self.folder = folder
        self.names = {}
        self.writable = {}
        (folder / "none").mkdir()  # an overlay wants two layers

    def blob(self, digest):
        algorithm, _, hexadecimal = digest.partition(":")
        return self.store / "blobs" / algorithm / hexadecimal

    def document(self, digest):
        return json.loads(self.blob(digest).read_bytes())

    def unpack(self, diff_id, digest, uid):
        if diff_id in self.names:
            return
        name = str(len(self.names))
        target = self.folder / name
        target.mkdir()
        with open(self.blob(digest), "rb") as layer:
            kind = "--zstd" if layer.read(4) == b"\x28\xb5\x2f\xfd" else "-z"
        subprocess.run(["tar", kind, "-xpf", self.blob(digest), "-C", target,
                        "--numeric-owner"], check=True)
        found = subprocess.run(
            ["find", ".", "(", "-name", ".wh.*", "-printf", "whiteout %p\\n",
             ")", "-o", "-type", "d", "-uid", uid, "-printf", "%P\\n",
             "-prune"], cwd=target, check=True, text=True,
            capture_output=True).stdout.splitlines()
        if any(line.startswith("whiteout ") for line in found):
            raise SystemExit(f"error: {digest} has whiteouts, which an "
                             "overlay of unpacked layers does not know")
        self.names[diff_id] = name
        self.writable[diff_id] = found

    def command(self, image):
        """What runs its arguments in the image, and the image's settings."""
        manifest = self.document(image["digest"])
        document = self.document(manifest["config"]["digest"])
        config = document["config"]
        diff_ids = document["rootfs"]["diff_ids"]
        uid, _, gid = config["User"].partition(":")
        for diff_id, layer in zip(diff_ids, manifest["layers"], strict=True):
            self.unpack(diff_id, layer["digest"], uid)
        lower = ":".join([self.names[diff_id] for diff_id in
                          reversed(diff_ids)] + ["none"])
        command = ["unshare", "--mount", "sh", "-c", MOUNT, "sh",
                   f"ro,lowerdir={lower}", ROOT,
                   "setpriv", "--reuid", uid, "--regid", gid,
                   "--clear-groups",
                   "bwrap", "--unshare-all", "--die-with-parent",
                   "--new-session", "--ro-bind", ROOT, "/", "--proc", "/proc",
                   "--dev", "/dev", "--tmpfs", "/tmp"]
        for diff_id in diff_ids:
            for path in self.writable[diff_id]:
                command += ["--tmpfs", "/" + path]
        command += ["--chdir", config["WorkingDir"], "--clearenv"]
        for variable in config["Env"]:
            command += ["--setenv", *variable.split("=", 1)]
        return command, config


def start(layers, image):
    """(exit status, loaded files, last line of stderr)."""
    command, config = layers.command(image)
    work = config["WorkingDir"].rstrip("/") + "/"
    with tempfile.TemporaryFile() as answer:
        python, *words = config["Cmd"]
        command += [python, "-c", PROBE, str(answer.fileno()), work, *words]
        try:
            ended = subprocess.run(command, cwd=layers.folder, text=True,
                                   stdin=subprocess.DEVNULL,
                                   capture_output=True, errors="replace",
                                   pass_fds=[answer.fileno()],
                                   timeout=DEADLINE_S)
        except subprocess.TimeoutExpired:
            return "late", set(), f"not done after {DEADLINE_S} s"
        answer.seek(0)
        loaded = set(json.loads(answer.read() or b"[]"))
    said = ended.stderr.strip().splitlines() or [""]
    return ended.returncode, loaded, said[-1]


def ask(program, fleet, store, *words):
    """What a verb prints with --json; 1 says that some service has errors."""
    result = subprocess.run([program, "-C", fleet, "--store", store, *words,
                             "--json"], text=True, stdout=subprocess.PIPE)
    if result.returncode not in (0, 1) or not result.stdout:
        raise SystemExit(f"error: slipway {words[0]}: status "
                         f"{result.returncode}")
    return json.loads(result.stdout)


def bounds(program, fleet, store, folder):
    """Per service: hard files, hard and guarded files."""
    copy = folder / "fleet"
    shutil.copytree(fleet, copy, symlinks=True)
    for service in ask(program, fleet, store, "check")["services"]:
        empty_main(copy / service["entrypoint"])
    found = {}
    for service in ask(program, copy, store, "check")["services"]:
        levels = {level: {file["path"] for file in service["files"]
                          if file["level"] == level}
                  for level in ("hard", "guarded")}
        found[service["name"]] = (levels["hard"],
                                  levels["hard"] | levels["guarded"])
    return found


def judge(status, loaded, hard, most, said):
    """Why the image fails, or nothing."""
    if status != 0:
        return f"status {status}: {said}"
    if hard - loaded:
        return "hard but not loaded: " + ", ".join(sorted(hard - loaded))
    if loaded - most:
        return "loaded but not hard or guarded: " + ", ".join(
            sorted(loaded - most))
    return ""


def main(program, fleet, store, *services):
    store = pathlib.Path(store).absolute()
    failed = passed = 0
    with tempfile.TemporaryDirectory(dir=store.parent) as folder:
        folder = pathlib.Path(folder)
        known = bounds(program, fleet, store, folder)
        (folder / "layers").mkdir()
        layers = Layers(store, folder / "layers")
        print(f"{'service':<32}{'machine':<9}{'exit':>4}{'loaded':>8}"
              f"{'hard':>6}{'+guarded':>10}  verdict")
        for image in ask(program, fleet, store, "build", *services)["images"]:
            if image["state"] == "skipped":
                continue
            hard, most = known[image["service"]]
            if image["state"] == "failed":
                status, loaded, said = "-", set(), image["error"]
            else:
                status, loaded, said = start(layers, image)
            why = judge(status, loaded, hard, most, said)
            failed, passed = failed + bool(why), passed + (not why)
            print(f"{image['service']:<32}{image['machine']:<9}{status:>4}"
                  f"{len(loaded):>8}{len(hard):>6}{len(most):>10}  "
                  f"{why or 'ok'}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    if len(sys.argv) < 4:
        raise SystemExit(__doc__)
    sys.exit(main(*sys.argv[1:]))
