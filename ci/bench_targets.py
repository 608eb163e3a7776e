"""Reads `cargo metadata` and prints `package bench` for every bench target of the workspace."""

import json
import sys

found = [
    f"{package['name']} {target['name']}"
    for package in json.load(sys.stdin)["packages"]
    for target in package["targets"]
    if "bench" in target["kind"]
]
if not found:
    sys.exit("the workspace has no bench target")
print("\n".join(found))
