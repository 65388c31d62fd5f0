"""Schedules: how each system is told to call `chatseal run --due` every hour. They know no job: what is due, the run knows."""
