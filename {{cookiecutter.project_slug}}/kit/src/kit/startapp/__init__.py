"""`manage startapp`: writes a new slice, which works and is tested before it is changed.

Its files are in `slice/`, for Python's `string.Template`: the braces in them are Jinja's own.
"""
