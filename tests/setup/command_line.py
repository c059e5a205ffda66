"""How each of these tests is started: `--cmake PROGRAM`, and unittest's own flags."""

import argparse
import sys
import unittest


def run_tests(module):
    """Runs the tests of a module, whose CMAKE becomes what the command line says."""
    options = argparse.ArgumentParser()
    options.add_argument("--cmake", default=module.CMAKE)
    known, rest = options.parse_known_args()
    module.CMAKE = known.cmake
    unittest.main(module=module, argv=[sys.argv[0], *rest])
