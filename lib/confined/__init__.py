"""The inside of the sandbox: the walls, and the fork server behind them that runs programs.

It is separate from `lib.sandbox`, the side that knows what is expected of a program, so that none of that is even
imported here. It uses little of the standard library and nothing else: every program starts as a copy of it.
"""
