"""Automatic: what is set up once and then happens by itself: configuration, runs, schedules, status. No words for people but in errors."""
