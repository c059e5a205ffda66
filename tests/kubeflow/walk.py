"""What is in a manifest, wherever it is."""


def within(thing, wanted):
    """All objects for which `wanted` holds, at any depth of lists and objects, an outer one before those in it."""
    if isinstance(thing, dict):
        if wanted(thing):
            yield thing
        for child in thing.values():
            yield from within(child, wanted)
    elif isinstance(thing, list):
        for child in thing:
            yield from within(child, wanted)
