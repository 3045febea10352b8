"""The three doors of background work, each in a few lines. Delete this folder once read."""
