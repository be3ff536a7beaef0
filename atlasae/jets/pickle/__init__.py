"""Jets from pickles, read without executing anything in them."""
