"""What lies on the loop's volumes, as small as the program takes it: a stable model, and the beginning of Fashion-MNIST."""

import gzip
import pathlib
import shutil
import struct

TRAINED_ON, TESTED_ON = 2500, 100  # a thousand of those to train on are held out by the program


def first(count, source, target):
    """The first so many items of an IDX file, gzipped or not, as a file of their own."""
    data = source.read_bytes()
    data = gzip.decompress(data) if source.suffix == ".gz" else data
    header = 4 * (1 + data[3])
    (total,) = struct.unpack(">I", data[4:8])
    each = (len(data) - header) // total
    target.write_bytes(data[:4] + struct.pack(">I", count) + data[8:header + count * each])


class Volume:
    """Makes models/fashion/stable/model.pt and data/ in the folder `root`."""

    def __init__(self, root, model, dataset):
        self.stable = root / "models/fashion/stable/model.pt"
        self.data = root / "data"
        self.images, self.labels = self.data / "t10k-images-idx3-ubyte", self.data / "t10k-labels-idx1-ubyte"
        self.stable.parent.mkdir(parents=True)
        self.data.mkdir()
        shutil.copy(model, self.stable)
        for path in pathlib.Path(dataset).iterdir():
            if path.name.endswith(("ubyte.gz", "ubyte")):
                count = TRAINED_ON if path.name.startswith("train") else TESTED_ON
                first(count, path, self.data / path.name.removesuffix(".gz"))
