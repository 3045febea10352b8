PASSWORD = "seven green herons at dawn"
KNOWN = "known@example.com"
"""Who has an account already."""
