"""Your migrations, in the order in which they were made; they are part of the wheel."""
