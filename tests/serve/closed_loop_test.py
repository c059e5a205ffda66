"""The closed loop out of process, each process killed (-9) once, on fewer epochs and requests than the figures of the docs.

    closed_loop_test.py PROGRAM FASHION_MNIST_FOLDER CLOSED_LOOP_PY
"""

import json
import pathlib
import subprocess
import sys
import tempfile

EPOCHS = 3


def main(program, dataset, script):
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, script, "--program", program, "--data", dataset, "--report", folder, "--kill",
                        "--requests", "1200", "--standard-epochs", "2", "--epochs", str(EPOCHS)], check=True)
        report = json.loads((pathlib.Path(folder) / "report.json").read_text())
        log = (pathlib.Path(folder) / "logs" / "train.log").read_text(errors="replace")
        assert (pathlib.Path(folder) / "report.html").stat().st_size > 10000
    standard, hardened, seen = report["standard"], report["hardened"], report["detection"]
    print(json.dumps({key: report[key] for key in ("standard", "hardened", "detection", "recovered", "starts", "seconds")}, indent=1))
    assert standard["clean"] > 0.85 and standard["fgsm"] < 0.2, standard
    assert hardened["clean"] > 0.78 and hardened["fgsm"] > 0.68 and hardened["pgd"] > 0.64, hardened
    assert seen["labels_seen"] <= 40 and seen["false_alarms"] == 0, seen
    assert 0 <= seen["flagged_without_labels_at"] - seen["attack_began_at"] <= 20, seen
    assert report["recovered"]["white_box"] > 0.6 and report["recovered"]["replayed"] > 0.6, report["recovered"]
    assert report["gate"]["verdict"] == "promote" and report["dropped_requests"] == 0
    # Each was killed and came back, and the training went on from its checkpoint: no epoch is there twice.
    assert report["starts"] == {"broker": 2, "serve": 2, "monitor": 2}, report["starts"]
    assert [point["epoch"] for point in report["training"]] == list(range(1, EPOCHS + 1)), report["training"]
    assert log.count("epoch=1\n") == 1, log


if __name__ == "__main__":
    main(*sys.argv[1:])
