"""How a runner reads its request and writes its response, both JSON:

    request     {"schema": 1, "op": "run" | "probe", "repo": folder, "weights": folder, "jobs": [{"name": ..., ...}]}
    response    {"schema": 1, "status": "ok" | "error", "error": text, "versions": {module: text or null},
                 "done": {job: {"file": name, "facts": {...}}}, "failed": {job: text}}

One job that fails does not keep the others from being done, and the response is written anew after each: it stands even
if the process dies at the next. Files are written to the working directory, the response under a temporary name and
then renamed. A probe imports nothing: it tells which modules the environment has.
"""

import importlib.util
import json
import os
import platform
import signal
import sys
import threading
import time
import traceback
from importlib import metadata

SCHEMA = 1
"""Version of both files."""


def answer(modules, load, run):
    """Read the request that the command line names, do its jobs, write the response.

    modules: what the environment must have. load(request) gives a model; run(model, job) does one job and gives the
    name of the file that it wrote, and facts that JSON can hold.
    """
    request_path, response_path = sys.argv[1:]
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    with open(request_path, encoding="utf-8") as file:
        request = json.load(file)
    sys.path.insert(0, request["repo"])
    response = {"schema": SCHEMA, "status": "ok", "error": "", "versions": _versions(modules), "done": {}, "failed": {}}
    if request["op"] == "run":
        try:
            model = load(request)
        except Exception as error:
            traceback.print_exc()
            response.update(status="error", error=_told(error))
        else:
            _run_all(model, request["jobs"], response, response_path, run)
    _write(response, response_path)


def _run_all(model, jobs, response, path, run):
    for job in jobs:
        print("job", job["name"], flush=True)
        try:
            file, facts = run(model, job)
            response["done"][job["name"]] = {"file": file, "facts": facts}
        except Exception as error:
            traceback.print_exc()
            response["failed"][job["name"]] = _told(error)
        _write(response, path)


def _write(response, path):
    with open(path + ".tmp", "w", encoding="utf-8") as file:
        json.dump(response, file, indent=2)
    os.replace(path + ".tmp", path)


def _told(error):
    return f"{type(error).__name__}: {str(error).strip()[:2000]}"


def _versions(modules):
    return {"python": platform.python_version(), **{name: _version(name) for name in modules}}


def _version(name):
    """Text where the environment has the module, None where it has not."""
    try:
        if importlib.util.find_spec(name) is None:
            return None
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "found"


def _end_with_parent(parent):
    """A killed pipeline leaves no tool behind: this process group is that of the tool alone."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os.killpg(0, signal.SIGKILL)
