"""The API reference: Doxygen's XML of the public headers, made into reStructuredText for Sphinx, a page a header."""

import pathlib
import re
import xml.etree.ElementTree as xml

AREAS = {
    "attack": "Attacks, and the parts that they are made of.",
    "core": "Concepts, errors, random numbers keyed by sample, box, extent, rows.",
    "cuda": "Attacks as CUDA graphs: `find_package(redoubt COMPONENTS cuda)`.",
    "distributed": "The same over several processes: `find_package(redoubt COMPONENTS distributed)`.",
    "drift": "Streaming detectors and two-sample tests. They need no LibTorch.",
    "evaluate": "Robust accuracy, gradient health, certificates.",
    "loss": "Losses: one number per sample.",
    "model": "Adapters: any callable, `torch::nn`, TorchScript, mean and deviation.",
    "norm": "Balls with their exact projections.",
    "train": "Adversarial training.",
    "watch": "What stands on attack and drift: self-attack detector, weighing of evidence, gate.",
}


EDGE = "\x00"  # where inline markup begins or ends within a word: "\\ " once spaces have been tidied


class Undocumented(Exception):
    """Public names without a word about them."""


def write(xml_folder, to):
    """Writes to/index.rst, a page for each area and one for each header, out of `xml_folder`."""
    things, names = read(pathlib.Path(xml_folder))
    undocumented = [f"{thing.header}:{thing.line}: {thing.name}" for thing in everything(things) if not thing.text]
    if undocumented:
        raise Undocumented("\n".join(undocumented))
    headers = {}
    for thing in things:
        headers.setdefault(thing.header, []).append(thing)
    areas = {}
    for header in sorted(headers):
        area = header.split("/")[1]
        if area not in AREAS:
            raise Undocumented(f"the area {area} has no line in docs/site/api.py")
        areas.setdefault(area, []).append(header)
        page(to, header, sorted(headers[header], key=lambda thing: thing.line), names)
    for area, members in areas.items():
        area_page(to, area, members, headers, names)
    lines = ["API reference", "=============", "", "A header stands alone: include the one that you need.", ""]
    lines += [".. list-table::", "   :widths: 30 70", ""]
    for area in sorted(areas):
        lines += [f"   * - :doc:`redoubt/{area} <{area}/index>`", f"     - {code_in(AREAS[area])}"]
    lines += ["", ".. toctree::", "   :hidden:", "", *(f"   {area}/index" for area in sorted(areas)), ""]
    to.joinpath("index.rst").write_text("\n".join(lines))


class Thing:
    """A public name: what Doxygen found about it."""

    def __init__(self, node, kind, members=()):
        place = node.find("location")
        self.node = node
        self.kind = kind
        self.name = node.findtext("compoundname") or node.findtext("qualifiedname") or node.findtext("name")
        self.header = place.get("file")
        self.line = int(place.get("line"))
        self.members = list(members)
        self.text = plain(node.find("briefdescription")) + plain(node.find("detaileddescription"))

    @property
    def short_name(self):
        return self.name.removeprefix("redoubt::")


def read(folder):
    things = []
    for file in sorted(folder.glob("*.xml")):
        compound = xml.parse(file).getroot().find("compounddef")
        if compound is None:
            continue
        kind = compound.get("kind")
        if kind in ("class", "struct", "concept") and compound.get("prot", "public") == "public":
            members = [Thing(node, node.get("kind")) for node in compound.iter("memberdef") if is_public(node)]
            things.append(Thing(compound, kind, members))
        elif kind == "namespace" and "detail" not in compound.findtext("compoundname"):
            things += [Thing(node, node.get("kind")) for node in compound.iter("memberdef") if is_public(node)]
    names = {thing.short_name: thing.name for thing in things if "<" not in thing.name}
    return things, names


def is_public(node):
    arguments = node.findtext("argsstring") or ""
    made_by_hand = node.get("kind") != "friend" and not node.findtext("name").startswith("~")
    # A deduction guide has nothing to say, nor has what is deleted or defaulted.
    return node.get("prot") == "public" and made_by_hand and not re.search(r"-> |=delete|=default", arguments)


