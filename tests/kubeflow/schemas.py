"""Kubernetes objects beside their schemas, offline: what an API server would say, or nothing.

Kinds that a CustomResourceDefinition describes are checked against those in tests/data/kube, the strict way of
`kubectl --validate=strict`: unknown fields are wrong; and their CEL rules are evaluated. Kubernetes' own kinds are
checked against its published schemas (the package kubernetes-validate). A kind of neither is wrong, too.
"""

import gzip
import json
import pathlib

import cel
import jsonschema
import kubernetes_validate

ROOT_FIELDS = ("apiVersion", "kind", "metadata")  # every object has them, whether or not its CRD says so
KUBERNETES = "1.32"


class Schemas:
    def __init__(self, folder):
        self.known = {}
        for path in pathlib.Path(folder).glob("*.json.gz"):
            crd = json.loads(gzip.decompress(path.read_bytes()))
            for version, schema in crd["versions"].items():
                for name in ROOT_FIELDS:
                    schema.setdefault("properties", {}).setdefault(name, {})
                self.known[f"{crd['group']}/{version}", crd["kind"]] = (schema, jsonschema.Draft202012Validator(closed(schema)))
        if not self.known:
            raise FileNotFoundError(f"{folder} holds no *.json.gz")

    def complaints(self, thing):
        """What is wrong with an object, one line each."""
        kind = thing.get("apiVersion"), thing.get("kind")
        if kind in self.known:
            schema, validator = self.known[kind]
            found = [f"{'/'.join(map(str, each.absolute_path)) or '.'}: {each.message[:300]}"
                     for each in validator.iter_errors(thing)]
            return found + list(broken_rules(schema, thing, ""))
        try:
            kubernetes_validate.validate(thing, KUBERNETES, strict=True)
            return []
        except kubernetes_validate.ValidationError as error:
            return [f"{'/'.join(map(str, error.path)) or '.'}: {error.message[:300]}"]
        except Exception as error:  # it has several for what it does not know
            return [f"{kind}: no schema ({error})"]


def closed(schema):
    """A structural schema as a JSON Schema that refuses fields which it does not name."""
    if not isinstance(schema, dict):
        return schema
    made = {key: value for key, value in schema.items() if not key.startswith("x-kubernetes-") and key != "nullable"}
    if schema.get("x-kubernetes-int-or-string"):
        made.pop("type", None)
        made.setdefault("anyOf", [{"type": "integer"}, {"type": "string"}])
    elif schema.get("nullable") and "type" in schema:
        made["type"] = [schema["type"], "null"]
    if "properties" in schema:
        made["properties"] = {name: closed(each) for name, each in schema["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            made.setdefault("additionalProperties", False)
    for key in ("items", "additionalProperties"):
        if key in made:
            made[key] = closed(made[key])
    return made


def broken_rules(schema, value, where):
    """The CEL rules that an object breaks. Those about a change (oldSelf) ask for two objects and are passed over."""
    for rule in schema.get("x-kubernetes-validations", []):
        if "oldSelf" in rule["rule"]:
            continue
        try:
            holds = cel.evaluate(rule["rule"], {"self": value})
        except Exception as error:
            yield f"{where or '.'}: the rule {rule['rule']} cannot be evaluated: {error}"
            continue
        if not holds:
            yield f"{where or '.'}: {rule.get('message', rule['rule'])}"
    if isinstance(value, dict):
        for key, child in value.items():
            below = schema.get("properties", {}).get(key, schema.get("additionalProperties"))
            if isinstance(below, dict):
                yield from broken_rules(below, child, f"{where}/{key}")
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        for index, child in enumerate(value):
            yield from broken_rules(schema["items"], child, f"{where}/{index}")
