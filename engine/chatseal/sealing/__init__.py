"""Sealing: whole files, many files, file objects and chunks, on the native core. Knows format, keys and the core."""
