"""The only room that imports boto3: one module a service, frozen dataclasses out, errors of our own."""
