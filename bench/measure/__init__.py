"""What `make bench` and the tests labelled `figures` measure with."""
