"""The provider of the runner's benchmark, and other engines that do the same work over it."""
