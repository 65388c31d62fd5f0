"""Builds the native core; everything else is said in pyproject.toml.

libzstd and libcrypto are found by pkg-config (set PKG_CONFIG_PATH for libraries of your own). Switches, all by environment:
CHATSEAL_SANITIZE=address,undefined   CHATSEAL_COVERAGE=1 (gcov, of core.pyx too)   CHATSEAL_DEBUG=1 (no optimisation)
"""

import os
import shlex
import subprocess
import sys

from Cython.Build import cythonize
from setuptools import Extension, setup

NEEDS = ["libzstd >= 1.5.4", "libcrypto >= 3.0"]
REMEDY = """
chatseal needs the headers of libzstd (1.5.4 or later) and of OpenSSL's libcrypto (3.0 or later), found by pkg-config:
  Debian, Ubuntu   apt-get install libzstd-dev libssl-dev pkg-config
  Fedora           dnf install libzstd-devel openssl-devel pkgconf
  macOS            brew install zstd openssl@3 pkg-config
  Windows          vcpkg install zstd openssl pkgconf
For libraries elsewhere set PKG_CONFIG_PATH. What pkg-config said: """


def pkg_config(*flags: str) -> list[str]:
    command = [os.environ.get("PKG_CONFIG", "pkg-config"), "--print-errors", *flags, *NEEDS]
    try:
        said = subprocess.run(command, check=True, capture_output=True, text=True)
    except FileNotFoundError:
        sys.exit(f"{REMEDY}no such command: {command[0]}")
    except subprocess.CalledProcessError as error:
        sys.exit(REMEDY + (error.stderr or error.stdout).strip())
    return shlex.split(said.stdout)


def switch(name: str) -> str:
    value = os.environ.get(f"CHATSEAL_{name}", "")
    return "" if value == "0" else value


compile_args = pkg_config("--cflags")
link_args = pkg_config("--libs")
macros = [("PY_SSIZE_T_CLEAN", None), ("_FILE_OFFSET_BITS", "64")]
if sys.platform != "win32":
    compile_args += [
        "-std=gnu11",
        "-O3",
        "-Wall",
        "-Wextra",
        "-Wno-unused-parameter",
        "-Wno-missing-field-initializers",
        "-fvisibility=hidden",
    ]
if switch("SANITIZE"):
    compile_args += [f"-fsanitize={switch('SANITIZE')}", "-fno-omit-frame-pointer", "-fno-sanitize-recover=undefined", "-g", "-O1"]
    link_args += [f"-fsanitize={switch('SANITIZE')}"]
if switch("COVERAGE"):
    compile_args += ["--coverage", "-fprofile-update=atomic", "-O1"]
    link_args += ["--coverage"]
if switch("DEBUG"):
    compile_args += ["-O0", "-g"]

SOURCES = ["records.c", "frames.c", "digest.c", "table.c", "ending.c", "walk.c", "window.c", "seal.c", "unseal.c"]
PAGE_SOURCES = ["fingerprint.c", "reader.c", "wal.c", "kinds.c"]
core = Extension(
    "chatseal._core",
    ["ext/core.pyx", *(f"ext/{name}" for name in SOURCES)],
    depends=[f"ext/{name}" for name in sorted(os.listdir("ext"))] if os.path.isdir("ext") else [],
    include_dirs=["ext"],
    extra_compile_args=compile_args,
    extra_link_args=link_args,
    define_macros=macros,
)

pages = Extension(
    "chatseal._pages",
    ["ext/pages.pyx", *(f"ext/{name}" for name in PAGE_SOURCES)],
    depends=core.depends,
    include_dirs=["ext"],
    extra_compile_args=compile_args,
    extra_link_args=link_args,
    define_macros=macros,
)

scrub = Extension(
    "chatseal._scrub",
    ["ext/scrubber.pyx", "ext/scrub.c"],
    depends=core.depends,
    include_dirs=["ext"],
    extra_compile_args=compile_args,
    extra_link_args=link_args,
    define_macros=macros,
)

setup(
    ext_modules=cythonize(
        [core, pages, scrub],
        include_path=["ext"],
        build_dir="build/cython",
        compiler_directives={
            "language_level": "3",
            "freethreading_compatible": True,
            "embedsignature": True,
        },
        emit_linenums=bool(switch("COVERAGE")),
    )
)
