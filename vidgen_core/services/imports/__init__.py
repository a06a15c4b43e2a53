"""Shot lists, storyboards and pictures become an import plan, and the plan becomes shots."""
