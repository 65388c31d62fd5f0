"""Automatic: what is set up once and then happens by itself: configuration. Knows keys and sealing, no words for people."""
