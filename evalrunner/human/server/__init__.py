"""`human serve`: the rating page over HTTP, for raters who each have a secret link.

What imports the extra `[human]` is imported only to serve.
"""

from evalrunner.human.server.running import Link, Progress, serve

__all__ = ["Link", "Progress", "serve"]
