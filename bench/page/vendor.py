"""What the vault's page loads of other people, from node_modules into the page's folder, with their licences: `make page`."""

import json
import shutil
import sys
from pathlib import Path

MODULES = Path(__file__).parents[2] / "build/page/node_modules"
VENDOR = Path(__file__).parents[2] / "engine/chatseal/vault/service/page/vendor"
FILES = {
    "@serenity-kit/opaque": ("esm/index.js", "opaque.js", "OPAQUE (opaque-ke as WebAssembly)"),
    "hash-wasm": ("dist/argon2.umd.min.js", "argon2.umd.min.js", "Argon2id as WebAssembly"),
    "@noble/ed25519": ("index.js", "ed25519.js", "Ed25519, for browsers that have none"),
}


def main() -> int:
    """Exit code 0; the folder is whole or not there."""
    beside = VENDOR.with_name(".vendor-new")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir()
    notice = [
        "This page is part of chatseal (Apache-2.0). It contains, unchanged, the three packages below. Compiled into the first are crates",
        "of Rust: opaque-ke, voprf and argon2 (MIT or Apache-2.0) and curve25519-dalek (BSD-3-Clause, its authors) among them. The Argon2",
        "of the second follows that of Go (BSD-3-Clause, The Go Authors).",
    ]
    for name, (source, target, purpose) in FILES.items():
        folder = MODULES / name
        said = json.loads((folder / "package.json").read_text("utf-8"))
        shutil.copyfile(folder / source, beside / target)
        rule = "-" * 80
        licence = (folder / "LICENSE").read_text("utf-8").strip()
        notice += ["", rule, f"{name} {said['version']}: {purpose}. Licence: {said['license']}", rule, "", licence]
    (beside / "NOTICE.txt").write_text("\n".join(notice) + "\n", "utf-8")
    shutil.rmtree(VENDOR, ignore_errors=True)
    beside.rename(VENDOR)
    return 0


if __name__ == "__main__":
    sys.exit(main())
