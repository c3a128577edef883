"""
What a rollout is, how it is walked, and how it is judged.

Everything here is pure: the standard library only, no file, no socket, no clock of its own.
Time, platforms and the place where events go are passed in (`ports`).
"""
