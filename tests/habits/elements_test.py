"""Nobody calls Tensor::const_data_ptr<T>(): what clang compiles from 18 on does not link. See core/detail/elements.hpp."""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]


def main():
    calls = []
    for folder in ("include", "examples", "tests", "benchmarks", "test_package"):
        for path in sorted((ROOT / folder).rglob("*.[hc]pp")):
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                if re.search(r"\bconst_data_ptr<", line.split("//")[0]):
                    calls.append(f"{path.relative_to(ROOT)}:{number}")
    assert not calls, f"const_data_ptr<T> is called in {', '.join(calls)}: use detail::elements_of or detail::vector_of"


if __name__ == "__main__":
    main()
