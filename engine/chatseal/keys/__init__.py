"""Keys: the backup key, key pairs, and the slots through which each of them opens a file."""
