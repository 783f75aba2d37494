"""What `conformance.py` is made of: the checks, the worlds that they are made in, and the table."""
