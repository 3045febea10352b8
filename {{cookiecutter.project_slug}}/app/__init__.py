"""The application."""

import gc

# By default Python looks for garbage in cycles after every 700 new objects, of which an import
# alone makes hundreds of thousands, and none is garbage. A server makes little more of it.
gc.set_threshold(20_000, 20, 20)
