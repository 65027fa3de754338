"""Flag semaphore for slbench."""
