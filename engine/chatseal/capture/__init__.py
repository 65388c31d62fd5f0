"""Capture: what is read, as it is at one moment. Knows no cryptography."""
