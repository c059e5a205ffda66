"""Checks `redoubt serve` against the protocol's OpenAPI file, with requests that schemathesis makes up from it.

    schema.py PROGRAM MODEL OPENAPI

The file is read as it is but for three things: it writes its path's parameters as ${NAME}, which OpenAPI knows as {NAME}; the
model and version are those served, or every answer would be 404; and of errors, which only the protocol's text describes (a status
of 4xx and {"error": ...}), it says nothing. Two checks are left out: that all that fits the file is accepted, which says nothing of
shapes, and that methods of no standard get a 405, which the HTTP library answers by 400 before a route is looked for.
"""

import pathlib
import subprocess
import sys
import tempfile

import yaml
from clients import NAME, Served

ERROR = {
    "description": "refused",
    "content": {"application/json": {"schema": {
        "type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}}},
}


def corrected(specification):
    paths = {}
    for path, route in specification["paths"].items():
        for parameter in route.get("parameters", []):
            parameter["schema"]["enum"] = [NAME if parameter["name"] == "MODEL_NAME" else "1"]
        for method in ("get", "post"):
            if method in route:
                route[method]["responses"]["4XX"] = ERROR
        paths[path.replace("${", "{")] = route
    return {**specification, "paths": paths}


def main(program, model, openapi):
    specification = corrected(yaml.safe_load(pathlib.Path(openapi).read_text(encoding="utf-8")))
    with Served(program, model) as server, tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "openapi.yaml"
        file.write_text(yaml.safe_dump(specification), encoding="utf-8")
        command = [sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()", "run", file, "--url", f"http://{server.address}", "--seed", "1", "--max-examples", "200",
                   "--checks", "all", "--exclude-checks", "positive_data_acceptance,unsupported_method"]
        done = subprocess.run(command, cwd=folder)
    sys.exit(done.returncode)


if __name__ == "__main__":
    main(*sys.argv[1:])
