"""Pages: the files of the folder `page`, served at / from memory: a path that is none of theirs is not there."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

FOLDER = Path(__file__).with_name("page")
FILE_MAX = 8 << 20
INDEX = "index.html"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".wasm": "application/wasm",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
}
POLICY = {  # wasm-unsafe-eval: OPAQUE and Argon2id are compiled from WebAssembly, which no script can be made of
    "default-src": "'none'",
    "script-src": "'self' 'wasm-unsafe-eval'",
    "worker-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "font-src": "'self'",
    "manifest-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'none'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",
}
HEADERS = {
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in POLICY.items()),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-cache",
}
SECURE = {"Strict-Transport-Security": "max-age=31536000"}


@dataclass(frozen=True, slots=True)
class Page:
    """A file, with its type and the headers that go with it."""

    body: bytes
    media_type: str
    headers: dict[str, str]

    async def answer(self, request: Request) -> Response:
        """The file; or that the browser has it already."""
        if request.headers.get("if-none-match") == self.headers["ETag"]:
            return Response(status_code=304, headers=self.headers)
        return Response(self.body, media_type=self.media_type, headers=self.headers)


def found(folder: Path = FOLDER, *, is_secure: bool = False) -> dict[str, Page]:
    """The pages by their paths. Files of other types, hidden ones and links are left out. Raises OSError, or ValueError for a huge one."""
    pages: dict[str, Page] = {}
    for file in sorted(folder.rglob("*")) if folder.is_dir() else ():
        name = file.relative_to(folder).as_posix()
        if file.is_symlink() or not file.is_file() or file.suffix not in TYPES or any(part.startswith(".") for part in name.split("/")):
            continue
        if file.stat().st_size > FILE_MAX:
            raise ValueError(f"{file} is too large for a page")
        body = file.read_bytes()
        etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        page = Page(body, TYPES[file.suffix], {**HEADERS, **(SECURE if is_secure else {}), "ETag": etag})
        pages[f"/{name}"] = page
        if name == INDEX:
            pages["/"] = page
    return pages
