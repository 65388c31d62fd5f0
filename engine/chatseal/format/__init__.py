"""The bytes of a sealed file (docs/format.md): header, payload arithmetic, metadata, seek table. Knows no file, no thread, no network."""
