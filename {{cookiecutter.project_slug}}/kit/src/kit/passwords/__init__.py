"""Passwords: which are refused, and how they are hashed."""

from kit.passwords.hashing import hash_password, verify_password
from kit.passwords.policy import MAX_LENGTH, MIN_LENGTH, WeakPassword, check_password

__all__ = [
    "MAX_LENGTH",
    "MIN_LENGTH",
    "WeakPassword",
    "check_password",
    "hash_password",
    "verify_password",
]
