"""The programs that scripts/demo and the tests start: the local cloud, Redis, the portal, a git server."""
