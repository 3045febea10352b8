PASSWORD = "seven green herons at dawn"
KNOWN, FORGETFUL = "known@example.com", "forgetful@example.com"
"""Who have an account already."""
