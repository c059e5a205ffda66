#!/usr/bin/env python3
"""Makes this folder's files of CustomResourceDefinitions, as their projects publish them.

    take.py CRD.yaml...        (needs pyyaml)

Each becomes GROUP_KIND.json.gz: {"group", "kind", "versions": {version: schema}}, the schema without its descriptions,
which are nine tenths of it and check nothing. The same input gives the same bytes.
"""

import gzip
import json
import pathlib
import sys

import yaml

HERE = pathlib.Path(__file__).resolve().parent


def without_descriptions(schema, names_are_fields=False):
    """`names_are_fields`: under `properties`, where a field may itself be called description."""
    if isinstance(schema, list):
        return [without_descriptions(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: without_descriptions(value, key == "properties" and not names_are_fields)
            for key, value in schema.items() if names_are_fields or key != "description"}


def take(path):
    crd = yaml.safe_load(pathlib.Path(path).read_text())
    spec = crd["spec"]
    versions = {each["name"]: without_descriptions(each["schema"]["openAPIV3Schema"]) for each in spec["versions"]}
    taken = {"group": spec["group"], "kind": spec["names"]["kind"], "versions": versions}
    text = json.dumps(taken, sort_keys=True, separators=(",", ":")).encode()
    (HERE / f"{taken['group']}_{taken['kind']}.json.gz").write_bytes(gzip.compress(text, 9, mtime=0))


if __name__ == "__main__":
    for name in sys.argv[1:] or sys.exit(__doc__):
        take(name)
