"""Snapshots: moments of a store, of which only what changed is sent."""
