"""
PetClinic, the sample application that canarytest is shown on.

A small HTTP service over one SQLite storage that can be told to be a bad canary in ten ways.
It needs the standard library alone: any image with Python in it can run it.
"""