def everything(things):
    for thing in things:
        yield thing
        yield from thing.members
        for value in thing.node.findall("enumvalue"):
            yield Value(value, thing)


class Value:
    """One of an enumeration's."""

    def __init__(self, node, of):
        self.name = f"{of.name}::{node.findtext('name')}"
        self.header, self.line = of.header, of.line
        self.text = plain(node.find("briefdescription")) + plain(node.find("detaileddescription"))


def page(to, header, things, names):
    title = header.removeprefix("redoubt/")
    lines = [title, "=" * len(title), "", ".. code-block:: cpp", "", f"   #include <{header}>", ""]
    lines += [".. cpp:namespace:: redoubt", ""]
    for thing in things:
        lines += entry(thing, names, "")
    path = to / header.removeprefix("redoubt/").replace(".hpp", ".rst")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines))


def area_page(to, area, members, headers, names):
    title = f"redoubt/{area}"
    stems = [pathlib.Path(header).stem for header in members]
    lines = [title, "=" * len(title), "", code_in(AREAS[area]), "", ".. list-table::", "   :widths: 30 70", ""]
    for header, stem in zip(members, stems):
        templates = {thing.short_name for thing in headers[header] if thing.node.find("templateparamlist") is not None}
        for thing in sorted(headers[header], key=lambda thing: thing.line):
            brief = inline(first_paragraph(thing.node), names)
            name = thing.short_name.split("<")[0]
            # Sphinx finds no type within a template by this name: the page is what can be linked.
            within = name.rpartition("::")[0] in templates
            lines += [f"   * - :doc:`{name} <{stem}>`" if within else f"   * - :cpp:any:`{name} <redoubt::{name}>`"]
            lines += [f"     - {brief}"]
    lines += ["", ".. toctree::", "   :hidden:", "", *(f"   {stem}.hpp <{stem}>" for stem in stems), ""]
    (to / area / "index.rst").write_text("\n".join(lines))


def first_paragraph(node):
    paragraphs = [*node.find("briefdescription").findall("para"), *node.find("detaileddescription").findall("para")]
    return paragraphs[0]


def entry(thing, names, indent):
    names = {name: full for name, full in names.items() if name not in own_names(thing)}
    lines = [f"{indent}.. cpp:{directive(thing)}:: {signature(thing)}", ""]
    inside = indent + "   "
    for part in ("briefdescription", "detaileddescription"):
        lines += described(thing.node.find(part), names, inside)
    if thing.kind == "concept":
        definition = "".join(thing.node.find("initializer").itertext()).rstrip()
        lines += [f"{inside}.. code-block:: cpp", ""]
        definition = re.sub("= +", "= ", definition.replace("redoubt::", ""))
        lines += [f"{inside}   {line}" for line in f"{definition};".splitlines()] + [""]
    for value in thing.node.findall("enumvalue"):
        lines += [f"{inside}.. cpp:enumerator:: {value.findtext('name')}", ""]
        lines += described(value.find("briefdescription"), names, inside + "   ")
        lines += described(value.find("detaileddescription"), names, inside + "   ")
    for member in sorted(thing.members, key=lambda member: member.line):
        lines += entry(member, names, inside)
    return lines


def own_names(thing):
    """What a word means here first, whatever else has that name: parameters and members."""
    parameters = {node.text for node in thing.node.findall("param/declname")}
    return parameters | {member.node.findtext("name") for member in thing.members}


def directive(thing):
    if thing.kind == "enum":
        return "enum-class" if thing.node.get("strong") == "yes" else "enum"
    if thing.kind == "variable":
        return "member"
    return "type" if thing.kind == "typedef" else thing.kind


