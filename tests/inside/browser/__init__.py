KNOWN, FORGETFUL = "known@example.com", "forgetful@example.com"
"""The addresses of two people who have an account."""
