"""The key vault: a secret of 32 bytes under a password, ten guesses, and a keeper who cannot guess for free."""
