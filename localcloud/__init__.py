"""AWS on one Linux machine: moto answers the API, and every instance is a machine that boots."""
