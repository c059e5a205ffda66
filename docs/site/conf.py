"""Sphinx's settings. The pages are those of docs/, copied by build.py; the reference is written by api.py."""

import pathlib
import re

from sphinx import addnodes

_header = pathlib.Path(__file__).resolve().parents[2] / "include" / "redoubt" / "core" / "version.hpp"

project = "redoubt"
release = version = re.search(r'version = "([0-9.]+)"', _header.read_text()).group(1)
copyright = "the redoubt authors, Apache-2.0"
extensions = ["myst_parser", "sphinx_copybutton"]
exclude_patterns = ["README.md"]
myst_enable_extensions = ["colon_fence", "attrs_inline"]
myst_heading_anchors = 3
copybutton_exclude = ".linenos, .gp"

primary_domain = "cpp"
highlight_language = "cpp"
cpp_index_common_prefix = ["redoubt::"]
toc_object_entries_show_parents = "hide"
add_function_parentheses = False
cpp_maximum_signature_line_length = 100  # longer ones have a line for each parameter
smartquotes = False  # x' is no quotation, --flag no dash

html_theme = "furo"
html_title = f"redoubt {version}"
html_static_path = ["static"]
html_css_files = ["redoubt.css"]
html_show_sphinx = False
html_copy_source = False
# What a signature declares stands out by its ink: the theme's red is for errors.
API = {"color-api-name": "var(--color-foreground-primary)", "color-api-pre-name": "var(--color-foreground-primary)"}
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0b6e69", "color-brand-content": "#0b6e69", **API},
    "dark_css_variables": {"color-brand-primary": "#55cfc6", "color-brand-content": "#55cfc6", **API},
}


def at_is_a_namespace(app, doctree):
    """The `at` of at::Tensor leads to no member function of that name."""
    for node in list(doctree.findall(addnodes.pending_xref)):
        if node.get("refdomain") == "cpp" and node.get("reftarget") == "at":
            node.replace_self(node.children)


def setup(app):
    app.connect("doctree-read", at_is_a_namespace)