def signature(thing):
    node = thing.node
    name = thing.short_name if thing.kind in ("class", "struct", "concept") else node.findtext("name")
    template = template_of(node)
    if thing.kind == "function":
        says = "explicit " if node.get("explicit") == "yes" else ""
        says += "static " if node.get("static") == "yes" else ""
        arguments = tidy(node.findtext("argsstring")).replace("= ", "=").replace("=", " = ")
        returned = type_of(node)
        returned = "auto" if "detail::" in returned else returned
        return f"{template}{says}{returned} {name}{arguments}".replace("  ", " ")
    if thing.kind == "variable":
        # Of an initialiser in braces Sphinx reads only the empty one.
        value = tidy("".join(node.find("initializer").itertext())) if node.find("initializer") is not None else ""
        says = "static " if node.get("static") == "yes" else ""
        return f"{says}{type_of(node)} {name} {value if readable(value) else ''}".strip()
    if thing.kind == "typedef":
        return f"{template}{name} = {type_of(node)}"
    return f"{template}{specialised(name)}"


def readable(value):
    return "{" not in value or value == "= {}"


def specialised(name):
    return re.sub(r"\s+", " ", name.replace("< ", "<").replace(" >", ">"))


def type_of(node):
    text = tidy("".join(node.find("type").itertext()))
    return re.sub(r"\b(constexpr|inline|\[\[nodiscard\]\])\s*", "", text)


def template_of(node):
    parameters = node.find("templateparamlist")
    if parameters is None:
        return ""
    told = []
    for parameter in parameters.findall("param"):
        text = tidy("".join(parameter.find("type").itertext()))
        if parameter.findtext("declname"):
            text += f" {parameter.findtext('declname')}"
        if parameter.find("defval") is not None:
            text += " = " + tidy("".join(parameter.find("defval").itertext()))
        told.append(text)
    return f"template<{', '.join(told)}> "


def tidy(text):
    text = re.sub(r"\s+", " ", text or "").replace("< ", "<").replace(" >", ">")
    return re.sub(r" ([&*]+) ?", r"\1 ", text).strip()


def plain(node):
    return "".join(node.itertext()).strip() if node is not None else ""


def described(node, names, indent):
    """The paragraphs, lists and code of a description."""
    lines = []
    for part in node if node is not None else ():
        lines += block(part, names, indent)
    return lines


def block(part, names, indent):
    if part.tag in ("itemizedlist", "orderedlist"):
        sign = "-" if part.tag == "itemizedlist" else "#."
        lines = []
        for item in part.findall("listitem"):
            text = " ".join(inline(para, names) for para in item.findall("para"))
            lines.append(f"{indent}{sign} {text}")
        return [*lines, ""]
    if part.tag in ("verbatim", "programlisting"):
        code = "".join(part.itertext()).strip("\n")
        return [f"{indent}.. code-block:: cpp", "", *(f"{indent}   {line}" for line in code.splitlines()), ""]
    if part.tag != "para":
        raise ValueError(f"docs/site/api.py: what to make of <{part.tag}>?")
    lines, text = [], part.text or ""
    text = escaped(text)
    for child in part:
        if child.tag in ("itemizedlist", "orderedlist", "verbatim", "programlisting"):
            lines += [indent + tidied(text), ""] if text.strip() else []
            lines += block(child, names, indent)
            text = ""
        else:
            text += span(child, names)
        text += escaped(child.tail or "")
    return lines + ([indent + tidied(text), ""] if text.strip() else [])


def inline(node, names):
    if node is None:
        return ""
    text = escaped(node.text or "")
    for child in node:
        text += span(child, names)
        text += escaped(child.tail or "")
    return tidied(text)


def tidied(text):
    return " ".join(text.split()).replace(EDGE, "\\ ")


def span(node, names):
    text = "".join(node.itertext())
    if node.tag == "ulink":
        return f"`{escaped(text)} <{node.get('url')}>`__"
    if node.tag == "computeroutput":
        linked = text.removeprefix("redoubt::")
        return f"{EDGE}:cpp:any:`{text} <{names[linked]}>`{EDGE}" if linked in names else f"{EDGE}``{text}``{EDGE}"
    if node.tag in ("emphasis", "bold"):
        return f"{EDGE}*{escaped(text)}*{EDGE}"
    return escaped(text)


def escaped(text):
    return re.sub(r"([\\*`|_])", r"\\\1", text)


def code_in(text):
    return re.sub(r"`([^`]+)`", r"``\1``", text)
