"""redoubt.hpp reaches every public header but those of components, by itself or through others."""

import pathlib
import re

INCLUDE = pathlib.Path(__file__).resolve().parents[2] / "include"


def reached_from(header, seen):
    if header in seen or not (INCLUDE / header).exists():
        return seen
    seen.add(header)
    for other in re.findall(r"#include <(redoubt/[^>]+)>", (INCLUDE / header).read_text()):
        reached_from(other, seen)
    return seen


def main():
    public = {str(path.relative_to(INCLUDE)) for path in (INCLUDE / "redoubt").rglob("*.hpp")}
    public = {header for header in public if "/detail/" not in header and not header.startswith("redoubt/distributed/")}
    missing = sorted(public - reached_from("redoubt/redoubt.hpp", set()))
    assert not missing, f"redoubt/redoubt.hpp does not reach {', '.join(missing)}: include it there"


if __name__ == "__main__":
    main()
