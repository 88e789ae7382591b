"""The command line of EC Django Deployer, over its JSON API."""

__version__ = "0.1.0"
