"""A small shop whose services can be made to fail: what workflows are tried with, over HTTP."""
