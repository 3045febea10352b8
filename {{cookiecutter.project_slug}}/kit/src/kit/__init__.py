"""The machinery of the application: renewed as a whole, and never in need of your changes.

Your code is in `app/`. It imports the names that these packages export; `kit/docs/` describes them.
"""

import gc

__version__ = "0.2.0"

# By default Python looks for cyclic garbage after every 700 new objects. An import alone makes
# hundreds of thousands, and none of them is garbage. A server creates little more of it.
gc.set_threshold(100_000, 20, 20)
