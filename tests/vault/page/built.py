"""The vault's page as `make page` built it, and copies of it for node and for the checker of types."""

import json
import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "engine/chatseal/vault/service/page"
MODULES = ROOT / "build/page/node_modules"
TYPES = {
    "@serenity-kit/opaque/index.d.ts": "opaque.d.ts",
    "@noble/ed25519/index.d.ts": "ed25519.d.ts",
    "hash-wasm/dist/lib": "hash-wasm",
}


def missing() -> str:
    """Why the page cannot be used here, or nothing."""
    return "" if (PAGE / "vendor/NOTICE.txt").exists() else "the vault's page is not built: `make page` does it, with npm"


def no_node() -> str:
    return "" if shutil.which("node") else "the page's scripts need node outside a browser"


needs_page = pytest.mark.skipif(bool(missing()), reason=missing() or "it is there")
needs_node = pytest.mark.skipif(bool(missing() or no_node()), reason=missing() or no_node() or "it is there")


def copied(folder: Path) -> Path:
    """The page's scripts as node takes them, in a new folder."""
    shutil.copytree(PAGE, folder)
    (folder / "package.json").write_text(json.dumps({"type": "module"}))
    return folder


def with_types(folder: Path) -> Path:
    """And as the checker takes them: with what the packages say about themselves."""
    copied(folder)
    for source, target in TYPES.items():
        place = folder / "vendor" / target
        (shutil.copytree if (MODULES / source).is_dir() else shutil.copyfile)(MODULES / source, place)
    (folder / "vendor/argon2.umd.min.d.ts").write_text("export {};")  # types.d.ts says what it leaves behind
    for name in ("tsconfig.json", "types.d.ts"):
        shutil.copyfile(ROOT / "bench/page" / name, folder / name)
    return folder


def checker() -> Path:
    return Path(os.path.realpath(MODULES / ".bin/tsc"))
