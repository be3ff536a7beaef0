"""Writing compressed files, and seeing beforehand what that would do."""
