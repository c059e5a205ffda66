"""The link checker of the documentation finds what is broken, and nothing else. So does the reference what is undocumented."""

import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "docs" / "site"))
import api  # noqa: E402
import links  # noqa: E402

COMPOUND = """<doxygen><compounddef id="x" kind="struct" prot="public"><compoundname>redoubt::thing</compoundname>
<briefdescription><para>{thing}</para></briefdescription><detaileddescription/><sectiondef kind="public-attrib">
<memberdef kind="variable" id="y" prot="public" static="no"><type>int</type><name>size</name><argsstring/>
<qualifiedname>redoubt::thing::size</qualifiedname><briefdescription><para>{size}</para></briefdescription>
<detaileddescription/><location file="redoubt/core/thing.hpp" line="8"/></memberdef></sectiondef>
<location file="redoubt/core/thing.hpp" line="7"/></compounddef></doxygen>"""


class Links(unittest.TestCase):
    def broken(self, page):
        with tempfile.TemporaryDirectory() as folder:
            site = pathlib.Path(folder)
            (site / "index.html").write_text(page)
            (site / "other.html").write_text('<h1 id="here">Other</h1>')
            return links.broken(site)

    def test_what_resolves_is_not_named(self):
        self.assertEqual(self.broken('<a href="other.html#here">x</a><a href="https://a.test/">y</a><p id="p"><a href="#p">z'), [])

    def test_a_missing_page_a_missing_place_and_a_missing_picture_are_named(self):
        found = self.broken('<a href="gone.html">x</a><a href="other.html#gone">y</a><img src="gone.svg"><a href="#gone">z')
        self.assertEqual(len(found), 4, found)


class Reference(unittest.TestCase):
    def write(self, **words):
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "thing.xml").write_text(COMPOUND.format(**words))
            api.write(folder, pathlib.Path(folder) / "api")
            return (pathlib.Path(folder) / "api" / "core" / "thing.rst").read_text()

    def test_a_documented_name_has_its_words(self):
        page = self.write(thing="What it is.", size="in metres")
        self.assertIn(".. cpp:struct:: thing", page)
        self.assertIn(".. cpp:member:: int size", page)
        self.assertIn("in metres", page)

    def test_an_undocumented_member_stops_the_build(self):
        with self.assertRaisesRegex(api.Undocumented, "core/thing.hpp:8: redoubt::thing::size"):
            self.write(thing="What it is.", size="")


if __name__ == "__main__":
    unittest.main()
