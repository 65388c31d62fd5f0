"""Objects: where backups go. Sees opaque bytes only."""
