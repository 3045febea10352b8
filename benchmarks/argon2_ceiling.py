"""How many passwords this machine can hash: the most registrations that it can ever take."""

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from os import cpu_count
from pathlib import Path
from statistics import median
from time import perf_counter

from argon2 import Parameters, PasswordHasher, extract_parameters

PASSWORD = "a long and unheard-of password"


def hasher_of(database: Path) -> PasswordHasher:
    """Hashes as the server did that wrote the database: with the parameters of a hash in it."""
    connection = sqlite3.connect(database)
    (stored,) = connection.execute("SELECT password_hash FROM users LIMIT 1").fetchone()
    connection.close()
    parameters: Parameters = extract_parameters(stored)
    return PasswordHasher.from_parameters(parameters)


def hashes_per_second(hasher: PasswordHasher, hashes: int) -> float:
    """On all cores, with nothing else to do: a thread per core, argon2 lets go of the GIL."""
    with ThreadPoolExecutor(cpu_count()) as pool:
        began = perf_counter()
        list(pool.map(hasher.hash, [PASSWORD] * hashes))
        return hashes / (perf_counter() - began)


def seconds_of_one_hash(
    hasher: PasswordHasher, clock: Callable[[], float] = perf_counter, times: int = 30
) -> float:
    """With the rest of the machine idle."""
    seconds = []
    for _ in range(times):
        began = clock()
        hasher.hash(PASSWORD)
        seconds.append(clock() - began)
    return median(seconds)
