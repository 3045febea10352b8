"""Claiming jobs, running them, writing down how they ended."""
