"""The programs that are compared; all but `native` know nothing of Minuet, nor need it installed.

What every hand-written one needs alike is in modules of its own: the events (`events`), their bytes
(`wire`), what follows from an event (`saga`). What differs is each library's way of reading,
writing and keeping state.
"""
